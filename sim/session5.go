package sim

import (
	"context"
	"errors"
	"os"
	"time"
)

// ErrHeldOnly is the answer to a request on an MQTT 5 connection: a device keeps it alive, and can do no more with it.
var ErrHeldOnly = errors.New("an MQTT 5 connection is only kept alive: choose MQTT 3.1.1 to publish and subscribe")

// heldSession is an accepted MQTT 5 connection: pings are sent, what the server sends is shown, nothing else is done.
type heldSession struct {
	*ending
	link      *link
	keepAlive time.Duration
	patience  time.Duration // for a PINGRESP
}

func (s *heldSession) start(context.Context) error {
	go s.read()
	if s.keepAlive > 0 {
		go s.ping()
	}
	return nil
}

func (s *heldSession) read() {
	for {
		if s.keepAlive > 0 && !s.link.ignoresKeepAlive() {
			_ = s.link.tls.SetReadDeadline(time.Now().Add(s.keepAlive + s.patience))
		}
		packet, err := s.link.receive()
		if err != nil {
			if errors.Is(err, os.ErrDeadlineExceeded) {
				s.finish(EndKeepAlive, err)
			}
			if !s.link.closing.Load() {
				s.lost(err)
			}
			_ = s.link.Close()
			if !s.leaving.Load() {
				s.finish(EndFailure, err)
			}
			return
		}
		if packet[0]>>4 == typeDisconnect {
			s.finish(EndByServer, nil)
		}
	}
}

func (s *heldSession) ping() {
	t := time.NewTicker(s.keepAlive)
	defer t.Stop()
	for {
		select {
		case <-s.done:
			return
		case <-t.C:
			if s.link.send([]byte{typePingreq << 4, 0}) != nil {
				_ = s.link.Close()
				return
			}
		}
	}
}

func (s *heldSession) publish(context.Context, string, []byte, byte, bool) error { return ErrHeldOnly }

func (s *heldSession) subscribe(context.Context, string, byte) (byte, error) { return 0, ErrHeldOnly }

func (s *heldSession) unsubscribe(context.Context, string) error { return ErrHeldOnly }

func (s *heldSession) disconnect(kind EndKind) {
	s.leaving.Store(true)
	_ = s.link.send([]byte{typeDisconnect << 4, 0})
	_ = s.link.Close()
	s.finish(kind, nil)
}
