package broker

// Message is one application message. It is shared by every outbox that it sits in and never changed after it was routed.
type Message struct {
	Topic    string
	Payload  []byte
	QoS      byte
	Retain   bool
	From     string // device SID of the publisher
	Position uint64 // in the journal; 0: not stored
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

// item is one message on its way to one session. In flight it keeps its place and its identifier.
type item struct {
	message  *Message
	order    uint64 // merges QoS 0 with the rest, in the order of routing
	id       uint16
	qos      byte
	retain   bool
	released bool // PUBREC came: PUBREL is what is owed
}

// queue is a first-in first-out list that gives its memory back.
type queue struct {
	items []item
	head  int
}

func (q *queue) len() int     { return len(q.items) - q.head }
func (q *queue) push(it item) { q.items = append(q.items, it) }
func (q *queue) front() *item { return &q.items[q.head] }

func (q *queue) pop() item {
	it := q.items[q.head]
	q.items[q.head] = item{}
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
		q.items, q.head = append([]item(nil), q.items[q.head:]...), 0
	}
	return it
}
