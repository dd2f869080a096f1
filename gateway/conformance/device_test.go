package conformance

import (
	"cmp"
	"fmt"
	"slices"
	"time"

	"gatehouse/gateway/wire"
)

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
