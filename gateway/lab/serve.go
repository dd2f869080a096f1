package lab

import (
	"crypto/rand"
	"errors"
	"fmt"
	"net"
	"os"
	"strconv"
	"time"

	"gatehouse/gateway/attempt"
	"gatehouse/gateway/cause"
	"gatehouse/gateway/listener"
	"gatehouse/gateway/wire"
)

type causeID = cause.ID

const (
	byDevice  = "device"
	byGateway = "gateway"

	holdConnack = 90 * time.Second // by then a device has given up, or never will
	holdOpen    = 10 * time.Minute // the longest that a half-open connection is held
	writeWithin = 5 * time.Second
	slowRate    = 1024 // bytes a second of a throttled server
	readAhead   = 4096
)

// serve does what is wrong after CONNECT. The certificate kinds have no session to offer either: they refuse with code 3.
func (l *Lab) serve(i Info, s *server, t listener.Taken) (causeID, string) {
	l.identify(t)
	if i.Group == Certificate && !i.Lenient {
		t.Recorder.Warn(cause.LabNotValidated, attempt.F("server", string(i.Kind)))
	}
	switch i.Kind {
	case Withheld:
		return l.hold(t, holdConnack, true)
	case CloseConnect:
		t.Recorder.Decide(attempt.NoAnswer, cause.LabClosed)
		return cause.LabClosed, byGateway
	case CloseConnack:
		l.answer(t, false, 0)
		return cause.LabClosed, byGateway
	case HalfOpen:
		l.answer(t, false, 0)
		hold := holdOpen
		if t.Connect.KeepAlive > 0 {
			hold = min(hold, 2*time.Duration(t.Connect.KeepAlive)*time.Second+30*time.Second)
		}
		return l.hold(t, hold, false)
	case Garbage:
		noise := make([]byte, 64)
		_, _ = rand.Read(noise)
		noise[0] = 0xf3 // type 15 is reserved in MQTT 3.1.1 [MQTT-2.2.2-2]
		l.write(t, noise)
		return l.hold(t, 30*time.Second, true)
	case WrongPresent:
		l.answer(t, true, 0)
		return l.hold(t, 30*time.Second, true)
	case Throttled:
		l.answer(t, false, 0)
		return l.hold(t, holdConnack, true)
	case ReturnCode:
		l.answer(t, false, l.codeFor(s, t.Recorder.ID()))
		return cause.LabClosed, byGateway
	}
	l.answer(t, false, 3)
	return cause.LabCode, byGateway
}

// identify says whose credential it is; whether the secret is right is not asked.
func (l *Lab) identify(t listener.Taken) {
	var credential, device string
	if c, found := l.p.Registry.CertificateByThumbprint(t.Thumbprint); found && t.Thumbprint != "" {
		credential, device = c.SID, c.DeviceSID
	} else if k, found := l.p.Registry.Key(t.Connect.User); found && t.Thumbprint == "" {
		credential, device = k.SID, k.DeviceSID
	}
	if credential == "" {
		return
	}
	name := ""
	if d, found := l.p.Registry.Device(device); found {
		name = d.Name()
	}
	t.Recorder.Identify(func(a *attempt.Attempt) { a.CredentialSID, a.DeviceSID, a.DeviceName = credential, device, name })
}

// codeFor is the code that a device gets now.
func (l *Lab) codeFor(s *server, id uint64) byte {
	a, _ := l.p.Log.Get(id)
	if only := s.Options.DeviceSID; only != "" && a.DeviceSID != only {
		return 3
	}
	if s.Options.Code != Tour {
		return byte(s.Options.Code)
	}
	stops := [...]byte{1, 2, 3, 4, 5, 0}
	who := whoIs(a)
	l.mu.Lock()
	defer l.mu.Unlock()
	if len(s.tour) >= mostPupils {
		clear(s.tour)
	}
	code := stops[s.tour[who]%len(stops)]
	s.tour[who]++
	return code
}

func (l *Lab) answer(t listener.Taken, present bool, code byte) {
	connack := wire.AppendConnack(nil, present, code)
	if present {
		connack[2] = 1 // also for those whose CONNECT asked for a clean session, where 3.1.1 demands 0 [MQTT-3.2.2-1]
	}
	t.Recorder.Decide(attempt.Code(code), cause.LabCode)
	t.Recorder.Step(attempt.Connack, attempt.Warn, attempt.F("code", strconv.Itoa(int(code))), attempt.F("hex", fmt.Sprintf("% x", connack)))
	l.write(t, connack)
}

func (l *Lab) write(t listener.Taken, b []byte) {
	_ = t.Conn.SetWriteDeadline(time.Now().Add(writeWithin))
	_, _ = t.Conn.Write(b)
	t.Recorder.Packet(true, b)
}

// hold keeps a connection open for at most d, and throws away what comes; with reading it also notices packets. A connection
// that is not read notices only the end of the device's side.
func (l *Lab) hold(t listener.Taken, d time.Duration, reading bool) (causeID, string) {
	until := time.Now().Add(d)
	_ = t.Conn.SetDeadline(until)
	b := make([]byte, readAhead)
	for first := true; ; first = false {
		// Half-open means that nothing is answered; bytes are read and vanish, so that the end is seen.
		n, err := t.Conn.Read(b)
		if n > 0 && reading && first {
			t.Recorder.PacketOf(false, b[:1], n) // what it is; no more, a payload may be in it
		}
		clear(b[:n])
		switch {
		case err == nil && time.Now().Before(until):
			continue
		case err == nil, errors.Is(err, os.ErrDeadlineExceeded):
			return cause.LabClosed, byGateway
		}
		select {
		case <-t.Closing:
			return cause.GatewayStopped, byGateway
		default:
		}
		return cause.ClientClosed, byDevice
	}
}

// throttle writes at slowRate.
func throttle(c net.Conn) net.Conn { return &slowConn{Conn: c} }

type slowConn struct{ net.Conn }

// Write implements net.Conn. The socket's deadlines end a write that takes too long.
func (c *slowConn) Write(b []byte) (n int, err error) {
	const piece = slowRate / 16
	for n < len(b) {
		wrote, err := c.Conn.Write(b[n:min(n+piece, len(b))])
		if n += wrote; err != nil {
			return n, err
		}
		time.Sleep(time.Second / 16)
	}
	return n, nil
}

// CloseWrite ends our direction.
func (c *slowConn) CloseWrite() error {
	if half, ok := c.Conn.(interface{ CloseWrite() error }); ok {
		return half.CloseWrite()
	}
	return nil
}
