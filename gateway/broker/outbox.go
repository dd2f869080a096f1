package broker

import "gatehouse/gateway/wire"

// outbox is what is on its way to one device, guarded by its session's lock: queued (QoS 1 and 2, never dropped) and fleeting
// (QoS 0, dropped oldest first) feed a bounded number of messages in flight, which are kept in the order in which they
// were first sent.
type outbox struct {
	fleeting      queue[fleeting]
	fleetingBytes int
	stateBytes    int // of fleetingBytes, what is retained
	queued        queue[item]
	inFlight      []item
	resend        int    // inFlight[resend:] must be sent again before anything new
	pushed        uint64 // sequence number of the last message that was queued
	sent          uint64 // of the last one that was sent
	dupThrough    uint64 // messages up to here may have been sent on an earlier connection
}

// putFleeting queues a QoS 0 message and drops the oldest beyond a bound in bytes, but never the last. What is retained has a
// bound of its own: it comes all at once for a new subscription, and its payloads are in memory anyway.
func (o *outbox) putFleeting(m *Message, retain bool, bound, stateBound int) (dropped uint64) {
	o.fleeting.push(fleeting{message: m, after: o.pushed, retain: retain})
	o.fleetingBytes += m.size()
	if retain {
		o.stateBytes += m.size()
	}
	for (o.fleetingBytes-o.stateBytes > bound || o.stateBytes > stateBound) && o.fleeting.len() > 1 {
		o.popFleeting()
		dropped++
	}
	return dropped
}

func (o *outbox) popFleeting() fleeting {
	f := o.fleeting.pop()
	o.fleetingBytes -= f.message.size()
	if f.retain {
		o.stateBytes -= f.message.size()
	}
	return f
}

func (o *outbox) dropFleeting() { o.fleeting, o.fleetingBytes, o.stateBytes = queue[fleeting]{}, 0, 0 }

// reconnect says that what was sent goes to another connection now.
func (o *outbox) reconnect() { o.resend, o.dupThrough = 0, o.sent }

// fill appends what may be sent now until b has limit bytes. lacking tells that it ended at a message whose payload is
// neither in memory nor in fetched.
func (o *outbox) fill(b []byte, limit, window int, level byte, fetched map[*stored]*Message) (filled []byte, messages int, lacking bool) {
	for len(b) < limit {
		if f := o.nextFleeting(window); f != nil {
			it := o.popFleeting()
			b = wire.AppendPublish(b, wire.Message{Topic: it.message.Topic, Payload: it.message.Payload, Retain: it.retain})
			messages++
			continue
		}
		it := o.next(window)
		if it == nil {
			break
		}
		again := o.resend < len(o.inFlight) || it.seq() <= o.dupThrough
		if it.released() { // [MQTT-4.4.0-1]
			b = wire.AppendPubrelAgain(b, it.id(), level)
			o.advance()
			continue
		}
		m := it.payload(fetched)
		if m == nil {
			return b, messages, true
		}
		// DUP only on what may have been sent before. [MQTT-3.3.1-1]
		b = wire.AppendPublish(b, wire.Message{
			Topic: m.Topic, Payload: m.Payload, QoS: it.qos(), ID: it.id(), Retain: it.retain(), Dup: again,
		})
		messages++
		delete(fetched, it.stored)
		o.advance()
	}
	return b, messages, false
}

// payload is the item's message if it is at hand.
func (it *item) payload(fetched map[*stored]*Message) *Message {
	if it.message != nil {
		return it.message
	}
	if m := it.stored.message.Load(); m != nil {
		return m
	}
	return fetched[it.stored]
}

// next is what is to be sent next of QoS 1 and 2, if anything may: first what an earlier connection left unacknowledged, in
// its order and with its identifiers [MQTT-4.4.0-1] [MQTT-4.6.0-1], then what was routed first.
func (o *outbox) next(window int) *item {
	if o.resend < len(o.inFlight) {
		return &o.inFlight[o.resend]
	}
	if !o.mayFollow(0, window) {
		return nil
	}
	return o.queued.front()
}

// mayFollow reports whether the i-th message in the queue may be sent if those before it are: not more than the window, and
// not so many numbers apart that an identifier would come twice [MQTT-2.3.1-2].
func (o *outbox) mayFollow(i, window int) bool {
	if i >= o.queued.len() || len(o.inFlight)+i >= window {
		return false
	}
	first := o.queued.front()
	if len(o.inFlight) > 0 {
		first = &o.inFlight[0]
	}
	return o.queued.at(i).seq()-first.seq() < identifiers
}

// nextFleeting is the next QoS 0 message if its turn has come.
func (o *outbox) nextFleeting(window int) *fleeting {
	if o.fleeting.len() == 0 || o.resend < len(o.inFlight) {
		return nil
	}
	f := o.fleeting.front()
	if o.queued.len() > 0 && o.queued.front().seq() <= f.after && o.mayFollow(0, window) {
		return nil
	}
	return f
}

// advance takes note that what next returned was sent.
func (o *outbox) advance() {
	if o.resend < len(o.inFlight) {
		o.resend++
		return
	}
	it := o.queued.pop()
	o.inFlight = append(o.inFlight, it)
	o.resend = len(o.inFlight)
	o.sent = max(o.sent, it.seq())
}

// lacks lists messages among the next ones whose payloads are not at hand: at most most, of at most bytes in all.
func (o *outbox) lacks(most, bytes, window int, fetched map[*stored]*Message) (missing []*stored) {
	look := func(it *item) bool {
		if it.released() || it.payload(fetched) != nil {
			return true
		}
		missing = append(missing, it.stored)
		bytes -= int(it.stored.size)
		return len(missing) < most && bytes > 0
	}
	for i := o.resend; i < len(o.inFlight); i++ {
		if !look(&o.inFlight[i]) {
			return missing
		}
	}
	for i := 0; o.mayFollow(i, window); i++ {
		if !look(o.queued.at(i)) {
			return missing
		}
	}
	return missing
}

// find is the place of an identifier in flight, or -1.
func (o *outbox) find(id uint16) int {
	for i := range o.inFlight {
		if o.inFlight[i].id() == id {
			return i
		}
	}
	return -1
}

// findSeq is the place of a sequence number in flight, or -1.
func (o *outbox) findSeq(seq uint64) int {
	for i := range o.inFlight {
		if o.inFlight[i].seq() == seq {
			return i
		}
	}
	return -1
}

// done takes a message out of flight when the acknowledgement fits it.
func (o *outbox) done(packetType byte, id uint16) (it item, ok bool) {
	i := o.find(id)
	if i < 0 {
		return item{}, false
	}
	it = o.inFlight[i]
	if (packetType == wire.PUBACK) != (it.qos() == 1) || packetType == wire.PUBCOMP && !it.released() {
		return item{}, false
	}
	copy(o.inFlight[i:], o.inFlight[i+1:])
	o.inFlight[len(o.inFlight)-1] = item{}
	o.inFlight = o.inFlight[:len(o.inFlight)-1]
	if i < o.resend {
		o.resend--
	}
	if len(o.inFlight) == 0 && cap(o.inFlight) > 8 && o.queued.len() == 0 {
		o.inFlight = nil
	}
	return it, true
}

// all calls each for every QoS 1 and 2 message, in order.
func (o *outbox) all(each func(*item)) {
	for i := range o.inFlight {
		each(&o.inFlight[i])
	}
	for i := range o.queued.len() {
		each(o.queued.at(i))
	}
}

// drop forgets everything and lets go of what is stored.
func (o *outbox) drop(sh *shelf) {
	o.all(func(it *item) {
		if it.stored != nil {
			sh.release(it.stored)
		}
	})
	o.dropFleeting()
	o.queued, o.inFlight, o.resend = queue[item]{}, nil, 0
}
