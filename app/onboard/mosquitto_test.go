//go:build integration

package onboard_test

import (
	"os"
	"os/exec"
	"path/filepath"
	"testing"

	"gatehouse/app/onboard"
)

// The commands that are shown are run as they are, by a shell, with the files saved under the names that they have.
func TestTheSnippetConnectsWithMosquitto(t *testing.T) {
	for name, how := range map[string]onboard.Method{"certificate": onboard.GenerateCertificate, "key": onboard.GenerateKey} {
		t.Run(name, func(t *testing.T) {
			w := newWorld(t)
			o := onboard.Start(w.Registry(), nil)
			if err := o.Make(t.Context(), draft(how)); err != nil {
				t.Fatal(err)
			}
			device := mustMade(t, o)
			m, _ := o.Material()
			folder := t.TempDir()
			for file, content := range map[string][]byte{onboard.CertFile(device.Name()): m.CertPEM, onboard.KeyFile(device.Name()): m.KeyPEM} {
				if err := os.WriteFile(filepath.Join(folder, file), content, 0o600); err != nil {
					t.Fatal(err)
				}
			}
			run := exec.CommandContext(t.Context(), "sh", "-c", onboard.Publish(w.endpoint(), device.Name(), m, onboard.Shown))
			run.Dir = folder
			if said, err := run.CombinedOutput(); err != nil {
				t.Fatalf("%v: %s", err, said)
			}
			if s := w.look(t, o, 0); !s.Connected {
				t.Errorf("seen: %+v", s)
			}
		})
	}
}
