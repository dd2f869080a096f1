package listener

import (
	"net"
	"testing"

	"github.com/stretchr/testify/assert"

	"gatehouse/gateway/attempt"
	"gatehouse/gateway/cause"
)

// reachedAt is a connection that arrived at an address of this machine.
type reachedAt struct {
	net.Conn
	ip string
}

func (c reachedAt) LocalAddr() net.Addr { return &net.TCPAddr{IP: net.ParseIP(c.ip), Port: 8883} }

// TestAnAddressThatTheCertificateLacksIsRemarkedOn: a device that dials it and sends no name cannot have checked the name.
func TestAnAddressThatTheCertificateLacksIsRemarkedOn(t *testing.T) {
	w := newWorld(t, Settings{})
	for _, c := range []struct {
		ip, name string
		want     []cause.ID
	}{
		{"192.0.2.7", "", []cause.ID{cause.NameNotSent}},
		{"2001:db8::7", "", []cause.ID{cause.NameNotSent}},
		{"192.0.2.7", "localhost", nil},
		{"192.0.2.7", "gateway.example", []cause.ID{cause.NameNotInCertificate}},
		{"127.0.0.1", "", nil}, // this machine's own names may be anything
		{"::1", "", nil},
	} {
		rec := w.log.Begin("192.0.2.1:5", net.JoinHostPort(c.ip, "8883"))
		a := &arrival{l: w.Listener, rec: rec, conn: &wireConn{Conn: reachedAt{ip: c.ip}}, serverName: c.name}
		a.remarkOnName()
		rec.Decide(attempt.NoAnswer, cause.ClosedBeforeConnect)
		rec.End(cause.ClosedBeforeConnect, byDevice, nil)
		found, _ := w.log.Get(rec.ID())
		assert.Equal(t, c.want, found.Warnings, "%s by the name %q", c.ip, c.name)
		if len(c.want) > 0 && c.name == "" {
			assert.Equal(t, c.ip, step(found, attempt.Warning).Fact("dialled"))
		}
	}
}
