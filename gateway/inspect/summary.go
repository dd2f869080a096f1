package inspect

import (
	"fmt"
	"strings"

	"gatehouse/gateway/wire"
)

// summary is a packet in one line.
func (p *Packet) summary(w *walk) string {
	if p.Type == "" {
		return "nothing"
	}
	parts := []string{}
	add := func(format string, args ...any) { parts = append(parts, fmt.Sprintf(format, args...)) }
	head := p.Type
	switch w.b[0] >> 4 {
	case wire.CONNECT:
		if w.level != 0 && knownProtocol(w.protocol, w.level) {
			head += " " + VersionName(w.level)
		}
		if w.clientID != "" {
			add("client ID %s", short(w.clientID))
		}
		if w.level != 0 && len(w.fields) > 5 {
			add("keep alive %d s", w.alive)
		}
	case wire.CONNACK:
		if p.Code >= 0 {
			head += fmt.Sprint(" ", p.Code)
		}
	case wire.PUBLISH:
		if p.Topic != "" {
			head += " " + short(p.Topic)
		}
		add("QoS %d", p.QoS)
	case wire.SUBSCRIBE, wire.UNSUBSCRIBE:
		if len(p.Filters) > 0 {
			head += " " + short(p.Filters[0])
		}
		if n := len(p.Filters) - 1; n > 0 {
			add("%d more", n)
		}
	}
	if p.PacketID != 0 {
		add("id %d", p.PacketID)
	}
	if w.b[0]>>4 == wire.PUBLISH {
		if p.Dup {
			add("DUP")
		}
		if p.Retain {
			add("RETAIN")
		}
		if !w.stopped {
			add("%s", countBytes(w.end-w.payloadAt()))
		}
	} else if p.Code > 0 && w.b[0]>>4 != wire.CONNACK {
		add("code %d", p.Code)
	}
	if p.Problem != "" {
		add("malformed at byte %d", p.ProblemAt)
	}
	return strings.Join(append([]string{head}, parts...), ", ")
}

// payloadAt is where the payload of a PUBLISH begins.
func (w *walk) payloadAt() int {
	for _, f := range w.fields {
		if f.Payload {
			return f.Offset
		}
	}
	return w.end
}

// short is a text that fits into a line.
func short(s string) string {
	const most = 80
	s = shown([]byte(s))
	if len([]rune(s)) <= most {
		return s
	}
	return string([]rune(s)[:most-1]) + "…"
}
