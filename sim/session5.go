package sim

import (
	"context"
	"errors"
	"os"
	"sync"
	"time"

	"github.com/mochi-mqtt/server/v2/packets"
)

// session5 is an accepted connection of MQTT 5, which Paho's library does not speak. What a lost connection leaves unacknowledged is not sent
// again: the error says that it is not known to have arrived.
type session5 struct {
	*ending
	link      *link
	keepAlive time.Duration
	patience  time.Duration // for a PINGRESP
	received  func(Message)
	room      chan struct{} // for messages that wait for their acknowledgement: the server's receive maximum

	mu      sync.Mutex
	lastID  uint16
	waiting map[uint16]request5 // by packet id
	half    map[uint16]bool     // messages of QoS 2 that the server has not released
}

// request5 is a request that waits for its answer.
type request5 struct {
	answer chan packets.Packet
	done   func() // called with the answer; may be nil
}

// usualReceiveMaximum is what a server that says nothing takes at once (MQTT 5, section 3.2.2.3.3); a device keeps fewer under way.
const usualReceiveMaximum = 1024

// errNoIDs is returned when every packet id waits for an answer.
var errNoIDs = errors.New("too many requests wait for the server's answer")

func newSession5(l *link, answer connack, keepAlive, patience time.Duration, received func(Message), e *ending) (*session5, error) {
	said, err := decode5(answer.packet)
	if err != nil {
		return nil, err
	}
	if said.Properties.ServerKeepAliveFlag { // [MQTT-3.1.2-21]
		keepAlive = time.Duration(said.Properties.ServerKeepAlive) * time.Second
	}
	room := usualReceiveMaximum
	if most := int(said.Properties.ReceiveMaximum); most > 0 {
		room = min(room, most)
	}
	return &session5{
		ending: e, link: l, keepAlive: keepAlive, patience: patience, received: received,
		room: make(chan struct{}, room), waiting: map[uint16]request5{}, half: map[uint16]bool{},
	}, nil
}

func (s *session5) start(context.Context) error {
	go s.read()
	if s.keepAlive > 0 {
		go s.ping()
	}
	return nil
}

func (s *session5) read() {
	for {
		if s.keepAlive > 0 && !s.link.ignoresKeepAlive() {
			_ = s.link.tls.SetReadDeadline(time.Now().Add(s.keepAlive + s.patience))
		} else {
			_ = s.link.tls.SetReadDeadline(time.Time{})
		}
		packet, err := s.link.receive()
		var p packets.Packet
		if err == nil {
			p, err = decode5(packet)
		}
		if err == nil {
			err = s.take(p)
		}
		if err != nil {
			s.failed(err)
			return
		}
	}
}

// failed ends the session for an error of reading.
func (s *session5) failed(err error) {
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
}

// take does what a packet of the server asks for.
func (s *session5) take(p packets.Packet) error {
	switch id := p.PacketID; p.FixedHeader.Type {
	case packets.Publish:
		return s.arrived(p)
	case packets.Pubrel:
		s.mu.Lock()
		delete(s.half, id)
		s.mu.Unlock()
		return s.answer(packets.Pubcomp, id)
	case packets.Pubrec:
		if p.ReasonCode < 0x80 { // else it is the end of it
			return s.answer(packets.Pubrel, id)
		}
		s.answered(p)
	case packets.Puback, packets.Pubcomp, packets.Suback, packets.Unsuback:
		s.answered(p)
	case packets.Disconnect:
		s.finish(EndByServer, nil)
	case packets.Connack:
		return &violation{errors.New("a second CONNACK")}
	}
	return nil
}

// arrived hands a message on, once, and acknowledges it.
func (s *session5) arrived(p packets.Packet) error {
	again := false
	if p.FixedHeader.Qos == 2 {
		s.mu.Lock()
		again = s.half[p.PacketID]
		s.half[p.PacketID] = true
		s.mu.Unlock()
	}
	if !again {
		s.received(Message{Topic: p.TopicName, Payload: p.Payload, QoS: p.FixedHeader.Qos, Retain: p.FixedHeader.Retain, Duplicate: p.FixedHeader.Dup})
	}
	switch p.FixedHeader.Qos {
	case 1:
		return s.answer(packets.Puback, p.PacketID)
	case 2:
		return s.answer(packets.Pubrec, p.PacketID)
	}
	return nil
}

func (s *session5) answer(kind byte, id uint16) error {
	return s.send(packets.Packet{FixedHeader: packets.FixedHeader{Type: kind}, PacketID: id})
}

func (s *session5) send(p packets.Packet) error {
	b, err := encode5(p)
	if err != nil {
		return err
	}
	return s.link.send(b)
}

// answered gives an acknowledgement to who waits for it.
func (s *session5) answered(p packets.Packet) {
	s.mu.Lock()
	waits, known := s.waiting[p.PacketID]
	delete(s.waiting, p.PacketID)
	s.mu.Unlock()
	if !known {
		return
	}
	if waits.done != nil {
		waits.done()
	}
	waits.answer <- p
}

// request sends a packet under an id of its own and waits for the acknowledgement. The id of one that was given up stays taken until the
// server answers.
func (s *session5) request(ctx context.Context, p packets.Packet, done func()) (packets.Packet, error) {
	waits := make(chan packets.Packet, 1)
	s.mu.Lock()
	for range 1 << 16 {
		s.lastID++
		if _, taken := s.waiting[s.lastID]; s.lastID != 0 && !taken {
			p.PacketID = s.lastID
			s.waiting[p.PacketID] = request5{waits, done}
			break
		}
	}
	s.mu.Unlock()
	if p.PacketID == 0 {
		return p, errNoIDs
	}
	if err := s.send(p); err != nil {
		_ = s.link.Close()
		return p, ErrConnectionLost
	}
	select {
	case answer := <-waits:
		if answer.ReasonCode >= 0x80 {
			return answer, &ReasonError{answer.ReasonCode}
		}
		return answer, nil
	case <-s.done:
		return p, ErrConnectionLost
	case <-ctx.Done():
		return p, ctx.Err()
	}
}

func (s *session5) publish(ctx context.Context, topic string, payload []byte, qos byte, retain bool) error {
	p := packets.Packet{FixedHeader: packets.FixedHeader{Type: packets.Publish, Qos: qos, Retain: retain}, TopicName: topic, Payload: payload}
	if qos == 0 {
		if s.send(p) != nil {
			_ = s.link.Close()
			return ErrConnectionLost
		}
		return nil
	}
	select {
	case s.room <- struct{}{}:
	case <-s.done:
		return ErrConnectionLost
	case <-ctx.Done():
		return ctx.Err()
	}
	_, err := s.request(ctx, p, func() { <-s.room })
	return err
}

func (s *session5) subscribe(ctx context.Context, filter string, qos byte) (byte, error) {
	answer, err := s.request(ctx, packets.Packet{FixedHeader: packets.FixedHeader{Type: packets.Subscribe}, Filters: packets.Subscriptions{{Filter: filter, Qos: qos}}}, nil)
	if err != nil {
		return 0, err
	}
	if len(answer.ReasonCodes) != 1 {
		return 0, &violation{errors.New("a SUBACK for another number of filters")}
	}
	return answer.ReasonCodes[0], nil
}

func (s *session5) unsubscribe(ctx context.Context, filter string) error {
	answer, err := s.request(ctx, packets.Packet{FixedHeader: packets.FixedHeader{Type: packets.Unsubscribe}, Filters: packets.Subscriptions{{Filter: filter}}}, nil)
	if err == nil && len(answer.ReasonCodes) > 0 && answer.ReasonCodes[0] >= 0x80 {
		err = &ReasonError{answer.ReasonCodes[0]}
	}
	return err
}

func (s *session5) ping() {
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

func (s *session5) disconnect(kind EndKind) {
	s.leaving.Store(true)
	_ = s.link.send([]byte{typeDisconnect << 4, 0})
	_ = s.link.Close()
	s.finish(kind, nil)
}
