package dropped

import (
	"bytes"
	"fmt"
	"os"
	"path/filepath"
	"testing"

	"github.com/stretchr/testify/require"
)

func put(t *testing.T, dir, name string, content []byte) string {
	t.Helper()
	path := filepath.Join(dir, name)
	require.NoError(t, os.WriteFile(path, content, 0o600))
	return path
}

var pem = []byte("-----BEGIN CERTIFICATE-----\nMIIB\n-----END CERTIFICATE-----\n")

func TestCredentialsAreTakenByContentOrByTheirEnding(t *testing.T) {
	dir := t.TempDir()
	der := append([]byte{0x30, 0x82, 0x01, 0x00}, make([]byte, 256)...)
	files, said := Read([]string{put(t, dir, "certificate.txt", pem), put(t, dir, "blob", der), put(t, dir, "broken.key", []byte("nonsense"))})
	require.Empty(t, said)
	require.Len(t, files, 3)
	require.Equal(t, "certificate.txt", files[0].Name)
	require.Equal(t, pem, files[0].Content)
}

func TestAnythingElseIsAnsweredWithWhatCanBeDropped(t *testing.T) {
	dir := t.TempDir()
	files, said := Read([]string{put(t, dir, "photo.jpg", bytes.Repeat([]byte{0xff, 0xd8}, 100)), filepath.Join(dir, "gone.pem")})
	require.Empty(t, files)
	require.Len(t, said, 2)
	require.Contains(t, said[0], "“photo.jpg” does not look like a certificate or key")
	require.Contains(t, said[0], Kinds)
	require.Contains(t, said[1], "“gone.pem” cannot be read: no such file")
	require.NotContains(t, said[1], dir, "only its name")
}

func TestAFileOverOneMebibyteIsNotRead(t *testing.T) {
	files, said := Read([]string{put(t, t.TempDir(), "huge.pem", make([]byte, MostBytes+1))})
	require.Empty(t, files)
	require.Equal(t, []string{"“huge.pem” is larger than 1 MiB, which no certificate or key is. It was not read."}, said)
}

func TestOfAFolderOnlyItsCredentialsAreTakenAndOnlySoMany(t *testing.T) {
	dir := t.TempDir()
	put(t, dir, "notes.txt", []byte("hello"))
	put(t, dir, "huge.pem", make([]byte, MostBytes+1))
	require.NoError(t, os.Mkdir(filepath.Join(dir, "deeper.pem"), 0o700))
	put(t, filepath.Join(dir, "deeper.pem"), "hidden.pem", pem)
	put(t, dir, "device.pem", pem)
	files, said := Read([]string{dir})
	require.Empty(t, said)
	require.Len(t, files, 1)
	require.Equal(t, "device.pem", files[0].Name)
	for i := range 2 * MostFiles {
		put(t, dir, fmt.Sprintf("more-%02d.pem", i), pem)
	}
	files, said = Read([]string{dir, filepath.Join(dir, "device.pem")})
	require.Len(t, files, MostFiles)
	require.NotEmpty(t, said)
	files, said = Read([]string{t.TempDir()})
	require.Empty(t, files)
	require.Contains(t, said[0], "There is no certificate or key in")
}

func TestScenariosAreToldApartByTheirName(t *testing.T) {
	scenarios, others := Scenarios([]string{"/a/device.pem", "/a/night.yaml", "/a/Day.YML", "/a/yaml"})
	require.Equal(t, []string{"/a/night.yaml", "/a/Day.YML"}, scenarios)
	require.Equal(t, []string{"/a/device.pem", "/a/yaml"}, others)
}
