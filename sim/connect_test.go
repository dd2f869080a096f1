package sim

import (
	"bytes"
	"context"
	"crypto/tls"
	"errors"
	"fmt"
	"io"
	"log/slog"
	"net"
	"strings"
	"testing"
	"time"

	"github.com/eclipse/paho.mqtt.golang/packets"
	"github.com/stretchr/testify/assert"
	"github.com/stretchr/testify/require"
)

func TestEveryCodeIsReportedAsItCameAndOnlyOneConnectIsSent(t *testing.T) {
	for code, advice := range map[byte]Advice{0: AdviceNone, 1: AdviceOtherProtocol, 2: AdviceFixCredential, 3: AdviceLater, 4: AdviceNewCredential,
		5: AdviceUntilProvision, 42: AdviceUnknown, 255: AdviceUnknown} {
		t.Run(fmt.Sprint(code), func(t *testing.T) {
			s := serveFake(t, func(p *peer) {
				p.answer(0, code)
				if code == 0 {
					p.next()
				}
			})
			d := newTestDevice(t)
			r := d.Connect(t.Context(), s.options())
			assert.Equal(t, int(code), r.Code)
			assert.Equal(t, advice, r.Advice)
			assert.Equal(t, code == 0, d.State().Connected)
			assert.False(t, r.SessionPresent)
			var refused *RefusedError
			assert.Equal(t, code != 0, errors.As(r.Err, &refused), "%v", r.Err)
			assert.NotEmpty(t, r.TLSVersion)
			d.Disconnect()
			assert.Equal(t, 1, s.accepted())
			assert.Len(t, s.seen(typeConnect), 1)
			assert.Len(t, summaries(d, "CONNACK", false), 1)
			assert.Contains(t, summaries(d, "CONNACK", false)[0], fmt.Sprintf("CONNACK code %d (%s)", code, CodeName(int(code))))
		})
	}
}

func TestSessionPresentIsReported(t *testing.T) {
	s := serveFake(t, func(p *peer) { p.answer(1, 0); p.next() })
	assert.True(t, newTestDevice(t).Connect(t.Context(), s.options()).SessionPresent)
}

func TestTheConnectIsTheOnePahoWouldSend(t *testing.T) {
	for _, protocol := range []int{MQTT31, MQTT311} {
		o := Options{URL: "mqtts://localhost", Protocol: protocol, Clean: true, ClientID: "board-1", KeepAlive: 90 * time.Second,
			Will: &Will{Topic: "gone", Payload: []byte("x"), QoS: 2, Retain: true}, Credential: Credential{KeySID: "KY1", Secret: "secret"}}
		target, err := o.resolve()
		require.NoError(t, err)
		want := packets.NewControlPacket(packets.Connect).(*packets.ConnectPacket)
		want.ProtocolName, want.ProtocolVersion = target.name, byte(protocol)
		want.CleanSession, want.ClientIdentifier, want.Keepalive = true, "board-1", 90
		want.WillFlag, want.WillTopic, want.WillMessage, want.WillQos, want.WillRetain = true, "gone", []byte("x"), 2, true
		want.UsernameFlag, want.Username, want.PasswordFlag, want.Password = true, "KY1", true, []byte("secret")
		var b bytes.Buffer
		require.NoError(t, want.Write(&b))
		assert.Equal(t, b.Bytes(), appendConnect(nil, o, target))
	}
}

func TestWhateverTheUserChoseIsSent(t *testing.T) {
	user := Credential{KeySID: "KY1"}
	cases := []struct {
		name    string
		options Options
		want    string // of the CONNECT's body
	}{
		{"the defaults: 3.1.1, clean 0, empty client id, 60 s", Options{}, "\x00\x04MQTT\x04\x00\x00\x3c\x00\x00"},
		{"MQTT 3.1", Options{Protocol: MQTT31, Clean: true}, "\x00\x06MQIsdp\x03\x02\x00\x3c\x00\x00"},
		{"user without password", Options{Credential: user}, "\x00\x04MQTT\x04\x80\x00\x3c\x00\x00\x00\x03KY1"},
		{"password without user", Options{Credential: Credential{Secret: "pw"}}, "\x00\x04MQTT\x04\x40\x00\x3c\x00\x00\x00\x02pw"},
		{"no keepalive", Options{KeepAlive: NoKeepAlive}, "\x00\x04MQTT\x04\x00\x00\x00\x00\x00"},
		{"the longest keepalive", Options{KeepAlive: 65535 * time.Second}, "\x00\x04MQTT\x04\x00\xff\xff\x00\x00"},
		{"a will", Options{Will: &Will{Topic: "t", Payload: []byte("p"), QoS: 1}}, "\x00\x04MQTT\x04\x0c\x00\x3c\x00\x00\x00\x01t\x00\x01p"},
		{"MQTT 5 with a will", Options{Protocol: MQTT5, Will: &Will{Topic: "t"}}, "\x00\x04MQTT\x05\x04\x00\x3c\x05\x11\xff\xff\xff\xff\x00\x00\x00\x00\x01t\x00\x00"},
	}
	for _, c := range cases {
		t.Run(c.name, func(t *testing.T) {
			s := serveFake(t, func(p *peer) { p.answer(0, 2) })
			c.options.URL, c.options.RootPEM = s.options().URL, trusted().rootPEM
			r := newTestDevice(t).Connect(t.Context(), c.options)
			assert.Equal(t, 2, r.Code)
			require.Len(t, s.seen(typeConnect), 1)
			assert.Equal(t, c.want, string(packetBody(s.seen(typeConnect)[0])))
		})
	}
}

func TestEmptyClientIDWithoutCleanSessionConnectsAndWorks(t *testing.T) {
	s := serveFake(t, (*peer).broker)
	o := s.options()
	o.ClientID = ""
	d := newTestDevice(t)
	require.NoError(t, d.Connect(t.Context(), o).Err)
	require.NoError(t, d.Publish(t.Context(), "a", []byte("x"), 1, false))
}

func TestWrongSecretIsAsLongAndNotTheRightOne(t *testing.T) {
	s := serveFake(t, func(p *peer) { p.answer(0, 4) })
	o := s.options()
	o.WrongSecret = true
	newTestDevice(t).Connect(t.Context(), o)
	body := packetBody(s.seen(typeConnect)[0])
	sent := string(body[len(body)-len(testSecret):])
	assert.Equal(t, []byte{0, byte(len(testSecret))}, body[len(body)-len(testSecret)-2:len(body)-len(testSecret)])
	assert.NotEqual(t, testSecret, sent)
}

func TestMQTT5(t *testing.T) {
	cases := []struct {
		name   string
		answer []byte
		code   int
		advice Advice
	}{
		{"refused in the form of 3.1.1, as the gateway does", []byte{0x20, 2, 0, 1}, 1, AdviceOtherProtocol},
		{"refused in its own form", []byte{0x20, 3, 0, 0x84, 0}, 0x84, AdviceOtherProtocol},
		{"not authorized, in its own form", []byte{0x20, 3, 0, 0x87, 0}, 0x87, AdviceUntilProvision},
	}
	for _, c := range cases {
		t.Run(c.name, func(t *testing.T) {
			s := serveFake(t, func(p *peer) { p.next(); p.write(c.answer...) })
			o := s.options()
			o.Protocol = MQTT5
			d := newTestDevice(t)
			r := d.Connect(t.Context(), o)
			assert.Equal(t, c.code, r.Code)
			assert.Equal(t, c.advice, r.Advice)
			assert.False(t, d.State().Connected)
			assert.Equal(t, 1, s.accepted())
			assert.Contains(t, summaries(d, "CONNECT", true)[0], "CONNECT MQTT 5 · client id \"board-1\"")
		})
	}
}

func TestAnAcceptedMQTT5ConnectionIsKept(t *testing.T) {
	s := serveFake(t, func(p *peer) {
		p.next()
		p.write(0x20, 3, 0, 0, 0)
		for packet := p.next(); packet != nil; packet = p.next() {
			if packet[0]>>4 == typePingreq {
				p.write(0xD0, 0)
				p.write(0xE0, 2, 0x8B, 0)
				return
			}
		}
	})
	o := s.options()
	o.Protocol, o.KeepAlive = MQTT5, time.Second
	d := newTestDevice(t)
	require.NoError(t, d.Connect(t.Context(), o).Err)
	require.NoError(t, d.Publish(t.Context(), "a", []byte("b"), 0, false))
	eventually(t, "the end is seen", func() bool { return d.State().End == EndByServer })
	assert.Equal(t, []string{"PINGREQ"}, summaries(d, "PINGREQ", true))
	assert.Equal(t, []string{"DISCONNECT · reason 0x8b (server shutting down)"}, summaries(d, "DISCONNECT", false))
}

func TestASilentMQTT5ServerIsLeftAfterTheKeepalive(t *testing.T) {
	s := serveFake(t, func(p *peer) {
		p.next()
		p.write(0x20, 3, 0, 0, 0)
		for p.next() != nil {
		}
	})
	o := s.options()
	o.Protocol, o.KeepAlive = MQTT5, time.Second
	d := newTestDevice(t)
	d.pingTimeout = 300 * time.Millisecond
	require.NoError(t, d.Connect(t.Context(), o).Err)
	eventually(t, "the device gave up", func() bool { return d.State().End == EndKeepAlive })
	require.NoError(t, d.Connect(t.Context(), o).Err)
	d.Disconnect()
	assert.Equal(t, EndByUser, d.State().End)
}

func TestFailuresAreClassifiedAndSayWhatToDo(t *testing.T) {
	accept := func(p *peer) { p.answer(0, 0) }
	wrongName := serveWith(t, serverConfig("elsewhere.example"), accept)
	right := serveFake(t, accept)
	drops := serveFake(t, func(p *peer) { p.next() })
	silent := serveFake(t, func(p *peer) { p.next(); p.next() })
	web := serveFake(t, func(p *peer) { p.next(); _, _ = p.Write([]byte("HTTP/1.1 400 Bad Request\r\n\r\n")) })
	strict := serveWith(t, func() *tls.Config {
		c := serverConfig("127.0.0.1")
		c.ClientAuth = tls.RequireAnyClientCert
		return c
	}(), func(p *peer) { p.next() })
	expiredCert, expiredKey := trusted().issue(time.Now().Add(-time.Hour), "127.0.0.1")
	pair, err := tls.X509KeyPair(expiredCert, expiredKey)
	require.NoError(t, err)
	expired := serveWith(t, &tls.Config{Certificates: []tls.Certificate{pair}}, accept)
	plaintext := listenRaw(t, func(c net.Conn) { _, _ = c.Write([]byte("220 mail.example ready\r\n")); _, _ = c.Read(make([]byte, 1)) })
	stuck := listenRaw(t, func(c net.Conn) { _, _ = io.Copy(io.Discard, c) })
	hangsUp := listenRaw(t, func(c net.Conn) { _, _ = c.Read(make([]byte, 1)) })
	gone := listenRaw(t, func(net.Conn) {})
	_ = gone.Close()

	cases := []struct {
		name    string
		address string
		change  func(*Options)
		want    Failure
		advice  Advice
		text    string
	}{
		{"wrong root", addr(right), func(o *Options) { o.RootPEM = newAuthority().rootPEM }, FailureUnknownAuthority, AdviceFixSetup, "give the device the gateway's root certificate"},
		{"wrong name", addr(wrongName), nil, FailureWrongName, AdviceFixSetup, "is not for 127.0.0.1 (it is for elsewhere.example)"},
		{"expired", addr(expired), nil, FailureServerCert, AdviceFixSetup, "not valid"},
		{"nothing listens", gone.Addr().String(), nil, FailureRefused, AdviceLater, "start the gateway"},
		{"not TLS", plaintext.Addr().String(), nil, FailureNotTLS, AdviceFixSetup, "does not speak TLS"},
		{"a handshake that never ends", stuck.Addr().String(), func(o *Options) { o.Timeout = 150 * time.Millisecond }, FailureTimeout, AdviceLater, "could not agree on TLS with"},
		{"closed in the handshake", hangsUp.Addr().String(), nil, FailureDropped, AdviceLater, "during the TLS handshake"},
		{"closed without CONNACK", addr(drops), nil, FailureDropped, AdviceLater, "without a CONNACK"},
		{"no CONNACK", addr(silent), func(o *Options) { o.Timeout = 300 * time.Millisecond }, FailureTimeout, AdviceLater, "no answer within 300ms"},
		{"not MQTT", addr(web), nil, FailureNotMQTT, AdviceFixSetup, `begins with "HTTP/1.1 400`},
		{"alert", addr(strict), nil, FailureAlert, AdviceFixSetup, "certificate required"},
		{"plaintext address", "", func(o *Options) { o.URL = "mqtt://localhost:1883" }, FailureOptions, AdviceFixSetup, "never sends its secret in the clear"},
		{"no address", "", func(o *Options) { o.URL = "mqtts://" }, FailureOptions, AdviceFixSetup, "is not an address"},
		{"unusable certificate", addr(right), func(o *Options) { o.Credential.CertPEM = []byte("junk") }, FailureCredential, AdviceFixSetup, "private key that belongs to it"},
		{"keepalive too long", addr(right), func(o *Options) { o.KeepAlive = 65536 * time.Second }, FailureOptions, AdviceFixSetup, "65535 seconds"},
		{"client id too long", addr(right), func(o *Options) { o.ClientID = strings.Repeat("x", 65536) }, FailureOptions, AdviceFixSetup, "65535"},
	}
	for _, c := range cases {
		t.Run(c.name, func(t *testing.T) {
			o := right.options()
			o.URL = "mqtts://" + c.address
			if c.change != nil {
				c.change(&o)
			}
			d := newTestDevice(t)
			r := d.Connect(t.Context(), o)
			var ce *ConnectError
			require.ErrorAs(t, r.Err, &ce)
			assert.Equal(t, c.want, ce.Failure, "%v", r.Err)
			assert.Equal(t, -1, r.Code)
			assert.Equal(t, c.advice, r.Advice)
			assert.Contains(t, r.Err.Error(), c.text)
			assert.NotEmpty(t, ce.What)
			assert.NotEmpty(t, ce.Why)
			assert.NotEmpty(t, ce.Todo)
			assert.False(t, d.State().Connected)
			assert.False(t, d.State().Connecting)
			_, again := r.Reconnect(1)
			assert.Equal(t, c.advice == AdviceLater, again)
		})
	}
}

func TestAnUnknownHostIsNamed(t *testing.T) {
	err := explain(context.Background(), stageTCP, "nowhere:8883", target{host: "nowhere"}, &net.OpError{Op: "dial", Err: &net.DNSError{Err: "no such host", Name: "nowhere"}})
	assert.Equal(t, FailureNoSuchHost, err.Failure)
	assert.Contains(t, err.Error(), `the name "nowhere" does not resolve`)
}

func TestTheServerSeesTheDevicesCertificate(t *testing.T) {
	subjects := make(chan string, 1)
	s := serveFake(t, func(p *peer) {
		subjects <- p.ConnectionState().PeerCertificates[0].Subject.CommonName
		p.answer(0, 0)
		p.next()
	})
	o := s.options()
	certPEM, keyPEM := newAuthority().issue(time.Now().Add(-time.Hour), "board-cert") // an authority that the server has never heard of
	o.Credential = Credential{CertPEM: certPEM, KeyPEM: keyPEM}
	require.NoError(t, newTestDevice(t).Connect(t.Context(), o).Err)
	assert.Equal(t, "board-cert", <-subjects)
	assert.Equal(t, byte(0), packetBody(s.seen(typeConnect)[0])[7], "no user name, no password")
}

func TestNoSecretIsEverShown(t *testing.T) {
	s := serveFake(t, (*peer).broker)
	var logged bytes.Buffer
	d := NewDevice(Params{Logger: slog.New(slog.NewTextHandler(&logged, &slog.HandlerOptions{Level: slog.LevelDebug}))})
	defer d.Close()
	o := s.options()
	o.ClientID = "id-" + testSecret
	o.Will = &Will{Topic: testSecret, Payload: []byte(testSecret)}
	r := d.Connect(t.Context(), o)
	require.NoError(t, r.Err)
	require.NoError(t, d.Publish(t.Context(), "a/"+testSecret, []byte("my secret is "+testSecret), 1, false))
	bad := d.Publish(t.Context(), "a", nil, 3, false)
	d.Disconnect()
	shown := fmt.Sprintf("%+v %#v %v %+v %s %v", d.Console(0), d.Console(0), r, d.State(), logged.String(), bad)
	for _, e := range d.Console(0) {
		shown += e.Summary + e.Topic + string(e.Payload)
	}
	assert.NotContains(t, shown, testSecret)
	o = s.options()
	assert.NotContains(t, fmt.Sprintf("%v %+v %#v %s", o, o, o, o.Credential), testSecret)
	var structured bytes.Buffer
	slog.New(slog.NewJSONHandler(&structured, nil)).Info("connecting", "options", o, "credential", o.Credential)
	assert.NotContains(t, structured.String(), testSecret)
	assert.Contains(t, structured.String(), "key KYab")
	assert.Contains(t, summaries(d, "CONNECT", true)[0], "user KY"+strings.Repeat("ab", 16)+" · password not shown")
}

func addr(s *server) string { return s.listener.Addr().String() }

// listenRaw runs a function for each TCP connection.
func listenRaw(t *testing.T, serve func(net.Conn)) net.Listener {
	t.Helper()
	l, err := net.Listen("tcp", "127.0.0.1:0")
	require.NoError(t, err)
	done := make(chan struct{})
	go func() {
		defer close(done)
		for {
			c, err := l.Accept()
			if err != nil {
				return
			}
			serve(c)
			_ = c.Close()
		}
	}()
	t.Cleanup(func() { _ = l.Close(); <-done })
	return l
}
