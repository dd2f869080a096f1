package sim

import (
	"crypto/rand"
	"crypto/tls"
	"crypto/x509"
	"errors"
	"fmt"
	"log/slog"
	"net"
	"net/url"
	"strings"
	"sync/atomic"
	"time"

	"gatehouse/sim/faults"
)

// Defaults of a connection, and the bounds of what a CONNECT can say.
const (
	DefaultKeepAlive = 60 * time.Second
	DefaultTimeout   = 10 * time.Second
	DefaultPort      = "8883"

	// NoKeepAlive is the Options.KeepAlive that sends keepalive 0: no pings, and the server enforces none [MQTT-3.1.2-24].
	NoKeepAlive = time.Duration(-1)

	maxKeepAlive = 65535 * time.Second
	maxString    = 65535 // a length in MQTT is two bytes
)

// The protocols that a device can speak. A protocol other than 0, 3, 4 and 5 is an error.
const (
	MQTT31  = 3
	MQTT311 = 4
	MQTT5   = 5
)

// Credential is what a device proves itself with: a key and its secret, or a certificate and its private key. With both, both are sent
// (a gateway looks at the certificate only); with neither, none is.
type Credential struct {
	KeySID string `json:"keySid,omitempty"` // the MQTT user name; sent when not empty
	Secret string `json:"secret,omitempty"` // the MQTT password; sent when not empty

	CertificateSID string `json:"certificateSid,omitempty"` // for the owner's bookkeeping; never sent
	CertPEM        []byte `json:"certPem,omitempty"`        // the leaf, and any intermediates after it
	KeyPEM         []byte `json:"keyPem,omitempty"`         // its private key: PKCS#8, PKCS#1 or SEC 1
}

// String names the credential without its secret, which may stand in the place of the user name.
func (c Credential) String() string {
	switch {
	case c.KeySID != "" && looksLikeSID(c.KeySID):
		return "key " + c.KeySID
	case c.KeySID != "":
		return fmt.Sprintf("user name of %d bytes", len(c.KeySID))
	case c.CertificateSID != "":
		return "certificate " + c.CertificateSID
	case len(c.CertPEM) > 0:
		return "certificate"
	}
	return "no credential"
}

// looksLikeSID reports whether a text is nothing but a Key SID, or its beginning.
func looksLikeSID(s string) bool {
	digits, found := strings.CutPrefix(s, "KY")
	return found && strings.Trim(digits, "0123456789abcdef") == ""
}

// GoString is String: %#v must not print a secret either.
func (c Credential) GoString() string { return c.String() }

// LogValue is String, for slog.
func (c Credential) LogValue() slog.Value { return slog.StringValue(c.String()) }

// Will is the message that a server is asked to publish when the device vanishes.
type Will struct {
	Topic   string
	Payload []byte
	QoS     byte // 0, 1 or 2
	Retain  bool
}

// Options is one connection as its user wants it. Whatever is well-formed enough to be put in a packet is sent, also where MQTT forbids it
// or where a gateway will refuse it: to see the refusal is the purpose.
type Options struct {
	URL     string // mqtts://host[:port]; the port is 8883 when absent. The host is the name the server's certificate must hold
	RootPEM []byte // the only authorities that are trusted; empty: those of the system

	Protocol  int           // MQTT31, MQTT311 (also 0) or MQTT5
	Clean     bool          // Clean Session
	KeepAlive time.Duration // whole seconds to 65535 s, rounded up; 0: DefaultKeepAlive; NoKeepAlive: none
	ClientID  string        // may be empty, also with Clean Session 0; at most 65535 bytes
	Will      *Will

	Credential  Credential
	WrongSecret bool // sends a random secret as long as the right one

	// Faults are what is wrong with the network and the client; nil: nothing. They can be switched while the device is connected.
	Faults *faults.Switches
	// TrustEverybody is a careless device: it takes any server's certificate.
	TrustEverybody bool
	// ClockOff is by how much the device's clock is wrong: it judges the server's certificate by that time.
	ClockOff time.Duration

	Timeout time.Duration // for connecting as a whole, from the first SYN to the CONNACK; 0: DefaultTimeout
}

// LogValue is what a log may hold of a connection's options.
func (o Options) LogValue() slog.Value {
	return slog.GroupValue(slog.String("url", o.URL), slog.Int("protocol", o.Protocol), slog.Bool("clean", o.Clean), slog.Any("credential", o.Credential))
}

// target is Options, checked and made ready to dial.
type target struct {
	address   string // host:port
	host      string
	level     byte
	name      string // protocol name
	keepAlive uint16 // seconds
	timeout   time.Duration
	secret    string // what is sent
	tls       *tls.Config
}

// Check tells what is wrong with options before anything is sent: nil, or a *ConnectError.
func (o Options) Check() error {
	_, err := o.resolve()
	return err
}

// resolve checks the options. Its errors are *ConnectError of FailureOptions or FailureCredential: nothing was sent.
func (o Options) resolve() (target, error) {
	t := target{level: 4, name: "MQTT", timeout: o.Timeout, secret: o.Credential.Secret}
	if t.timeout <= 0 {
		t.timeout = DefaultTimeout
	}
	switch o.Protocol {
	case 0, MQTT311:
	case MQTT31:
		t.level, t.name = 3, "MQIsdp"
	case MQTT5:
		t.level = 5
	default:
		return t, badOption("protocol %d is not one that a device speaks", "choose MQTT 3.1, 3.1.1 or 5", o.Protocol)
	}
	var err error
	if t.host, t.address, err = splitURL(o.URL); err != nil {
		return t, err
	}
	if t.keepAlive, err = keepAliveSeconds(o.KeepAlive); err != nil {
		return t, err
	}
	if err := o.checkLengths(); err != nil {
		return t, err
	}
	if o.WrongSecret {
		t.secret = wrongSecret(o.Credential.Secret)
	}
	t.tls, err = o.tlsConfig(t.host)
	return t, err
}

func splitURL(raw string) (host, address string, err error) {
	u, err := url.Parse(strings.TrimSpace(raw))
	if err != nil || u.Hostname() == "" {
		return "", "", badOption("%q is not an address", "write it as mqtts://host:port", raw)
	}
	switch u.Scheme {
	case "mqtts", "ssl", "tls":
	default:
		return "", "", badOption("%s:// is not MQTT over TLS", "write the address as mqtts://host:port: a device never sends its secret in the clear", u.Scheme)
	}
	port := u.Port()
	if port == "" {
		port = DefaultPort
	}
	return u.Hostname(), net.JoinHostPort(u.Hostname(), port), nil
}

func keepAliveSeconds(d time.Duration) (uint16, error) {
	switch {
	case d == 0:
		d = DefaultKeepAlive
	case d < 0:
		return 0, nil
	case d > maxKeepAlive:
		return 0, badOption("a keepalive of %v does not fit in a CONNECT", "choose at most 65535 seconds", d)
	}
	return uint16((d + time.Second - 1) / time.Second), nil
}

func (o Options) checkLengths() error {
	fields := []struct {
		name   string
		length int
	}{{"client id", len(o.ClientID)}, {"user name", len(o.Credential.KeySID)}, {"secret", len(o.Credential.Secret)}}
	if w := o.Will; w != nil {
		if w.QoS > 2 {
			return badOption("a will of QoS %d does not exist", "choose 0, 1 or 2", w.QoS)
		}
		fields = append(fields, struct {
			name   string
			length int
		}{"will topic", len(w.Topic)}, struct {
			name   string
			length int
		}{"will payload", len(w.Payload)})
	}
	for _, f := range fields {
		if f.length > maxString {
			return badOption("the %s has %d bytes", "MQTT has room for 65535", f.name, f.length)
		}
	}
	return nil
}

// clockOff is by how much the clock is wrong for one attempt.
func (o Options) clockOff() time.Duration {
	if o.Faults == nil {
		return o.ClockOff
	}
	return o.ClockOff + o.Faults.ClockOff()
}

func (o Options) tlsConfig(host string) (*tls.Config, error) {
	c := &tls.Config{ServerName: host, MinVersion: tls.VersionTLS12}
	c.InsecureSkipVerify = o.TrustEverybody //nolint:gosec // to show what such a device does
	if off := o.clockOff(); off != 0 {
		c.Time = func() time.Time { return time.Now().Add(off) }
	}
	if len(o.RootPEM) > 0 {
		if c.RootCAs = rootPool(o.RootPEM); c.RootCAs == nil {
			return nil, badOption("the root certificate cannot be read", "give the gateway's root as a PEM file")
		}
	}
	if len(o.Credential.CertPEM) == 0 {
		return c, nil
	}
	pair, err := tls.X509KeyPair(o.Credential.CertPEM, o.Credential.KeyPEM)
	if err != nil {
		return nil, &ConnectError{Failure: FailureCredential, What: "the device cannot use its certificate", Why: plain(err),
			Todo: "give it a certificate and the private key that belongs to it", Err: err}
	}
	// The certificate is sent whichever authorities the server names: what is chosen is what is tried.
	c.GetClientCertificate = func(*tls.CertificateRequestInfo) (*tls.Certificate, error) { return &pair, nil }
	return c, nil
}

// lastPool is the pool that was made last: thousands of devices trust the same root, and each would keep its own copy.
var lastPool atomic.Pointer[pool]

// pool never changes once it is made.
type pool struct {
	pem   string
	certs *x509.CertPool
}

// rootPool is the pool of the certificates of a PEM text; nil when it holds none.
func rootPool(pem []byte) *x509.CertPool {
	if p := lastPool.Load(); p != nil && p.pem == string(pem) {
		return p.certs
	}
	certs := x509.NewCertPool()
	if !certs.AppendCertsFromPEM(pem) {
		return nil
	}
	lastPool.Store(&pool{string(pem), certs})
	return certs
}

// wrongSecret is random text as long as the right secret, and never the right one.
func wrongSecret(right string) string {
	length := len(right)
	if length == 0 {
		length = 32
	}
	const letters = "0123456789ABCDEFGHIJKLMNOPQRSTUVWXYZabcdefghijklmnopqrstuvwxyz" // as a secret has them: only that it is wrong is to be wrong with it
	for {
		wrong := make([]byte, length)
		_, _ = rand.Read(wrong)
		for i, b := range wrong {
			wrong[i] = letters[int(b)%len(letters)]
		}
		if string(wrong) != right {
			return string(wrong)
		}
	}
}

func badOption(why, todo string, a ...any) error {
	return &ConnectError{Failure: FailureOptions, What: "could not start connecting", Why: fmt.Sprintf(why, a...), Todo: todo, Err: errOptions}
}

var errOptions = errors.New("options")
