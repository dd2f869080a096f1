//go:build integration

package clients

import (
	"crypto/ecdsa"
	"crypto/elliptic"
	"crypto/rand"
	"crypto/x509"
	"crypto/x509/pkix"
	"encoding/pem"
	"fmt"
	"math/big"
	"net"
	"os"
	"os/exec"
	"path/filepath"
	"testing"
	"time"

	"github.com/stretchr/testify/require"

	"gatehouse/app/check"
	"gatehouse/app/check/checktest"
)

// pki is an authority that signs a server's and a client's certificate, in files for mosquitto.
type pki struct {
	dir                     string
	root, lamp, lampKey     []byte
	rootFile, cert, keyFile string
}

func newPKI(t *testing.T) pki {
	t.Helper()
	dir := t.TempDir()
	rootKey, err := ecdsa.GenerateKey(elliptic.P256(), rand.Reader)
	require.NoError(t, err)
	rootTemplate := &x509.Certificate{
		SerialNumber: big.NewInt(1), Subject: pkix.Name{CommonName: "Test root"}, NotBefore: time.Now().Add(-time.Hour), NotAfter: time.Now().AddDate(1, 0, 0),
		IsCA: true, BasicConstraintsValid: true, KeyUsage: x509.KeyUsageCertSign,
	}
	rootDER, err := x509.CreateCertificate(rand.Reader, rootTemplate, rootTemplate, rootKey.Public(), rootKey)
	require.NoError(t, err)
	issued := func(serial int64, name string) (cert, key []byte) {
		k, err := ecdsa.GenerateKey(elliptic.P256(), rand.Reader)
		require.NoError(t, err)
		der, err := x509.CreateCertificate(rand.Reader, &x509.Certificate{
			SerialNumber: big.NewInt(serial), Subject: pkix.Name{CommonName: name}, NotBefore: time.Now().Add(-time.Hour), NotAfter: time.Now().AddDate(0, 6, 0), DNSNames: []string{name},
		}, rootTemplate, k.Public(), rootKey)
		require.NoError(t, err)
		raw, err := x509.MarshalPKCS8PrivateKey(k)
		require.NoError(t, err)
		return pem.EncodeToMemory(&pem.Block{Type: "CERTIFICATE", Bytes: der}), pem.EncodeToMemory(&pem.Block{Type: "PRIVATE KEY", Bytes: raw})
	}
	p := pki{dir: dir, root: pem.EncodeToMemory(&pem.Block{Type: "CERTIFICATE", Bytes: rootDER})}
	p.lamp, p.lampKey = issued(3, "lamp")
	cert, key := issued(2, "localhost")
	p.rootFile, p.cert, p.keyFile = filepath.Join(dir, "root.pem"), filepath.Join(dir, "server.pem"), filepath.Join(dir, "server.key")
	for path, content := range map[string][]byte{p.rootFile: p.root, p.cert: cert, p.keyFile: key} {
		require.NoError(t, os.WriteFile(path, content, 0o600))
	}
	return p
}

// daemon finds a program that Debian keeps where only root's PATH leads.
func daemon(name string) string {
	if _, err := exec.LookPath(name); err != nil {
		return filepath.Join("/usr/sbin", name)
	}
	return name
}

// broker starts mosquitto with a listener on a free port of loopback, and waits until it takes connections.
func broker(t *testing.T, dir, settings string) (port int) {
	t.Helper()
	free, err := net.Listen("tcp", "127.0.0.1:0")
	require.NoError(t, err)
	port = free.Addr().(*net.TCPAddr).Port
	require.NoError(t, free.Close())
	config := filepath.Join(dir, fmt.Sprintf("%d.conf", port))
	// It gives root's rights up for those of the user it is told, and must read the files after that.
	text := fmt.Sprintf("user root\nlistener %d 127.0.0.1\n%s", port, settings)
	require.NoError(t, os.WriteFile(config, []byte(text), 0o600))
	p := start(t, daemon("mosquitto"), "-c", config)
	eventually(t, "mosquitto listens; it printed "+p.out.String(), func() bool {
		conn, err := net.Dial("tcp", fmt.Sprintf("127.0.0.1:%d", port))
		if err == nil {
			_ = conn.Close()
		}
		return err == nil
	})
	return port
}

// What a check says of Debian's mosquitto, as people set it up.
func TestACheckOfMosquitto(t *testing.T) {
	p := newPKI(t)
	secured := fmt.Sprintf("cafile %s\ncertfile %s\nkeyfile %s\n", p.rootFile, p.cert, p.keyFile)
	passwords := filepath.Join(p.dir, "passwords")
	run(t, "mosquitto_passwd", "-b", "-c", passwords, "lamp", "the-right-password").succeeds()
	require.NoError(t, os.Chmod(passwords, 0o600))

	open := broker(t, p.dir, secured+"allow_anonymous true\n")
	certified := broker(t, p.dir, secured+"require_certificate true\nuse_identity_as_username true\nallow_anonymous false\n")
	keyed := broker(t, p.dir, secured+"allow_anonymous false\npassword_file "+passwords+"\n")
	plain := broker(t, p.dir, "allow_anonymous true\n")

	mine := []check.File{{Name: "lamp.crt", Content: p.lamp, As: check.CertificateRole}, {Name: "lamp.key", Content: p.lampKey, As: check.KeyRole}}
	for _, c := range []struct {
		name   string
		port   int
		change func(*check.Options)
		exit   int
	}{
		{"anonymous", open, func(o *check.Options) { o.RoundTrip = true }, check.ExitAccepted},
		{"certificate", certified, func(o *check.Options) { o.Files = mine }, check.ExitAccepted},
		{"certificate-missing", certified, nil, check.ExitTLS},
		{"password", keyed, func(o *check.Options) { o.User, o.Password = "lamp", []byte("the-right-password") }, check.ExitAccepted},
		{"password-wrong", keyed, func(o *check.Options) { o.User, o.Password = "lamp", []byte("not-the-right-one") }, check.ExitCode + 5},
		{"plain", plain, nil, check.ExitOther},
		{"name", open, func(o *check.Options) { o.Target = fmt.Sprintf("mqtts://127.0.0.1:%d", open) }, check.ExitTrust},
	} {
		t.Run(c.name, func(t *testing.T) {
			o := check.Options{Target: fmt.Sprintf("mqtts://localhost:%d", c.port), CA: p.root, CAName: "root.pem"}
			if c.change != nil {
				c.change(&o)
			}
			result, text := checktest.Run(t, o)
			require.Equal(t, c.exit, result.Exit, text)
			require.NotContains(t, text, "the-right")
			checktest.Golden(t, "mosquitto-"+c.name, text)
		})
	}
}
