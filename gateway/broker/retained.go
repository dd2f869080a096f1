package broker

import "strings"

// retained holds the last retained message of each topic in a trie over levels, within bounds.
type retained struct {
	maxMessages, maxBytes int

	root     retainedNode
	messages int
	bytes    int
}

type retainedNode struct {
	next    map[string]*retainedNode
	message *Message
}

// set retains a message in place of the topic's last one and reports whether there was room. Without room the topic
// retains nothing: an old state would be worse than none. An empty payload removes [MQTT-3.3.1-10].
func (r *retained) set(m *Message) (kept bool) {
	r.remove(m.Topic)
	if len(m.Payload) == 0 { // [MQTT-3.3.1-11]
		return true
	}
	if r.messages+1 > r.maxMessages || r.bytes+m.size() > r.maxBytes {
		return false
	}
	n := &r.root
	for topic, more := m.Topic, true; more; {
		var level string
		level, topic, more = strings.Cut(topic, "/")
		n = n.child(level)
	}
	n.message = m
	r.messages++
	r.bytes += m.size()
	return true
}

func (n *retainedNode) child(level string) *retainedNode {
	k := n.next[level]
	if k == nil {
		if n.next == nil {
			n.next = map[string]*retainedNode{}
		}
		k = &retainedNode{}
		n.next[level] = k
	}
	return k
}

// get is a topic's retained message, or nil.
func (r *retained) get(topic string) *Message {
	n := &r.root
	for more := true; more; {
		var level string
		level, topic, more = strings.Cut(topic, "/")
		if n = n.next[level]; n == nil {
			return nil
		}
	}
	return n.message
}

func (r *retained) remove(topic string) {
	old, _ := r.root.remove(topic, true)
	if old != nil {
		r.messages--
		r.bytes -= old.size()
	}
}

func (n *retainedNode) remove(topic string, more bool) (old *Message, empty bool) {
	if !more {
		old, n.message = n.message, nil
	} else {
		level, rest, more := strings.Cut(topic, "/")
		if k := n.next[level]; k != nil {
			var gone bool
			if old, gone = k.remove(rest, more); gone {
				delete(n.next, level)
			}
		}
	}
	return old, n.message == nil && len(n.next) == 0
}

// match calls yield for each retained message whose topic a filter matches; only branches that can match are walked.
func (r *retained) match(filter string, yield func(*Message)) {
	r.root.match(filter, true, true, yield)
}

func (n *retainedNode) match(filter string, more, first bool, yield func(*Message)) {
	if !more {
		if n.message != nil {
			yield(n.message)
		}
		return
	}
	level, rest, more := strings.Cut(filter, "/")
	switch level {
	case "#":
		n.all(first, yield)
	case "+":
		for name, k := range n.next {
			if !first || name == "" || name[0] != '$' {
				k.match(rest, more, false, yield)
			}
		}
	default:
		if k := n.next[level]; k != nil {
			k.match(rest, more, false, yield)
		}
	}
}

// all yields the node's own message, the parent level of "#", and everything below.
func (n *retainedNode) all(first bool, yield func(*Message)) {
	if n.message != nil {
		yield(n.message)
	}
	for name, k := range n.next {
		if !first || name == "" || name[0] != '$' {
			k.all(false, yield)
		}
	}
}
