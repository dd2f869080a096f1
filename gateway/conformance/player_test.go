package conformance

import (
	"bytes"
	"errors"
	"fmt"
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
