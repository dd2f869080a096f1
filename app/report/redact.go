package report

import (
	"fmt"
	"regexp"
	"slices"
	"strconv"
	"strings"
	"unicode"
	"unicode/utf8"

	"gatehouse/gateway/attempt"
)

var (
	sidForm    = regexp.MustCompile(`^[A-Z]{2}[0-9a-f]{32}$`)
	privateKey = regexp.MustCompile(`(?s)-----BEGIN [A-Z0-9 ]*PRIVATE KEY-----.*?(-----END [A-Z0-9 ]*PRIVATE KEY-----|$)`)
	longWord   = regexp.MustCompile(`[A-Za-z0-9+/=_.~%-]{32,}`)
)

const keyWasHere = "(a private key was here)"

// texts makes what came from outside fit to be shown.
type texts struct{ most int }

// of is a text of one line: bounded, without a private key, and with everything escaped that is no visible character, such as
// control characters, line ends and marks that turn the direction of writing.
func (t texts) of(s string) string {
	s = s[:min(len(s), 4*t.most+256)] // what is escaped only gets longer
	if strings.Contains(s, "-----BEGIN ") {
		s = privateKey.ReplaceAllString(s, keyWasHere)
	}
	var out strings.Builder
	for i, r := range s {
		if out.Len() > t.most {
			break
		}
		switch {
		case r == utf8.RuneError && !strings.HasPrefix(s[i:], "\uFFFD"):
			fmt.Fprintf(&out, `\x%02x`, s[i])
		case !unicode.IsPrint(r):
			out.WriteString(strings.Trim(strconv.QuoteRuneToASCII(r), "'"))
		default:
			out.WriteRune(r)
		}
	}
	return t.cut(out.String())
}

func (t texts) cut(s string) string {
	if len(s) <= t.most {
		return s
	}
	at := max(t.most-len("…"), 0)
	for at > 0 && !utf8.RuneStart(s[at]) {
		at--
	}
	return s[:at] + "…"
}

// masked hides what looks like a secret in a text that a device chose freely, such as its client ID: 32 characters or more
// that look random. SIDs are none, nor are words that are joined by dashes.
func masked(s string) string {
	return longWord.ReplaceAllStringFunc(s, func(word string) string {
		if sidForm.MatchString(word) || !looksRandom(word) {
			return word
		}
		return fmt.Sprintf("%s… (masked, %d characters)", word[:4], len(word))
	})
}

// looksRandom tells digits and letters at random from words: either one part has 32 characters that are not mostly the same,
// or letters and digits take turns within the parts, which they do at nearly every second place of random hex and more often in
// base64, where small letters are followed by capitals too.
func looksRandom(word string) bool {
	const fewestKinds, turnsInWords = 8, 5
	part, longest, turns := 0, 0, 0
	var before rune
	seen := map[rune]bool{}
	for _, r := range word {
		seen[r] = true
		if strings.ContainsRune("-_.~%", r) {
			part, before = 0, 0
			continue
		}
		part++
		longest = max(longest, part)
		if before != 0 && (unicode.IsDigit(r) != unicode.IsDigit(before) || unicode.IsUpper(r) && unicode.IsLower(before)) {
			turns++
		}
		before = r
	}
	return len(seen) >= fewestKinds && (longest >= 32 || turns*turnsInWords >= len(word))
}

// lasting are the facts that stay as they are, although they may look random: topics, names, and what names a certificate. All
// others are masked like a client ID, also those that this package does not know.
var lasting = []string{
	"topic", "filter", "name", "device", "credential", "subject", "issuer", "serial", "sha256", "sha1", "public_key", "key", "hex", "thumbprint", "root",
	"names", "dns_names",
}

// beginning bounds a text before it is searched. The word that is cut in two goes with what is cut off, since too little would
// be left of it to see that it is a secret.
func beginning(s string) string {
	const most = 4 << 10
	if len(s) <= most {
		return s
	}
	return strings.TrimRightFunc(s[:most], func(r rune) bool {
		return r < unicode.MaxASCII && (unicode.IsLetter(r) || unicode.IsDigit(r) || strings.ContainsRune("+/=_.~%-", r))
	}) + "…"
}

// redacted is a copy of an attempt without what a report must not hold. It may still hold packets.
func redacted(a attempt.Attempt) attempt.Attempt {
	hidden := map[string]string{} // what was masked, so that it is masked wherever it stands
	mask := func(s string) string {
		s = beginning(s)
		m := masked(s)
		if m != s && len(hidden) < 16 {
			hidden[s] = m
		}
		return m
	}
	a.ClientID, a.ServerName = mask(a.ClientID), mask(a.ServerName)
	a.Steps = slices.Clone(a.Steps)
	for i, s := range a.Steps {
		facts := make([]attempt.Fact, 0, len(s.Facts))
		for _, f := range s.Facts {
			switch {
			case f.Name == "hex" && (s.Kind == attempt.Connect || s.Kind == attempt.FirstBytes):
				continue // the payload of a will may be in it, or what was said in the clear; packets are shown with both blanked
			case f.Name == "pem":
				continue // as long as all else together; its thumbprints name the certificate
			case !slices.Contains(lasting, f.Name):
				f.Value = mask(f.Value)
			}
			facts = append(facts, f)
		}
		a.Steps[i].Facts = facts
	}
	for i, s := range a.Steps {
		for k, f := range s.Facts {
			for secret, m := range hidden {
				f.Value = strings.ReplaceAll(f.Value, secret, m)
			}
			a.Steps[i].Facts[k] = f
		}
	}
	return a
}
