package commands

import (
	"bytes"
	"os"
	"path/filepath"
	"strings"
	"testing"

	"gatehouse/gateway"
)

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
