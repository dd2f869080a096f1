package check

import (
	"bytes"
	"context"
	"crypto/tls"
	"crypto/x509"
	"net"
	"net/netip"
	"sync/atomic"
	"time"

	"gatehouse/app/check/files"
	"gatehouse/gateway/attempt"
)

// Run checks, step by step; each, when it is not nil, is told of every step as soon as it is known, from Run's goroutine.
// It returns when all is said, the time is up or the context is done, and leaves no goroutine behind. Doing it again does
// the same again: nothing is kept.
func Run(ctx context.Context, o Options, each func(Step)) Result {
	if o.Timeout <= 0 {
		o.Timeout = wholeBound
	}
	if o.Now == nil {
		o.Now = time.Now
	}
	if o.Dial == nil {
		o.Dial = (&net.Dialer{KeepAlive: -1}).DialContext
	}
	if o.Lookup == nil {
		o.Lookup = func(ctx context.Context, host string) ([]netip.Addr, error) {
			return net.DefaultResolver.LookupNetIP(ctx, "ip", host)
		}
	}
	if o.ClientID == "" {
		o.ClientID = DefaultClientID
	}
	o.HasPassword = o.HasPassword || len(o.Password) > 0
	outer := ctx
	ctx, done := context.WithTimeout(ctx, o.Timeout)
	defer done()
	r := &run{o: o, ctx: ctx, outer: outer, each: each, now: o.Now, roots: o.Roots, trustedBy: "what was given", result: Result{Code: -1, Exit: ExitFailure}}
	r.began = r.now()
	r.whole()
	r.release()
	r.result.Took = r.now().Sub(r.began)
	return r.result
}

// run is one check under way.
type run struct {
	o     Options
	ctx   context.Context // ends with the whole's time
	outer context.Context // ends when whoever asked has had enough
	each  func(Step)
	now   func() time.Time
	began time.Time

	target    target
	identity  files.Identity
	roots     *x509.CertPool
	trustedBy string
	address   netip.Addr             // in use
	held      []func()               // gives back what is open
	undo      atomic.Pointer[func()] // what an interruption does before the connection is closed; nil: nothing

	result Result
}

// hold closes a connection when the check ends, or at once when it is interrupted.
func (r *run) hold(conn net.Conn) {
	stop := context.AfterFunc(r.ctx, func() {
		if undo := r.undo.Load(); undo != nil {
			(*undo)()
		}
		_ = conn.Close()
	})
	r.held = append(r.held, func() {
		stop()
		_ = conn.Close()
	})
}

func (r *run) release() {
	for _, give := range r.held {
		give()
	}
	r.held = nil
}

// step tells of a step that began at a time and ends now.
func (r *run) step(s Step, began time.Time) { r.stepAt(s, began, r.now().Sub(began)) }

func (r *run) stepAt(s Step, began time.Time, took time.Duration) {
	s.Offset, s.Took = began.Sub(r.began), took
	r.result.Steps = append(r.result.Steps, s)
	if r.each != nil {
		r.each(s)
	}
}

// end tells of the step that ends the check; it sums the check up.
func (r *run) end(exit int, s Step, began time.Time) {
	if r.outer.Err() != nil {
		r.interrupted()
		return
	}
	r.step(s, began)
	r.result.Exit, r.result.Summary, r.result.Advice = exit, s.Title+".", s.Advice
	if s.ID == StepFiles { // its title is but the file's name
		r.result.Summary = s.Title + ": " + s.Detail
	}
}

func (r *run) interrupted() {
	if r.result.Summary != "" {
		if r.outer.Err() != nil && r.result.Exit == ExitAccepted {
			r.interruptedAccepted()
		}
		return
	}
	r.result.Exit, r.result.Summary = ExitFailure, "The check was interrupted."
	if r.outer.Err() == nil {
		r.result.Summary, r.result.Advice = "The time for the whole check was up.", "Allow more time (--timeout)."
	}
}

func (r *run) whole() {
	var err error
	if r.target, err = parseTarget(r.o.Target); err != nil {
		r.end(ExitUsage, Step{ID: StepTarget, State: attempt.Bad, Title: "The address cannot be used", Detail: err.Error() + ".", Advice: ""}, r.began)
		return
	}
	if !r.files() || !r.plainAllowed() {
		return
	}
	found, ok := r.lookup()
	if !ok {
		return
	}
	conn, address := r.dialAll(found)
	if conn == nil {
		r.noConnection()
		return
	}
	r.address = address
	r.hold(conn)
	if r.target.plain {
		r.speak(link{Conn: conn})
		return
	}
	s, ok := r.secure(conn)
	if !ok {
		return
	}
	if !r.mayTrust(s.judged) {
		r.withheld(s, r.now())
		return
	}
	if !s.judged.trusted() {
		r.step(Step{ID: StepTrust, State: attempt.Warn, Title: "The server has not proved who it is", Detail: "The credential is sent all the same, as was asked for.", Advice: "Whoever answers there may use the password."}, r.now())
	}
	r.identified(s)
	r.speak(link{Conn: s.conn, secured: s})
}

// noConnection sums up that no address took a connection, which their steps have said.
func (r *run) noConnection() {
	if r.outer.Err() != nil {
		r.interrupted()
		return
	}
	r.result.Exit, r.result.Summary = ExitTCP, "No address takes a connection."
	last := r.result.Steps[len(r.result.Steps)-1]
	r.result.Advice = last.Advice
}

// files reads the device's files and the authorities to trust.
func (r *run) files() bool {
	began := r.now()
	if len(r.o.Files) > 0 || r.o.User != "" {
		r.step(Step{ID: StepNotice, State: attempt.Warn, Title: "Before anything is sent", Detail: Notice}, began)
	}
	if r.o.HasPassword && r.o.User == "" {
		r.end(ExitUsage, Step{ID: StepTarget, State: attempt.Bad, Title: "There is a password, but no user name", Detail: "MQTT sends none without the other.", Advice: "Give the user name, for this gateway the Key SID (--user)."}, began)
		return false
	}
	for _, s := range remarks(r.o) {
		r.step(s, began)
	}
	var read []files.File
	good := true
	for _, given := range r.o.Files {
		f := files.Inspect(given.Name, given.Content, r.o.Passphrase)
		switch given.As {
		case CertificateRole:
			f.Problems = append(f.Problems, files.WantCertificate(f)...)
		case KeyRole:
			f.Problems = append(f.Problems, files.WantKey(f)...)
		}
		r.step(Step{ID: StepFiles, Title: f.Name, Detail: f.Title, Facts: f.Facts}, began)
		good = r.problems(f.Problems, began) && good
		read = append(read, f)
	}
	if !good {
		return false
	}
	if len(read) > 0 {
		identity, together := files.Pick(read, r.now())
		if !r.problems(together, began) {
			return false
		}
		if identity.Leaf == nil {
			r.end(ExitFiles, Step{ID: StepFiles, State: attempt.Bad, Title: "No certificate and key in the files", Detail: "Nothing in them can authenticate a device.", Advice: "Give the device’s certificate and its private key."}, began)
			return false
		}
		r.identity = identity
		r.step(Step{ID: StepFiles, Title: "Key and certificate belong together", Detail: joined(files.Subject(identity.Leaf), files.KeyName(identity.Leaf.PublicKey), chainLength(identity.Chain))}, began)
	}
	return r.authorities(began)
}

func chainLength(chain []*x509.Certificate) string {
	if len(chain) == 0 {
		return ""
	}
	return "with " + count(len(chain), "certificate", "certificates") + " of its chain"
}

// problems tells of problems with files; false means that the check ends.
func (r *run) problems(all []files.Problem, began time.Time) bool {
	good := true
	for _, p := range all {
		step := Step{ID: StepFiles, State: p.State, Title: or(p.File, "The files together"), Detail: p.What, Advice: p.Advice, Facts: facts("problem", p.ID)}
		r.step(step, began)
		if p.State != attempt.Bad {
			continue
		}
		if good = false; r.result.Summary == "" {
			r.result.Exit, r.result.Summary, r.result.Advice = ExitFiles, step.Title+": "+p.What, p.Advice
		}
	}
	return good
}

// authorities reads whom to trust.
func (r *run) authorities(began time.Time) bool {
	if r.target.plain {
		return true
	}
	if r.o.CA == nil {
		if r.roots == nil {
			r.trustedBy = "this machine"
		}
		return true
	}
	r.trustedBy = or(r.o.CAName, "the given authorities")
	f := files.Inspect(r.trustedBy, r.o.CA, nil)
	if len(f.Certificates) == 0 {
		step := Step{ID: StepFiles, State: attempt.Bad, Title: r.trustedBy, Detail: "It was given as the authority to trust, but no certificate can be read from it.", Advice: "Give the root certificate of the server’s authority, a .pem file."}
		for _, p := range f.Problems {
			if p.State == attempt.Bad {
				step.Detail, step.Advice = p.What, p.Advice
			}
		}
		r.end(ExitFiles, step, began)
		return false
	}
	r.roots = x509.NewCertPool()
	for _, c := range f.Certificates {
		r.roots.AddCert(c)
		switch {
		case r.now().After(c.NotAfter):
			r.step(Step{ID: StepFiles, State: attempt.Warn, Title: r.trustedBy, Detail: "The authority “" + files.Subject(c) + "” expired on " + moment(c.NotAfter) + ".", Advice: "Get its new root."}, began)
		case c.IsCA && !selfIssued(c):
			r.step(Step{ID: StepFiles, State: attempt.Warn, Title: r.trustedBy, Detail: "“" + files.Subject(c) + "” is an intermediate, not a root: it is trusted here, but OpenSSL’s clients, such as mosquitto’s, want the root.", Advice: "Give the root “" + files.Issuer(c) + "” instead."}, began)
		}
	}
	return true
}

// plainAllowed guards what must not go over the network in the clear.
func (r *run) plainAllowed() bool {
	if !r.target.plain {
		return true
	}
	began := r.now()
	if r.identity.Leaf != nil {
		r.step(Step{ID: StepIdentity, State: attempt.Warn, Title: "The certificate is not used", Detail: "There is no TLS over mqtt://, and so no certificates.", Advice: "Write mqtts:// to use it."}, began)
	}
	if r.o.User != "" && !r.o.Insecure {
		r.end(ExitTrust, Step{ID: StepTrust, State: attempt.Bad, Title: "Nothing was sent to this server",
			Detail: "The user name and password were not sent, because without TLS everybody on the way can read them.",
			Advice: "Write mqtts:// and the port for MQTT over TLS. Only in a network that you trust, send them all the same (--insecure)."}, began)
		return false
	}
	r.step(Step{ID: StepTrust, State: attempt.Warn, Title: "Without TLS", Detail: "Everybody on the way can read and change what is sent, and nothing proves who the server is.", Advice: "Use mqtts://; this gateway speaks nothing else."}, began)
	return true
}

// identified tells what the device presents.
func (r *run) identified(s *secured) {
	at := r.now()
	switch {
	case r.identity.Leaf != nil && s.sent:
		step := Step{ID: StepIdentity, Title: "Client certificate", Detail: joined(files.Subject(r.identity.Leaf), files.KeyName(r.identity.Leaf.PublicKey), "its key was proved"), Facts: files.CertificateFacts(r.identity.Leaf)}
		if r.o.User != "" {
			step.State = attempt.Warn
			step.Detail += "; this gateway ignores the user name and password beside it"
			step.Advice = "Give one or the other."
		}
		if named := issuersNamed(s.asked, r.identity); named != "" {
			step.State, step.Detail, step.Advice = attempt.Warn, step.Detail+"; "+named, "Devices with OpenSSL send it all the same; some others send none. See whether the server trusts its issuer."
		}
		r.step(step, at)
	case r.identity.Leaf != nil:
		r.step(Step{ID: StepIdentity, State: attempt.Warn, Title: "The client certificate was not asked for", Detail: "The server does not request one in the handshake, so it was not sent.",
			Advice: "Have the server request client certificates, or use another port of it."}, at)
	}
}

// issuersNamed says when a server names authorities and none of them issued the certificate or one of its chain.
func issuersNamed(asked *tls.CertificateRequestInfo, mine files.Identity) string {
	if asked == nil || len(asked.AcceptableCAs) == 0 {
		return ""
	}
	for _, c := range append([]*x509.Certificate{mine.Leaf}, mine.Chain...) {
		for _, name := range asked.AcceptableCAs {
			if bytes.Equal(name, c.RawIssuer) {
				return ""
			}
		}
	}
	return "its issuer, “" + files.Issuer(mine.Leaf) + "”, is not among the " + count(len(asked.AcceptableCAs), "authority", "authorities") + " that the server names"
}
