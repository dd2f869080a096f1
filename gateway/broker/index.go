package broker

import (
	"strings"
	"sync"
)

// syncPrefix begins the topics of Sync objects (contract, section 6).
const syncPrefix = "sync/"

// hidden reports whether a topic is matched by no leading wildcard: $ topics [MQTT-4.7.2-1] and the objects' topics
// (contract, section 6).
func hidden(topic string) bool { return topic[0] == '$' || strings.HasPrefix(topic, syncPrefix) }

// target is a subscriber of a topic with the highest QoS granted to it [MQTT-3.3.5-1].
type target struct {
	session *session
	qos     byte
}

// cachedTopics is how many topics an index remembers the subscribers of.
const cachedTopics = 8192

// index finds the sessions whose filters match a topic, in a trie over levels, and remembers its answers until a
// subscription changes. The zero value is empty.
type index struct {
	mu    sync.RWMutex
	root  filterNode
	cache map[string][]target
}

type filterNode struct {
	next        map[string]*filterNode
	subscribers map[*session]byte
}

func (x *index) subscribe(filter string, s *session, qos byte) {
	x.mu.Lock()
	defer x.mu.Unlock()
	n := &x.root
	for more := true; more; {
		var level string
		level, filter, more = strings.Cut(filter, "/")
		n = n.child(level)
	}
	if n.subscribers == nil {
		n.subscribers = map[*session]byte{}
	}
	n.subscribers[s] = qos
	x.cache = nil
}

func (n *filterNode) child(level string) *filterNode {
	k := n.next[level]
	if k == nil {
		if n.next == nil {
			n.next = map[string]*filterNode{}
		}
		k = &filterNode{}
		n.next[strings.Clone(level)] = k
	}
	return k
}

func (x *index) unsubscribe(filter string, s *session) {
	x.mu.Lock()
	defer x.mu.Unlock()
	x.root.remove(filter, true, s)
	x.cache = nil
}

// remove reports whether the node is empty afterwards.
func (n *filterNode) remove(filter string, more bool, s *session) bool {
	if !more {
		delete(n.subscribers, s)
	} else {
		level, rest, more := strings.Cut(filter, "/")
		if k := n.next[level]; k != nil && k.remove(rest, more, s) {
			delete(n.next, level)
		}
	}
	return len(n.subscribers)+len(n.next) == 0
}

// match returns the subscribers of a topic, each once. The slice is shared and must not be changed.
func (x *index) match(topic string) []target {
	x.mu.RLock()
	targets, known := x.cache[topic]
	x.mu.RUnlock()
	if known {
		return targets
	}
	x.mu.Lock()
	defer x.mu.Unlock()
	best := map[*session]byte{}
	x.root.collect(topic, true, hidden(topic), best)
	for s, qos := range best {
		targets = append(targets, target{s, qos})
	}
	if x.cache == nil || len(x.cache) >= cachedTopics {
		x.cache = map[string][]target{}
	}
	x.cache[topic] = targets
	return targets
}

// collect walks the rest of a topic; hidden is true on the first level of topics that no wildcard may match there.
func (n *filterNode) collect(topic string, more, hidden bool, best map[*session]byte) {
	if k := n.next["#"]; k != nil && !hidden {
		k.take(best) // "#" includes the parent level (MQTT 3.1.1, 4.7.1.2)
	}
	if !more {
		n.take(best)
		return
	}
	level, rest, more := strings.Cut(topic, "/")
	if k := n.next[level]; k != nil {
		k.collect(rest, more, false, best)
	}
	if k := n.next["+"]; k != nil && !hidden {
		k.collect(rest, more, false, best)
	}
}

func (n *filterNode) take(best map[*session]byte) {
	for s, qos := range n.subscribers {
		if old, ok := best[s]; !ok || qos > old {
			best[s] = qos
		}
	}
}
