package broker

import (
	"errors"
	"fmt"
	"maps"
	"net"
	"slices"
	"strings"
	"testing"

	"github.com/stretchr/testify/require"
	"pgregory.net/rapid"

	"gatehouse/gateway/cause"
	"gatehouse/gateway/wire"
)

// script drives the sequencer's work step by step, without goroutines, devices or a clock.
type script struct {
	t     *rapid.T
	log   *memoryLog
	hub   *Hub
	conns map[string]*Conn
	seen  int

	gathered []entry
}

func newScript(t *rapid.T, l *memoryLog) *script {
	h, err := Open(Params{Log: l, Settings: Settings{SessionMessages: 25, RetainedMessages: 4, Subscriptions: 5}})
	require.NoError(t, err)
	h.sequencer.close() // nothing runs by itself
	h.sequencer.err, h.group.broken = nil, nil
	return &script{t: t, log: l, hub: h, conns: map[string]*Conn{}}
}

// replayed is a hub on a log, in which nothing runs by itself.
func replayed(t require.TestingT, l Log) *Hub {
	h := newHub(Params{})
	h.shelf.log, h.sequencer.armed = l, true
	require.NoError(t, h.replay())
	return h
}

// group is one record made of some steps.
func (s *script) group() {
	for range rapid.IntRange(1, 4).Draw(s.t, "steps") {
		if e, ok := s.step(); ok {
			if e.conn != nil {
				e.session = e.conn.session
				e.conn.pending.Add(1)
			}
			s.gathered = append(s.gathered, e)
		}
	}
	s.flush()
	for _, c := range s.conns {
		c.session.mu.Lock()
		_, _, lacking := c.session.fill(nil, 1<<20, 5, wire.Level311, nil)
		if lacking {
			for _, st := range c.session.lacks(64, 1<<20, 5, nil) {
				_, err := s.hub.shelf.fetch(st)
				require.NoError(s.t, err)
			}
		}
		ended := c.session.ended
		c.session.mu.Unlock()
		if ended {
			delete(s.conns, c.hello.DeviceSID)
		}
	}
}

// flush stores what was gathered.
func (s *script) flush(more ...entry) {
	s.hub.group.process(append(s.gathered, more...))
	s.gathered = nil
}

// of is the connection of one of three devices, or nil.
func (s *script) of() (string, *Conn) {
	device := rapid.SampledFrom([]string{"a", "b", "c"}).Draw(s.t, "device")
	return device, s.conns[device]
}

func (s *script) step() (entry, bool) {
	device, c := s.of()
	if c == nil {
		near, _ := net.Pipe()
		c = &Conn{hub: s.hub, net: near, killed: make(chan struct{}), hello: Hello{
			DeviceSID: device, Clean: rapid.IntRange(0, 5).Draw(s.t, "clean") == 0,
			ServiceSID: rapid.SampledFrom([]string{"IS1", "IS1", "IS1", "IS2"}).Draw(s.t, "service"),
		}}
		a := &attaching{conn: c, done: make(chan error, 1)}
		s.flush(entry{kind: entryStep, step: a})
		if <-a.done == nil {
			s.conns[device] = c
		}
		return entry{}, false
	}
	topic := rapid.SampledFrom([]string{"t", "t/u", "v"}).Draw(s.t, "topic")
	filter := rapid.SampledFrom([]string{"t", "t/#", "+", "#"}).Draw(s.t, "filter")
	id := uint16(rapid.IntRange(1, 3).Draw(s.t, "id"))
	switch rapid.SampledFrom([]string{"publish", "publish", "publish", "retain", "unretain", "subscribe", "unsubscribe", "forget", "ack", "ack", "leave", "drop", "dropService"}).Draw(s.t, "what") {
	case "publish", "retain", "unretain":
		s.seen++
		m := newMessage([]byte(fmt.Sprint(s.seen)))
		m.Topic, m.QoS, m.From = topic, byte(rapid.IntRange(0, 2).Draw(s.t, "qos")), device
		m.Retain = rapid.Bool().Draw(s.t, "retain")
		if m.Retain && rapid.IntRange(0, 3).Draw(s.t, "empty") == 0 {
			m.Payload = nil
		}
		if m.QoS == 2 && !c.session.take(id) {
			return entry{}, false
		}
		return entry{kind: entryPublish, conn: c, message: m, id: id, fresh: m.QoS == 2, answer: publishAnswer(m.QoS)}, true
	case "subscribe":
		qos := byte(rapid.IntRange(0, 2).Draw(s.t, "qos"))
		return entry{kind: entryStep, conn: c, step: &subscribing{conn: c, id: 1, wanted: []wire.Subscription{{Filter: filter, QoS: qos}}}}, true
	case "unsubscribe":
		return entry{kind: entryStep, conn: c, step: &unsubscribing{conn: c, id: 1, filters: []string{filter}}}, true
	case "forget":
		if c.session.forget(id) && c.session.stores() {
			return entry{kind: entryForget, conn: c, id: id, answer: wire.PUBCOMP}, true
		}
	case "ack":
		return s.acknowledge(c)
	case "leave":
		delete(s.conns, device)
		c.session.mu.Lock()
		c.session.conn, c.dead = nil, true
		c.session.here.Store(false)
		c.session.mu.Unlock()
		s.flush(entry{kind: entryStep, step: leaving{c.session}})
		return entry{}, false
	case "drop":
		if rapid.IntRange(0, 3).Draw(s.t, "really") == 0 {
			return entry{kind: entryStep, step: &dropping{device: device, why: cause.SessionDropped, done: make(chan struct{})}}, true
		}
	case "dropService":
		if rapid.IntRange(0, 5).Draw(s.t, "really") == 0 {
			return entry{kind: entryStep, step: &dropping{service: "IS2", retained: true, why: cause.ServiceChanged, done: make(chan struct{})}}, true
		}
	}
	return entry{}, false
}

// acknowledge takes the device's next step with one of the messages in flight.
func (s *script) acknowledge(c *Conn) (entry, bool) {
	x := c.session
	if len(x.inFlight) == 0 {
		return entry{}, false
	}
	it := x.inFlight[rapid.IntRange(0, len(x.inFlight)-1).Draw(s.t, "which")]
	switch {
	case it.qos() == 2 && !it.released():
		if seq := c.release(it.id()); seq != 0 {
			return entry{kind: entryRelease, conn: c, seq: seq, id: it.id(), answer: wire.PUBREL}, true
		}
		return entry{}, false
	case it.qos() == 2:
		x.outbox.done(wire.PUBCOMP, it.id())
	default:
		x.outbox.done(wire.PUBACK, it.id())
	}
	x.await(-1, -it.size())
	if it.stored == nil {
		return entry{}, false
	}
	s.hub.shelf.release(it.stored)
	return entry{kind: entryDone, session: x, seq: it.seq()}, true
}

// told is what a hub would tell its devices, and what it goes by: everything that must outlive it.
func told(t require.TestingT, h *Hub) string {
	var b strings.Builder
	for _, device := range slices.Sorted(maps.Keys(h.sessions)) {
		s := h.sessions[device]
		if s.clean {
			continue
		}
		fmt.Fprintf(&b, "%s of %s, number %d, last %d, waiting %d %d\n", device, s.service.sid, s.number, s.last, s.waiting.Load(), s.waitingBytes.Load())
		if s.online {
			b.WriteString("  online\n")
		} else {
			fmt.Fprintf(&b, "  sent %d\n", s.sent)
		}
		for _, f := range slices.Sorted(maps.Keys(s.filters)) {
			fmt.Fprintf(&b, "  filter %s %d\n", f, s.filters[f].qos)
		}
		for _, id := range slices.Sorted(maps.Keys(s.received)) {
			fmt.Fprintf(&b, "  received %d\n", id)
		}
		s.outbox.all(func(it *item) {
			m, err := h.shelf.fetch(it.stored)
			require.NoError(t, err)
			fmt.Fprintf(&b, "  %d: %s %q from %s, QoS %d of %d, retain %v, released %v\n", it.seq(), m.Topic, m.Payload, m.From, it.qos(), m.QoS, it.retain(), it.released())
		})
	}
	for _, sid := range slices.Sorted(maps.Keys(h.services)) {
		v := h.services[sid]
		var lines []string
		v.retained.root.all(false, func(m *Message) {
			lines = append(lines, fmt.Sprintf("retained in %s: %s %q QoS %d\n", sid, m.Topic, m.Payload, m.QoS))
		})
		slices.Sort(lines)
		b.WriteString(strings.Join(lines, ""))
		for _, topic := range []string{"t", "t/u", "v"} {
			var lines []string
			for _, x := range v.index.match(topic) {
				if !x.session.clean {
					lines = append(lines, fmt.Sprintf("%s in %s goes to %s at %d\n", topic, sid, x.session.device, x.qos))
				}
			}
			slices.Sort(lines)
			b.WriteString(strings.Join(lines, ""))
		}
	}
	return b.String()
}

// live is what the messages take that something refers to.
func live(h *Hub) (bytes int64) {
	all := map[*stored]bool{}
	for _, s := range h.sessions {
		if !s.clean {
			s.outbox.all(func(it *item) { all[it.stored] = true })
		}
	}
	for _, v := range h.services {
		v.retained.root.all(false, func(m *Message) { all[m.stored] = true })
	}
	for st := range all {
		bytes += int64(st.size)
	}
	return bytes
}

// TestTheLogTellsTheStateWhereverItIsCut: whatever happens, with checkpoints in between, a hub that is opened on the log as
// it was after any step knows exactly what the hub knew then.
func TestTheLogTellsTheStateWhereverItIsCut(t *testing.T) {
	rapid.Check(t, func(t *rapid.T) {
		s := newScript(t, newMemoryLog())
		want := map[int]string{0: ""}
		for range rapid.IntRange(1, 25).Draw(t, "groups") {
			c := &s.hub.compaction
			switch {
			case !c.running() && rapid.IntRange(0, 6).Draw(t, "checkpoint") == 0:
				c.begin()
			case c.running() && rapid.Bool().Draw(t, "goes on"):
				c.step()
			default:
				s.group()
			}
			want[s.log.steps()] = told(t, s.hub)
			require.Equal(t, live(s.hub), s.hub.shelf.live.Load(), "bytes that are live")
		}
		last := ""
		for n := range s.log.steps() + 1 {
			again := replayed(t, s.log.cut(n))
			got := told(t, again)
			if told, known := want[n]; known {
				last = told
				require.Equal(t, last, got, "after %d of %d steps", n, s.log.steps())
			}
			require.Equal(t, live(again), again.shelf.live.Load())
		}
	})
}

// TestAFailedLogTakesNothingBackThatWasAnswered: a group that cannot be stored leaves no trace, whether the log has kept it
// or not, and after Recover the log tells what memory does.
func TestAFailedLogTakesNothingBackThatWasAnswered(t *testing.T) {
	errFull := errors.New("disk full")
	rapid.Check(t, func(t *rapid.T) {
		s := newScript(t, newMemoryLog())
		failed := 0
		for range rapid.IntRange(1, 25).Draw(t, "groups") {
			s.log.late = rapid.Bool().Draw(t, "late")
			fails := rapid.IntRange(0, 3).Draw(t, "fails") == 0
			s.log.failing(func(int) error {
				if fails {
					return errFull
				}
				return nil
			})
			s.group()
			if s.hub.group.broken == nil {
				continue
			}
			failed++
			require.ErrorIs(t, s.hub.group.broken, errFull)
			for device, c := range s.conns { // those who waited for an answer have ended
				select {
				case <-c.killed:
					delete(s.conns, device)
					c.session.mu.Lock()
					if c.session.conn == c {
						c.session.conn = nil
						c.session.here.Store(false)
					}
					c.session.mu.Unlock()
					if c.session.clean {
						s.hub.mu.Lock()
						s.hub.end(c.session)
						s.hub.mu.Unlock()
					}
				default:
				}
			}
			require.Error(t, s.hub.Recover())
			fails = false
			require.NoError(t, s.hub.Recover())
			require.Nil(t, s.hub.group.broken)
			for _, n := range []int{s.log.steps() - 1, s.log.steps()} { // before the log was trimmed, and after
				require.Equal(t, told(t, s.hub), told(t, replayed(t, s.log.cut(n))), "after failure %d", failed)
			}
			require.Equal(t, live(s.hub), s.hub.shelf.live.Load())
		}
	})
}
