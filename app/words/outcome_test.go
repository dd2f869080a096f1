package words

import (
	"strings"
	"testing"
	"unicode/utf8"

	"gatehouse/gateway/admission"
	"gatehouse/gateway/attempt"
	"gatehouse/gateway/cause"
	"gatehouse/gateway/diagnosis"
	"gatehouse/gateway/finding"
)

func warned(id cause.ID, nameValue ...string) attempt.Step {
	s := attempt.Step{Kind: attempt.Warning, State: attempt.Warn, Facts: []attempt.Fact{{Name: "cause", Value: string(id)}}}
	for i := 0; i < len(nameValue); i += 2 {
		s.Facts = append(s.Facts, attempt.F(nameValue[i], nameValue[i+1]))
	}
	return s
}

const aKey = "KYd2000000000000000000000000000e0e"

func TestAClueSharpensTheCause(t *testing.T) {
	a := attempt.Attempt{Code: 4, Cause: cause.WrongSecret, PresentedUser: aKey, CredentialSID: aKey, DeviceName: "lamp"}
	for _, c := range []struct {
		step                       attempt.Step
		short, cause, more, advice string
	}{
		{
			warned(cause.SecretWhitespace, "at", "end", "what", "newline"), "Secret ends in a newline", "Right key, wrong secret: what it sent ends in a newline.",
			"Without it the secret is right.", "Send the password without it",
		},
		{warned(cause.SecretWhitespace, "at", "both", "what", "space"), "Secret is between spaces", "Right key, wrong secret: what it sent is between spaces.", "", ""},
		{warned(cause.SecretEncoded, "as", "url"), "Secret is URL-encoded", "Right key, wrong secret: what it sent is URL-encoded.", "", ""},
		{warned(cause.SecretTooShort), "Secret is too short", "Right key, wrong secret: what it sent is shorter than a secret is.", "The key belongs to lamp.", ""},
		{warned(cause.SecretOfOtherKey, "key", "KY410000000000000000000000000000009c", "name", "pump"), "Secret of another key", "The secret is right for another key: KY41…9c of pump.", "", ""},
		{
			warned(cause.KeySIDMistyped, "key", "KY410000000000000000000000000000009c", "name", "pump", "how", "typo", "secret", "matches"), "Key SID is mistyped",
			"The user name is almost Key SID KY41…9c of pump: one character differs.", "The secret is right.", "Copy the Key SID KY41…9c",
		},
		{warned(cause.WillDiscarded), "Wrong secret for KYd2…0e", "The secret for key KYd2…0e is wrong.", "The key belongs to lamp.", "Check the password"},
	} {
		a.Steps = []attempt.Step{c.step}
		e := Explain(a)
		if e.Short != c.short || e.Cause != c.cause || !strings.HasPrefix(e.More, c.more) || !strings.HasPrefix(e.Advice, c.advice) {
			t.Errorf("%+v", e)
		}
	}
}

// Every clue fits into a cell of a table, whatever it found, and leaves nothing open.
func TestCluesAreShortAndWhole(t *testing.T) {
	for id := range clueWords {
		for _, facts := range [][]attempt.Fact{
			nil,
			{{Name: "key", Value: aKey}, {Name: "device", Value: "TH0"}, {Name: "name", Value: "lamp"}, {Name: "what", Value: "newline"}, {Name: "at", Value: "both"}, {Name: "as", Value: "url"}, {Name: "how", Value: "white_space"}, {Name: "secret", Value: "differs"}, {Name: "was", Value: "pump"}},
		} {
			c := diagnosis.Clue{ID: id, Facts: facts}
			short := clueFiller(c).Replace(clueWords[id].short)
			text := Clue(c)
			if utf8.RuneCountInString(short) > 40 || strings.ContainsAny(short+text+clueFiller(c).Replace(clueWords[id].advice), "{}") || !strings.HasSuffix(text, ".") || strings.Contains(text, "  ") {
				t.Errorf("%s: %q, %q", id, short, text)
			}
		}
	}
	for c, s := range sentences {
		if short := plain(s.short); utf8.RuneCountInString(short) > 40 {
			t.Errorf("%s: %q is too long for a table", c, short)
		}
	}
}

func TestOutcomesAreSaid(t *testing.T) {
	verdict := func(code byte, why cause.ID) admission.Verdict {
		return admission.Verdict{Code: code, Cause: why, DeviceSID: "TH1", DeviceName: "lamp", CredentialSID: aKey}
	}
	for _, c := range []struct {
		a    attempt.Attempt
		o    diagnosis.Outcome
		want string
	}{
		{attempt.Attempt{Code: 5}, diagnosis.Outcome{Decided: true, Changed: true, Verdict: verdict(0, cause.Accepted)}, "Yes: it would be accepted now."},
		{attempt.Attempt{}, diagnosis.Outcome{Decided: true, Verdict: verdict(0, cause.Accepted)}, "Yes: it would be accepted again."},
		{attempt.Attempt{Code: 3, Cause: cause.RateLimited}, diagnosis.Outcome{Decided: true, Changed: true, Verdict: verdict(0, cause.Accepted)}, "Yes: it would be accepted now, unless too many connect at once again."},
		{attempt.Attempt{Code: 5, Cause: cause.DeviceDisabled}, diagnosis.Outcome{Decided: true, Verdict: verdict(5, cause.DeviceDisabled)}, "No: still code 5. lamp is disabled."},
		{attempt.Attempt{Code: 4, Cause: cause.UnknownCertificate}, diagnosis.Outcome{Decided: true, Changed: true, Verdict: verdict(5, cause.NotDeployed)}, "No: now code 5. lamp is not deployed."},
		{attempt.Attempt{Code: 4, Cause: cause.WrongSecret}, diagnosis.Outcome{Reason: cause.SecretChanged, Verdict: verdict(0, cause.Accepted)}, "Cannot tell: the key’s secret has changed since; only the device can tell whether it has the new one."},
		{attempt.Attempt{Code: 3}, diagnosis.Outcome{Reason: cause.SecretNotCompared, Verdict: verdict(5, cause.DeviceDisabled)}, "No: even with the right secret it would be code 5. lamp is disabled."},
		{attempt.Attempt{Code: attempt.TLS}, diagnosis.Outcome{Reason: cause.BeforeConnect}, "Cannot tell: it ended before the gateway had anything to decide on; only another try tells."},
		{
			attempt.Attempt{Code: 4, Cause: cause.WrongSecret, Steps: []attempt.Step{warned(cause.SecretQuoted)}}, diagnosis.Outcome{Decided: true, Verdict: verdict(4, cause.WrongSecret)},
			"No: still code 4. Right key, wrong secret: what it sent has quotation marks around it.",
		},
	} {
		if got := Outcome(c.o, c.a); got != c.want {
			t.Errorf("%q, want %q", got, c.want)
		}
	}
}

func TestFindingsAreSaid(t *testing.T) {
	f := finding.Finding{Kind: cause.IgnoresCode, Count: 7, Remote: "192.0.2.7:5000", Facts: []attempt.Fact{attempt.F("code", "4"), attempt.F("times", "7"), attempt.F("interval", "5s")}}
	got := Finding(f)
	if got.Title != "The device at 192.0.2.7 ignores code 4" || !strings.HasPrefix(got.Evidence, "The device at 192.0.2.7 was refused with code 4 and tried again with the same credential 7 times in a minute, one time every 5.0 s.") {
		t.Errorf("%+v", got)
	}
	if strings.Contains(got.Evidence, "Do not") || !strings.HasSuffix(got.Evidence, "no further try with this credential can succeed.") {
		t.Errorf("evidence tells what to do: %q", got.Evidence)
	}
	f = finding.Finding{Kind: cause.WeakKey, Count: 2, DeviceName: "lamp"}
	if got = Finding(f); got.Title != "Weak key" || got.Evidence != "An RSA key of less than 2048 bits; P-256 is safer and lighter. Seen on 2 connections of lamp." || got.Advice == "" {
		t.Errorf("%+v", got)
	}
	for id := range findingWords {
		got := Finding(finding.Finding{Kind: id, DeviceName: "lamp", Facts: []attempt.Fact{attempt.F("cause", string(cause.UntrustedRoot)), attempt.F("likely", finding.LikelySameKey)}})
		if strings.ContainsAny(got.Title+got.Evidence+got.Advice, "{}") || got.Advice == "" || !strings.HasSuffix(got.Evidence, ".") {
			t.Errorf("%s: %+v", id, got)
		}
	}
	for id := range warnings {
		if got := Finding(finding.Finding{Kind: id, Count: 1}); got.Advice == "" || got.Title == "" {
			t.Errorf("%s: %+v", id, got)
		}
	}
}

func TestTimesOfAComparisonAreReadable(t *testing.T) {
	presented, enrolled := RowValues(diagnosis.Row{Name: "not_after", Presented: "2026-03-01T12:00:00Z", Enrolled: "—"})
	if presented != "2026-03-01 12:00:00 UTC" || enrolled != "—" {
		t.Fatal(presented, enrolled)
	}
}
