package conformance

import (
	"bufio"
	"bytes"
	"encoding/binary"
	"fmt"
	"io"
	"net"
	"testing"
	"time"

	"gatehouse/gateway/wire"
)

const connackPacket = wire.CONNACK

// packet is what a server sent.
type packet struct {
	first byte
	body  []byte
	raw   []byte
}

func (p packet) kind() byte { return p.first >> 4 }
func (p packet) id() uint16 { return binary.BigEndian.Uint16(p.body) }

func (p packet) publish() (wire.Publish, error) {
	return wire.DecodePublish(wire.Level311, p.first, p.body, len(p.raw)-len(p.body), "")
}

func (p packet) String() string { return fmt.Sprintf("% x", p.raw[:min(len(p.raw), 64)]) }

// readPacket reads one packet of a server, whatever it holds.
func readPacket(r *bufio.Reader) (packet, error) {
	first, err := r.ReadByte()
	if err != nil {
		return packet{}, err
	}
	raw := []byte{first}
	n, used := 0, 0
	for used == 0 {
		b, err := r.ReadByte()
		if err != nil {
			return packet{}, err
		}
		raw = append(raw, b)
		if n, used, err = wire.Length(raw[1:]); err != nil {
			return packet{}, err
		}
	}
	header := len(raw)
	raw = append(raw, make([]byte, n)...)
	if _, err := io.ReadFull(r, raw[header:]); err != nil {
		return packet{}, err
	}
	return packet{first: first, body: raw[header:], raw: raw}, nil
}

// link is one end of a connection to a server. It reads all the time, so that the server never waits for the test.
type link struct {
	conn net.Conn
	in   chan packet // closed at the end of the stream
	done chan struct{}
	gone <-chan struct{} // closed when the server has let go of the connection; nil: not known
}

func newLink(conn net.Conn) *link {
	l := &link{conn: conn, in: make(chan packet, 64), done: make(chan struct{})}
	go l.read()
	return l
}

func (l *link) read() {
	defer close(l.in)
	r := bufio.NewReader(l.conn)
	for {
		p, err := readPacket(r)
		if err != nil {
			return
		}
		select {
		case l.in <- p:
		case <-l.done:
			return
		}
	}
}

// close ends the connection and waits for the reading to end.
func (l *link) close() {
	_ = l.conn.Close()
	close(l.done)
	for range l.in { // until read has ended
	}
}

// client is a device that says exactly what a test wants.
type client struct {
	*link
	t      testing.TB
	nextID uint16
}

func newClient(t testing.TB, conn net.Conn) *client {
	c := &client{link: newLink(conn), t: t}
	t.Cleanup(c.close)
	return c
}

// send writes packets; a connection that has ended shows in what is read.
func (l *link) send(parts ...[]byte) {
	_ = l.conn.SetWriteDeadline(time.Now().Add(patience))
	_, _ = l.conn.Write(bytes.Join(parts, nil))
}

// receive waits for a packet; open is false at the end of the stream.
func (c *client) receive() (p packet, open bool) {
	c.t.Helper()
	timer := time.NewTimer(patience)
	defer timer.Stop()
	select {
	case p, open = <-c.in:
		return p, open
	case <-timer.C:
		c.t.Fatalf("nothing came in %s", patience)
		return packet{}, false
	}
}

// want waits for a packet, which must be of this kind.
func (c *client) want(kind byte) packet {
	c.t.Helper()
	p, open := c.receive()
	switch {
	case !open:
		c.t.Fatalf("the connection ended, want a packet of type %d", kind)
	case p.kind() != kind:
		c.t.Fatalf("got %v, want a packet of type %d", p, kind)
	}
	return p
}

// wantBytes waits for exactly this packet.
func (c *client) wantBytes(want ...byte) {
	c.t.Helper()
	if p := c.want(want[0] >> 4); !bytes.Equal(p.raw, want) {
		c.t.Fatalf("got % x, want % x", p.raw, want)
	}
}

// message waits for a PUBLISH.
func (c *client) message() wire.Publish {
	c.t.Helper()
	m, err := c.want(wire.PUBLISH).publish()
	if err != nil {
		c.t.Fatal(err)
	}
	return m
}

// gets waits for a PUBLISH with these contents and acknowledges it as its QoS asks.
func (c *client) gets(topic, payload string, qos byte) wire.Publish {
	c.t.Helper()
	return c.gotten(c.message(), topic, payload, qos)
}

// gotten is gets for a message that has come already.
func (c *client) gotten(m wire.Publish, topic, payload string, qos byte) wire.Publish {
	c.t.Helper()
	if string(m.Topic) != topic || string(m.Payload) != payload || m.QoS != qos {
		c.t.Fatalf("got %q %q at QoS %d, want %q %q at QoS %d", m.Topic, m.Payload, m.QoS, topic, payload, qos)
	}
	c.acknowledge(m)
	return m
}

func (c *client) acknowledge(m wire.Publish) {
	c.t.Helper()
	switch m.QoS {
	case 1:
		c.ack(wire.PUBACK, m.ID)
	case 2:
		c.ack(wire.PUBREC, m.ID)
		c.wantBytes(wire.AppendAck(nil, wire.PUBREL, m.ID)...)
		c.ack(wire.PUBCOMP, m.ID)
	}
}

func (c *client) ack(kind byte, id uint16) { c.send(wire.AppendAck(nil, kind, id)) }

// closed waits for the end of the stream; nothing may come before it.
func (c *client) closed() {
	c.t.Helper()
	if p, open := c.receive(); open {
		c.t.Fatalf("got %v, want the end of the connection", p)
	}
}

// quiet makes sure that nothing is on its way. An answer to a PINGREQ may overtake messages, but not those that were there
// before the PINGREQ ahead of it was answered.
func (c *client) quiet() {
	c.t.Helper()
	for range 2 {
		c.ping()
	}
}

// ping is answered when everything that was sent before it has been read.
func (c *client) ping() {
	c.t.Helper()
	c.send(wire.AppendEmpty(nil, wire.PINGREQ))
	c.wantBytes(wire.PINGRESP<<4, 0)
}

// settled waits until all that was sent has had its effect, also where nothing is answered. Messages on $ topics go nowhere,
// and are acknowledged in their turn.
func (c *client) settled() {
	c.t.Helper()
	c.publish("$settled", "", 1)
}

func (c *client) freshID() uint16 {
	c.nextID++
	return c.nextID
}

// subscribe returns the code that a filter gets.
func (c *client) subscribe(filter string, qos byte) byte {
	c.t.Helper()
	id := c.freshID()
	c.send(wire.AppendSubscribe(nil, id, wire.Subscription{Filter: filter, QoS: qos}))
	p := c.want(wire.SUBACK)
	if p.id() != id || len(p.body) != 3 {
		c.t.Fatalf("SUBACK %v for %d", p, id)
	}
	return p.body[2]
}

func (c *client) unsubscribe(filters ...string) {
	c.t.Helper()
	id := c.freshID()
	c.send(wire.AppendUnsubscribe(nil, id, filters...))
	c.wantBytes(wire.AppendAck(nil, wire.UNSUBACK, id)...)
}

// publish sends a message and waits until the server has taken it.
func (c *client) publish(topic, payload string, qos byte) {
	c.t.Helper()
	c.publishMessage(wire.Message{Topic: topic, Payload: []byte(payload), QoS: qos})
}

// retain is publish with the RETAIN flag.
func (c *client) retain(topic, payload string, qos byte) {
	c.t.Helper()
	c.publishMessage(wire.Message{Topic: topic, Payload: []byte(payload), QoS: qos, Retain: true})
}

func (c *client) publishMessage(m wire.Message) {
	c.t.Helper()
	if m.QoS > 0 && m.ID == 0 {
		m.ID = c.freshID()
	}
	c.send(wire.AppendPublish(nil, m))
	switch m.QoS {
	case 0:
		c.settled()
	case 1:
		c.wantBytes(wire.AppendAck(nil, wire.PUBACK, m.ID)...)
	case 2:
		c.wantBytes(wire.AppendAck(nil, wire.PUBREC, m.ID)...)
		c.ack(wire.PUBREL, m.ID)
		c.wantBytes(wire.AppendAck(nil, wire.PUBCOMP, m.ID)...)
	}
}

// drop ends the connection without a DISCONNECT and waits until the server has noticed.
func (c *client) drop() {
	c.t.Helper()
	_ = c.conn.Close()
	select {
	case <-c.gone:
	case <-time.After(patience):
		c.t.Fatal("the server does not notice the end of the connection")
	}
}
