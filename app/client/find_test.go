package client

import (
	"errors"
	"os"
	"os/exec"
	"path/filepath"
	"strconv"
	"strings"
	"testing"
)

const written = `{"url":"http://127.0.0.1:8080","account_sid":"` + account + `","auth_token":"` + token + `","root_file":"/r.pem","mqtt_url":"mqtts://localhost:8883"}`

// folder is a data folder with such an api.json and a lock that names a process.
func folder(t *testing.T, content string, mode os.FileMode, pid int) string {
	t.Helper()
	dir := t.TempDir()
	for name, text := range map[string]string{FileName: content, "lock": strconv.Itoa(pid) + "\n"} {
		if err := os.WriteFile(filepath.Join(dir, name), []byte(text), mode); err != nil {
			t.Fatal(err)
		}
	}
	if err := os.Chmod(filepath.Join(dir, FileName), mode); err != nil { // whatever the umask
		t.Fatal(err)
	}
	return dir
}

func TestARunningGatewayIsFoundThroughItsDataFolder(t *testing.T) {
	dir := folder(t, written, 0o600, os.Getpid())
	p, err := Find(dir)
	want := Params{URL: "http://127.0.0.1:8080", AccountSID: account, AuthToken: token, RootFile: "/r.pem", MQTTURL: "mqtts://localhost:8883", DataDir: dir}
	if err != nil || p != want {
		t.Errorf("%v %v", p, err)
	}
}

func TestAFolderWithoutAGatewaySaysHowToStartOne(t *testing.T) {
	for _, dir := range []string{t.TempDir(), filepath.Join(t.TempDir(), "none")} {
		var none *NotRunningError
		_, err := Find(dir)
		if !errors.As(err, &none) || !strings.Contains(err.Error(), "no gateway is running on the data folder "+dir+"; start one with: gatehouse serve") {
			t.Error(err)
		}
	}
}

func TestTheTokenIsNotSentToWhoeverTookAKilledGatewaysPort(t *testing.T) {
	ended := exec.Command(os.Args[0], "-test.run=^$")
	if err := ended.Run(); err != nil {
		t.Fatal(err)
	}
	var none *NotRunningError
	if p, err := Find(folder(t, written, 0o600, ended.Process.Pid)); !errors.As(err, &none) || p.AuthToken != "" {
		t.Error(p, err)
	}
}

func TestAFileThatOthersCanReadIsRefused(t *testing.T) {
	for _, mode := range []os.FileMode{0o640, 0o604, 0o666} {
		dir := folder(t, written, mode, os.Getpid())
		p, err := Find(dir)
		if !errors.Is(err, ErrOpenToOthers) || p.AuthToken != "" {
			t.Errorf("%v: %v", mode, err)
		}
		for _, want := range []string{"other users can read it", "chmod 600", filepath.Join(dir, FileName)} {
			if err != nil && (!strings.Contains(err.Error(), want) || strings.Contains(err.Error(), token)) {
				t.Errorf("%v: %q lacks %q", mode, err, want)
			}
		}
	}
}

func TestAFileThatIsDamagedIsNamed(t *testing.T) {
	for _, content := range []string{"", "{", `{"url":""}`, "[]"} {
		dir := folder(t, content, 0o600, os.Getpid())
		if _, err := Find(dir); err == nil || !strings.Contains(err.Error(), filepath.Join(dir, FileName)) {
			t.Errorf("%q: %v", content, err)
		}
	}
}

func TestANamedGatewayTakesAccountAndTokenFromTheEnvironment(t *testing.T) {
	all := map[string]string{AccountVariable: account, TokenVariable: token}
	p, err := Named("https://gw:1", "/r.pem", func(name string) string { return all[name] })
	if err != nil || p != (Params{URL: "https://gw:1", AccountSID: account, AuthToken: token, RootFile: "/r.pem"}) {
		t.Errorf("%v %v", p, err)
	}
	for missing := range all {
		_, err := Named("https://gw:1", "", func(name string) string {
			if name == missing {
				return ""
			}
			return all[name]
		})
		if err == nil || !strings.Contains(err.Error(), missing) || strings.Contains(err.Error(), token) {
			t.Errorf("without %s: %v", missing, err)
		}
	}
}

// What needs a gateway in another process must not bring the gateway with it.
func TestTheClientIsLight(t *testing.T) {
	out, err := exec.Command("go", "list", "-deps", ".").Output()
	if err != nil {
		t.Fatal(err)
	}
	for dep := range strings.Lines(string(out)) {
		dep = strings.TrimSpace(dep)
		if strings.Contains(strings.Split(dep, "/")[0], ".") || strings.HasPrefix(dep, "gatehouse/") && dep != "gatehouse/app/client" {
			t.Errorf("it depends on %s", dep)
		}
	}
}
