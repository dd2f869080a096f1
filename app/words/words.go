// Package words says in plain sentences what the gateway knows as codes, causes and facts. It is the one place where
// words for people are made, for the window and the command line alike. It does no I/O and changes nothing.
package words

import (
	"fmt"
	"strings"

	"gatehouse/gateway/attempt"
	"gatehouse/gateway/cause"
	"gatehouse/gateway/sid"
)

// Explanation is an attempt in words.
type Explanation struct {
	Short   string // for a table: "Device is disabled"
	Name    string // of the code: "Not authorized"
	Meaning string // of the code: "The device is known, but may not connect."
	Cause   string // one sentence: "thermostat-7 is disabled."
	More    string // what else is known, may be empty: "Its key and secret are right."
	Advice  string // what to do, one sentence; empty when there is nothing to do
}

// codeWords are the name and meaning of each way in which an attempt can stand.
var codeWords = map[attempt.Code][2]string{
	0:                {"Connection accepted", "The device is connected, or was."},
	1:                {"Unacceptable protocol version", "The device speaks a protocol that this gateway does not."},
	2:                {"Identifier rejected", "The device’s credential does not have the right form."},
	3:                {"Server unavailable", "The gateway cannot take the connection now."},
	4:                {"Bad user name or password", "The gateway does not know this credential."},
	5:                {"Not authorized", "The device is known, but may not connect."},
	attempt.Pending:  {"Connecting", "The device has not finished connecting."},
	attempt.NoAnswer: {"No answer", "The connection ended before the gateway could answer it."},
	attempt.TLS:      {"Handshake failed", "The device and the gateway did not agree on a secure connection."},
	attempt.TCP:      {"Not a secure connection", "What arrived was not TLS."},
}

// CodeName is the name of a code.
func CodeName(c attempt.Code) string { return codeWords[c][0] }

// CodeMeaning is what a code means, in a sentence.
func CodeMeaning(c attempt.Code) string { return codeWords[c][1] }

// CodeLabel is a code as it is said in a line of text: its number, or where the attempt ended.
func CodeLabel(c attempt.Code) string {
	switch c {
	case attempt.Pending:
		return "…"
	case attempt.NoAnswer:
		return "MQTT"
	case attempt.TLS:
		return "TLS"
	case attempt.TCP:
		return "TCP"
	}
	return fmt.Sprint(int(c))
}

// Retry is what the contract tells a device to do after a code.
func Retry(c attempt.Code) string {
	switch c {
	case 1:
		return "Use MQTT 3.1 or 3.1.1."
	case 2:
		return "Correct the credential, then try again."
	case 3:
		return "Try again later, and more slowly each time."
	case 4:
		return "Do not try again with this credential."
	case 5:
		return "Do not try again until the device is enabled and deployed."
	}
	return ""
}

// Explain says why an attempt went as it did.
func Explain(a attempt.Attempt) Explanation {
	e := Explanation{Name: CodeName(a.Code), Meaning: CodeMeaning(a.Code)}
	if a.Code == attempt.Pending {
		e.Short, e.Cause = "Connecting…", "The connection is being made."
		return e
	}
	if a.Code == attempt.Code(0) {
		explainAccepted(&e, a)
		return e
	}
	s, known := sentences[a.Cause]
	if !known {
		e.Short, e.Cause = string(a.Cause), "The cause is “"+string(a.Cause)+"”."
		return e
	}
	fill := filler(a)
	if c, found := clueOf(a); found {
		s, fill = sharper(s, c, fill), clueFiller(c)
	}
	e.Short, e.Cause = fill.Replace(s.short), fill.Replace(s.cause)
	e.More, e.Advice = fill.Replace(s.more), fill.Replace(s.advice)
	explainHandshake(&e, a)
	if also := alsoWords(a.Also); also != "" {
		e.More = strings.TrimSpace(e.More + " " + also)
	}
	return e
}

func explainAccepted(e *Explanation, a attempt.Attempt) {
	name := deviceName(a)
	switch {
	case a.TookOver != "":
		e.Short = "Took over from " + a.TookOver
		e.Cause = name + " connected and took its session over from " + a.TookOver + "."
	case a.Resumed && a.Pending > 0:
		e.Short = fmt.Sprintf("Session resumed, %d pending", a.Pending)
		e.Cause = fmt.Sprintf("%s is back, and %s waited for it.", name, Count(a.Pending, "message", "messages"))
	case a.Resumed:
		e.Short, e.Cause = "Session resumed", name+" is back in its session."
	default:
		e.Short, e.Cause = "New session", name+" connected with a new session."
	}
	if a.End != "" && !a.Live {
		e.More = ending(a)
	}
}

// End says how an accepted connection ended.
func End(c cause.ID) string {
	if s, known := ends[c]; known {
		return s
	}
	if s, known := sentences[c]; known {
		return s.short + "."
	}
	return string(c)
}

// Warning is a remark about an attempt that went on all the same, or a clue about one that was refused.
func Warning(c cause.ID) (title, detail string) {
	if w, known := warnings[c]; known {
		return w[0], w[1]
	}
	return string(c), ""
}

func alsoWords(also []cause.ID) string {
	var said []string
	for _, c := range also {
		switch c {
		case cause.NotDeployed:
			said = append(said, "It is not deployed either.")
		case cause.NoService:
			said = append(said, "Its deployment has no Sync service either.")
		}
	}
	return strings.Join(said, " ")
}

func deviceName(a attempt.Attempt) string {
	switch {
	case a.DeviceName != "":
		return a.DeviceName
	case a.DeviceSID != "":
		return sid.Short(a.DeviceSID)
	}
	return "The device"
}

// filler puts what is known of an attempt into a sentence.
func filler(a attempt.Attempt) *strings.Replacer {
	key := a.PresentedUser
	if key == "" {
		key = a.CredentialSID
	}
	credential, right := "credential "+sid.Short(a.CredentialSID), "Its credential is right."
	if sid.Valid(sid.Key, a.CredentialSID) {
		credential, right = "key "+sid.Short(a.CredentialSID), "Its key and secret are right."
	} else if sid.Valid(sid.Certificate, a.CredentialSID) {
		credential, right = "certificate "+sid.Short(a.CredentialSID), "Its certificate is right."
	}
	connect, ended := stepOf(a, attempt.Connect), stepOf(a, attempt.Ended)
	return strings.NewReplacer(
		"{device}", deviceName(a),
		"{key}", sid.Short(key),
		"{credential}", credential,
		"{right}", right,
		"{thumbprint}", Thumbprint(a.Thumbprint),
		"{protocol}", protocolWords(connect),
		"{offset}", orUnknown(ended.Fact("offset")),
		"{rule}", orUnknown(ended.Fact("rule")),
		"{reason}", orUnknown(ended.Fact("reason")),
		"{alert}", alertSentence(a),
	)
}

// alertSentence is the alert that ended a handshake, as a sentence; empty when there was none.
func alertSentence(a attempt.Attempt) string {
	if said := alertSaid(stepOf(a, attempt.Handshake)); said != "" {
		return upperFirst(said) + "."
	}
	return ""
}

func orUnknown(s string) string {
	if s == "" {
		return "unknown"
	}
	return s
}

func protocolWords(connect attempt.Step) string {
	name, level := connect.Fact("protocol"), connect.Fact("level")
	if name == "" {
		return "another protocol"
	}
	return "“" + name + "” level " + level
}

func stepOf(a attempt.Attempt, k attempt.Kind) attempt.Step {
	for _, s := range a.Steps {
		if s.Kind == k {
			return s
		}
	}
	return attempt.Step{}
}

// Thumbprint is a certificate's SHA-256, short enough to compare.
func Thumbprint(hex string) string {
	if len(hex) < 12 {
		return hex
	}
	return hex[:6] + "…" + hex[len(hex)-4:]
}
