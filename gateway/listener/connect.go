package listener

import (
	"bytes"
	"errors"
	"fmt"
	"strconv"
	"strings"
	"time"

	"gatehouse/gateway/admission"
	"gatehouse/gateway/attempt"
	"gatehouse/gateway/cause"
	"gatehouse/gateway/sid"
	"gatehouse/gateway/wire"
)

// connect reads the CONNECT and has it judged.
func (a *arrival) connect() {
	header, body, err := wire.ReadConnect(a.tls, a.l.settings.MaxConnect)
	if err != nil {
		a.noConnect(header, body, err)
		return
	}
	c, err := wire.DecodeConnect(body, len(header))
	if err != nil {
		a.malformed(header, body, err)
		return
	}
	hideSecret(body, &c)
	a.recordConnect(header, body, c)
	defer clear(c.Password)
	if a.l.other != nil {
		a.instead(c)
		return
	}
	p, v := a.decide(c)
	if v.Accepted() {
		clear(c.Password)
		a.admit(c, v)
		return
	}
	a.refuse(c, v, &p)
}

// noConnect is the end of a connection whose CONNECT did not come, or not whole.
func (a *arrival) noConnect(header, body []byte, err error) {
	var wrong *wire.MalformedError
	switch {
	case a.refuseHTTP(header, err):
	case errors.As(err, &wrong):
		a.malformed(header, body, err)
	case a.l.lobby.wasCut(a.guest):
		a.end(attempt.NoAnswer, a.whyCut(), byGateway, nil)
	case isTimeout(err):
		a.keepUndecoded(header, body, len(header)+len(body))
		a.end(attempt.NoAnswer, cause.ConnectTimeout, byGateway, nil, attempt.F("received", strconv.Itoa(len(header)+len(body))))
	case remoteAlert(err) > 0: // some stacks judge the server's certificate only now
		a.handshakeFailed(err)
	default:
		a.keepUndecoded(header, body, len(header)+len(body))
		how := howClosed
		if isReset(err) {
			how = howReset
		}
		a.end(attempt.NoAnswer, cause.ClosedBeforeConnect, byDevice, err, attempt.F("received", strconv.Itoa(len(header)+len(body))), attempt.F("how", how))
	}
}

// malformed closes without a CONNACK, as MQTT 3.1.1 demands, and records where the packet stopped making sense.
func (a *arrival) malformed(header, body []byte, err error) {
	facts := []attempt.Fact{}
	var wrong *wire.MalformedError
	if errors.As(err, &wrong) {
		facts = append(facts, attempt.F("offset", strconv.Itoa(wrong.Offset)), attempt.F("rule", wrong.Rule), attempt.F("reason", wrong.Reason))
		a.keepUndecoded(header, body, wrong.Offset)
	}
	a.rec.Decide(attempt.NoAnswer, cause.MalformedConnect)
	a.lingerAndClose()
	a.rec.End(cause.MalformedConnect, byGateway, err, facts...)
}

// keepUndecoded keeps the beginning of a CONNECT that could not be decoded, as far as no secret can be in it.
func (a *arrival) keepUndecoded(header, body []byte, offset int) {
	whole := append(append([]byte(nil), header...), body...)
	kept := withoutSecrets(whole, len(header), offset)
	if len(kept) == 0 {
		return
	}
	a.rec.Step(attempt.Connect, attempt.Bad, attempt.F("hex", hexOf(kept)), attempt.F("received", strconv.Itoa(len(whole))))
	a.rec.PacketOf(false, kept, len(whole))
	clear(whole)
	clear(body)
}

// recordConnect records a decoded CONNECT field by field, and its bytes with the secrets blanked.
func (a *arrival) recordConnect(header, body []byte, c wire.Connect) {
	state := attempt.Good
	if !c.Supported() {
		state = attempt.Bad
	}
	packet := append(append(make([]byte, 0, len(header)+len(body)), header...), body...)
	if c.Supported() {
		blank(packet[len(header):], c)
	} else { // nothing is known of what follows the level
		packet = withoutSecrets(packet, len(header), len(packet))
	}
	var room [usualFacts]attempt.Fact
	facts := append(room[:0], attempt.F("protocol", c.ProtocolName), attempt.F("level", strconv.Itoa(int(c.Level))))
	if c.Supported() {
		facts = append(facts, attempt.F("clean", yesNo(c.Clean)), attempt.F("keepalive", strconv.Itoa(int(c.KeepAlive))), attempt.F("client_id", c.ClientID),
			attempt.F("user", userFact(c)), attempt.F("password", presence(c.HasPassword)), attempt.F("will", yesNo(c.HasWill)))
	}
	a.rec.Step(attempt.Connect, state, append(facts, attempt.F("hex", hexOf(packet)))...)
	a.rec.PacketOf(false, packet, len(header)+len(body))
	a.rec.Identify(func(at *attempt.Attempt) {
		at.ClientID = c.ClientID
		if sid.Valid(sid.Key, c.User) {
			at.PresentedUser = c.User
		}
	})
	if c.HasWill {
		a.rec.Warn(cause.WillDiscarded, attempt.F("topic", c.WillTopic), attempt.F("bytes", strconv.Itoa(c.WillLength)), attempt.F("qos", strconv.Itoa(int(c.WillQoS))))
	}
	if a.thumbprint != "" && (c.HasUser || c.HasPassword) {
		a.rec.Warn(cause.CredentialsIgnored, attempt.F("user", userFact(c)), attempt.F("password", presence(c.HasPassword)))
	}
}

// blank overwrites the password, a user name that is no Key SID, since people put secrets into the wrong field, and the payload
// of a will, which nobody is to get.
func blank(body []byte, c wire.Connect) {
	end := len(body)
	if c.HasPassword {
		fill(body[c.PasswordOffset : c.PasswordOffset+c.PasswordLength])
		end = c.PasswordOffset - 2 // its length
	}
	if c.HasUser {
		if !sid.Valid(sid.Key, c.User) {
			fill(body[end-len(c.User) : end])
		}
		end -= len(c.User) + 2
	}
	if c.HasWill {
		fill(body[end-c.WillLength : end])
	}
}

// shortestHidden is how long a password is at least that is looked for inside other fields, in bytes: a shorter one may stand there by chance,
// and counts as a secret only where it is the whole field.
const shortestHidden = 8

// hideSecret overwrites the password in other fields: in a client id, which has no effect (contract, section 3), and in the topic of a will, which
// nobody is to get. So nothing is lost. The user name is for blank.
func hideSecret(body []byte, c *wire.Connect) {
	if !c.Supported() || c.PasswordLength == 0 {
		return
	}
	const levelFlagsKeepAlive, length = 4, 2
	start := length + len(c.ProtocolName) + levelFlagsKeepAlive
	rest := body[start : c.PasswordOffset-length]
	switch secret := string(c.Password); {
	case len(secret) >= shortestHidden:
		for {
			at := bytes.Index(rest, c.Password)
			if at < 0 {
				break
			}
			fill(rest[at : at+len(secret)])
			rest = rest[at+len(secret):] // a password of asterisks would be found for ever
		}
		stars := strings.Repeat("*", len(secret))
		c.ClientID, c.WillTopic = strings.ReplaceAll(c.ClientID, secret, stars), strings.ReplaceAll(c.WillTopic, secret, stars)
	case c.ClientID == secret:
		id := rest[length : length+len(c.ClientID)]
		fill(id)
		c.ClientID = string(id)
	}
}

func fill(b []byte) {
	for i := range b {
		b[i] = '*'
	}
}

// withoutSecrets is the beginning of an undecoded CONNECT, up to offset at most. When a will, user name or password may be in
// it, it ends with the client id; when that cannot be found, with the keep alive.
func withoutSecrets(packet []byte, header, offset int) []byte {
	packet = packet[:max(0, min(len(packet), offset))]
	if len(packet) < header+2 {
		return packet
	}
	name := int(packet[header])<<8 | int(packet[header+1])
	const levelFlagsKeepAlive = 4
	fixed := header + 2 + name + levelFlagsKeepAlive
	if name > len("MQIsdp") || len(packet) <= fixed {
		return packet[:min(len(packet), header+2+len("MQIsdp")+levelFlagsKeepAlive)]
	}
	const willUserOrPassword = 0xc4
	known := admission.SupportedProtocol(string(packet[header+2:header+2+name]), packet[header+2+name])
	if !known || len(packet) < fixed+2 {
		return packet[:fixed]
	}
	if flags := packet[header+2+name+1]; flags&willUserOrPassword == 0 {
		return packet
	}
	id := int(packet[fixed])<<8 | int(packet[fixed+1])
	return packet[:min(len(packet), fixed+2+id)]
}

// hexShown bounds the fact; the packet itself is kept beside it.
const hexShown = 512

// hexOf writes bytes as pairs of digits with spaces between. Every connect is written so; fmt takes ten times as long.
func hexOf(b []byte) string {
	shown := b[:min(len(b), hexShown)]
	if len(shown) == 0 {
		return ""
	}
	var text strings.Builder
	text.Grow(3*len(shown) + len(" …"))
	for _, c := range shown[:len(shown)-1] {
		text.WriteString(hexPairs[c])
	}
	text.WriteString(hexPairs[shown[len(shown)-1]][:2])
	if len(b) > hexShown {
		text.WriteString(" …")
	}
	return text.String()
}

// hexPairs are all bytes with a space behind.
var hexPairs = func() (all [256]string) {
	for c := range all {
		all[c] = fmt.Sprintf("%02x ", c)
	}
	return all
}()

func userFact(c wire.Connect) string {
	switch {
	case !c.HasUser:
		return "absent"
	case sid.Valid(sid.Key, c.User):
		return c.User
	}
	return "present, not a Key SID"
}

func presence(there bool) string {
	if there {
		return "present"
	}
	return "absent"
}

// decide has admission judge the CONNECT, and notes what the verdict rests on.
func (a *arrival) decide(c wire.Connect) (admission.Presented, admission.Verdict) {
	p := admission.Presented{
		ProtocolName: c.ProtocolName, ProtocolLevel: c.Level,
		RateLimited: !a.l.connects.allow(a.guest.addr, a.guest.exempt, a.l.now()),
		Thumbprint:  a.thumbprint,
		HasUser:     c.HasUser, User: c.User, HasPassword: c.HasPassword, Password: c.Password,
	}
	state := a.l.state()
	v := admission.Decide(p, state, a.l.registry)
	a.inputs = &attempt.Inputs{
		ProtocolName: c.ProtocolName[:min(len(c.ProtocolName), longestProtocol)], ProtocolLevel: c.Level,
		Service: uint8(state), RateLimited: p.RateLimited,
		HasUser: c.HasUser, UserIsKeySID: sid.Valid(sid.Key, c.User), HasPassword: len(c.Password) > 0,
		KeyHash: v.KeyHash, SecretMatched: v.SecretMatched,
	}
	return p, v
}

// longestProtocol is how much of a protocol's name is kept; the longest that the gateway speaks has six letters.
const longestProtocol = 64

// refuse answers with the code of the verdict, in the format of 3.1.1 whatever was spoken. What was wrong is recorded after
// the answer, and found out after the connection was closed, so that no time tells anything. Without p the verdict on it has
// been recorded before.
func (a *arrival) refuse(c wire.Connect, v admission.Verdict, p *admission.Presented) {
	if a.thumbprint == "" && v.Code == admission.CodeBadCredentials && !v.SecretMatched {
		a.wait(a.l.failures.delay(c.User, a.guest.addr, a.l.now()))
	}
	_ = a.conn.SetWriteDeadline(time.Now().Add(answerTimeout))
	connack := wire.AppendConnack(nil, false, v.Code)
	_, err := a.tls.Write(connack)
	if p != nil {
		a.recordVerdict(c, v)
	} else {
		a.rec.Decide(attempt.Code(v.Code), v.Cause, v.Also...)
	}
	a.rec.Step(attempt.Connack, attempt.Bad, attempt.F("code", strconv.Itoa(int(v.Code))), attempt.F("hex", hexOf(connack)))
	a.rec.Packet(true, connack)
	a.lingerAndClose()
	if p != nil && a.l.clues != nil {
		for _, clue := range a.l.clues(*p, v) {
			a.rec.Warn(clue.ID, clue.Facts...)
		}
	}
	a.rec.End(v.Cause, byGateway, err)
}

// wait delays the answer to a wrong secret.
func (a *arrival) wait(d time.Duration) {
	if d <= 0 {
		return
	}
	timer := time.NewTimer(d)
	defer timer.Stop()
	select {
	case <-timer.C:
	case <-a.shift.closing:
	}
}

// recordVerdict records what was looked up and found, who it is, and the verdict.
func (a *arrival) recordVerdict(c wire.Connect, v admission.Verdict) {
	if v.Code == admission.CodeAccepted || v.Code >= admission.CodeBadCredentials {
		var room [usualFacts]attempt.Fact
		a.rec.Step(attempt.Lookup, stateOf(v.Code != admission.CodeBadCredentials), lookupFacts(room[:0], a.thumbprint, c, v)...)
	}
	a.rec.Identify(func(at *attempt.Attempt) {
		at.DeviceSID, at.DeviceName, at.CredentialSID, at.ServiceSID = v.DeviceSID, v.DeviceName, v.CredentialSID, v.ServiceSID
		at.Inputs = a.inputs
	})
	a.rec.Decide(attempt.Code(v.Code), v.Cause, v.Also...)
}

// lookupFacts appends what was looked up, and what was found.
func lookupFacts(facts []attempt.Fact, thumbprint string, c wire.Connect, v admission.Verdict) []attempt.Fact {
	known := v.CredentialSID != "" && v.Cause != cause.CredentialRevoked && (v.Cause != cause.DeviceDeleted || v.FleetSID != "")
	name := v.CredentialSID
	by := "certificate"
	if thumbprint == "" {
		by = "key"
		if name == "" {
			name = c.User // a Key SID, else it would not have been looked up
		}
	}
	facts = append(facts, attempt.F("by", by), attempt.F("credential", name), attempt.F("found", yesNo(known)))
	if thumbprint == "" && known {
		secret := "differs"
		if v.SecretMatched {
			secret = "matches"
		}
		facts = append(facts, attempt.F("secret", secret))
	}
	if v.DeviceSID != "" {
		facts = append(facts, attempt.F("device", v.DeviceSID), attempt.F("name", v.DeviceName))
	}
	return facts
}
