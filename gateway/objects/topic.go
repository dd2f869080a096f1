package objects

import (
	"slices"
	"strconv"
	"strings"
	"unicode/utf8"
)

// address is what a topic below sync/ names.
type address struct {
	kind    Kind
	id      string
	item    string
	hasItem bool
}

var roots = map[string]Kind{"docs": Document, "lists": List, "maps": Map, "streams": Stream}

func root(k Kind) string {
	for name, kind := range roots {
		if kind == k {
			return "sync/" + name + "/"
		}
	}
	return ""
}

// parse reads a topic: the id is one level, a map's key all that follows.
func parse(topic string) (a address, reason string) {
	rest, found := strings.CutPrefix(topic, "sync/")
	name, rest, more := strings.Cut(rest, "/")
	kind, known := roots[name]
	if !found || !known || !more {
		return address{}, "the topic is none of sync/docs/…, sync/lists/…, sync/maps/… and sync/streams/…"
	}
	a.kind = kind
	a.id, a.item, a.hasItem = strings.Cut(rest, "/")
	switch {
	case strings.ContainsAny(topic, "+#\x00"):
		return address{}, "wildcards name no object"
	case a.id == "":
		return address{}, "the name of the " + string(kind) + " is missing"
	case !a.hasItem:
		return a, ""
	case kind == Document || kind == Stream:
		return address{}, "a " + string(kind) + " has no items; a name is one level of the topic"
	case a.item == "":
		return address{}, "the item is missing after the last slash"
	case kind == List:
		if _, err := parseIndex(a.item); err != nil {
			return address{}, "an item of a list is named by its index, a number from 0 on"
		}
	}
	return a, ""
}

// parseIndex reads a list item's index in its one form: "0", "17", not "017" or "+1".
func parseIndex(text string) (int, error) {
	n, err := strconv.Atoi(text)
	if err != nil || n < 0 || strconv.Itoa(n) != text {
		return 0, strconv.ErrSyntax
	}
	return n, nil
}

// Bounds of a topic (contract, section 6); what would need a longer one cannot be reached over MQTT.
const (
	maxTopic  = 1024
	maxLevels = 64
)

func reachable(topic string) bool {
	return len(topic) <= maxTopic && strings.Count(topic, "/") < maxLevels && !strings.ContainsAny(topic, "+#\x00") && utf8.ValidString(topic)
}

// topics are those of an object: by its name and by its SID.
func (obj *object) topics() []string {
	all := make([]string, 0, 2)
	if obj.name != "" && !strings.Contains(obj.name, "/") {
		all = append(all, root(obj.kind)+obj.name)
	}
	all = append(all, root(obj.kind)+obj.sid)
	return slices.DeleteFunc(all, func(topic string) bool { return !reachable(topic) })
}

// update is one for subscribers, without routes as yet.
func (obj *object) update(o *Objects, payload []byte) Update {
	service, kind, sid := obj.space.service, obj.kind, obj.sid
	return Update{
		ServiceSID: service, Payload: payload,
		May: func(device string) bool { return o.mayRead(service, kind, sid, device) },
	}
}

// documentUpdate tells subscribers of a document, or of a stream, on its own topics.
func (obj *object) documentUpdate(o *Objects, s *state) Update { return obj.ownUpdate(o, s.data) }

func (obj *object) ownUpdate(o *Objects, payload []byte) Update {
	u := obj.update(o, payload)
	for _, topic := range obj.topics() {
		u.Routes = append(u.Routes, Route{Filter: topic, Topic: topic})
	}
	return u
}

// itemUpdate tells subscribers of an item: those of a list get it on the list's topic, those of a map on the item's, and those of
// the item alone on the item's.
func (obj *object) itemUpdate(o *Objects, i *item) Update {
	u := obj.update(o, i.data)
	for _, topic := range obj.topics() {
		own := topic + "/" + i.name()
		if obj.kind == List {
			u.Routes = append(u.Routes, Route{Filter: topic, Topic: topic})
		}
		if !reachable(own) {
			continue
		}
		if obj.kind == Map {
			u.Routes = append(u.Routes, Route{Filter: topic, Topic: own})
		}
		u.Routes = append(u.Routes, Route{Filter: own, Topic: own})
	}
	return u
}

// name is what a topic or a path has for the item.
func (i *item) name() string {
	if i.key != "" {
		return i.key
	}
	return strconv.Itoa(i.index)
}
