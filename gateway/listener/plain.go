package listener

import (
	"bytes"
	"encoding/binary"
	"encoding/hex"
	"errors"
	"io"
	"strconv"
	"strings"
	"time"

	"gatehouse/gateway/attempt"
	"gatehouse/gateway/cause"
	"gatehouse/gateway/sid"
	"gatehouse/gateway/wire"
)

// What first bytes look like, beside TLS.
const (
	looksMQTT      = "MQTT without TLS"
	looksHTTP      = "HTTP"
	looksWebSocket = "WebSocket"
	looksSSH       = "SSH"
	looksProxy     = "PROXY protocol"
	looksSSL2      = "SSL 2.0"
	looksUnknown   = "unknown"
)

// proxyHeaders are how both versions of the PROXY protocol begin.
var proxyHeaders = [][]byte{[]byte("PROXY "), []byte("\r\n\r\n\x00\r\nQUIT\n")}

func beginsWith(b []byte, any [][]byte) bool {
	for _, prefix := range any {
		if bytes.HasPrefix(b, prefix) {
			return true
		}
	}
	return false
}

// classify names what is not TLS, by its first bytes; there is at least one.
func classify(b []byte) (looks string, code attempt.Code, why cause.ID) {
	head := b[:min(len(b), tellingBytes)]
	switch {
	case beginsWith(b, httpMethods):
		if header(b, "upgrade") == "websocket" {
			return looksWebSocket, attempt.TCP, cause.PlainWebSocket
		}
		return looksHTTP, attempt.TCP, cause.PlaintextHTTP
	case bytes.HasPrefix(b, []byte("SSH-")):
		return looksSSH, attempt.TCP, cause.SpeaksSSH
	case beginsWith(b, proxyHeaders):
		return looksProxy, attempt.TCP, cause.ProxyHeader
	case b[0]>>4 == 1 && (bytes.Contains(head, []byte("MQTT")) || bytes.Contains(head, []byte("MQIsdp"))), b[0] == 0x10 && len(b) < tellingBytes:
		return looksMQTT, attempt.TCP, cause.Plaintext
	case len(b) > 2 && b[0]&0x80 != 0 && b[2] == 1: // a ClientHello of RFC 6101, appendix E
		return looksSSL2, attempt.TLS, cause.SSL2
	}
	return looksUnknown, attempt.TCP, cause.NotTLS
}

// header is a field of an HTTP request in lower case, empty when it has none, or it has not come.
func header(request []byte, name string) string {
	for line := range strings.SplitSeq(strings.ToLower(string(request)), "\r\n") {
		if field, value, found := strings.Cut(line, ":"); found && field == name {
			return strings.TrimSpace(value)
		}
	}
	return ""
}

// shown are the first bytes of what is not TLS, as far as they tell the protocol and nothing else: what follows may be a
// password, and bytes of no known protocol may be one from the start.
func shown(sent []byte, looks string) []byte {
	n := unknownShown
	switch looks {
	case looksSSH:
		n = len("SSH-2.0-")
	case looksMQTT:
		if head := sent[:min(len(sent), knownShown)]; bytes.Contains(head, []byte("MQTT")) || bytes.Contains(head, []byte("MQIsdp")) {
			n = knownShown
		}
	case looksProxy, looksSSL2:
		n = knownShown
	}
	return sent[:min(len(sent), n)]
}

// refusePlain records what was sent instead of TLS. A plaintext peer gets no MQTT service.
func (a *arrival) refusePlain() {
	sent := a.conn.ahead
	looks, code, why := classify(sent)
	facts := []attempt.Fact{attempt.F("looks_like", looks), attempt.F("hex", hex.EncodeToString(shown(sent, looks)))}
	switch why {
	case cause.Plaintext:
		facts = append(facts, plainConnectFacts(sent)...)
	case cause.SSL2:
		facts = append(facts, ssl2Facts(sent)...)
	case cause.PlaintextHTTP, cause.PlainWebSocket:
		facts = append(facts, httpFacts(sent, looks)...)
	}
	clear(sent) // a password may be in it
	a.rec.Step(attempt.FirstBytes, attempt.Bad, facts...)
	if why == cause.PlaintextHTTP || why == cause.PlainWebSocket {
		_ = a.conn.SetWriteDeadline(time.Now().Add(answerTimeout))
		_, _ = io.WriteString(a.conn.Conn, httpAnswer)
	}
	a.conn.release()
	a.rec.Decide(code, why)
	a.lingerAndClose()
	a.rec.End(why, byGateway, nil)
}

// plainConnectFacts are what a CONNECT says that came without TLS, as far as it has come; what is blanked is changed in it.
func plainConnectFacts(sent []byte) []attempt.Fact {
	length, used, err := wire.Length(sent[1:])
	if err != nil || used == 0 {
		return nil
	}
	body := sent[1+used:]
	whole := len(body) >= length
	if whole {
		body = body[:length]
	}
	c, err := wire.DecodeConnect(body, 1+used)
	if c.ProtocolName == "" || len(c.ProtocolName) > longestProtocol {
		return nil
	}
	facts := []attempt.Fact{attempt.F("protocol", c.ProtocolName), attempt.F("level", strconv.Itoa(int(c.Level)))}
	if err != nil || !whole || !c.Supported() {
		return facts // what followed may be anything, a password as well
	}
	hideSecret(body, &c)
	facts = append(facts, attempt.F("clean", yesNo(c.Clean)), attempt.F("keepalive", strconv.Itoa(int(c.KeepAlive))))
	if c.ClientID != "" {
		facts = append(facts, attempt.F("client_id", c.ClientID))
	}
	if !c.HasUser || sid.Valid(sid.Key, c.User) {
		facts = append(facts, attempt.F("user", userFact(c)))
	} else {
		facts = append(facts, attempt.F("user", presence(true)))
	}
	return append(facts, attempt.F("password", presence(c.HasPassword)))
}

// ssl2Facts are the version that a ClientHello of SSL 2.0 names, which may be newer, and how many suites it offers.
func ssl2Facts(sent []byte) []attempt.Fact {
	const headAndType, suite = 3, 3
	if len(sent) < headAndType+4 {
		return nil
	}
	version := binary.BigEndian.Uint16(sent[headAndType:])
	name := versionName(version)
	if version == 0x0002 {
		name = looksSSL2
	}
	return []attempt.Fact{attempt.F("versions", name), attempt.F("suites", strconv.Itoa(int(binary.BigEndian.Uint16(sent[headAndType+2:]))/suite))}
}

// refuseSilent records a peer that sent nothing at all.
func (a *arrival) refuseSilent(err error) {
	by := byGateway
	facts := []attempt.Fact{}
	switch {
	case isReset(err):
		by, facts = byDevice, append(facts, attempt.F("how", howReset))
	case errors.Is(err, io.EOF):
		by, err, facts = byDevice, nil, append(facts, attempt.F("how", howClosed))
	}
	a.rec.Decide(attempt.TCP, cause.NothingSent)
	a.close()
	a.rec.End(cause.NothingSent, by, err, facts...)
}
