package words

import (
	"fmt"
	"strings"

	"gatehouse/gateway/attempt"
	"gatehouse/gateway/cause"
	"gatehouse/gateway/diagnosis"
	"gatehouse/gateway/sid"
)

// Step is a step of the timeline as a title and a line of detail.
func Step(s attempt.Step, a attempt.Attempt) (title, detail string) {
	say, known := stepWords[s.Kind]
	if !known {
		return string(s.Kind), ""
	}
	return say(s, a)
}

var stepWords = map[attempt.Kind]func(attempt.Step, attempt.Attempt) (string, string){
	attempt.Accepted: func(s attempt.Step, a attempt.Attempt) (string, string) {
		return "TCP accepted", a.Remote + " → " + a.Local
	},
	attempt.FirstBytes: func(s attempt.Step, _ attempt.Attempt) (string, string) {
		if s.Fact("within") == "TLS" {
			return "Not MQTT", "looks like " + s.Fact("looks_like")
		}
		return "Not TLS", join("looks like "+s.Fact("looks_like"), s.Fact("hex"))
	},
	attempt.ClientHello: func(s attempt.Step, _ attempt.Attempt) (string, string) {
		return "ClientHello", join(s.Fact("versions"), unit(s.Fact("suites"), "suite", "suites"), labelled("SNI", s.Fact("sni")))
	},
	attempt.ServerChain: func(s attempt.Step, _ attempt.Attempt) (string, string) {
		return "Server chain sent", join(labelledAfter(s.Fact("leaf"), "leaf"), unit(s.Fact("intermediates"), "intermediate", "intermediates"), labelled("until", day(s.Fact("not_after"))))
	},
	attempt.ClientCertificate: func(s attempt.Step, _ attempt.Attempt) (string, string) {
		return "Client certificate", join(s.Fact("subject"), s.Fact("key"), Thumbprint(s.Fact("sha256")))
	},
	attempt.NoCertificate: func(attempt.Step, attempt.Attempt) (string, string) {
		return "No client certificate", "so the device key decides"
	},
	attempt.Handshake: handshakeWords,
	attempt.Connect: func(s attempt.Step, _ attempt.Attempt) (string, string) {
		return "CONNECT", join(ProtocolName(s.Fact("protocol"), s.Fact("level")), labelled("clean", bit(s.Fact("clean"))),
			labelledAfter(labelled("keepalive", s.Fact("keepalive")), secondsIfBare(s.Fact("keepalive"))), clientID(s.Fact("client_id")))
	},
	attempt.Warning: warningWords,
	attempt.Lookup:  lookupWords,
	attempt.Verdict: verdictWords,
	attempt.Takeover: func(s attempt.Step, _ attempt.Attempt) (string, string) {
		return "Took over", join("the older connection from "+s.Fact("old_remote")+" was closed", labelled("waited", s.Fact("waited")))
	},
	attempt.Session: func(s attempt.Step, _ attempt.Attempt) (string, string) {
		if s.Fact("present") == "yes" {
			return "Session resumed", join(unit(s.Fact("pending"), "message pending", "messages pending"), unit(s.Fact("subscriptions"), "subscription", "subscriptions"))
		}
		return "New session", "nothing was waiting"
	},
	attempt.Connack: func(s attempt.Step, a attempt.Attempt) (string, string) {
		closed := ""
		if s.Fact("code") != "0" {
			closed = "closed by gateway"
		}
		return "CONNACK " + s.Fact("code"), join(s.Fact("hex"), closed)
	},
	attempt.Ended: endedWords,
}

// warningWords say what the warning is about, and why in this case, when that is known.
func warningWords(s attempt.Step, _ attempt.Attempt) (string, string) {
	if w, isClue := clueWords[cause.ID(s.Fact("cause"))]; isClue {
		clue := diagnosis.Clue{ID: cause.ID(s.Fact("cause")), Facts: s.Facts}
		fill := clueFiller(clue)
		return fill.Replace(w.short), Clue(clue)
	}
	title, detail := Warning(cause.ID(s.Fact("cause")))
	detail = join(remarkDetail(cause.ID(s.Fact("cause")), s), detail)
	if lost := s.Fact("lost"); lost != "" {
		detail = join(unit(lost, "message lost", "messages lost"), detail)
	}
	if reason := s.Fact("reason"); reason != "" {
		detail = join(reason, detail)
	}
	return title, join(s.Fact("topic"), detail)
}

func handshakeWords(s attempt.Step, _ attempt.Attempt) (string, string) {
	if s.State == attempt.Bad {
		said := s.Fact("error")
		return "Handshake failed", join(alertSaid(s), said)
	}
	resumed := ""
	if s.Fact("resumed") == "yes" {
		resumed = "resumed"
	}
	return "Handshake done", join(s.Fact("version"), s.Fact("suite"), s.Fact("group"), resumed)
}

func lookupWords(s attempt.Step, a attempt.Attempt) (string, string) {
	what, name := "Key", sid.Short(s.Fact("credential"))
	if s.Fact("by") == "certificate" {
		what = "Certificate"
		if name == "" {
			name = Thumbprint(a.Thumbprint)
		}
	}
	if s.Fact("found") != "yes" {
		return strings.TrimSpace(what+" "+name) + " not found", "no such credential here"
	}
	var about []string
	switch s.Fact("secret") {
	case "matches":
		about = append(about, "secret matches")
	case "differs":
		about = append(about, "secret differs")
	}
	if device := s.Fact("name"); device != "" {
		about = append(about, "belongs to "+device)
	} else {
		about = append(about, "belongs to no device")
	}
	return strings.TrimSpace(what+" "+name) + " found", join(about...)
}

func verdictWords(s attempt.Step, a attempt.Attempt) (string, string) {
	if s.State == attempt.Good {
		return "Accepted", join(deviceName(a), labelled("service", sid.Short(a.ServiceSID)))
	}
	e := Explain(a)
	return e.Short, e.More
}

func endedWords(s attempt.Step, a attempt.Attempt) (string, string) {
	why := cause.ID(s.Fact("cause"))
	title := "Connection ended"
	if a.Code != 0 {
		if s.State == attempt.Bad {
			return Explain(a).Short, join(labelled("byte", s.Fact("offset")), s.Fact("rule"), s.Fact("reason"), s.Fact("error"))
		}
		return "Closed", join(labelled("by", s.Fact("by")))
	}
	return title, join(strings.TrimSuffix(endSentence(why, s), "."), endDetail(why, s), labelled("byte", s.Fact("offset")), s.Fact("rule"), labelled("after", s.Fact("after")))
}

// endSentence is how a session ended, told apart further by what is recorded.
func endSentence(why cause.ID, s attempt.Step) string {
	if why == cause.ClientClosed && s.Fact("how") == "reset" {
		return "The device’s side reset the connection: it restarted, crashed, or lost its network."
	}
	return End(why)
}

// ending is how a session ended, in a sentence with what is recorded of it.
func ending(a attempt.Attempt) string {
	s := stepOf(a, attempt.Ended)
	sentence := endSentence(a.End, s)
	detail := ""
	switch a.End {
	case cause.TakenOver:
		detail = labelled("from", s.Fact("new_remote"))
		if id := s.Fact("new_client_id"); id != "" {
			detail = strings.TrimSpace(detail + ", client ID “" + id + "”")
		}
	case cause.KeepaliveExpired:
		if silent := took(s.Fact("silent_for")); silent != "" {
			detail = silent + " without a packet, at a keepalive of " + stepOf(a, attempt.Connect).Fact("keepalive") + " s"
		}
	case cause.MalformedPacket:
		if rule := s.Fact("rule"); rule != "" {
			detail = "at byte " + s.Fact("offset") + " it breaks " + rule
		}
	}
	if detail == "" {
		return sentence
	}
	return strings.TrimSuffix(sentence, ".") + ": " + detail + "."
}

// endDetail is what an end came after.
func endDetail(why cause.ID, s attempt.Step) string {
	switch why {
	case cause.TakenOver:
		return labelled("by", s.Fact("new_remote"))
	case cause.KeepaliveExpired:
		return join(labelled("last packet", s.Fact("last_packet")), labelledAfter(took(s.Fact("silent_for")), "before"))
	case cause.WriteTimeout:
		return unit(s.Fact("unwritten"), "byte not taken", "bytes not taken")
	case cause.ClientClosed:
		return unit(s.Fact("incomplete_packet"), "byte of a packet that did not come whole", "bytes of a packet that did not come whole")
	}
	return ""
}

// Facts is everything known of a step, as names and values for people.
func Facts(s attempt.Step) [][2]string {
	rows := make([][2]string, 0, len(s.Facts))
	for _, f := range s.Facts {
		if f.Value == "" {
			continue
		}
		name, known := factNames[f.Name]
		if !known {
			name = strings.ReplaceAll(f.Name, "_", " ")
			name = strings.ToUpper(name[:1]) + name[1:]
		}
		rows = append(rows, [2]string{name, f.Value})
	}
	return rows
}

var factNames = map[string]string{
	"sni": "Server name (SNI)", "alpn": "ALPN", "suite_names": "Cipher suites", "suites": "Number of suites", "hex": "Bytes",
	"sha256": "SHA-256", "sha1": "SHA-1", "not_before": "Valid from", "not_after": "Valid until", "client_id": "Client ID",
	"keepalive": "Keepalive (s)", "looks_like": "Looks like", "groups": "Key exchange groups", "signatures": "Signature algorithms",
	"user": "User name", "pem": "PEM", "old_attempt": "Older attempt", "old_remote": "Older address",
	"old_credential": "Older credential", "old_client_id": "Older client ID", "new_attempt": "Newer attempt", "new_remote": "Newer address",
	"new_credential": "Newer credential", "new_client_id": "Newer client ID", "packets_in": "Packets received", "packets_out": "Packets sent",
	"bytes_in": "Bytes received", "bytes_out": "Bytes sent", "pings": "PINGREQs", "last_packet": "Last packet", "last_packet_at": "Last packet came at",
	"silent_for": "Silent for", "incomplete_packet": "Bytes of an incomplete packet", "unwritten": "Bytes not taken",
}

// ProtocolName is MQTT's version in words.
func ProtocolName(name, level string) string {
	switch level {
	case "3":
		return "MQTT 3.1"
	case "4":
		return "MQTT 3.1.1"
	case "5":
		return "MQTT 5"
	case "":
		return ""
	}
	return fmt.Sprintf("“%s” level %s", name, level)
}

// bit is a flag as it stands in the packet.
func bit(v string) string {
	switch v {
	case "yes":
		return "1"
	case "no":
		return "0"
	}
	return v
}

func clientID(id string) string {
	if id == "" {
		return "no client ID"
	}
	return "client ID “" + id + "”"
}

func join(parts ...string) string {
	var some []string
	for _, p := range parts {
		if p != "" {
			some = append(some, p)
		}
	}
	return strings.Join(some, " · ")
}

func labelled(label, value string) string {
	if value == "" {
		return ""
	}
	return label + " " + value
}

func labelledAfter(value, label string) string {
	if value == "" || label == "" {
		return value
	}
	return value + " " + label
}

func secondsIfBare(v string) string {
	if v == "" || strings.Trim(v, "0123456789") != "" {
		return ""
	}
	return "s"
}

func unit(n, one, many string) string {
	switch n {
	case "":
		return ""
	case "1":
		return "1 " + one
	}
	return n + " " + many
}

// day is the date of an RFC 3339 time.
func day(t string) string {
	if len(t) >= 10 {
		return t[:10]
	}
	return t
}
