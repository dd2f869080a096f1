package state_test

import (
	"os"
	"path/filepath"
	"testing"

	"github.com/stretchr/testify/require"

	"gatehouse/app/desktop/state"
)

func TestWhatIsSavedIsLoaded(t *testing.T) {
	dir := t.TempDir()
	want := state.State{
		Width: 1280, Height: 800, Place: "attempts", Theme: state.Dark, Presenter: true,
		Selected: map[string]string{"attempts": "17"},
	}
	require.NoError(t, state.In(dir).Save(want))
	got, err := state.In(dir).Load()
	require.NoError(t, err)
	require.Equal(t, want, got)
}

func TestTheFileIsForItsOwnerOnly(t *testing.T) {
	dir := t.TempDir()
	require.NoError(t, state.In(dir).Save(state.State{Place: "devices"}))
	info, err := os.Stat(filepath.Join(dir, state.FileName))
	require.NoError(t, err)
	require.Equal(t, os.FileMode(0o600), info.Mode().Perm())
	files, err := os.ReadDir(dir)
	require.NoError(t, err)
	require.Len(t, files, 1, "nothing but the file is left behind")
}

func TestNoFileIsAnEmptyState(t *testing.T) {
	got, err := state.In(t.TempDir()).Load()
	require.NoError(t, err)
	require.Zero(t, got)
}

func TestADamagedFileIsSetAside(t *testing.T) {
	dir := t.TempDir()
	path := filepath.Join(dir, state.FileName)
	require.NoError(t, os.WriteFile(path, []byte(`{"width": 12`), 0o600))
	got, err := state.In(dir).Load()
	var aside *state.SetAsideError
	require.ErrorAs(t, err, &aside)
	require.Zero(t, got)
	require.NoFileExists(t, path)
	content, err := os.ReadFile(aside.Path)
	require.NoError(t, err)
	require.Equal(t, `{"width": 12`, string(content))
	require.NoError(t, state.In(dir).Save(state.State{Place: "devices"}))
}

func TestSizesThatNoWindowHasAreDropped(t *testing.T) {
	for name, content := range map[string]string{
		"tiny":    `{"width":3,"height":800,"place":"x"}`,
		"huge":    `{"width":1280,"height":1e9,"place":"x"}`,
		"missing": `{"place":"x","theme":"pink"}`,
	} {
		t.Run(name, func(t *testing.T) {
			dir := t.TempDir()
			require.NoError(t, os.WriteFile(filepath.Join(dir, state.FileName), []byte(content), 0o600))
			got, err := state.In(dir).Load()
			require.NoError(t, err)
			require.Equal(t, state.State{Place: "x"}, got)
		})
	}
}

func TestAnUnchangedStateIsNotWrittenAgain(t *testing.T) {
	dir := t.TempDir()
	file := state.In(dir)
	require.NoError(t, file.Save(state.State{Place: "devices"}))
	require.NoError(t, os.Remove(filepath.Join(dir, state.FileName)))
	require.NoError(t, file.Save(state.State{Place: "devices"}))
	require.NoFileExists(t, filepath.Join(dir, state.FileName))
}
