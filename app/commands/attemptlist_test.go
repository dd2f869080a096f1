package commands

import (
	"bytes"
	"encoding/json"
	"os"
	"path/filepath"
	"slices"
	"strings"
	"testing"

	"gatehouse/gateway"
	"gatehouse/gateway/attempt"
	"gatehouse/gateway/cause"
	"gatehouse/gateway/registry"
)

// TestEachFlagOfTheListNarrowsItDown asks for one of two attempts by each of the flags.
func TestEachFlagOfTheListNarrowsItDown(t *testing.T) {
	g, err := startGateway(t.TempDir())
	if err != nil {
		t.Fatal(err)
	}
	defer func() { _ = g.Close() }()
	lamp, err := g.Registry().CreateDevice(t.Context(), registry.NewDevice{FleetSID: g.Registry().Fleets()[0].SID, UniqueName: "lamp"})
	if err != nil {
		t.Fatal(err)
	}
	refused := g.Attempts().Begin("192.0.2.7:4711", "127.0.0.1:8883") // 1
	refused.Identify(func(a *attempt.Attempt) {
		a.DeviceSID, a.DeviceName, a.CredentialSID, a.ServerName = lamp.SID, "lamp", "KY1", "gate.example"
	})
	refused.Decide(4, cause.WrongSecret)
	refused.End(cause.WrongSecret, "gateway", nil)
	live := g.Attempts().Begin("198.51.100.1:1", "127.0.0.1:8883") // 2
	live.Decide(0, cause.Accepted)
	live.Accepted(false, 0)
	defer live.End(cause.ClientDisconnect, "device", nil)
	for _, c := range []struct {
		args string
		want []uint64
	}{
		{"", []uint64{1, 2}}, {"--code 4", []uint64{1}}, {"--code 4,0", []uint64{1, 2}}, {"--cause wrong_secret", []uint64{1}}, {"--device lamp", []uint64{1}}, {"--device " + lamp.SID, []uint64{1}},
		{"--credential KY1", []uint64{1}}, {"--remote 198.51.100.1", []uint64{2}}, {"--remote 198.51.100.1:2", nil}, {"--server-name GATE.example", []uint64{1}},
		{"--text LAMP", []uint64{1}}, {"--text 198.51", []uint64{2}}, {"--since 1h", []uint64{1, 2}}, {"--since 2100-01-01", nil}, {"--until 2100-01-01", []uint64{1, 2}},
		{"--until 2000-01-01", nil}, {"--live", []uint64{2}}, {"--live --code 4", nil}, {"--limit 1", []uint64{2}},
	} {
		var out, errs bytes.Buffer
		args := append([]string{"attempt", "list", "--json", "--data", g.Status().DataDir}, strings.Fields(c.args)...)
		if code := Run(args, &out, &errs, nil); code != 0 {
			t.Fatalf("%s: %d: %s", c.args, code, errs.String())
		}
		var got []uint64
		for line := range strings.Lines(out.String()) {
			var a struct{ ID uint64 }
			if err := json.Unmarshal([]byte(line), &a); err != nil {
				t.Fatal(err)
			}
			got = append(got, a.ID)
		}
		if !slices.Equal(got, c.want) {
			t.Errorf("%s: %v, want %v", c.args, got, c.want)
		}
	}
}

// TestTheListSaysWhatIsMissingOfIt damages the record on the disk, as a failing disk does.
func TestTheListSaysWhatIsMissingOfIt(t *testing.T) {
	below := t.TempDir()
	open := func() *gateway.Gateway {
		g, err := startGateway(below)
		if err != nil {
			t.Fatal(err)
		}
		return g
	}
	list := func(g *gateway.Gateway) string {
		<-g.Attempts().Restored()
		var out, errs bytes.Buffer
		if code := Run([]string{"attempt", "list", "--data", g.Status().DataDir}, &out, &errs, nil); code != 0 {
			t.Fatalf("%d: %s", code, errs.String())
		}
		return errs.String()
	}
	g := open()
	for range 3 {
		if err := speakHTTP(g); err != nil {
			t.Fatal(err)
		}
	}
	if said := list(g); strings.Contains(said, "damaged") {
		t.Error(said)
	}
	dir := g.Status().DataDir
	if err := g.Close(); err != nil {
		t.Fatal(err)
	}
	files, err := filepath.Glob(filepath.Join(dir, "attempts", "*"))
	if err != nil {
		t.Fatal(err)
	}
	for _, file := range files {
		content, err := os.ReadFile(file)
		if err != nil {
			t.Fatal(err)
		}
		if at := bytes.Index(content, []byte("127.0.0.1")); at > 0 {
			content[at] ^= 1
			if err := os.WriteFile(file, content, 0o600); err != nil {
				t.Fatal(err)
			}
		}
	}
	g = open()
	defer func() { _ = g.Close() }()
	if said := list(g); !strings.Contains(said, "The record was damaged at 1 place when the gateway started") {
		t.Error(said)
	}
}
