package check

import (
	"bytes"
	"cmp"
	"context"
	"crypto/tls"
	"crypto/x509"
	"errors"
	"fmt"
	"io"
	"net"
	"strconv"
	"strings"
	"sync"
	"syscall"
	"time"

	"gatehouse/app/check/files"
	"gatehouse/gateway/attempt"
)

// heard wraps a connection and keeps the first bytes that came, to tell what speaks there when it is not TLS.
type heard struct {
	net.Conn
	mu    sync.Mutex
	first []byte
}

const maxHeard = 512

func (h *heard) Read(b []byte) (int, error) {
	n, err := h.Conn.Read(b)
	h.mu.Lock()
	if room := maxHeard - len(h.first); room > 0 {
		h.first = append(h.first, b[:min(n, room)]...)
	}
	h.mu.Unlock()
	return n, err
}

func (h *heard) bytes() []byte {
	h.mu.Lock()
	defer h.mu.Unlock()
	return bytes.Clone(h.first)
}

// secured is what a handshake told, whether it was finished or not.
type secured struct {
	conn     *tls.Conn
	heard    *heard
	chain    []*x509.Certificate // as it was sent
	judged   judged
	asked    *tls.CertificateRequestInfo // nil when the server did not ask for a client certificate
	sent     bool                        // the client certificate
	withheld bool                        // it was asked for, but the server had not proved who it is
}

// shake makes one handshake. The server's chain is judged by hand in the middle of it, before the client certificate would
// be sent, and without ending it: so that all is reported, and yet nothing given to a stranger.
func (r *run) shake(conn net.Conn, old bool, mine files.Identity) (*secured, error) {
	s := &secured{heard: &heard{Conn: conn}}
	config := &tls.Config{
		ServerName: r.target.host, NextProtos: r.o.ALPN, MinVersion: tls.VersionTLS12, Time: r.now,
		InsecureSkipVerify: true, // judged below
		VerifyConnection: func(state tls.ConnectionState) error {
			s.chain = state.PeerCertificates
			s.judged = judge(s.chain, r.target.host, r.roots, r.now())
			return nil
		},
		GetClientCertificate: func(asked *tls.CertificateRequestInfo) (*tls.Certificate, error) {
			s.asked = asked
			switch {
			case mine.Leaf == nil:
				return &tls.Certificate{}, nil
			case !r.mayTrust(s.judged):
				s.withheld = true
				return &tls.Certificate{}, nil
			}
			s.sent = true
			shown := &tls.Certificate{Certificate: [][]byte{mine.Leaf.Raw}, PrivateKey: mine.Signer, Leaf: mine.Leaf}
			for _, c := range mine.Chain {
				shown.Certificate = append(shown.Certificate, c.Raw)
			}
			return shown, nil
		},
	}
	if old {
		config.MinVersion = tls.VersionTLS10
		for _, suite := range append(tls.CipherSuites(), tls.InsecureCipherSuites()...) {
			config.CipherSuites = append(config.CipherSuites, suite.ID)
		}
	}
	s.conn = tls.Client(s.heard, config)
	ctx, done := context.WithTimeout(r.ctx, handshakeBound)
	defer done()
	err := s.conn.HandshakeContext(ctx)
	if err == nil {
		return s, nil
	}
	// The whole's context first: it closes the connection, which may be noticed before it has ended the one that hangs on it.
	if ended := cmp.Or(r.ctx.Err(), ctx.Err()); ended != nil {
		err = ended
	}
	return s, err
}

// mayTrust reports whether the credential may be given to a server.
func (r *run) mayTrust(j judged) bool { return j.trusted() || r.o.Insecure }

// secure makes the handshake, a second time with what is old when that may be the reason why it failed.
func (r *run) secure(conn net.Conn) (*secured, bool) {
	began := r.now()
	s, err := r.shake(conn, false, r.identity)
	if err == nil {
		r.shaken(s, began, false)
		return s, true
	}
	_ = conn.Close()
	if wantsOld(err) && r.ctx.Err() == nil {
		if again, bad := r.peer(); bad == nil {
			_ = again.SetDeadline(time.Time{})
			r.hold(again)
			if s, bad := r.shake(again, true, r.identity); bad == nil {
				r.shaken(s, began, true)
				return s, true
			}
			_ = again.Close()
		}
	}
	r.notShaken(s, err, began)
	return nil, false
}

// wantsOld reports whether a failure may come from a server that knows only old versions or suites.
func wantsOld(err error) bool {
	if a, is := received(err); is {
		return a == alertProtocolVersion || a == alertHandshakeFailure || a == alertInsufficientSecurity
	}
	return strings.Contains(err.Error(), "selected unsupported protocol version")
}

// shaken tells of a handshake that was finished.
func (r *run) shaken(s *secured, began time.Time, old bool) {
	state := s.conn.ConnectionState()
	version, suite, group := tls.VersionName(state.Version), tls.CipherSuiteName(state.CipherSuite), ""
	if state.CurveID != 0 {
		group = state.CurveID.String()
	}
	asks := "asks for no client certificate"
	if s.asked != nil {
		asks = "asks for a client certificate"
	}
	step := Step{ID: StepTLS, Title: version, Detail: joined(suite, group, labelled("ALPN", state.NegotiatedProtocol), asks),
		Facts: facts("version", version, "suite", suite, "group", group, "alpn", state.NegotiatedProtocol, "client_certificate_requested", yesNo(s.asked != nil))}
	if old {
		step.State, step.Detail = attempt.Warn, step.Detail+"; only with what is old: many devices and servers of today refuse it"
		step.Advice = "Have the server speak TLS 1.2 or 1.3 with an ECDHE suite of AES-GCM or ChaCha20."
	} else if state.Version == tls.VersionTLS12 && r.target.host != "" {
		step.Facts = append(step.Facts, attempt.Fact{Name: "note", Value: "the server does not speak TLS 1.3"})
	}
	r.step(step, began)
	r.chain(s)
}

// chain tells of the server's certificates, and whether they prove who it is.
func (r *run) chain(s *secured) {
	at := r.now()
	if len(s.chain) > 0 {
		leaf := s.chain[0]
		names := make([]string, 0, len(s.chain))
		for _, c := range s.chain {
			names = append(names, files.Subject(c))
		}
		if last := s.chain[len(s.chain)-1]; !selfIssued(last) {
			names = append(names, files.Issuer(last))
		}
		step := Step{ID: StepChain, Title: "Server chain", Detail: joined(strings.Join(names, " ← "), files.KeyName(leaf.PublicKey), "until "+leaf.NotAfter.UTC().Format("2006-01-02"))}
		step.Facts = append(files.CertificateFacts(leaf), facts("names", strings.Join(namesIn(leaf), " "), "sent", strconv.Itoa(len(s.chain)))...)
		r.step(step, at)
	}
	for _, f := range s.judged.findings {
		state := f.state
		if r.o.Insecure && state == attempt.Bad {
			state = attempt.Warn
		}
		r.step(Step{ID: StepChain, State: state, Title: f.title, Detail: f.detail, Advice: f.advice, Facts: facts("finding", f.id)}, at)
	}
	if s.judged.trusted() {
		r.step(Step{ID: StepTrust, Title: "The server is who it says", Detail: joined("its chain leads to “"+s.judged.root+"”", "trusted by "+r.trustedBy), Facts: facts("root", s.judged.root)}, at)
	}
}

// notShaken says why a handshake failed, and what speaks there if it is not TLS.
func (r *run) notShaken(s *secured, err error, began time.Time) {
	step := Step{ID: StepTLS, State: attempt.Bad, Title: "No TLS handshake"}
	if a, is := received(err); is {
		step.Title = "The server refused the handshake"
		step.Detail, step.Advice = "Alert “"+a.String()+"”: "+or(a.meaning(), "the server gives no other reason")+".", a.advice()
		step.Facts = facts("alert", a.String(), "alert_number", strconv.Itoa(int(a)))
		if s.withheld && (a == alertCertificateRequired || a == alertHandshakeFailure || a == alertBadCertificate) {
			// TLS 1.2 servers that insist refuse here what was withheld from them.
			r.chain(s)
			r.withheld(s, began)
			return
		}
		r.end(ExitTLS, step, began)
		return
	}
	if kind, told := recognise(s.heard.bytes()); told && kind != overTLS { // a part of a handshake is no stranger
		r.end(ExitOther, r.spoken(kind), began)
		return
	}
	switch {
	case errors.Is(err, context.DeadlineExceeded):
		step.Detail, step.Advice = "The server took the connection, but did not answer in time.", "It may wait for something else than TLS, or be overloaded."
	case errors.Is(err, context.Canceled):
		r.interrupted()
		return
	case len(s.heard.bytes()) == 0:
		step.Detail, step.Advice = "The server closed the connection without a word.", "It may not speak TLS on this port, or want something else first. See its log."
	case errors.Is(err, io.EOF), errors.Is(err, io.ErrUnexpectedEOF), errors.Is(err, syscall.ECONNRESET), errors.Is(err, net.ErrClosed):
		step.Detail, step.Advice = "The server closed the connection in the middle of the handshake.", "See its log: some close so when they do not accept a certificate."
	default:
		step.Detail, step.Advice = unusable(err)
		step.Facts = facts("error", files.Visible(err.Error()))
		r.end(ExitTLS, step, began)
		return
	}
	if kind, told := r.probePlain(); told {
		r.step(step, began)
		r.end(ExitOther, r.spoken(kind), r.now())
		return
	}
	r.end(ExitTLS, step, began)
}

// withheld ends the check before the credential is given to a server that has not proved who it is.
func (r *run) withheld(s *secured, began time.Time) {
	r.end(ExitTrust, Step{ID: StepTrust, State: attempt.Bad, Title: "Nothing was sent to this server",
		Detail: "The device’s credential was not sent, because the server has not proved who it is: " + s.judged.reasons() + ".",
		Advice: "Mend the server, or give its root as the authority to trust (--ca). Only if you know this server, send it all the same (--insecure)."}, began)
	if r.result.Exit == ExitTrust {
		r.result.Summary = "The server has not proved who it is, so nothing was sent to it: " + s.judged.reasons() + "."
	}
}

// refusedAfterwards tells of an alert that came when the handshake seemed finished, as under TLS 1.3, where a client is done
// before the server has looked at its certificate (RFC 8446, 4.4.2.4).
func (r *run) refusedAfterwards(s *secured, a alert, began time.Time) {
	step := Step{ID: StepTLS, State: attempt.Bad, Title: "The server refused after the handshake",
		Detail: "Alert “" + a.String() + "”: " + or(a.meaning(), "the server gives no other reason") + ".", Advice: a.advice(),
		Facts: facts("alert", a.String(), "alert_number", strconv.Itoa(int(a)))}
	if s.conn.ConnectionState().Version == tls.VersionTLS13 {
		step.Detail += " Under TLS 1.3 a device believes that it is connected until it reads this."
	}
	r.end(ExitTLS, step, began)
}

func joined(parts ...string) string {
	var said []string
	for _, p := range parts {
		if p != "" {
			said = append(said, p)
		}
	}
	return strings.Join(said, ", ")
}

func labelled(label, value string) string {
	if value == "" {
		return ""
	}
	return label + " " + value
}

func yesNo(b bool) string {
	if b {
		return "yes"
	}
	return "no"
}

func or(s, other string) string {
	if s == "" {
		return other
	}
	return s
}

func count(n int, one, many string) string {
	if n == 1 {
		return "1 " + one
	}
	return fmt.Sprintf("%d %s", n, many)
}
