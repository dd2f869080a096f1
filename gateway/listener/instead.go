package listener

import (
	"crypto/tls"
	"net"

	"gatehouse/gateway/attempt"
	"gatehouse/gateway/cause"
	"gatehouse/gateway/pki"
	"gatehouse/gateway/wire"
)

// Instead makes a Listener that observes and records as always, and is something else than the gateway: nothing is admitted,
// and neither Hub nor Registry is needed.
type Instead struct {
	// Server is kept as attempt.Attempt.Server; not empty.
	Server string
	// Config makes the TLS configuration; it tells observe each ClientHello, and the chain that answers it.
	Config func(observe func(*tls.ClientHelloInfo, pki.Answer, error)) *tls.Config
	// Wrap is put around each socket; nil: nothing.
	Wrap func(net.Conn) net.Conn
	// Serve has the connection once its CONNECT is decoded and recorded, on a goroutine of its own. It decides, and returns by
	// the time that Closing is closed; what it returns is the end. The CONNECT's password has been cleared.
	Serve func(Taken) (why cause.ID, by string)
	// Ended is told the number of each attempt when it has ended.
	Ended func(id uint64)
}

// Taken is a connection up to its CONNECT.
type Taken struct {
	Conn       *tls.Conn
	Recorder   *attempt.Recorder
	Connect    wire.Connect
	Thumbprint string // of the client certificate, its key proven; empty: none
	Closing    <-chan struct{}
}

// instead hands a connection over, and records its end.
func (a *arrival) instead(c wire.Connect) {
	clear(c.Password)
	c.Password = nil
	why, by := a.l.other.Serve(Taken{Conn: a.tls, Recorder: a.rec, Connect: c, Thumbprint: a.thumbprint, Closing: a.shift.closing})
	if by == byGateway {
		a.lingerAndClose()
	} else {
		a.close()
	}
	a.rec.End(why, by, nil)
}
