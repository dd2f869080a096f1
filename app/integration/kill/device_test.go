package kill

import (
	"bufio"
	"crypto/tls"
	"errors"
	"fmt"
	"io"
	"net"
	"strconv"
	"sync"
	"time"

	"gatehouse/gateway/wire"
)

// device is what a careful board does: it keeps its side of the session over connections, sends again what was not
// acknowledged, with the same identifier and DUP, and takes a QoS 2 message once.
type device struct {
	name, user, secret string
	subscribe          string // filter; empty: none

	mu      sync.Mutex
	changed *sync.Cond
	conn    *tls.Conn
	present int // connections that resumed the session
	fresh   int // connections that did not

	// As a publisher.
	sent     int // numbers 1 to sent were published, odd ones at QoS 1, even ones at QoS 2
	lastID   uint16
	inFlight []flight
	acked    map[int]bool // PUBACK, or PUBREC, came
	stop     bool         // publish nothing new

	// As a subscriber.
	subscribed bool
	received   map[uint16]bool // QoS 2 identifiers without PUBREL
	got        []delivery
}

type flight struct {
	id       uint16
	number   int
	qos      byte
	released bool // PUBREC came
}

type delivery struct {
	from   string
	number int
	qos    byte
	dup    bool
}

// window is how many of its own messages a device leaves unacknowledged; pause is how long it rests after it has filled it, so
// that the one who is away most of the time does not miss more than a session may hold.
const (
	window = 20
	pause  = 4 * time.Millisecond
)

func newDevice(name, user, secret, subscribe string) *device {
	d := &device{name: name, user: user, secret: secret, subscribe: subscribe, acked: map[int]bool{}, received: map[uint16]bool{}}
	d.changed = sync.NewCond(&d.mu)
	return d
}

func qosOf(number int) byte { return 2 - byte(number%2) }

// connect resumes the session on a new connection, says again what is owed, and returns after CONNACK.
func (d *device) connect(address string) error {
	raw, err := net.DialTimeout("tcp", address, 5*time.Second)
	if err != nil {
		return err
	}
	c := tls.Client(raw, &tls.Config{InsecureSkipVerify: true})
	_ = c.SetDeadline(time.Now().Add(10 * time.Second))
	hello := wire.AppendConnect(nil, wire.Connect{ClientID: d.name, HasUser: true, User: d.user, HasPassword: true, Password: []byte(d.secret)}, false)
	if _, err := c.Write(hello); err != nil {
		return errors.Join(err, raw.Close())
	}
	in := bufio.NewReader(c)
	var connack [4]byte
	if _, err := io.ReadFull(in, connack[:]); err != nil {
		return errors.Join(err, raw.Close())
	}
	if connack[0] != wire.CONNACK<<4 || connack[3] != 0 {
		return errors.Join(fmt.Errorf("answered % x", connack), raw.Close())
	}
	_ = c.SetDeadline(time.Now().Add(time.Minute))
	d.mu.Lock()
	defer d.mu.Unlock()
	if connack[2] == 1 {
		d.present++
	} else {
		d.fresh++
	}
	d.conn = c
	var again []byte
	if d.subscribe != "" && !d.subscribed {
		again = wire.AppendSubscribe(again, 1, wire.Subscription{Filter: d.subscribe, QoS: 2})
	}
	for _, f := range d.inFlight {
		if f.released {
			again = wire.AppendAck(again, wire.PUBREL, f.id)
		} else {
			again = d.appendPublish(again, f, true)
		}
	}
	if len(again) > 0 {
		if _, err := c.Write(again); err != nil {
			return err
		}
	}
	go d.read(c, in)
	if d.subscribe == "" {
		go d.publish(c)
	}
	return nil
}

func (d *device) appendPublish(b []byte, f flight, dup bool) []byte {
	return wire.AppendPublish(b, wire.Message{Topic: "load/" + d.name, Payload: strconv.AppendInt(nil, int64(f.number), 10), QoS: f.qos, ID: f.id, Dup: dup})
}

// publish sends numbered messages while the window allows, until the connection ends.
func (d *device) publish(c *tls.Conn) {
	d.mu.Lock()
	defer d.mu.Unlock()
	for {
		for d.conn == c && (len(d.inFlight) >= window || d.stop) {
			d.changed.Wait()
		}
		if d.conn != c {
			return
		}
		var b []byte
		for len(d.inFlight) < window {
			d.sent++
			f := flight{id: d.freeID(), number: d.sent, qos: qosOf(d.sent)}
			d.inFlight = append(d.inFlight, f)
			b = d.appendPublish(b, f, false)
		}
		d.mu.Unlock()
		_, err := c.Write(b)
		time.Sleep(pause)
		d.mu.Lock()
		if err != nil {
			d.lost(c)
			return
		}
	}
}

func (d *device) freeID() uint16 {
	for {
		d.lastID++
		used := d.lastID == 0
		for _, f := range d.inFlight {
			used = used || f.id == d.lastID
		}
		if !used {
			return d.lastID
		}
	}
}

// lost is called with mu held when a connection has ended.
func (d *device) lost(c *tls.Conn) {
	if d.conn == c {
		d.conn = nil
	}
	_ = c.NetConn().Close()
	d.changed.Broadcast()
}

// cut ends the connection from the device's side, without a word.
func (d *device) cut() {
	d.mu.Lock()
	defer d.mu.Unlock()
	if d.conn != nil {
		d.lost(d.conn)
	}
}

func (d *device) read(c *tls.Conn, in *bufio.Reader) {
	for {
		first, body, err := readPacket(in)
		d.mu.Lock()
		var answer []byte
		if err == nil && d.conn == c {
			answer, err = d.take(first, body)
		}
		if err != nil || d.conn != c {
			d.lost(c)
			d.mu.Unlock()
			return
		}
		d.changed.Broadcast()
		d.mu.Unlock()
		if len(answer) > 0 {
			_, _ = c.Write(answer) // the next read tells
		}
	}
}

func readPacket(in *bufio.Reader) (first byte, body []byte, err error) {
	if first, err = in.ReadByte(); err != nil {
		return 0, nil, err
	}
	length, shift := 0, 0
	for {
		b, err := in.ReadByte()
		if err != nil {
			return 0, nil, err
		}
		length |= int(b&0x7f) << shift
		if shift += 7; b < 0x80 {
			break
		}
	}
	body = make([]byte, length)
	_, err = io.ReadFull(in, body)
	return first, body, err
}

// take does what a packet asks for. mu is held.
func (d *device) take(first byte, body []byte) (answer []byte, err error) {
	if first>>4 == wire.PUBLISH {
		return d.deliver(first, body)
	}
	if len(body) < 2 {
		return nil, fmt.Errorf("packet %x % x", first, body)
	}
	id := uint16(body[0])<<8 | uint16(body[1])
	switch first >> 4 {
	case wire.SUBACK:
		d.subscribed = true
	case wire.PUBACK, wire.PUBREC, wire.PUBCOMP:
		for i, f := range d.inFlight {
			if f.id != id {
				continue
			}
			d.acked[f.number] = true
			if first>>4 == wire.PUBREC {
				d.inFlight[i].released = true
				return wire.AppendAck(nil, wire.PUBREL, id), nil
			}
			d.inFlight = append(d.inFlight[:i:i], d.inFlight[i+1:]...)
			break
		}
	case wire.PUBREL:
		delete(d.received, id)
		return wire.AppendAck(nil, wire.PUBCOMP, id), nil
	}
	return nil, nil
}

func (d *device) deliver(first byte, body []byte) (answer []byte, err error) {
	p, err := wire.DecodePublish(wire.Level311, first, body, 2, "")
	if err != nil {
		return nil, err
	}
	number, err := strconv.Atoi(string(p.Payload))
	if err != nil {
		return nil, err
	}
	answered := byte(wire.PUBACK)
	if p.QoS == 2 {
		answered = wire.PUBREC
		if d.received[p.ID] {
			return wire.AppendAck(nil, answered, p.ID), nil
		}
		d.received[p.ID] = true
	}
	d.got = append(d.got, delivery{from: string(p.Topic), number: number, qos: p.QoS, dup: first&8 != 0})
	return wire.AppendAck(nil, answered, p.ID), nil
}

// rest has it publish nothing new.
func (d *device) rest() {
	d.mu.Lock()
	defer d.mu.Unlock()
	d.stop = true
}

// idle reports whether all that the device sent has been acknowledged for good.
func (d *device) idle() bool {
	d.mu.Lock()
	defer d.mu.Unlock()
	return len(d.inFlight) == 0
}
