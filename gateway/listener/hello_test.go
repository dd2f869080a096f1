package listener

import (
	"bytes"
	"crypto/tls"
	"io"
	"net"
	"testing"
	"time"

	"github.com/stretchr/testify/assert"
	"github.com/stretchr/testify/require"
)

// offered is what a client sends first.
func offered(t testing.TB, c *tls.Config) []byte {
	t.Helper()
	near, far := net.Pipe()
	defer far.Close()
	go func() {
		_ = tls.Client(near, c).Handshake()
		near.Close()
	}()
	_ = far.SetDeadline(time.Now().Add(patient))
	header := make([]byte, recordHeader)
	_, err := io.ReadFull(far, header)
	require.NoError(t, err)
	body := make([]byte, int(header[3])<<8|int(header[4]))
	_, err = io.ReadFull(far, body)
	require.NoError(t, err)
	return append(header, body...)
}

// understood is what crypto/tls makes of a ClientHello.
func understood(t testing.TB, sent []byte) (info *tls.ClientHelloInfo) {
	t.Helper()
	server := tls.Server(&replay{Reader: bytes.NewReader(sent)}, &tls.Config{
		MinVersion: tls.VersionTLS10, GetConfigForClient: func(h *tls.ClientHelloInfo) (*tls.Config, error) {
			info = h
			return nil, io.EOF
		},
	})
	_ = server.Handshake()
	return info
}

// replay is a connection that has said all it will.
type replay struct {
	net.Conn
	*bytes.Reader
}

func (r *replay) Read(b []byte) (int, error)       { return r.Reader.Read(b) }
func (r *replay) Write(b []byte) (int, error)      { return len(b), nil }
func (r *replay) Close() error                     { return nil }
func (r *replay) SetWriteDeadline(time.Time) error { return nil }

var helloConfigs = map[string]*tls.Config{
	"usual":       {ServerName: "gateway.example", NextProtos: []string{"mqtt", "x-amzn-mqtt-ca"}},
	"TLS 1.2":     {ServerName: "gateway.example", MaxVersion: tls.VersionTLS12},
	"TLS 1.1":     {InsecureSkipVerify: true, MinVersion: tls.VersionTLS10, MaxVersion: tls.VersionTLS11},
	"one group":   {ServerName: "g", CurvePreferences: []tls.CurveID{tls.CurveP521}},
	"two suites":  {ServerName: "g", MaxVersion: tls.VersionTLS12, CipherSuites: []uint16{tls.TLS_ECDHE_RSA_WITH_AES_128_CBC_SHA, tls.TLS_ECDHE_RSA_WITH_AES_256_CBC_SHA}},
	"no name":     {InsecureSkipVerify: true},
	"postquantum": {ServerName: "g", CurvePreferences: []tls.CurveID{tls.X25519MLKEM768, tls.X25519}},
}

// agrees fails when our reading of a ClientHello that crypto/tls can read differs from its.
func agrees(t *testing.T, theirs *tls.ClientHelloInfo, ours hello) {
	t.Helper()
	empty := func(a, b int) bool { return a == 0 && b == 0 }
	if !empty(len(theirs.CipherSuites), len(ours.CipherSuites)) {
		assert.Equal(t, theirs.CipherSuites, ours.CipherSuites)
	}
	if !empty(len(theirs.SupportedCurves), len(ours.SupportedCurves)) {
		assert.Equal(t, theirs.SupportedCurves, ours.SupportedCurves)
	}
	if !empty(len(theirs.SignatureSchemes), len(ours.SignatureSchemes)) {
		assert.Equal(t, theirs.SignatureSchemes, ours.SignatureSchemes)
	}
	if !empty(len(theirs.SupportedProtos), len(ours.SupportedProtos)) {
		assert.Equal(t, theirs.SupportedProtos, ours.SupportedProtos)
	}
	assert.Equal(t, theirs.ServerName, ours.ServerName)
}

// TestAClientHelloIsReadAsTLSReadsIt, whole, and without trouble when it is cut anywhere.
func TestAClientHelloIsReadAsTLSReadsIt(t *testing.T) {
	for name, c := range helloConfigs {
		t.Run(name, func(t *testing.T) {
			sent := offered(t, c)
			theirs, ours := understood(t, sent), readHello(sent)
			require.NotNil(t, theirs)
			agrees(t, theirs, ours)
			assert.Equal(t, theirs.SupportedVersions, ours.SupportedVersions)
			assert.Equal(t, theirs.Extensions, ours.Extensions)
			assert.Empty(t, ours.wrong)
			for n := range sent {
				cut := readHello(sent[:n])
				if n > recordHeader && cut.wrong == "" {
					t.Fatalf("cut at %d: nothing is wrong", n)
				}
			}
			split := append([]byte{0x16, 3, 1, 0, 20}, sent[5:25]...) // the same in two records
			rest := len(sent) - 25
			split = append(append(split, 0x16, 3, 1, byte(rest>>8), byte(rest)), sent[25:]...)
			assert.Equal(t, ours.CipherSuites, readHello(split).CipherSuites)
			assert.Equal(t, ours.ServerName, readHello(split).ServerName)
		})
	}
}

// FuzzReadHello: any bytes are read in bounded memory; what crypto/tls understands is understood the same way.
func FuzzReadHello(f *testing.F) {
	for _, c := range helloConfigs {
		f.Add(offered(f, c))
	}
	f.Fuzz(func(t *testing.T, sent []byte) {
		if len(sent) > 0 {
			_, _, _ = classify(sent)
			_ = plainConnectFacts(bytes.Clone(sent))
		}
		if len(sent) == 0 || sent[0] != recordHandshake {
			return
		}
		ours := readHello(sent)
		if len(ours.CipherSuites) > 4*listed || len(ours.Extensions) > 2*listed || len(ours.SupportedProtos) > listed {
			t.Fatal("unbounded")
		}
		theirs := understood(t, sent)
		if theirs == nil || len(theirs.CipherSuites) > 4*listed || len(theirs.Extensions) > 2*listed || len(theirs.SupportedProtos) > listed ||
			len(theirs.SupportedCurves) > 4*listed || len(theirs.SignatureSchemes) > 4*listed {
			return
		}
		if ours.wrong != "" {
			t.Fatalf("crypto/tls reads it, and ours says: %s at %d", ours.wrong, ours.at)
		}
		agrees(t, theirs, ours)
	})
}
