package sim

import (
	"bufio"
	"context"
	"crypto/tls"
	"fmt"
	"net"
	"time"
)

// Result is what came of one connection attempt.
type Result struct {
	Code           int   // the CONNACK's code as it came; -1 when none came
	Err            error // nil when connected; else *RefusedError or *ConnectError
	SessionPresent bool  // the server resumed a session (3.1.1 and 5)
	V5             bool  // the CONNACK was one of MQTT 5: Code is a reason code
	Took           time.Duration
	Advice         Advice

	Local, Remote     string // the ends of the connection; empty when there was none
	TLSVersion, Suite string // empty when TLS was not agreed on
}

// Accepted reports that the device is connected.
func (r Result) Accepted() bool { return r.Err == nil }

// Reconnect applies the package's policy to this result: see the function Reconnect. Failures that last are not tried again.
func (r Result) Reconnect(attempt int) (wait time.Duration, again bool) {
	if r.Advice != AdviceLater && r.Advice != AdviceNone {
		return 0, false
	}
	return Reconnect(-1, attempt)
}

// readAhead is enough for the packets that most devices get; longer ones are read past it.
const readAhead = 512

// connack is a server's answer to CONNECT.
type connack struct {
	packet  []byte
	code    int
	present bool
	v5      bool
}

// greet makes one TCP connection, one TLS handshake and one CONNECT, and reads one CONNACK. The link is nil unless code 0 came. It ends
// with ctx, at whatever it waits for.
func (d *Device) greet(ctx context.Context, o Options, t target, r *Result) (*link, connack, error) {
	raw, err := (&net.Dialer{}).DialContext(ctx, "tcp", t.address)
	if err != nil {
		return nil, connack{}, explain(ctx, stageTCP, t.address, t, err)
	}
	r.Local, r.Remote = raw.LocalAddr().String(), raw.RemoteAddr().String()
	d.note("connected to %s from %s", r.Remote, r.Local)
	if o.Faults != nil {
		raw = o.Faults.Wrap(raw)
	}
	secure := tls.Client(raw, t.tls)
	if err := secure.HandshakeContext(ctx); err != nil {
		_ = raw.Close()
		return nil, connack{}, explain(ctx, stageTLS, t.address, t, err)
	}
	state := secure.ConnectionState()
	r.TLSVersion, r.Suite = tls.VersionName(state.Version), tls.CipherSuiteName(state.CipherSuite)
	judged := "trusted"
	if o.TrustEverybody {
		judged = "not checked"
	}
	d.note("%s · %s · server certificate %q %s", r.TLSVersion, r.Suite, state.PeerCertificates[0].Subject.CommonName, judged)

	l := &link{tls: secure, r: bufio.NewReaderSize(secure, readAhead), faults: o.Faults, remark: d.note}
	l.note = func(outbound bool, packet []byte) { d.packet(outbound, packet, t.level) }
	stop := context.AfterFunc(ctx, func() { _ = raw.SetDeadline(time.Unix(1, 0)) })
	answer, err := l.connect(appendConnect(nil, o, t), t.level)
	if !stop() && err == nil { // the deadline struck between the answer and here
		err = ctx.Err()
	}
	if err != nil {
		_ = l.Close()
		return nil, connack{}, explain(ctx, stageConnack, t.address, t, err)
	}
	if answer.code != 0 {
		_ = l.Close()
		return nil, answer, nil
	}
	if o.Faults != nil {
		l.leave = o.Faults.Join(l.sendRaw)
	}
	return l, answer, nil
}

// connect sends a CONNECT and reads the answer. A server may answer before it has read all, and close: the answer counts then.
func (l *link) connect(packet []byte, level byte) (connack, error) {
	sent := l.send(packet)
	first, err := l.r.Peek(1)
	if err == nil && first[0] != typeConnack<<4 { // what speaks another protocol is not read on: its lengths mean nothing
		beginning, _ := l.r.Peek(min(l.r.Buffered(), 16))
		return connack{}, fmt.Errorf("the answer to CONNECT is not a CONNACK; it begins with %q", beginning)
	}
	var answer []byte
	if err == nil {
		answer, err = l.receive()
	}
	if err != nil {
		if sent != nil && !isAlert(err) {
			err = sent
		}
		return connack{}, err
	}
	return readConnack(answer, level)
}

// readConnack takes a CONNACK apart: of 3.1.1's form, or, when MQTT 5 was asked for, of either.
func readConnack(packet []byte, level byte) (connack, error) {
	body := packetBody(packet)
	if len(body) < 2 {
		return connack{}, fmt.Errorf("its CONNACK has %d bytes instead of 2", len(body))
	}
	c := connack{packet: packet, code: int(body[1]), present: body[0]&1 != 0}
	switch {
	case len(body) == 2:
		if level == 5 && c.code == 0 {
			return connack{}, fmt.Errorf("it accepted MQTT 5 with a CONNACK of MQTT 3.1.1")
		}
	case level == 5:
		c.v5 = true
	default:
		return connack{}, fmt.Errorf("its CONNACK has %d bytes instead of 2", len(body))
	}
	return c, nil
}
