package gateway

import (
	"os"
	"path/filepath"
	"strings"
	"testing"
	"time"
)

func TestSettingsSurviveAndAreForTheirOwnerOnly(t *testing.T) {
	dir := t.TempDir()
	want := Settings{Port: 18883, Network: true, Names: []string{"gw.local", "10.0.0.7"}, SyncTopicsOnly: true, PostQuantum: true, Limits: Limits{Window: 7}}
	if err := saveSettings(dir, want); err != nil {
		t.Fatal(err)
	}
	got, aside, err := loadSettings(dir, time.Now())
	if err != nil || aside != "" || !got.equal(want) {
		t.Fatalf("%+v %q %v", got, aside, err)
	}
	info, err := os.Stat(filepath.Join(dir, settingsFile))
	if err != nil || info.Mode().Perm() != 0o600 {
		t.Fatalf("%v %v", info.Mode(), err)
	}
	left, err := filepath.Glob(filepath.Join(dir, ".*"))
	if err != nil || len(left) > 0 {
		t.Fatalf("left behind: %v", left)
	}
}

func TestDamagedSettingsAreSetAsideNotOverwritten(t *testing.T) {
	for name, content := range map[string]string{"not JSON": "{", "bad port": `{"port":70000}`, "bad name": `{"names":["a b"]}`, "bad limit": `{"limits":{"window":-1}}`} {
		dir := t.TempDir()
		path := filepath.Join(dir, settingsFile)
		if err := os.WriteFile(path, []byte(content), 0o600); err != nil {
			t.Fatal(err)
		}
		s, aside, err := loadSettings(dir, time.Unix(7, 0))
		if err != nil || !s.equal(Settings{}) {
			t.Fatalf("%s: %+v %v", name, s, err)
		}
		kept, err := os.ReadFile(aside)
		if err != nil || string(kept) != content || !strings.HasPrefix(aside, path) {
			t.Errorf("%s: %q holds %q, %v", name, aside, kept, err)
		}
	}
}

func TestNamesOfACertificate(t *testing.T) {
	for _, good := range []string{"localhost", "gw.local", "a-1.example.com", "10.0.0.1", "fe80::1", "*.example.com"} {
		if err := checkName(good); err != nil {
			t.Error(err)
		}
	}
	for _, bad := range []string{"", ".", "a..b", "a b", "-a", "a_b", "ä", "http://x", "a.", strings.Repeat("a", 64), strings.Repeat("a.", 130) + "a"} {
		if checkName(bad) == nil {
			t.Errorf("%q is accepted", bad)
		}
	}
}

func TestFirstNameIsTheOneInTheURL(t *testing.T) {
	if got := hostNames([]string{"gw.local"}, false)[0]; got != "localhost" {
		t.Errorf("on this machine only: %s", got)
	}
	if got := hostNames([]string{"gw.local"}, true)[0]; got != "gw.local" {
		t.Errorf("on the network: %s", got)
	}
	names := strings.Join(hostNames(nil, true), " ")
	for _, want := range []string{"localhost", "127.0.0.1", "::1"} {
		if !strings.Contains(names, want) {
			t.Errorf("%s lacks %s", names, want)
		}
	}
}

func TestDataFolderIsClosedToOthers(t *testing.T) {
	dir := filepath.Join(t.TempDir(), "a", "b")
	if err := makeDataDir(dir); err != nil {
		t.Fatal(err)
	}
	if err := os.Chmod(dir, 0o755); err != nil {
		t.Fatal(err)
	}
	if err := makeDataDir(dir); err != nil {
		t.Fatal(err)
	}
	if info, _ := os.Stat(dir); info.Mode().Perm() != 0o700 {
		t.Error(info.Mode())
	}
	file := filepath.Join(dir, "file")
	if err := os.WriteFile(file, nil, 0o600); err != nil {
		t.Fatal(err)
	}
	if err := makeDataDir(file); err == nil {
		t.Error("a file is taken for a folder")
	}
}

func TestDefaultDataFolderFollowsXDG(t *testing.T) {
	t.Setenv("XDG_DATA_HOME", "/x")
	if dir, err := DefaultDataDir(); err != nil || dir != "/x/gatehouse" {
		t.Error(dir, err)
	}
	t.Setenv("XDG_DATA_HOME", "")
	t.Setenv("HOME", "/h")
	if dir, err := DefaultDataDir(); err != nil || dir != "/h/.local/share/gatehouse" {
		t.Error(dir, err)
	}
}
