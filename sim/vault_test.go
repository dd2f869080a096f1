package sim

import (
	"os"
	"path/filepath"
	"runtime"
	"strings"
	"sync"
	"testing"

	"github.com/stretchr/testify/assert"
	"github.com/stretchr/testify/require"
)

func TestTheVaultKeepsCredentialsAcrossOpenings(t *testing.T) {
	path := filepath.Join(t.TempDir(), "sim", "vault.json")
	v, err := OpenVault(path)
	require.NoError(t, err)
	key := Credential{KeySID: "KY1", Secret: testSecret}
	cert := Credential{CertificateSID: "CY1", CertPEM: []byte("cert"), KeyPEM: []byte("key")}
	require.NoError(t, v.Put("TH1", key))
	require.NoError(t, v.Put("TH1", cert))
	require.NoError(t, v.Put("TH2", key))
	require.Error(t, v.Put("", key))

	v, err = OpenVault(path)
	require.NoError(t, err)
	assert.Equal(t, []Credential{key, cert}, v.Get("TH1"))
	assert.Equal(t, []string{"TH1", "TH2"}, v.Devices())

	key.Secret = "another"
	require.NoError(t, v.Put("TH1", key))
	assert.Equal(t, []Credential{cert, key}, v.Get("TH1"))
	require.NoError(t, v.Remove("TH1", cert))
	assert.Equal(t, []Credential{key}, v.Get("TH1"))
	require.NoError(t, v.Remove("TH1", key))
	require.NoError(t, v.Delete("TH2"))
	v, err = OpenVault(path)
	require.NoError(t, err)
	assert.Empty(t, v.Devices())
}

func TestTheVaultIsReadableByItsOwnerOnly(t *testing.T) {
	if runtime.GOOS == "windows" {
		return // has no such modes
	}
	path := filepath.Join(t.TempDir(), "vault.json")
	v, err := OpenVault(path)
	require.NoError(t, err)
	require.NoError(t, v.Put("TH1", Credential{KeySID: "KY1", Secret: "s"}))
	mode := func() os.FileMode {
		info, err := os.Stat(path)
		require.NoError(t, err)
		return info.Mode().Perm()
	}
	assert.Equal(t, os.FileMode(0o600), mode())
	require.NoError(t, os.Chmod(path, 0o644))
	_, err = OpenVault(path)
	require.NoError(t, err)
	assert.Equal(t, os.FileMode(0o600), mode())
}

func TestADamagedVaultIsSetAsideAndNotOverwritten(t *testing.T) {
	for name, content := range map[string]string{
		"cut short":   `{"version":1,"devices":{"TH1":[{"keySid":"KY1","secret":"` + testSecret,
		"empty":       "",
		"zeroed":      string(make([]byte, 100)),
		"wrong types": `{"version":1,"devices":{"TH1":"` + testSecret + `"}}`,
		"no devices":  `{"version":1}`,
	} {
		t.Run(name, func(t *testing.T) {
			path := filepath.Join(t.TempDir(), "vault.json")
			require.NoError(t, os.WriteFile(path, []byte(content), 0o600))
			v, err := OpenVault(path)
			var damaged *DamagedVaultError
			require.ErrorAs(t, err, &damaged)
			assert.NotContains(t, err.Error(), testSecret)
			kept, readErr := os.ReadFile(damaged.SetAside)
			require.NoError(t, readErr)
			assert.Equal(t, content, string(kept))
			require.NoError(t, v.Put("TH1", Credential{KeySID: "KY1", Secret: "s"}))
			_, err = OpenVault(path)
			require.NoError(t, err)
			require.NoError(t, os.WriteFile(path, []byte("again"), 0o600))
			_, err = OpenVault(path)
			var second *DamagedVaultError
			require.ErrorAs(t, err, &second)
			assert.NotEqual(t, damaged.SetAside, second.SetAside)
		})
	}
}

func TestAVaultOfANewerVersionIsLeftAlone(t *testing.T) {
	path := filepath.Join(t.TempDir(), "vault.json")
	content := `{"version":2,"devices":{}}`
	require.NoError(t, os.WriteFile(path, []byte(content), 0o600))
	_, err := OpenVault(path)
	require.ErrorIs(t, err, ErrNewerVault)
	kept, err := os.ReadFile(path)
	require.NoError(t, err)
	assert.Equal(t, content, string(kept))
}

func TestAChangeThatCannotBeWrittenIsNotMade(t *testing.T) {
	dir := filepath.Join(t.TempDir(), "sim")
	v, err := OpenVault(filepath.Join(dir, "vault.json"))
	require.NoError(t, err)
	require.NoError(t, v.Put("TH1", Credential{KeySID: "KY1", Secret: "s"}))
	require.NoError(t, os.RemoveAll(dir))
	require.Error(t, v.Put("TH2", Credential{KeySID: "KY2", Secret: "s"}))
	assert.Equal(t, []string{"TH1"}, v.Devices())
}

func TestTheVaultTakesConcurrentChangesAndLeavesNoTemporaryFiles(t *testing.T) {
	dir := t.TempDir()
	v, err := OpenVault(filepath.Join(dir, "vault.json"))
	require.NoError(t, err)
	var wg sync.WaitGroup
	for n := range 10 {
		wg.Go(func() {
			if err := v.Put("TH"+strings.Repeat("x", n), Credential{KeySID: "KY1"}); err != nil {
				t.Error(err)
			}
		})
	}
	wg.Wait()
	assert.Len(t, v.Devices(), 10)
	files, err := os.ReadDir(dir)
	require.NoError(t, err)
	assert.Len(t, files, 1)
}
