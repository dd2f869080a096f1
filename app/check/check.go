// Package check does what a careful device does: it opens its files, looks the server up, connects, judges the server's
// certificate, presents its credential and reads the answer. It tells of each step how it went, how long it took and what
// to do, against this gateway or any other MQTT server.
//
// It harms nothing: it connects with Clean Session 0, so that no session is discarded, acknowledges nothing that it is sent,
// so that nothing is taken from the device, and disconnects after the answer. It gives no credential to a server that has
// not proved who it is, unless told to. Nothing that it returns holds a password, a passphrase or a private key.
//
// It knows neither the gateway's registry nor its records: it sees what a device sees.
package check

import (
	"context"
	"crypto/x509"
	"net"
	"net/netip"
	"time"

	"gatehouse/app/check/files"
	"gatehouse/gateway/attempt"
)

// Role is what a file was given as.
type Role string

// What a file can be given as; by default its content decides.
const (
	AnyRole         Role = ""
	CertificateRole Role = "certificate"
	KeyRole         Role = "key"
)

// File is a file of the device's credential.
type File struct {
	Name    string // to speak of it
	Content []byte
	As      Role
}

// Options say what to check.
type Options struct {
	Target string // mqtts://HOST[:PORT], mqtt://HOST[:PORT] or HOST[:PORT], which means mqtts

	Files      []File // certificate and key, in PEM, DER or PKCS#12
	Passphrase []byte // of an encrypted key or a PKCS#12 file

	User        string
	Password    []byte
	HasPassword bool // an empty password is sent as such; set by itself when Password is not empty

	CA     []byte // the authorities to trust, PEM or DER; nil means Roots, and without those the system's
	CAName string // to speak of them
	Roots  *x509.CertPool

	ClientID  string   // empty means DefaultClientID
	ALPN      []string // protocols offered in the handshake; usually none
	RoundTrip bool     // also subscribe to a topic of its own and publish to it
	Insecure  bool     // give the credential even to a server that has not proved who it is, or without TLS

	Timeout time.Duration // of the whole; 0 means 30 s. Each step has its own bound as well

	Dial   func(ctx context.Context, network, address string) (net.Conn, error) // nil means net.Dialer's
	Lookup func(ctx context.Context, host string) ([]netip.Addr, error)         // nil means net.Resolver's
	Now    func() time.Time                                                     // nil means time.Now
}

// DefaultClientID is what the check calls itself: within what every server must take [MQTT-3.1.3-5], and always the same, so
// that a server that keeps sessions by client id keeps at most one of it.
const DefaultClientID = "gatehousecheck"

// Notice is what a person must know before a check.
const Notice = "A device has one connection at a time: if this device is connected, the check ends that connection."

// The steps, in the order in which they usually come.
const (
	StepTarget    = "target"
	StepNotice    = "notice"
	StepFiles     = "files"
	StepLookup    = "lookup"
	StepTCP       = "tcp" // one for each address
	StepTLS       = "tls"
	StepPeer      = "peer"  // what speaks there instead
	StepChain     = "chain" // one for each thing to say about the server's certificates
	StepTrust     = "trust"
	StepIdentity  = "identity" // the client certificate, or the user name
	StepConnect   = "connect"
	StepConnack   = "connack"
	StepSession   = "session"
	StepRoundTrip = "round_trip"
	StepEnd       = "end"
)

// Step is one thing that was tried.
type Step struct {
	ID     string         `json:"id"`
	Offset time.Duration  `json:"offset_ns"` // since the check began
	Took   time.Duration  `json:"took_ns"`
	State  attempt.State  `json:"state"` // 0 as it should be, 1 remarkable, 2 what ends the check
	Title  string         `json:"title"`
	Detail string         `json:"detail,omitempty"`
	Advice string         `json:"advice,omitempty"`
	Facts  []attempt.Fact `json:"facts,omitempty"`
}

// Result is how a check went.
type Result struct {
	Steps   []Step        `json:"steps"`
	Code    int           `json:"code"` // the return code of CONNACK; -1 when none came
	Exit    int           `json:"exit"` // one of the exit codes of this package
	Summary string        `json:"summary"`
	Advice  string        `json:"advice,omitempty"`
	Took    time.Duration `json:"took_ns"`
}

// Exit codes. A return code N of CONNACK other than 0 is ExitCode + N.
const (
	ExitAccepted  = 0
	ExitFailure   = 1 // interrupted, or out of time before anything else could be said
	ExitUsage     = 2
	ExitCode      = 10
	ExitFiles     = 20 // the device's own files cannot be used
	ExitLookup    = 21 // the name has no address
	ExitTCP       = 22 // no address takes a connection
	ExitTLS       = 23 // no handshake
	ExitTrust     = 24 // the server has not proved who it is; the credential was not sent
	ExitNoAnswer  = 25 // no CONNACK in time
	ExitClosed    = 26 // closed before a CONNACK, or right after an accepting one
	ExitOther     = 27 // something else than MQTT 3.1.1 speaks there
	ExitRoundTrip = 28 // accepted, but the message did not come back
)

var _ = files.MaxFile
