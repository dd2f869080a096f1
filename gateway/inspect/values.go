package inspect

import (
	"fmt"
	"strconv"
	"strings"
	"unicode"
	"unicode/utf8"

	"gatehouse/gateway/wire"
)

// hiddenValue stands for what is not shown.
const hiddenValue = "hidden"

// blanked reports whether the gateway overwrote a field before it was recorded.
func blanked(b []byte) bool {
	for _, c := range b {
		if c != '*' {
			return false
		}
	}
	return len(b) > 0
}

// shown is a text in one line: what would move the cursor, break the line or turn its direction is escaped, as are bytes
// that are no text.
func shown(b []byte) string {
	var out strings.Builder
	for i := 0; i < len(b); {
		if out.Len() > maxValue {
			break // clip says so
		}
		r, n := utf8.DecodeRune(b[i:])
		switch {
		case r == utf8.RuneError && n <= 1:
			fmt.Fprintf(&out, `\x%02x`, b[i])
		case r == '\\':
			out.WriteString(`\\`)
		case !unicode.IsPrint(r): // controls, separators, marks of direction
			out.WriteString(strings.Trim(strconv.QuoteRuneToASCII(r), "'"))
		default:
			out.WriteRune(r)
		}
		i += n
	}
	return out.String()
}

// clip bounds a value without cutting a character in two.
func clip(s string) string {
	if len(s) <= maxValue {
		return s
	}
	cut := maxValue - len("…")
	for cut > 0 && !utf8.RuneStart(s[cut]) {
		cut--
	}
	return s[:cut] + "…"
}

func inHex(b []byte) string {
	const most = 64
	if len(b) > most {
		return fmt.Sprintf("% x …", b[:most])
	}
	return fmt.Sprintf("% x", b)
}

func countBytes(n int) string {
	if n == 1 {
		return "1 byte"
	}
	return fmt.Sprint(n, " bytes")
}

func bit(b byte) string {
	if b != 0 {
		return "1"
	}
	return "0"
}

func binary8(b byte) string { return fmt.Sprintf("%08b", b) }

func number(n uint16) string { return fmt.Sprint(n) }

func seconds(n uint16) string {
	if n == 0 {
		return "0 s (off)"
	}
	return fmt.Sprint(n, " s")
}

func wildcard(topic string) int { return strings.IndexAny(topic, "+#") }

func knownProtocol(name string, level byte) bool {
	return name == "MQTT" && level >= V31 && level <= V5 || name == "MQIsdp" && level == V31
}

func levelName(protocol string, level byte) string {
	if !knownProtocol(protocol, level) {
		return fmt.Sprint(level)
	}
	return fmt.Sprintf("%d (%s)", level, VersionName(level))
}

// VersionName is a protocol level as MQTT 3.1, 3.1.1 or 5.
func VersionName(level byte) string {
	switch level {
	case V31:
		return "MQTT 3.1"
	case V311:
		return "MQTT 3.1.1"
	case V5:
		return "MQTT 5"
	}
	return fmt.Sprint("level ", level)
}

// connectLevel is the protocol level in the beginning of a CONNECT, 0 when it is not there.
func connectLevel(b []byte) byte {
	_, used, err := wire.Length(b[min(1, len(b)):])
	if err != nil || used == 0 {
		return 0
	}
	at := 1 + used
	if len(b) < at+2 {
		return 0
	}
	if at += 2 + int(b[at])<<8 + int(b[at+1]); at >= len(b) {
		return 0
	}
	return b[at]
}

// textProblem finds the first place where a string breaks MQTT 3.1.1, 1.5.3.
func textProblem(b []byte) (offset int, rule, reason string) {
	for i := 0; i < len(b); {
		r, n := utf8.DecodeRune(b[i:])
		switch {
		case b[i] == 0:
			return i, "MQTT-1.5.3-2", "holds the character U+0000"
		case r == utf8.RuneError && n <= 1:
			return i, "MQTT-1.5.3-1", fmt.Sprintf("is not UTF-8: byte 0x%02x", b[i])
		}
		i += n
	}
	return 0, "", ""
}

var returnCodes = [...]string{
	"Connection Accepted", "Unacceptable protocol version", "Identifier rejected", "Server unavailable", "Bad user name or password", "Not authorized",
}

// returnCode is one of CONNACK (MQTT 3.1.1, 3.2.2.3).
func returnCode(code byte) string {
	if int(code) < len(returnCodes) {
		return fmt.Sprintf("%d (%s)", code, returnCodes[code])
	}
	return fmt.Sprintf("%d (reserved)", code)
}

// subackCode is one of SUBACK (MQTT 3.1.1, 3.9.3).
func subackCode(code byte) string {
	switch {
	case code <= 2:
		return fmt.Sprintf("%d (Maximum QoS %d)", code, code)
	case code == wire.SubackFailure:
		return "128 (Failure)"
	}
	return fmt.Sprintf("%d (reserved)", code)
}

// reasons are MQTT 5's (2.4).
var reasons = map[byte]string{
	0x00: "Success", 0x01: "Granted QoS 1", 0x02: "Granted QoS 2", 0x04: "Disconnect with Will Message", 0x10: "No matching subscribers",
	0x11: "No subscription existed", 0x18: "Continue authentication", 0x19: "Re-authenticate", 0x80: "Unspecified error", 0x81: "Malformed Packet",
	0x82: "Protocol Error", 0x83: "Implementation specific error", 0x84: "Unsupported Protocol Version", 0x85: "Client Identifier not valid",
	0x86: "Bad User Name or Password", 0x87: "Not authorized", 0x88: "Server unavailable", 0x89: "Server busy", 0x8a: "Banned",
	0x8b: "Server shutting down", 0x8c: "Bad authentication method", 0x8d: "Keep Alive timeout", 0x8e: "Session taken over",
	0x8f: "Topic Filter invalid", 0x90: "Topic Name invalid", 0x91: "Packet Identifier in use", 0x92: "Packet Identifier not found",
	0x93: "Receive Maximum exceeded", 0x94: "Topic Alias invalid", 0x95: "Packet too large", 0x96: "Message rate too high", 0x97: "Quota exceeded",
	0x98: "Administrative action", 0x99: "Payload format invalid", 0x9a: "Retain not supported", 0x9b: "QoS not supported", 0x9c: "Use another server",
	0x9d: "Server moved", 0x9e: "Shared Subscriptions not supported", 0x9f: "Connection rate exceeded", 0xa0: "Maximum connect time",
	0xa1: "Subscription Identifiers not supported", 0xa2: "Wildcard Subscriptions not supported",
}

// reasonCode words the codes of a packet type.
func reasonCode(packetType byte) func(byte) string {
	return func(code byte) string {
		name, known := reasons[code]
		switch {
		case !known:
			return fmt.Sprintf("0x%02x (unknown)", code)
		case code == 0 && packetType == wire.DISCONNECT:
			name = "Normal disconnection"
		case code == 0 && packetType == wire.SUBACK:
			name = "Granted QoS 0"
		}
		return fmt.Sprintf("0x%02x (%s)", code, name)
	}
}
