//go:build linux

package main

import (
	"encoding/binary"
	"errors"
	"fmt"
	"slices"
	"strings"
	"time"

	"gatehouse/gateway/wire"
)

const (
	payload  = 100 // bytes
	inFlight = 100 // QoS 1 messages of a publisher
	singles  = 2000
)

// way is how messages go from one device to another.
type way struct {
	what  string
	topic string
	qos   byte
	keeps bool // the subscriber's session is stored
}

var (
	fleeting = []way{{"QoS 0", "measure/topic", 0, false}, {"QoS 1, to a clean session", "measure/topic", 1, false}}
	stored   = []way{{"QoS 1, stored", "measure/topic", 1, true}, {"a document", "sync/docs/measure", 1, true}}
)

// measureMessages has one device publish to another in each way.
func measureMessages(to target, devices []identity, lasting time.Duration, where string, ways ...way) error {
	for _, w := range ways {
		w.what += where
		link, err := newLink(to, devices, w)
		if err != nil {
			return err
		}
		err = link.measure(lasting)
		link.close()
		if err != nil {
			return err
		}
	}
	return nil
}

// link is a publisher and a subscriber.
type link struct {
	way
	content  []byte
	from, to *device
	arrived  chan struct{} // a message each
	acked    chan struct{} // a PUBACK each, while single messages are measured
	free     chan struct{} // room for a QoS 1 message
	id       uint16
}

func newLink(t target, devices []identity, w way) (l *link, err error) {
	l = &link{way: w, arrived: make(chan struct{}, 1<<20), acked: make(chan struct{}, singles), free: make(chan struct{}, inFlight)}
	l.content = []byte(`{"value":"` + strings.Repeat("x", payload-12) + `"}`)
	for range inFlight {
		l.free <- struct{}{}
	}
	if l.from, err = t.connect(devices[0], false, true); err != nil {
		return nil, err
	}
	go l.acknowledged()
	if l.qos > 0 { // the document must be there to be subscribed to
		if err := l.publish(); err != nil {
			return nil, err
		}
		<-l.acked
	}
	if l.to, err = t.connect(devices[1], false, !w.keeps); err != nil {
		return nil, err
	}
	if _, err = l.to.Write(wire.AppendSubscribe(nil, 1, wire.Subscription{Filter: w.topic, QoS: w.qos})); err != nil {
		return nil, err
	}
	if first, _, err := l.to.read(); err != nil || first>>4 != wire.SUBACK {
		return nil, fmt.Errorf("no SUBACK: %w", err)
	}
	go l.receive()
	return l, nil
}

func (l *link) close() { _, _ = l.from.Close(), l.to.Close() }

// receive counts what arrives, and acknowledges it, until the connection is closed. The snapshot of a document carries RETAIN
// and is no message of ours.
func (l *link) receive() {
	for {
		first, body, err := l.to.read()
		if err != nil {
			return
		}
		if first>>4 != wire.PUBLISH {
			continue
		}
		if l.qos > 0 {
			id := binary.BigEndian.Uint16(body[2+len(l.topic):])
			_, _ = l.to.Write(wire.AppendAck(nil, wire.PUBACK, id))
		}
		if first&1 == 0 {
			l.arrived <- struct{}{}
		}
	}
}

// acknowledged makes room for further messages, until the connection is closed.
func (l *link) acknowledged() {
	for {
		if _, _, err := l.from.read(); err != nil {
			return
		}
		select {
		case l.acked <- struct{}{}:
		default: // nobody waits for it
		}
		l.free <- struct{}{}
	}
}

func (l *link) publish() error {
	if l.qos > 0 {
		<-l.free
		l.id = l.id%60000 + 1
	}
	_, err := l.from.Write(wire.AppendPublish(nil, wire.Message{Topic: l.topic, Payload: l.content, QoS: l.qos, ID: l.id}))
	return err
}

var errLost = errors.New("a message did not arrive within 5 s")

func await(come <-chan struct{}) error {
	select {
	case <-come:
		return nil
	case <-time.After(5 * time.Second):
		return errLost
	}
}

// single measures how long one message at a time takes until come says that it did.
func (l *link) single(what string, come, other <-chan struct{}) error {
	delays := make([]time.Duration, 0, singles)
	for range singles {
		began := time.Now()
		if err := errors.Join(l.publish(), await(come)); err != nil {
			return err
		}
		delays = append(delays, time.Since(began))
		if l.qos > 0 {
			if err := await(other); err != nil {
				return err
			}
		}
	}
	slices.Sort(delays)
	row(fmt.Sprintf("%s, one message at a time: from publishing to %s, median and 99 %%", l.what, what), "%d µs, %d µs",
		delays[len(delays)/2].Microseconds(), delays[len(delays)*99/100].Microseconds())
	return nil
}

// measure measures the delay of single messages, and then how many pass.
func (l *link) measure(lasting time.Duration) error {
	if l.qos > 0 {
		if err := l.single("PUBACK", l.acked, l.arrived); err != nil {
			return err
		}
	}
	if err := l.single("delivery", l.arrived, l.acked); err != nil {
		return err
	}
	began, sent, received := time.Now(), 0, 0
	for time.Since(began) < lasting {
		if err := l.publish(); err != nil {
			return err
		}
		sent++
	}
	took := time.Since(began)
	for await(l.arrived) == nil {
		if received++; received == sent {
			break
		}
	}
	row(fmt.Sprintf("%s, messages of %d bytes, one write each, from one publisher to one subscriber", l.what, payload), "%.0f/s sent, %.1f %% arrived",
		float64(sent)/took.Seconds(), 100*float64(received)/float64(sent))
	return nil
}
