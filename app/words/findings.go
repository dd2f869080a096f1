package words

import (
	"net"
	"strconv"
	"strings"
	"time"
	"unicode"
	"unicode/utf8"

	"gatehouse/gateway/attempt"
	"gatehouse/gateway/cause"
	"gatehouse/gateway/diagnosis"
	"gatehouse/gateway/finding"
	"gatehouse/gateway/sid"
)

// findingWords has what each finding over several attempts says: a title, what was seen, what that means, and what to do. In
// braces stands what is put in from the finding and its facts.
var findingWords = map[cause.ID]sentence{
	cause.TakeoverFight: {
		"Two connections fight over {device}", "Connections of {device} ended each other {times} times in a minute.", "{likely}",
		"Add a device for each board, with a key of its own: one device has one connection, whatever its keys.",
	},
	cause.ReconnectStorm: {
		"{device} reconnects without end", "{device} connected {times} times in a minute, one time every {interval}.", "Each time it was accepted, and left again.",
		"Look at how its connections ended; let the client wait longer after each try.",
	},
	cause.IgnoresCode: {
		"{device} ignores code {code}", "{device} was refused with code {code} and tried again with the same credential {times} times in a minute, one time every {interval}.", "{retry}",
		"Correct what it was refused for, and make the client heed the return code.",
	},
	cause.SameFailure: {
		"Handshakes fail in the same way", "{times} handshakes {from} failed in the same way: {failure}", "", "{failureadvice}",
	},
	cause.ClockOff: {
		"Clock of {device} is wrong", "{device} takes the gateway’s certificate for expired or not valid yet, and it is valid until {not_after}.", "So its clock is far off.",
		"Set the device’s clock, by NTP or at its start, before it connects.",
	},
}

// codeSays is what the contract means by a code, as evidence that it was not heeded.
var codeSays = map[attempt.Code]string{
	1: "The code says that only MQTT 3.1 and 3.1.1 can succeed.",
	2: "The code says that only another credential can succeed.",
	3: "The code asks to wait longer before each try.",
	4: "The code says that no further try with this credential can succeed.",
	5: "The code says that no try can succeed before the device is enabled and deployed.",
}

// FoundWords is a finding in words.
type FoundWords struct {
	Title    string // "Two connections fight over thermostat-7"
	Evidence string // what was seen, and what it means
	Advice   string // what to do, one sentence; empty when there is nothing to do
}

// Finding says what a finding shows: a pattern over several attempts, or the warnings of single ones summed up.
func Finding(f finding.Finding) FoundWords {
	fill := findingFiller(f)
	if w, known := findingWords[f.Kind]; known {
		begin := func(s string) string { // with a capital, unless that is a device's name
			if f.DeviceName != "" && strings.HasPrefix(s, "{device}") {
				return fill.Replace(s)
			}
			return upperFirst(fill.Replace(s))
		}
		return FoundWords{begin(w.short), strings.TrimSpace(begin(w.cause) + " " + fill.Replace(w.more)), fill.Replace(w.advice)}
	}
	if w, isClue := clueWords[f.Kind]; isClue {
		c := diagnosis.Clue{ID: f.Kind, Facts: f.Facts}
		return FoundWords{fill.Replace(clueFiller(c).Replace(w.short)), Clue(c), clueFiller(c).Replace(w.advice)}
	}
	title, detail := Warning(f.Kind)
	return FoundWords{title, upperFirst(detail) + seen(f), warningAdvice[f.Kind]}
}

// seen says on how many connections of whom.
func seen(f finding.Finding) string {
	who := ""
	if f.DeviceName != "" {
		who = " of " + f.DeviceName
	}
	return ". Seen on " + Count(f.Count, "connection", "connections") + who + "."
}

func upperFirst(s string) string {
	first, size := utf8.DecodeRuneInString(s)
	return string(unicode.ToUpper(first)) + s[size:]
}

// likelyWords say what is behind a takeover fight.
var likelyWords = map[string]string{
	finding.LikelySameKey:   "The same key is on two boards.",
	finding.LikelyTwoKeys:   "Two credentials of this device are in use at once.",
	finding.LikelyReconnect: "One program runs twice, or it does not close its old connection.",
}

func findingFiller(f finding.Finding) *strings.Replacer {
	device, from := f.DeviceName, ""
	if device == "" && f.DeviceSID != "" {
		device = sid.Short(f.DeviceSID)
	}
	host := f.Remote
	if h, _, err := net.SplitHostPort(f.Remote); err == nil {
		host = h
	}
	switch n := f.Fact("addresses"); {
	case n != "":
		from = "from " + n + " addresses"
	case host != "":
		from = "from " + host
	}
	if device == "" {
		device = "a device"
		if host != "" {
			device = "the device at " + host
		}
	}
	n, _ := strconv.Atoi(f.Fact("code"))
	failure := sentences[cause.ID(f.Fact("cause"))]
	return strings.NewReplacer("{device}", device, "{times}", f.Fact("times"), "{interval}", took(f.Fact("interval")), "{code}", f.Fact("code"), "{from}", from,
		"{likely}", likelyWords[f.Fact("likely")], "{retry}", codeSays[attempt.Code(n)], "{failure}", plain(failure.cause), "{failureadvice}", plain(failure.advice),
		"{not_after}", day(f.Fact("not_after")))
}

// took is a duration that was recorded, as people read it.
func took(recorded string) string {
	if d, err := time.ParseDuration(recorded); err == nil {
		return Took(d)
	}
	return recorded
}

// warningAdvice is what to do about the warnings of single attempts.
var warningAdvice = map[cause.ID]string{
	cause.WillDiscarded:          "Turn the last will off in the client, or watch the device’s connection here instead.",
	cause.CertificateExpired:     "Renew the device’s certificate, and enrol the new one.",
	cause.CertificateNotYetValid: "Set the clock of the device, or of the machine that made the certificate.",
	cause.WeakKey:                "Make a P-256 key for the device, and enrol its certificate.",
	cause.CredentialsIgnored:     "Take one of the two out of the device: its key, or its certificate.",
	cause.BelievedConnected:      "Have the client wait for CONNACK before it calls itself connected.",
	cause.CertificateExpiresSoon: "Renew the device’s certificate, and enrol the new one beside the old.",
	cause.HeavyKey:               "Make a P-256 key when the device’s certificate is renewed.",
	cause.LabNotValidated:        "Give the device the gateway’s root.pem, and have it check chain, dates and name before it sends anything.",
	cause.LargeChain:             "Have the device send its own certificate alone.",
	cause.KeepaliveShort:         "Set the keepalive to a minute or more.",
	cause.KeepaliveOff:           "Set a keepalive of some minutes.",
	cause.NameNotSent:            "Connect by a name in the certificate, and have the client check it.",
	cause.NameNotInCertificate:   "Connect by a name in the certificate, or add the name in Settings, and have the client check it.",
	cause.SystemTopic:            "Use topics that do not begin with $.",
	cause.NotSyncTopic:           "Use a topic below sync/, or allow others in Settings.",
	cause.SyncWildcard:           "Subscribe to each object by its name.",
	cause.InvalidFilter:          "Correct the filter in the client.",
	cause.TooManySubscriptions:   "Unsubscribe from what is no longer needed.",
	cause.NotRetained:            "Clear retained messages that are no longer needed.",
	cause.SubscribeRefused:       "Create the object, or give the device leave to read it.",
	cause.SessionDiscarded:       "Have the device connect more often, or subscribe to less.",
	cause.MessageRefused:         "Correct what the device sends.",
}

// plain fills what a sentence leaves open without an attempt at hand.
func plain(s string) string { return filler(attempt.Attempt{}).Replace(s) }
