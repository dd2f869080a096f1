//go:build linux

package main

import (
	"encoding/binary"
	"errors"
	"fmt"
	"path/filepath"
	"slices"
	"sync"
	"sync/atomic"
	"time"

	"gatehouse/gateway/wire"
)

// How many devices connect again and again at once, and how many stay connected.
const (
	connecting = 8
	staying    = 1000
)

// measureGateway measures the gateway without a window.
func measureGateway(program, dir string, lasting time.Duration) error {
	data := filepath.Join(dir, "gateway")
	devices, err := register(data, staying)
	if err != nil {
		return err
	}
	p, err := serve(program, data)
	if err != nil {
		return err
	}
	defer p.stop()
	to, err := p.target()
	if err != nil {
		return err
	}
	row(fmt.Sprintf("gateway at rest, %d devices registered: memory", staying), "%d MB", p.memory()/mega)
	row("gateway at rest: CPU of one core", "%.1f %%", p.load(lasting))
	if err := measureMessages(to, devices[:2], lasting); err != nil {
		return fmt.Errorf("messages: %w", err)
	}
	if err := measureStaying(p, to, devices, lasting); err != nil {
		return fmt.Errorf("sessions: %w", err)
	}
	for _, byCertificate := range []bool{false, true} {
		if err := measureConnects(p, to, devices[:connecting], byCertificate, lasting); err != nil {
			return fmt.Errorf("connects: %w", err)
		}
	}
	return nil
}

// measureConnects has some devices connect and leave, again and again.
func measureConnects(p *process, to target, devices []identity, byCertificate bool, lasting time.Duration) error {
	var count atomic.Int64
	var failed error
	var once sync.Once
	var all sync.WaitGroup
	before, began := p.cpu(), time.Now()
	for _, who := range devices {
		all.Go(func() {
			for time.Since(began) < lasting {
				d, err := to.connect(who, byCertificate)
				if err != nil {
					once.Do(func() { failed = err })
					return
				}
				count.Add(1)
				_ = d.Close()
			}
		})
	}
	all.Wait()
	n, what := float64(count.Load()), "key"
	if byCertificate {
		what = "certificate"
	}
	row(fmt.Sprintf("connects by %s, full TLS 1.3 handshakes, %d at once", what, len(devices)), "%.0f/s", n/time.Since(began).Seconds())
	row("the gateway's CPU for each of them", "%.2f ms", float64(p.cpu()-before)/float64(time.Millisecond)/n)
	return failed
}

// measureStaying has all devices connect and stay.
func measureStaying(p *process, to target, devices []identity, lasting time.Duration) error {
	before := p.memory()
	for _, who := range devices {
		d, err := to.connect(who, false)
		if err != nil {
			return err
		}
		defer d.Close()
	}
	row("CPU of one core with "+fmt.Sprint(len(devices))+" idle sessions", "%.1f %%", p.load(lasting))
	row("memory for each idle session", "%d KB", (p.memory()-before)>>10/int64(len(devices)))
	return nil
}

const (
	topic    = "measure/topic"
	payload  = 100 // bytes
	inFlight = 100 // QoS 1 messages of a publisher
)

// measureMessages has one device publish to another.
func measureMessages(to target, devices []identity, lasting time.Duration) error {
	for _, qos := range []byte{0, 1} {
		link, err := newLink(to, devices, qos)
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
	qos      byte
	from, to *device
	arrived  chan struct{} // a message each
	free     chan struct{} // room for a QoS 1 message
	id       uint16
}

func newLink(t target, devices []identity, qos byte) (l *link, err error) {
	l = &link{qos: qos, arrived: make(chan struct{}, 1<<20), free: make(chan struct{}, inFlight)}
	for range inFlight {
		l.free <- struct{}{}
	}
	if l.from, err = t.connect(devices[0], false); err != nil {
		return nil, err
	}
	if l.to, err = t.connect(devices[1], false); err != nil {
		return nil, err
	}
	if _, err = l.to.Write(wire.AppendSubscribe(nil, 1, wire.Subscription{Filter: topic, QoS: qos})); err != nil {
		return nil, err
	}
	if first, _, err := l.to.read(); err != nil || first>>4 != wire.SUBACK {
		return nil, fmt.Errorf("no SUBACK: %w", err)
	}
	go l.receive()
	go l.acknowledged()
	return l, nil
}

func (l *link) close() { _, _ = l.from.Close(), l.to.Close() }

// receive counts what arrives, and acknowledges it, until the connection is closed.
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
			id := binary.BigEndian.Uint16(body[2+len(topic):])
			_, _ = l.to.Write(wire.AppendAck(nil, wire.PUBACK, id))
		}
		l.arrived <- struct{}{}
	}
}

// acknowledged makes room for further messages, until the connection is closed.
func (l *link) acknowledged() {
	for {
		if _, _, err := l.from.read(); err != nil {
			return
		}
		l.free <- struct{}{}
	}
}

func (l *link) publish() error {
	if l.qos > 0 {
		<-l.free
		l.id = l.id%60000 + 1
	}
	_, err := l.from.Write(wire.AppendPublish(nil, wire.Message{Topic: topic, Payload: make([]byte, payload), QoS: l.qos, ID: l.id}))
	return err
}

var errLost = errors.New("a message did not arrive within 5 s")

func (l *link) await() error {
	select {
	case <-l.arrived:
		return nil
	case <-time.After(5 * time.Second):
		return errLost
	}
}

// measure measures the delay of single messages, and then how many pass.
func (l *link) measure(lasting time.Duration) error {
	var delays []time.Duration
	for range 2000 {
		began := time.Now()
		if err := errors.Join(l.publish(), l.await()); err != nil {
			return err
		}
		delays = append(delays, time.Since(began))
	}
	slices.Sort(delays)
	row(fmt.Sprintf("QoS %d, one message at a time: delay from publisher to subscriber, median and 99 %%", l.qos), "%d µs, %d µs",
		delays[len(delays)/2].Microseconds(), delays[len(delays)*99/100].Microseconds())

	began, sent, received := time.Now(), 0, 0
	for time.Since(began) < lasting {
		if err := l.publish(); err != nil {
			return err
		}
		sent++
	}
	took := time.Since(began)
	for l.await() == nil {
		if received++; received == sent {
			break
		}
	}
	row(fmt.Sprintf("QoS %d, messages of %d bytes, one write each, from one publisher to one subscriber", l.qos, payload), "%.0f/s sent, %.1f %% arrived",
		float64(sent)/took.Seconds(), 100*float64(received)/float64(sent))
	return nil
}
