package check

import (
	"bytes"
	"crypto/ecdsa"
	"crypto/rsa"
	"crypto/x509"
	"fmt"
	"net"
	"strings"
	"time"

	"gatehouse/app/check/files"
	"gatehouse/gateway/attempt"
)

// finding is one thing to say about the server's certificates.
type finding struct {
	id                    string
	state                 attempt.State // Bad: the server has not proved who it is
	title, detail, advice string
}

// judged is what a device that verifies by the book makes of a server's certificates.
type judged struct {
	findings []finding
	root     string // what the chain leads to, when it leads to something that is trusted
}

func (j judged) trusted() bool {
	for _, f := range j.findings {
		if f.state == attempt.Bad {
			return false
		}
	}
	return true
}

// reasons are the titles of all that speaks against the server.
func (j judged) reasons() string {
	var said []string
	for _, f := range j.findings {
		if f.state == attempt.Bad {
			said = append(said, lower(f.title))
		}
	}
	return strings.Join(said, "; ")
}

func (j *judged) say(state attempt.State, id, title, detail, advice string) {
	j.findings = append(j.findings, finding{id, state, title, detail, advice})
}

// nearExpiry is how long before its end a server's certificate is remarked upon.
const nearExpiry = 14 * 24 * time.Hour

// judge looks at the chain as it was sent, leaf first, and finds all that is wrong with it, not the first thing alone. roots
// nil means the system's.
func judge(sent []*x509.Certificate, host string, roots *x509.CertPool, now time.Time) judged {
	var j judged
	if len(sent) == 0 {
		j.say(attempt.Bad, "no_certificate", "The server sent no certificate", "", "Set one up on the server.")
		return j
	}
	j.name(sent[0], host)
	for i, c := range sent {
		j.dates(c, i, now)
		j.strength(c, i)
	}
	path := j.order(sent)
	j.trust(sent, path, roots, now)
	return j
}

func called(c *x509.Certificate, i int) string {
	if i == 0 {
		return "The server’s certificate"
	}
	return "The certificate “" + files.Subject(c) + "” of its chain"
}

// name judges whether the certificate is for the name by which the server was called.
func (j *judged) name(leaf *x509.Certificate, host string) {
	names := namesIn(leaf)
	cn := files.Subject(leaf)
	if len(names) == 0 {
		if strings.EqualFold(leaf.Subject.CommonName, host) {
			j.say(attempt.Bad, "common_name_only", "The certificate names the server in its Common Name only",
				"Common Name “"+cn+"”, no subject alternative names. Old devices accept that, today’s do not.", "Issue a certificate with the name among its subject alternative names.")
			return
		}
		j.say(attempt.Bad, "wrong_name", "The certificate is for another name", fmt.Sprintf("Called “%s”; the certificate is for Common Name “%s” and has no subject alternative names.", host, cn),
			"Connect by a name of the certificate, or issue one for this name.")
		return
	}
	if leaf.VerifyHostname(host) == nil {
		return
	}
	listed := strings.Join(names[:min(len(names), 12)], ", ")
	if more := len(names) - 12; more > 0 {
		listed += fmt.Sprintf(" and %d more", more)
	}
	j.say(attempt.Bad, "wrong_name", "The certificate is for another name", fmt.Sprintf("Called “%s”; the certificate is for %s (Common Name “%s”).", host, listed, cn),
		"Connect by one of these names, or issue a certificate for this one."+addressAdvice(host))
}

// namesIn are the subject alternative names of a certificate. They are whatever its maker wrote.
func namesIn(c *x509.Certificate) []string {
	var names []string
	for _, name := range c.DNSNames {
		names = append(names, files.Visible(name))
	}
	for _, ip := range c.IPAddresses {
		names = append(names, ip.String())
	}
	return names
}

func addressAdvice(host string) string {
	if net.ParseIP(host) != nil {
		return " An address must stand in the certificate as an IP address, not as a name."
	}
	return ""
}

func (j *judged) dates(c *x509.Certificate, i int, now time.Time) {
	switch who := called(c, i); {
	case now.After(c.NotAfter):
		j.say(attempt.Bad, "expired", who+" has expired", "It was valid until "+moment(c.NotAfter)+".", "Renew it on the server. If it is not that old, this machine’s clock is wrong.")
	case now.Before(c.NotBefore):
		j.say(attempt.Bad, "not_yet_valid", who+" is not valid yet", "It is valid from "+moment(c.NotBefore)+" on.", "Set the clock: of this machine, or of the one that issued it.")
	case c.NotAfter.Sub(now) < nearExpiry:
		j.say(attempt.Warn, "near_expiry", who+" expires soon", "It is valid until "+moment(c.NotAfter)+".", "Renew it on the server.")
	}
}

func moment(t time.Time) string { return t.UTC().Format("2006-01-02 15:04 UTC") }

// strength judges key and signature. The signature of a root says nothing, since it is trusted for itself.
func (j *judged) strength(c *x509.Certificate, i int) {
	const advice = "Issue it anew with RSA-2048 or P-256 and SHA-256."
	switch k := c.PublicKey.(type) {
	case *rsa.PublicKey:
		if bits := k.N.BitLen(); bits < 2048 {
			j.say(attempt.Bad, "weak_key", called(c, i)+" has a weak key", fmt.Sprintf("RSA-%d; devices and systems of today want 2048 bits or more.", bits), advice)
		}
	case *ecdsa.PublicKey:
		if k.Params().BitSize < 256 {
			j.say(attempt.Bad, "weak_key", called(c, i)+" has a weak key", "ECDSA "+k.Params().Name+"; P-256 or more is wanted.", advice)
		}
	}
	if bytes.Equal(c.RawSubject, c.RawIssuer) && i > 0 {
		return
	}
	switch c.SignatureAlgorithm {
	case x509.MD2WithRSA, x509.MD5WithRSA, x509.SHA1WithRSA, x509.DSAWithSHA1, x509.ECDSAWithSHA1:
		j.say(attempt.Bad, "weak_signature", called(c, i)+" is signed with a weak hash", c.SignatureAlgorithm.String()+", which devices and systems of today refuse.", advice)
	}
}

func signed(child, parent *x509.Certificate) bool {
	if !bytes.Equal(child.RawIssuer, parent.RawSubject) {
		return false
	}
	err := parent.CheckSignature(child.SignatureAlgorithm, child.RawTBSCertificate, child.Signature)
	_, weak := err.(x509.InsecureAlgorithmError) // which is said, and does not make it another's
	return err == nil || weak
}

func selfIssued(c *x509.Certificate) bool { return signed(c, c) }

// order walks from the leaf to the top of what was sent, and says what stands in the wrong place or does not belong there.
func (j *judged) order(sent []*x509.Certificate) (path []*x509.Certificate) {
	used := make([]bool, len(sent))
	used[0] = true
	path = append(path, sent[0])
	places := []int{0}
	for at := sent[0]; !selfIssued(at); {
		next := -1
		for i, c := range sent {
			if !used[i] && signed(at, c) {
				next = i
				break
			}
		}
		if next < 0 {
			break
		}
		used[next] = true
		at = sent[next]
		path, places = append(path, at), append(places, next)
	}
	for i := 1; i < len(places); i++ {
		if places[i] < places[i-1] {
			j.say(attempt.Warn, "wrong_order", "The chain is sent in the wrong order", "Each certificate should be followed by its issuer. Many devices sort it out, small ones do not.",
				"Put the server’s certificate first, then each issuer, in the file that the server reads.")
			break
		}
	}
	var extra []string
	for i, c := range sent {
		if !used[i] {
			extra = append(extra, "“"+files.Subject(c)+"”")
		}
	}
	if len(extra) > 0 {
		j.say(attempt.Warn, "extra_certificates", "The server sends certificates that do not belong to its chain", strings.Join(extra[:min(len(extra), 6)], ", ")+".", "Leave them out: each costs every handshake time and memory.")
	}
	if top := path[len(path)-1]; len(path) > 1 && selfIssued(top) {
		j.say(attempt.Warn, "root_sent", "The server sends its root as well", "“"+files.Subject(top)+"”: a device trusts its own copy only.", "Leave the root out, to save devices the bytes.")
	}
	return path
}

// trust judges whether the chain leads to an authority that is trusted, at a time at which all of it is valid, since what
// has expired is said already.
func (j *judged) trust(sent, path []*x509.Certificate, roots *x509.CertPool, now time.Time) {
	between := x509.NewCertPool()
	for _, c := range sent[1:] {
		between.AddCert(c)
	}
	options := x509.VerifyOptions{Roots: roots, Intermediates: between, CurrentTime: validTime(path, now)}
	chains, err := sent[0].Verify(options)
	if err == nil {
		top := chains[0][len(chains[0])-1]
		j.root = files.Subject(top)
		if j.trusted() && now.After(top.NotAfter) {
			j.say(attempt.Bad, "expired", "The trusted root has expired", "“"+j.root+"” was valid until "+moment(top.NotAfter)+".", "Give devices a new root.")
		}
		return
	}
	if invalid, is := err.(x509.CertificateInvalidError); is {
		j.invalid(invalid)
		return
	}
	if j.has("weak_signature") {
		j.say(attempt.Bad, "unknown_root", "The chain cannot be verified because of its weak signatures", "", "Issue it anew with SHA-256.")
		return
	}
	for _, c := range path[1:] {
		if !c.IsCA {
			j.invalid(x509.CertificateInvalidError{Cert: c, Reason: x509.NotAuthorizedToSign})
			return
		}
	}
	top := path[len(path)-1]
	switch {
	case len(path) == 1 && selfIssued(top):
		j.say(attempt.Bad, "self_signed", "The certificate is self-signed, and not trusted", "“"+files.Subject(top)+"” vouches for itself; anybody can make one like it.",
			"If you know it to be right, give the certificate itself as the authority to trust (--ca).")
	case selfIssued(top):
		j.say(attempt.Bad, "unknown_root", "The chain ends in an authority that is not trusted", "“"+files.Subject(top)+"” is not among the trusted ones"+lookalike(top, roots)+".", "Give its root as the authority to trust (--ca), if you know it to be right.")
	case len(path) == 1:
		j.say(attempt.Bad, "missing_intermediate", "A certificate of the chain is missing",
			"The server sent its own certificate alone. It was issued by “"+files.Issuer(top)+"”, which is neither sent nor trusted.",
			"Have the server send the intermediate certificate after its own. If “"+files.Issuer(top)+"” is a root, give it as the authority to trust (--ca).")
	default:
		j.say(attempt.Bad, "unknown_root", "The chain ends in an authority that is not trusted",
			"“"+files.Subject(top)+"” was issued by “"+files.Issuer(top)+"”, which is not among the trusted ones"+lookalike(top, roots)+".", "Give that root as the authority to trust (--ca), if you know it to be right.")
	}
}

// lookalike says that a trusted authority has the issuer's name and another key: a root that was made anew.
func lookalike(top *x509.Certificate, roots *x509.CertPool) string {
	if roots == nil {
		return ""
	}
	//lint:ignore SA1019 it leaves the system's roots out, and only given ones are asked for here.
	for _, subject := range roots.Subjects() {
		if bytes.Equal(subject, top.RawIssuer) {
			return ": an authority of the same name is, but with another key"
		}
	}
	return ""
}

func (j *judged) invalid(err x509.CertificateInvalidError) {
	switch err.Reason {
	case x509.IncompatibleUsage:
		j.say(attempt.Bad, "wrong_usage", "The certificate is not meant for a server", "Its extended key usage leaves out TLS servers.", "Issue one for TLS servers (serverAuth).")
	case x509.NotAuthorizedToSign:
		j.say(attempt.Bad, "not_an_authority", "A certificate of the chain may not issue others", "“"+files.Subject(err.Cert)+"” is not marked as an authority.", "Issue the chain anew, with CA:TRUE in the intermediate.")
	case x509.Expired:
		if !j.has("expired") && !j.has("not_yet_valid") {
			j.say(attempt.Bad, "expired", "A certificate of the chain is not valid now", "“"+files.Subject(err.Cert)+"”, from "+moment(err.Cert.NotBefore)+" to "+moment(err.Cert.NotAfter)+".", "Renew it.")
		}
	case x509.TooManyIntermediates:
		j.say(attempt.Bad, "invalid_chain", "The chain is longer than one of its authorities allows", "“"+files.Subject(err.Cert)+"” may not have so many intermediates below it.", "Issue the chain anew.")
	case x509.CANotAuthorizedForThisName, x509.UnconstrainedName, x509.NameConstraintsWithoutSANs, x509.TooManyConstraints:
		j.say(attempt.Bad, "invalid_chain", "An authority of the chain may not issue for this name", "Its name constraints leave the server’s name out.", "Have another authority issue it.")
	case x509.CANotAuthorizedForExtKeyUsage:
		j.say(attempt.Bad, "invalid_chain", "An authority of the chain may not issue for servers", "“"+files.Subject(err.Cert)+"” is for other purposes.", "Have another authority issue it.")
	default:
		j.say(attempt.Bad, "invalid_chain", "The chain breaks the rules of X.509", "", "Issue the chain anew.")
	}
}

func (j *judged) has(id string) bool {
	for _, f := range j.findings {
		if f.id == id {
			return true
		}
	}
	return false
}

// validTime is now, or when something has expired or is not valid yet, a time at which all of the path is or was valid.
func validTime(path []*x509.Certificate, now time.Time) time.Time {
	from, to := path[0].NotBefore, path[0].NotAfter
	for _, c := range path {
		if c.NotBefore.After(from) {
			from = c.NotBefore
		}
		if c.NotAfter.Before(to) {
			to = c.NotAfter
		}
	}
	switch {
	case now.Before(from):
		return from
	case now.After(to):
		return to
	}
	return now
}

func lower(s string) string {
	if s == "" {
		return s
	}
	return strings.ToLower(s[:1]) + s[1:]
}
