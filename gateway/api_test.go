package gateway

import (
	"encoding/json"
	"errors"
	"io/fs"
	"os"
	"path/filepath"
	"testing"
)

func readAPI(t *testing.T, dir string) API {
	t.Helper()
	path := filepath.Join(dir, APIFile)
	info, err := os.Stat(path)
	if err != nil {
		t.Fatal(err)
	}
	if info.Mode().Perm() != 0o600 {
		t.Errorf("others may read the token: %v", info.Mode())
	}
	content, err := os.ReadFile(path)
	if err != nil {
		t.Fatal(err)
	}
	var api API
	if err := json.Unmarshal(content, &api); err != nil {
		t.Fatal(err)
	}
	return api
}

func TestARunningGatewaySaysWhereItsHTTPIsAndAStoppedOneDoesNot(t *testing.T) {
	dir := t.TempDir()
	g, err := Open(Config{DataDir: dir, MQTTAddr: "127.0.0.1:0", HTTPAddr: "127.0.0.1:0", Drain: 1})
	if err != nil {
		t.Fatal(err)
	}
	defer func() { _ = g.Close() }()
	if err := g.Start(); err != nil {
		t.Fatal(err)
	}
	api, account := readAPI(t, dir), g.Registry().Account()
	if api.URL != g.Status().HTTPURL || api.AccountSID != account.SID || api.AuthToken != account.AuthToken || api.RootFile != g.Status().RootPath || api.MQTTURL != g.Status().URL {
		t.Errorf("the file differs from the gateway: %s, %s", api.URL, api.AccountSID)
	}
	fresh, err := g.RotateToken(t.Context())
	if err != nil {
		t.Fatal(err)
	}
	if after := readAPI(t, dir); after.AuthToken != fresh.AuthToken || after.AuthToken == api.AuthToken {
		t.Error("the file has not got the new token")
	}
	if err := g.Close(); err != nil {
		t.Fatal(err)
	}
	if _, err := os.Stat(filepath.Join(dir, APIFile)); !errors.Is(err, fs.ErrNotExist) {
		t.Errorf("the file outlives the gateway: %v", err)
	}
	if _, err := g.RotateToken(t.Context()); !errors.Is(err, ErrClosed) {
		t.Errorf("a closed gateway rotated its token: %v", err)
	}
}
