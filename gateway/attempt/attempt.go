// Package attempt is the record of every connection attempt, from TCP accept to close: a bounded ring that is written by
// the listener and pulled by whoever shows it. It never calls out and never waits for a reader. It holds no words for
// people and never a secret.
package attempt

import (
	"time"

	"gatehouse/gateway/cause"
)

// Code is the CONNACK return code of an attempt, 0 to 5, or one of the ends without a CONNACK.
type Code int

// The ends without a CONNACK, and the time before one.
const (
	Pending  Code = -1 // not decided yet
	NoAnswer Code = -2 // TLS was fine, but no CONNACK was sent: malformed CONNECT, time-out, closed
	TLS      Code = -3 // the handshake failed
	TCP      Code = -4 // what came was not TLS
)

// Answered reports whether a CONNACK was sent.
func (c Code) Answered() bool { return c >= 0 }

// Refused reports whether the attempt ended without being accepted.
func (c Code) Refused() bool { return c != 0 && c != Pending }

// State is how a step went.
type State uint8

// A step is as it should be, remarkable, or the reason for a refusal.
const (
	Good State = iota
	Warn
	Bad
)

// Kind says what a step is about.
type Kind string

// The steps, in the order in which they usually come.
const (
	Accepted          Kind = "accepted"           // facts: remote, local
	FirstBytes        Kind = "first_bytes"        // what is not TLS, or inside it no MQTT; facts: looks_like, hex, within (TLS), method; of MQTT: protocol, level, clean, keepalive, client_id, user, password; of SSL 2: versions, suites; subprotocol
	ClientHello       Kind = "client_hello"       // facts: versions, suites (count), suite_names, sni, alpn, groups, signatures, session_ticket (resumes|understood), post_quantum (yes); unread: problem, offset, received
	ServerChain       Kind = "server_chain"       // facts: leaf (ECDSA P-256 or RSA-2048), name, names, not_before, not_after, intermediates, why, sent_1 (the leaf in a line), sent_2 …
	ClientCertificate Kind = "client_certificate" // facts: subject, issuer, serial, not_before, not_after, key, signature, names, key_usage, ca (yes), sha256, sha1, certificates (how many were sent), bytes (of all), sent_2 …, pem (of all)
	NoCertificate     Kind = "no_certificate"
	Handshake         Kind = "handshake" // facts: version, suite, group, resumed; when it failed: error, alert, alert_from, dialled, name_in_certificate, version, leaf_not_before, leaf_not_after, gateway_time, how (closed|reset), offered, taken, client_suites, gateway_suites, client_groups, gateway_groups, client_signatures
	Connect           Kind = "connect"   // facts: protocol, level, clean, keepalive, client_id, user, password (present|absent), will, hex
	Warning           Kind = "warning"   // facts: cause, and its own
	Lookup            Kind = "lookup"    // facts: by (key|certificate), credential, found, secret (matches|differs), device, name
	Verdict           Kind = "verdict"   // facts: cause, code, also
	Takeover          Kind = "takeover"  // facts: old_remote, old_attempt, old_credential, old_client_id, waited
	Session           Kind = "session"   // facts: present (yes|no), pending, subscriptions
	Connack           Kind = "connack"   // facts: code, hex
	Ended             Kind = "ended"     // facts: cause, by (device|gateway), error, after; for malformed: offset, rule; of a session: packets_in, packets_out, bytes_in, bytes_out, pings, last_packet, last_packet_at, silent_for, incomplete_packet, unwritten (bytes), how (closed|reset), new_remote, new_attempt, new_credential, new_client_id
)

// Fact is one thing known about a step.
type Fact struct {
	Name  string `json:"name"`
	Value string `json:"value"`
}

// Step is one event of an attempt.
type Step struct {
	Offset time.Duration `json:"offset_ns"` // since the TCP connection was accepted
	Kind   Kind          `json:"kind"`
	State  State         `json:"state"`
	Facts  []Fact        `json:"facts,omitempty"`
}

// Fact is the value of a fact, empty when it is not known.
func (s Step) Fact(name string) string {
	for _, f := range s.Facts {
		if f.Name == name {
			return f.Value
		}
	}
	return ""
}

// Packet is one MQTT packet as it was on the wire, with passwords blanked out.
type Packet struct {
	Offset   time.Duration `json:"offset_ns"`
	Outbound bool          `json:"outbound"` // from the gateway to the device
	Bytes    []byte        `json:"bytes"`    // at most MaxPacketBytes of it
	Length   int           `json:"length"`   // of the whole packet, in bytes
}

// Inputs are what admission judged, without the secret. They never change once they are recorded.
type Inputs struct {
	ProtocolName  string `json:"protocol_name"`
	ProtocolLevel byte   `json:"protocol_level"`
	Service       uint8  `json:"service"` // an admission.Service: whether the gateway took connections at all
	RateLimited   bool   `json:"rate_limited"`
	HasUser       bool   `json:"has_user"`
	UserIsKeySID  bool   `json:"user_is_key_sid"`
	HasPassword   bool   `json:"has_password"` // and it was not empty
	// KeyHash names what was stored of the key's secret then: the first 16 hex digits of the SHA-256 of salt and hash. When
	// the key still has it, the same secret leads to the same answer.
	KeyHash       string `json:"key_hash,omitempty"`
	SecretMatched bool   `json:"secret_matched"`
}

// Attempt is a snapshot of one connection attempt.
type Attempt struct {
	ID     uint64    `json:"id"` // rises by one for each attempt since the gateway was opened
	At     time.Time `json:"at"` // TCP accept
	Remote string    `json:"remote"`
	Local  string    `json:"local"`

	Code  Code     `json:"code"`
	Cause cause.ID `json:"cause"` // empty while pending
	// Also holds further reasons that would have led to a refusal, had the first not.
	Also     []cause.ID `json:"also,omitempty"`
	Warnings []cause.ID `json:"warnings,omitempty"`

	// Who it was, as far as that is known.
	DeviceSID     string `json:"device_sid,omitempty"`
	DeviceName    string `json:"device_name,omitempty"` // as it was then
	CredentialSID string `json:"credential_sid,omitempty"`
	Thumbprint    string `json:"thumbprint,omitempty"` // SHA-256 of the presented certificate, hex
	// PresentedUser is the user name that was sent, unless it could hold a secret: only Key SIDs are kept.
	PresentedUser string `json:"presented_user,omitempty"`
	ServiceSID    string `json:"service_sid,omitempty"`
	ClientID      string `json:"client_id,omitempty"`
	ServerName    string `json:"server_name,omitempty"` // by which the device called the gateway: SNI
	// Server names the wrong server of the lab that took the connection; empty for the gateway itself.
	Server string `json:"server,omitempty"`
	// Inputs is what the verdict rested on, so that it can be reached again; nil when it did not come so far.
	Inputs *Inputs `json:"inputs,omitempty"`

	Steps   []Step   `json:"steps,omitempty"`
	Packets []Packet `json:"packets,omitempty"`

	TLSTook  time.Duration `json:"tls_took_ns,omitempty"` // from the ClientHello to the end of the handshake; 0: it did not come so far
	Resumed  bool          `json:"resumed"`               // the session was there (CONNACK's session-present)
	Pending  int           `json:"pending"`               // messages that waited in it
	TookOver string        `json:"took_over,omitempty"`   // remote address of the connection that this one ended

	Live  bool          `json:"live"`          // accepted and not ended
	Done  bool          `json:"done"`          // nothing more will be added
	End   cause.ID      `json:"end,omitempty"` // how an accepted connection ended
	Total time.Duration `json:"total_ns"`      // until the verdict, then until the end
}
