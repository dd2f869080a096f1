package conformance

import (
	"bytes"
	"cmp"
	"errors"
	"fmt"
	"slices"
	"strings"
	"time"

	"gatehouse/gateway/wire"
)

// seen is one thing that a device saw during a step.
type seen struct {
	what string // "message", or anything else that is compared as text: "CONNACK present=1", "SUBACK 01 80", "closed", ...

	// of a message
	topic, payload string
	qos            byte
	retain, dup    bool
}

func (s seen) String() string {
	if s.what != "message" {
		return s.what
	}
	return fmt.Sprintf("%s=%q@%d retain=%v dup=%v", s.topic, s.payload, s.qos, s.retain, s.dup)
}

// trace is what each device saw in each step: trace[step][device].
type trace [][devices][]seen

// player plays a script to one broker. Everything is waited for, nothing is slept for: each step ends with a marker that
// every device has received, after all that was sent to it before.
type player struct {
	party   party
	control *link
	devices [devices]*device
	step    int
}

// markers is a topic that every device subscribes to; filters of the script may match it, too.
const markers = "markers"

// device is one of the script's, with what a real one would remember.
type device struct {
	name string
	link *link // nil: away
	hold bool
	id   uint16 // the last identifier that it used
	owed []debt // messages that it has not acknowledged for good, in the order in which they first came
	sent []wire.Message
	seen []seen
	sure bool // all that it sent has been handled

	wants map[uint16]bool // identifiers of PUBRECs that a PUBREL must follow: whether PUBCOMP follows that
	judge *judge          // nil: what comes is only written down
}

// debt is a message that is owed an acknowledgement.
type debt struct {
	id       uint16
	key      string // topic and payload
	qos      byte
	received bool // PUBREC was sent
}

var errEnded = errors.New("the connection ended")

// highIDs keeps the identifiers that devices use far from those that brokers give in sessions of this length.
const highIDs = 20_000

// play returns what the devices saw. When strict, order and DUP flags must be what the standard asks. Devices use the
// identifiers above ids.
func play(p party, script []step, strict bool, ids uint16) (trace, error) {
	pl := &player{party: p}
	for i := range pl.devices {
		pl.devices[i] = &device{name: fmt.Sprint("d", i), id: ids}
		if strict {
			pl.devices[i].judge = newJudge()
		}
	}
	defer pl.hangUp()
	if err := pl.callControl(); err != nil {
		return nil, err
	}
	var t trace
	for i, s := range script {
		pl.step = i
		if err := pl.play(s); err != nil {
			return t, fmt.Errorf("step %d, %v: %w", i, s, err)
		}
		var all [devices][]seen
		for d := range pl.devices {
			all[d], pl.devices[d].seen = pl.devices[d].seen, nil
		}
		t = append(t, all)
	}
	return t, nil
}

func (p *player) hangUp() {
	if p.control != nil {
		p.control.close()
	}
	for _, d := range p.devices {
		if d.link != nil {
			d.link.close()
		}
	}
}

// callControl connects the device that sends the markers.
func (p *player) callControl() (err error) {
	if p.control, err = p.party.dial("control", true); err != nil {
		return err
	}
	_, err = p.control.wait(wire.CONNACK)
	return err
}

// wait is for a packet of one kind when no other can come.
func (l *link) wait(kind byte) (packet, error) {
	timer := time.NewTimer(patience)
	defer timer.Stop()
	select {
	case p, open := <-l.in:
		if !open {
			return packet{}, errEnded
		}
		if p.kind() != kind {
			return packet{}, fmt.Errorf("got %v, want type %d", p, kind)
		}
		return p, nil
	case <-timer.C:
		return packet{}, errSlow
	}
}

func (p *player) play(s step) error {
	d := p.devices[s.device]
	if d.link == nil && s.action != connect && s.action != restart {
		return nil
	}
	if err := p.act(d, s); err != nil {
		return err
	}
	return p.barrier(d)
}

func (p *player) act(d *device, s step) error {
	switch s.action {
	case connect:
		return p.connect(d, s.clean)
	case drop, disconnect:
		return d.leave(s.action == disconnect)
	case restart:
		return p.restart()
	case subscribe:
		return d.request(wire.SUBACK, func(id uint16) []byte { return wire.AppendSubscribe(nil, id, s.filters...) })
	case unsubscribe:
		var filters []string
		for _, f := range s.filters {
			filters = append(filters, f.Filter)
		}
		return d.request(wire.UNSUBACK, func(id uint16) []byte { return wire.AppendUnsubscribe(nil, id, filters...) })
	case publish:
		return d.publish(s.messages, s.finish)
	case hold:
		d.hold = true
	case settle:
		d.settle(s.count, s.half)
	case resume:
		d.hold = false
		d.settle(len(d.owed), false)
	case retry:
		for _, m := range d.sent {
			m.Dup = true
			if err := d.exchange(wire.AppendPublish(nil, m), wire.PUBREC, m.ID); err != nil {
				return err
			}
		}
	case release:
		return d.release(0)
	}
	return nil
}

// connect connects a device; an older connection of it must end.
func (p *player) connect(d *device, cleanly bool) error {
	old := d.link
	l, err := p.party.dial(d.name, cleanly)
	if err != nil {
		return err
	}
	if old != nil {
		if err := d.drain(old); err != nil {
			return fmt.Errorf("the older connection: %w", err)
		}
	}
	d.link, d.sure, d.wants = l, false, map[uint16]bool{}
	connack, err := l.wait(wire.CONNACK)
	if err != nil {
		return err
	}
	d.note("CONNACK present=%d code=%d", connack.body[0], connack.body[1])
	if connack.body[0] == 0 {
		d.owed, d.sent = nil, nil
	}
	d.judge.connected(connack.body[0] == 1, d.owed)
	l.send(wire.AppendSubscribe(nil, d.freshID(), wire.Subscription{Filter: markers}))
	return d.until(func(got packet) bool { return got.kind() == wire.SUBACK })
}

// drain reads an older connection to its end.
func (d *device) drain(l *link) error {
	timer := time.NewTimer(patience)
	defer timer.Stop()
	for {
		select {
		case got, open := <-l.in:
			if !open {
				d.note("closed")
				err := within(l.gone)
				l.close()
				return err
			}
			d.note("type %d before the end", got.kind())
		case <-timer.C:
			return errSlow
		}
	}
}

func (d *device) leave(politely bool) error {
	if politely {
		d.link.send(wire.AppendEmpty(nil, wire.DISCONNECT))
	} else {
		_ = d.link.conn.Close()
	}
	err := within(d.link.gone)
	d.link.close()
	d.link = nil
	return err
}

func (p *player) restart() error {
	if err := p.party.restart(); err != nil {
		return err
	}
	for _, d := range p.devices {
		if d.link != nil {
			d.link.close()
			d.link = nil
		}
	}
	p.control.close()
	return p.callControl()
}

func (d *device) note(format string, args ...any) {
	d.seen = append(d.seen, seen{what: fmt.Sprintf(format, args...)})
}

func (d *device) freshID() uint16 {
	d.id++
	return d.id
}

// request sends a SUBSCRIBE or UNSUBSCRIBE and takes what comes until its answer.
func (d *device) request(answer byte, build func(id uint16) []byte) error {
	id := d.freshID()
	d.sure = false
	d.link.send(build(id))
	return d.until(func(got packet) bool {
		if got.kind() != answer || got.id() != id {
			return false
		}
		d.note("%s % x", map[byte]string{wire.SUBACK: "SUBACK", wire.UNSUBACK: "UNSUBACK"}[answer], got.body[2:])
		return true
	})
}

// exchange sends a packet and takes what comes until the answer with this identifier.
func (d *device) exchange(b []byte, answer byte, id uint16) error {
	d.sure = false
	d.link.send(b)
	return d.until(func(got packet) bool { return got.kind() == answer && got.id() == id })
}

// publish sends messages in one go and takes what comes until all are acknowledged.
func (d *device) publish(messages []wire.Message, finish bool) error {
	var b []byte
	answers := map[uint16]byte{}
	before := len(d.sent)
	for _, m := range messages {
		if m.QoS > 0 {
			m.ID = d.freshID()
			answers[m.ID] = wire.PUBACK
		}
		if m.QoS == 2 {
			answers[m.ID] = wire.PUBREC
			d.sent = append(d.sent, m)
		}
		b = wire.AppendPublish(b, m)
	}
	d.link.send(b)
	d.sure = false
	for len(answers) > 0 {
		var got packet
		err := d.until(func(p packet) bool {
			got = p
			return answers[ackID(p)] == p.kind()
		})
		if err != nil {
			return err
		}
		delete(answers, got.id())
	}
	if finish {
		return d.release(before)
	}
	return nil
}

// ackID is the identifier of a packet that is nothing else, or 0.
func ackID(p packet) uint16 {
	if len(p.body) != 2 {
		return 0
	}
	return p.id()
}

// release ends the exchanges of QoS 2 messages, from one on.
func (d *device) release(from int) error {
	for len(d.sent) > from {
		m := d.sent[from]
		if err := d.exchange(wire.AppendAck(nil, wire.PUBREL, m.ID), wire.PUBCOMP, m.ID); err != nil {
			return err
		}
		d.sent = slices.Delete(d.sent, from, from+1)
	}
	return nil
}

// settle sends the acknowledgements of some messages that are owed one. Which ones does not depend on the order in which
// they came.
func (d *device) settle(count int, half bool) {
	chosen := slices.Clone(d.owed)
	slices.SortStableFunc(chosen, func(a, b debt) int { return cmp.Or(cmp.Compare(a.key, b.key), cmp.Compare(a.qos, b.qos)) })
	for _, o := range chosen[:min(count, len(chosen))] {
		i := slices.IndexFunc(d.owed, func(x debt) bool { return x.id == o.id })
		switch {
		case o.qos == 2 && o.received:
			d.link.send(wire.AppendAck(nil, wire.PUBCOMP, o.id))
			d.owed = slices.Delete(d.owed, i, i+1)
		default:
			d.acknowledge(i, !half)
		}
	}
	d.sure = false
}

// until takes what comes, as a device does, until something that the caller waits for.
func (d *device) until(done func(packet) bool) error {
	for {
		got, err := d.next()
		if err != nil || done(got) {
			return err
		}
		if err := d.take(got); err != nil {
			return err
		}
	}
}

func (d *device) next() (packet, error) {
	timer := time.NewTimer(patience)
	defer timer.Stop()
	select {
	case got, open := <-d.link.in:
		if !open {
			return packet{}, errEnded
		}
		return got, nil
	case <-timer.C:
		return packet{}, errSlow
	}
}

// take handles a packet that comes on its own.
func (d *device) take(got packet) error {
	switch got.kind() {
	case wire.PUBLISH:
		m, err := got.publish()
		if err != nil {
			return err
		}
		if string(m.Topic) == markers {
			return nil
		}
		return d.takeMessage(m)
	case wire.PUBREL:
		return d.takeRelease(got.id())
	case wire.PUBREC, wire.PUBACK, wire.PUBCOMP:
		d.note("type %d again", got.kind())
	default:
		return fmt.Errorf("%v comes unasked", got)
	}
	return nil
}

func (d *device) takeMessage(m wire.Publish) error {
	s := seen{what: "message", topic: string(m.Topic), payload: string(m.Payload), qos: m.QoS, retain: m.Retain, dup: m.Dup}
	d.seen = append(d.seen, s)
	if err := d.judge.message(s, m.ID); err != nil || m.QoS == 0 {
		return err
	}
	known := slices.IndexFunc(d.owed, func(o debt) bool { return o.id == m.ID })
	if known < 0 {
		d.owed = append(d.owed, debt{id: m.ID, key: s.topic + "=" + s.payload, qos: m.QoS})
		known = len(d.owed) - 1
	}
	if !d.hold {
		d.acknowledge(known, true)
	}
	return nil
}

// acknowledge sends PUBACK or PUBREC; finish says whether PUBCOMP is to follow that.
func (d *device) acknowledge(i int, finish bool) {
	o := &d.owed[i]
	d.sure = false
	if o.qos == 1 {
		d.link.send(wire.AppendAck(nil, wire.PUBACK, o.id))
		d.owed = slices.Delete(d.owed, i, i+1)
		return
	}
	o.received = true
	d.wants[o.id] = finish
	d.link.send(wire.AppendAck(nil, wire.PUBREC, o.id))
}

// takeRelease answers a PUBREL, unless the device holds its acknowledgements back.
func (d *device) takeRelease(id uint16) error {
	finish, asked := d.wants[id]
	delete(d.wants, id)
	i := slices.IndexFunc(d.owed, func(o debt) bool { return o.id == id })
	if i < 0 {
		d.note("PUBREL for nothing")
		return nil
	}
	if !asked {
		d.note("PUBREL %s", d.owed[i].key)
		if err := d.judge.release(id); err != nil {
			return err
		}
		finish = !d.hold
	}
	if finish {
		d.owed = slices.Delete(d.owed, i, i+1)
		d.link.send(wire.AppendAck(nil, wire.PUBCOMP, id))
		d.sure = false
	}
	return nil
}

// barrier makes sure that every device has seen all that was sent to it, and the broker all that devices have sent. The
// marker comes from the device that has just acted: what one device sends keeps its order.
func (p *player) barrier(acted *device) error {
	marker, from := fmt.Appendf(nil, "%d", p.step), p.control
	if acted.link != nil {
		from = acted.link
	}
	from.send(wire.AppendPublish(nil, wire.Message{Topic: markers, Payload: marker}))
	for _, d := range p.devices {
		if d.link == nil {
			continue
		}
		err := d.until(func(got packet) bool {
			m, err := got.publish()
			return got.kind() == wire.PUBLISH && err == nil && string(m.Topic) == markers && bytes.Equal(m.Payload, marker)
		})
		for err == nil && len(d.wants) > 0 { // a PUBREL follows each PUBREC
			var got packet
			if got, err = d.next(); err == nil {
				err = d.take(got)
			}
		}
		if err == nil {
			err = d.judge.settled()
		}
		if err != nil {
			return fmt.Errorf("%s: %w", d.name, err)
		}
	}
	return p.ping()
}

// ping makes sure that all that devices have sent has been handled.
func (p *player) ping() error {
	for _, d := range p.devices {
		for d.link != nil && !d.sure {
			d.sure = true // unless something that comes meanwhile is acknowledged
			d.link.send(wire.AppendEmpty(nil, wire.PINGREQ))
			if err := d.until(func(got packet) bool { return got.kind() == wire.PINGRESP }); err != nil {
				return fmt.Errorf("%s: %w", d.name, err)
			}
		}
	}
	return nil
}

func (t trace) String() string {
	var b strings.Builder
	for i, all := range t {
		for d, some := range all {
			for _, s := range some {
				fmt.Fprintf(&b, "  %2d d%d %v\n", i, d, s)
			}
		}
	}
	return b.String()
}
