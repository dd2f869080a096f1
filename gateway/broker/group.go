package broker

import (
	"time"

	"gatehouse/gateway/broker/record"
	"gatehouse/gateway/cause"
	"gatehouse/gateway/wire"
)

// group is what one record is made of, and what happens when it is stored. Only the sequencer uses it.
type group struct {
	hub     *Hub
	record  record.Writer
	entries int
	acts    []act
	placed  []placed
	kicks   []*session
	over    []*session

	broken error  // why nothing can be stored any more
	stored uint64 // the last record

	acked      *session // whose acknowledgements are being gathered
	seq, count uint64   // the first one, and how many follow each other
}

// placed is a message of this group's record.
type placed struct {
	stored  *stored
	message *Message
	offset  int
	moved   bool // it was in the log already
	wanted  bool // a device that is connected is to get it
}

// actKind is what happens when a record is stored.
type actKind byte

const (
	actPush     actKind = iota + 1 // a message goes into an outbox
	actTook                        // a QoS 2 identifier is stored
	actReleased                    // PUBREL is owed
	actReply                       // bytes go to a device, before what follows
	actDo                          // anything that is rare
	actAnswer                      // an entry is through: its device is answered
)

type act struct {
	kind    actKind
	qos     byte
	retain  bool
	answer  byte
	id      uint16
	bytes   int
	seq     uint64
	session *session
	conn    *Conn
	message *Message
	stored  *stored
	reply   []byte
	rare    rare
}

// rare is what happens, or is undone when the record could not be stored; either may be nil.
type rare struct{ do, undo func() }

func (g *group) act(a act) { g.acts = append(g.acts, a) }

// lasts reports whether something of a session is to be stored.
func (g *group) lasts(s *session) bool {
	return s.number != 0 && !s.ending && g.hub.shelf.log != nil
}

// done gathers acknowledgements of messages that follow each other into one step.
func (g *group) done(s *session, seq uint64) {
	if g.acked == s && seq == g.seq+g.count {
		g.count++
		return
	}
	g.flush()
	g.acked, g.seq, g.count = s, seq, 1
}

// flush writes the acknowledgements that were gathered.
func (g *group) flush() {
	if s := g.acked; s != nil {
		g.record.Done(s.number, g.seq, g.count)
		g.acked = nil
	}
}

// process stores entries in as few records as it takes.
func (g *group) process(entries []entry) {
	for i := range entries {
		e := &entries[i]
		if g.broken != nil {
			e.fail(g.broken)
			continue
		}
		g.guarded(e)
		g.entries++
		if g.broken != nil || g.full() {
			g.commit()
		}
	}
	g.commit()
}

func (g *group) full() bool { return g.record.Len() >= groupBytes || len(g.acts) >= groupActs }

// commit stores what was built and lets it happen.
func (g *group) commit() {
	g.flush()
	if g.broken != nil {
		g.undo()
		return
	}
	if g.record.Len() > 0 && g.hub.shelf.log != nil {
		began := time.Now()
		seq, err := g.hub.shelf.log.Append(g.record.Bytes())
		if err != nil {
			g.hub.log.Error("sessions cannot be stored", "error", err)
			g.broken = g.hub.sequencer.fail(err)
			g.undo()
			return
		}
		g.hub.committed(time.Since(began), g.record.Len(), g.entries)
		g.stored = seq
		for _, p := range g.placed {
			p.stored.place.Store(uint64(record.At(seq, p.offset)))
		}
	}
	g.apply()
	g.reset()
}

func (g *group) reset() {
	g.record.Reset(2 * groupBytes)
	clear(g.acts)
	clear(g.placed)
	clear(g.kicks)
	clear(g.over)
	g.acts, g.placed, g.kicks, g.over, g.entries, g.acked = g.acts[:0], g.placed[:0], g.kicks[:0], g.over[:0], 0, nil
	if cap(g.acts) > 2*groupActs {
		g.acts, g.placed = nil, nil
	}
}

// apply lets everything happen: messages and replies first, then the answers.
func (g *group) apply() {
	sh := &g.hub.shelf
	for _, p := range g.placed {
		if !p.moved {
			sh.live.Add(int64(p.stored.size))
		}
		if p.wanted && p.stored.message.Load() == nil {
			sh.keep(p.stored, p.message)
		}
	}
	var l lockRun
	for i := range g.acts {
		a := &g.acts[i]
		if a.kind == actDo {
			l.release()
			if a.rare.do != nil {
				a.rare.do()
			}
			continue
		}
		if a.kind == actAnswer {
			continue
		}
		s := a.session
		if a.conn != nil {
			s = a.conn.session
		}
		l.hold(s)
		g.effect(s, a)
	}
	for i := range g.acts {
		a := &g.acts[i]
		if a.kind != actAnswer {
			continue
		}
		s := a.conn.session
		l.hold(s)
		if a.answer != 0 && !a.conn.dead {
			a.conn.control = wire.AppendAck(a.conn.control, a.answer, a.id)
			g.kick(s)
		}
		a.conn.settle(a.bytes)
	}
	l.release()
	for _, s := range g.kicks {
		s.mu.Lock()
		s.kicked = false
		if s.conn != nil {
			s.conn.kick()
		}
		s.mu.Unlock()
	}
	for _, s := range g.over {
		g.hub.overflowed(s)
	}
}

// lockRun keeps one session locked over several acts in a row.
type lockRun struct {
	held *session
	acts int
}

func (l *lockRun) hold(s *session) {
	if l.held == s && l.acts < 64 {
		l.acts++
		return
	}
	l.release()
	s.mu.Lock()
	l.held, l.acts = s, 0
}

func (l *lockRun) release() {
	if l.held != nil {
		l.held.mu.Unlock()
		l.held = nil
	}
}

// effect is what an act does to a session. Called with its mu held.
func (g *group) effect(s *session, a *act) {
	switch a.kind {
	case actPush:
		switch {
		case a.seq == 0:
			if s.put(a.message, a.qos, a.retain) {
				g.over = append(g.over, s)
			}
		case s.ended:
			if a.stored != nil {
				g.hub.shelf.release(a.stored)
			}
			return
		default:
			s.pushed = a.seq
			s.queued.push(newItem(a.message, a.stored, a.seq, a.qos, a.retain))
		}
		g.kick(s)
	case actTook:
		if _, marked := s.received[a.id]; marked {
			s.received[a.id] = true
		}
	case actReleased:
		if i := s.findSeq(a.seq); i >= 0 {
			s.inFlight[i].mark |= markReleased
		}
	case actReply:
		if !a.conn.dead {
			a.conn.control = append(a.conn.control, a.reply...)
			g.kick(s)
		}
	}
}

// kick has the session's writer started when all is done. Called with its mu held.
func (g *group) kick(s *session) {
	if !s.kicked {
		s.kicked = true
		g.kicks = append(g.kicks, s)
	}
}

// undo takes back what was built, last first, and ends the connections that wait for it.
func (g *group) undo() {
	for i := len(g.acts) - 1; i >= 0; i-- {
		a := &g.acts[i]
		switch a.kind {
		case actPush:
			if a.seq != 0 {
				a.session.last--
				size := 0
				if a.stored != nil {
					size = int(a.stored.size)
					g.hub.shelf.release(a.stored)
				} else {
					size = a.message.size()
				}
				a.session.await(-1, -size)
			}
		case actTook:
			a.session.took(a.id, false)
		case actDo:
			if a.rare.undo != nil {
				a.rare.undo()
			}
		case actAnswer:
			a.conn.unstored(g.broken, a.bytes)
		}
	}
	g.reset()
}

// overflowed discards a clean session that has more than it may; one that is stored is discarded when its record is built.
func (h *Hub) overflowed(s *session) {
	h.mu.Lock()
	lost := int(s.waiting.Load())
	c := h.end(s)
	h.mu.Unlock()
	if lost == 0 { // it was discarded a moment ago
		return
	}
	h.lost(s, lost)
	if c != nil {
		c.Kill(cause.SessionOverflow)
	}
}

// lost reports what went with a session.
func (h *Hub) lost(s *session, messages int) {
	h.totals.lost.Add(uint64(messages))
	s.mu.Lock()
	attempt := s.hello.AttemptID
	s.mu.Unlock()
	h.notices.add(Notice{At: h.now(), Kind: SessionOverflow, DeviceSID: s.device, AttemptID: attempt, Times: 1, Lost: messages})
}
