package check

import (
	"bytes"
	"context"
	"crypto/tls"
	"crypto/x509"
	"encoding/pem"
	"io"
	"net"
	"strings"
	"testing"
	"time"

	"github.com/stretchr/testify/require"

	"gatehouse/app/check/files"
)

// TestAnInterruptedCheckEndsAtOnceWhereverItIs: at each of its steps, with a certificate and a round trip, and when the server does not
// answer the step that follows.
func TestAnInterruptedCheckEndsAtOnceWhereverItIs(t *testing.T) {
	w := newWorld(t)
	lamp := made(t, "lamp", w.root, nil, nil)
	raw, err := x509.MarshalPKCS8PrivateKey(lamp.key)
	require.NoError(t, err)
	config := w.config()
	config.ClientAuth = tls.RequestClientCert
	suback := "\x90\x03\x00\x01\x01"
	ports := map[string]string{
		"no handshake": serve(t, waits),
		"no CONNACK":   servedTLS(t, config, waits),
		"no SUBACK":    servedTLS(t, config, says(connack0)),
		"no message":   servedTLS(t, config, says(connack0, suback)),
	}
	for name, port := range ports {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			o := Options{
				Target: "mqtts://localhost:" + port, CA: w.root.pem(), Lookup: loopbackOnly, RoundTrip: true, Timeout: 20 * time.Second,
				Files: []File{{Name: "lamp.pem", Content: lamp.pem()}, {Name: "lamp.key", Content: pem.EncodeToMemory(&pem.Block{Type: "PRIVATE KEY", Bytes: raw})}},
			}
			// where the server leaves it waiting is where people press Ctrl+C
			run := func(at int) (r Result, took time.Duration) {
				ctx, cancel := context.WithCancel(t.Context())
				defer cancel()
				var interrupted time.Time
				interrupt := func() { interrupted = time.Now(); cancel() }
				if at == 0 {
					defer time.AfterFunc(time.Second, interrupt).Stop()
				}
				steps := 0
				r = Run(ctx, o, func(Step) {
					if steps++; steps == at {
						interrupt()
					}
				})
				return r, time.Since(interrupted)
			}
			whole, took := run(0)
			require.Greater(t, len(whole.Steps), 5)
			for at := 0; at <= len(whole.Steps) && (at == 0 || name == "no message"); at++ { // it comes further than the others
				r := whole
				if at > 0 {
					r, took = run(at)
				}
				require.Less(t, took, 2*time.Second, "at step %d", at)
				require.Equal(t, ExitFailure, r.Exit, "at step %d: %s", at, r.Summary)
				require.Contains(t, r.Summary, "interrupted")
			}
		})
	}
}

// nested is DER of sequences within sequences, as deep as the bytes allow.
func nested(size int) []byte {
	b := make([]byte, 0, size)
	for left := size; left > 4; left -= 4 {
		n := left - 4
		b = append(b, 0x30, 0x82, byte(n>>8), byte(n))
	}
	return b
}

// TestFilesMadeToHurtAreJudgedInAMoment: whatever is dropped on the window or named on the command line.
func TestFilesMadeToHurtAreJudgedInAMoment(t *testing.T) {
	one := made(t, "lamp", nil, nil, nil).pem()
	block := func(label string, der []byte) []byte { return pem.EncodeToMemory(&pem.Block{Type: label, Bytes: der}) }
	manyNames := made(t, "lamp", nil, nil, func(c *x509.Certificate) {
		for range 20_000 {
			c.DNSNames = append(c.DNSNames, "a.example")
		}
	})
	for name, content := range map[string][]byte{
		"10 000 certificates":          bytes.Repeat(one, 10_000),
		"as many as fit":               bytes.Repeat(one, files.MaxFile/len(one)),
		"64 MiB of PEM":                bytes.Repeat(one, 64<<20/len(one)),
		"1 MiB without a line end":     append([]byte("-----BEGIN CERTIFICATE-----\n"), bytes.Repeat([]byte("A"), files.MaxFile-64)...),
		"beginnings without ends":      bytes.Repeat([]byte("-----BEGIN CERTIFICATE-----\n"), files.MaxFile/28),
		"ends without beginnings":      bytes.Repeat([]byte("-----END CERTIFICATE-----\n"), files.MaxFile/26),
		"dashes":                       bytes.Repeat([]byte("-"), files.MaxFile),
		"empty lines":                  bytes.Repeat([]byte("\r\n"), files.MaxFile/2),
		"headers without end":          append([]byte("-----BEGIN RSA PRIVATE KEY-----\n"), bytes.Repeat([]byte("Proc-Type: 4,ENCRYPTED\n"), files.MaxFile/24)...),
		"deep DER":                     nested(64 << 10),
		"deep DER as a certificate":    block("CERTIFICATE", nested(64<<10)),
		"deep DER as a key":            block("PRIVATE KEY", nested(64<<10)),
		"deep DER as PKCS#12":          block("PKCS12", nested(64<<10)),
		"deep DER as a PKCS#8 locked":  block("ENCRYPTED PRIVATE KEY", nested(64<<10)),
		"lengths that are not there":   append([]byte{0x30, 0x84, 0xff, 0xff, 0xff, 0xff}, make([]byte, 1000)...),
		"a certificate with 20k names": manyNames.pem(),
	} {
		t.Run(name, func(t *testing.T) {
			began := time.Now()
			r := Run(t.Context(), Options{Target: "mqtts://localhost:1", Lookup: loopbackOnly, Files: []File{{Name: "x.pem", Content: content}}, Passphrase: []byte("x")}, nil)
			require.Less(t, time.Since(began), 3*time.Second)
			require.Equal(t, ExitFiles, r.Exit, r.Summary)
			require.Less(t, len(r.Steps), 5000, "what is told stays readable")
		})
	}
}

// TestWhatAServerSpoilsIsToldInWordsForPeople, not in those of a library.
func TestWhatAServerSpoilsIsToldInWordsForPeople(t *testing.T) {
	w := newWorld(t)
	large := w.config()
	for range 400 {
		large.Certificates[0].Certificate = append(large.Certificates[0].Certificate, made(t, strings.Repeat("x", 400), nil, w.leaf.key, nil).cert.Raw)
	}
	broken := w.config()
	broken.Certificates[0].Certificate = [][]byte{{0x30, 3, 2, 1, 1}}
	stranger := w.config()
	stranger.Certificates[0].PrivateKey = p256(t)
	for name, c := range map[string]struct {
		port string
		said string
	}{
		"a chain beyond the limit of TLS": {servedTLS(t, large, waits), "larger than TLS libraries take"},
		"a certificate that is none":      {servedTLS(t, broken, waits), "cannot be read"},
		"the key of another certificate":  {servedTLS(t, stranger, waits), "did not prove that it holds the private key"},
		"records that are too long": {serve(t, func(c net.Conn) {
			closes(c)
			_, _ = c.Write([]byte("\x16\x03\x03\xff\xff" + strings.Repeat("x", 70_000)))
			waits(c)
		}), "no TLS, or damaged"},
		"a message out of turn": {serve(t, func(c net.Conn) { closes(c); _, _ = c.Write([]byte("\x16\x03\x03\x00\x04\x0e\x00\x00\x00")); waits(c) }), "breaks the rules of TLS"},
		"an old version": {serve(t, func(c net.Conn) {
			closes(c)
			_, _ = c.Write([]byte("\x16\x03\x00\x00\x2a\x02\x00\x00\x26\x03\x00" + strings.Repeat("r", 32) + "\x00\x00\x2f\x00"))
			waits(c)
		}), "older than 1.2"},
	} {
		t.Run(name, func(t *testing.T) {
			r, text := tried(t, Options{Target: "mqtts://localhost:" + c.port, CA: w.root.pem(), Lookup: loopbackOnly, Timeout: 5 * time.Second})
			require.Equal(t, ExitTLS, r.Exit, text)
			require.Contains(t, text, c.said)
			for _, step := range r.Steps {
				said := step.Title + step.Detail + step.Advice + r.Summary + r.Advice
				for _, raw := range []string{"tls:", "x509", "exceeds", "handshake message", "asn1", "error"} {
					require.NotContains(t, said, raw)
				}
			}
		})
	}
}

// TestAnInterruptedRoundTripLeavesNoSubscription in the session of the device.
func TestAnInterruptedRoundTripLeavesNoSubscription(t *testing.T) {
	w := newWorld(t)
	heard := make(chan []byte, 1)
	published := make(chan struct{})
	port := servedTLS(t, w.config(), func(c net.Conn) {
		b := make([]byte, 1024)
		for _, answer := range []string{connack0, "\x90\x03\x00\x01\x00", ""} {
			if _, err := c.Read(b); err != nil {
				return
			}
			_, _ = io.WriteString(c, answer)
		}
		close(published)
		last, _ := io.ReadAll(c)
		heard <- last
	})
	ctx, cancel := context.WithCancel(t.Context())
	defer cancel()
	go func() {
		<-published
		cancel()
	}()
	r := Run(ctx, Options{Target: "mqtts://localhost:" + port, CA: w.root.pem(), Lookup: loopbackOnly, RoundTrip: true}, nil)
	require.Equal(t, ExitFailure, r.Exit, r.Summary)
	select {
	case last := <-heard:
		const unsubscribe = 0xa2 // with its reserved flags
		require.NotEmpty(t, last)
		require.EqualValues(t, unsubscribe, last[0], "% x", last)
		require.Equal(t, []byte{0xe0, 0}, last[len(last)-2:], "DISCONNECT")
	case <-time.After(5 * time.Second):
		t.Fatal("the connection stays open")
	}
}
