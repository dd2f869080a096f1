package broker

// Message is one application message. It is shared by every outbox that it sits in and never changed after it was routed.
type Message struct {
	Topic   string
	Payload []byte
	QoS     byte
	Retain  bool
	From    string // device SID of the publisher

	stored *stored // the retained message of its topic, in the log
}

// newMessage makes a message with a copy of a payload. A small payload lies beside the message, so that the two are one
// allocation.
func newMessage(payload []byte) *Message {
	switch n := len(payload); {
	case n <= 64:
		m := &struct {
			Message
			inline [64]byte
		}{}
		m.Payload = append(m.inline[:0], payload...)
		return &m.Message
	case n <= 256:
		m := &struct {
			Message
			inline [256]byte
		}{}
		m.Payload = append(m.inline[:0], payload...)
		return &m.Message
	}
	return &Message{Payload: append([]byte(nil), payload...)}
}

// messageOverhead is what a queued message is counted with beside its topic and payload, in bytes.
const messageOverhead = 64

// size is what the message counts against bounds, in bytes.
func (m *Message) size() int { return len(m.Topic) + len(m.Payload) + messageOverhead }

// item is a QoS 1 or 2 message on its way to one session: in memory for a clean session, in the log for one that outlives its
// connection. Its sequence number gives its place and its packet identifier.
type item struct {
	message *Message // nil when stored
	stored  *stored
	mark    uint64 // sequence number, and in the lower bits QoS and flags
}

const (
	markRetain   = 4
	markReleased = 8 // PUBREC came: PUBREL is what is owed
	markBits     = 4
)

func newItem(m *Message, st *stored, seq uint64, qos byte, retain bool) item {
	it := item{message: m, stored: st, mark: seq<<markBits | uint64(qos)}
	if st != nil {
		it.message = nil
	}
	if retain {
		it.mark |= markRetain
	}
	return it
}

func (it *item) seq() uint64    { return it.mark >> markBits }
func (it *item) qos() byte      { return byte(it.mark & 3) }
func (it *item) retain() bool   { return it.mark&markRetain != 0 }
func (it *item) released() bool { return it.mark&markReleased != 0 }

// identifiers is how many packet identifiers there are; 0 is none [MQTT-2.3.1-1].
const identifiers = 65535

// id is the packet identifier: the same whenever the message is sent [MQTT-4.4.0-1], also after a restart.
func (it *item) id() uint16 { return uint16((it.seq()-1)%identifiers) + 1 }

func (it *item) size() int {
	if it.stored != nil {
		return int(it.stored.size)
	}
	return it.message.size()
}

// fleeting is a QoS 0 message on its way to one session.
type fleeting struct {
	message *Message
	after   uint64 // the session's last QoS 1 or 2 message before it
	retain  bool
}

// queue is a first-in first-out list that gives its memory back.
type queue[T any] struct {
	items []T
	head  int
}

func (q *queue[T]) len() int    { return len(q.items) - q.head }
func (q *queue[T]) push(it T)   { q.items = append(q.items, it) }
func (q *queue[T]) front() *T   { return &q.items[q.head] }
func (q *queue[T]) at(i int) *T { return &q.items[q.head+i] }

func (q *queue[T]) pop() T {
	var none T
	it := q.items[q.head]
	q.items[q.head] = none
	q.head++
	switch {
	case q.head == len(q.items):
		q.head = 0
		if cap(q.items) > 64 {
			q.items = nil
		} else {
			q.items = q.items[:0]
		}
	case q.head >= 1024 && q.head*2 >= len(q.items):
		q.items, q.head = append([]T(nil), q.items[q.head:]...), 0
	}
	return it
}
