//go:build e2e && linux

package e2e

import (
	"crypto/ecdsa"
	"crypto/elliptic"
	"crypto/rand"
	"crypto/x509"
	"crypto/x509/pkix"
	"encoding/pem"
	"math/big"
	"os"
	"path/filepath"
	"testing"
	"time"

	"github.com/stretchr/testify/require"

	"gatehouse/app/desktop/drive/ask"
)

// A refusal is mended where it is explained, and the mending taken back.
func TestARefusedDeviceIsFixedFromItsAttemptAndTheFixIsUndone(t *testing.T) {
	w := open(t, 1280, 800, "--demo")
	w.WaitText("Listening")
	w.waitCodes(5)
	w.Click("RailItem: Attempts")
	w.Click("Device is disabled")
	w.WaitSaid("thermostat-7 is disabled")
	w.Click("Button: Would it pass now\\?")
	w.WaitSaid("No: still code 5")

	w.Click("Button: Enable thermostat-7")
	w.WaitText("thermostat-7 is enabled") // what was done, beside the way back
	w.WaitSaid("Fixed. The device gets in when it tries again.")
	w.Click("Button: Would it pass now\\?")
	w.WaitSaid("Yes: it would be accepted now")

	w.Click("Button: Undo")
	w.WaitText("Undone")
	w.WaitText("Button: Enable thermostat-7")
	w.Click("Button: Would it pass now\\?")
	w.WaitSaid("No: still code 5")
}

// What a device has is checked before the device is at hand: its files are chosen, refused, enrolled and accepted.
func TestCredentialsAreCheckedFromChosenFilesAndEnrolled(t *testing.T) {
	w := open(t, 1280, 800)
	w.WaitText("Listening")
	w.writeCredential("lamp-7")
	w.onboardWithKey("lamp-7")
	w.Click("Button: Finish later")

	w.Click("RailItem: Overview")
	w.Click("Button: Check credentials")
	w.chooseFile("board")
	w.WaitSaid("Certificate, ECDSA P-256, lamp-7")
	w.chooseFile("secret")
	w.WaitSaid("Private key, ECDSA P-256")
	w.Click("Button: Check")
	refused := w.WaitCode(ask.Attempt{}, 4)
	w.WaitSaid("The gateway knows why: The certificate .* is not enrolled here")
	w.Click("Button: Enrol this certificate for lamp-7")
	w.Click("Button: Check again")
	w.WaitCode(refused, 0)
	w.WaitSaid("Connection accepted")
}

// writeCredential puts board.crt and secret.key into the folder in which the file dialog opens.
func (w *window) writeCredential(name string) {
	w.Helper()
	key, err := ecdsa.GenerateKey(elliptic.P256(), rand.Reader)
	require.NoError(w, err)
	about := &x509.Certificate{
		SerialNumber: big.NewInt(1), Subject: pkix.Name{CommonName: name},
		NotBefore: time.Now().Add(-time.Hour), NotAfter: time.Now().AddDate(5, 0, 0),
	}
	certificate, err := x509.CreateCertificate(rand.Reader, about, about, key.Public(), key)
	require.NoError(w, err)
	private, err := x509.MarshalPKCS8PrivateKey(key)
	require.NoError(w, err)
	for file, block := range map[string]*pem.Block{
		"board.crt": {Type: "CERTIFICATE", Bytes: certificate}, "secret.key": {Type: "PRIVATE KEY", Bytes: private},
	} {
		require.NoError(w, os.WriteFile(filepath.Join(w.home, file), pem.EncodeToMemory(block), 0o600))
	}
}

// chooseFile picks a file by its name, without its ending, in the file dialog.
func (w *window) chooseFile(name string) {
	w.Helper()
	w.Click("Button: Choose a file…")
	w.Click(name)
	w.Click("Button: Open")
	w.WaitText("Check credentials")
}
