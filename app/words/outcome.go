package words

import (
	"fmt"
	"strings"
	"time"

	"gatehouse/gateway/attempt"
	"gatehouse/gateway/cause"
	"gatehouse/gateway/diagnosis"
)

// undecided says why nobody but the device can tell whether an attempt would pass now.
var undecided = map[cause.ID]string{
	cause.SecretChanged:     "the key’s secret has changed since; only the device can tell whether it has the new one",
	cause.SecretNotCompared: "its secret was never looked at; only the device can tell whether it is right",
	cause.NotRecorded:       "what the decision rested on was not recorded",
	cause.BeforeConnect:     "it ended before the gateway had anything to decide on; only another try tells",
}

// Outcome says whether an attempt would be accepted now, or after a change that was tried out.
func Outcome(o diagnosis.Outcome, a attempt.Attempt) string {
	then := a
	then.Code, then.Cause, then.Also = attempt.Code(o.Verdict.Code), o.Verdict.Cause, o.Verdict.Also
	then.DeviceSID, then.DeviceName, then.CredentialSID = o.Verdict.DeviceSID, o.Verdict.DeviceName, o.Verdict.CredentialSID
	then.Steps = nil
	switch {
	case !o.Decided && o.Verdict.Cause != "" && !o.Verdict.Accepted():
		return fmt.Sprintf("No: even with the right secret it would be code %d. %s", o.Verdict.Code, Explain(then).Cause)
	case !o.Decided:
		return "Cannot tell: " + undecided[o.Reason] + "."
	case o.Verdict.Accepted() && a.Cause == cause.RateLimited:
		return "Yes: it would be accepted now, unless too many connect at once again."
	case o.Verdict.Accepted() && !o.Changed:
		return "Yes: it would be accepted again."
	case o.Verdict.Accepted():
		return "Yes: it would be accepted now."
	}
	still := "now"
	if !o.Changed {
		still = "still"
	}
	if o.Verdict.Cause == a.Cause { // the clues go for it as well
		then.Steps = a.Steps
	}
	return strings.TrimSpace(fmt.Sprintf("No: %s code %d. %s", still, o.Verdict.Code, Explain(then).Cause))
}

var rowNames = map[string]string{
	"sha256": "SHA-256", "sha1": "SHA-1", "public_key": "Public key", "subject": "Subject", "issuer": "Issuer", "serial": "Serial number",
	"not_before": "Valid from", "not_after": "Valid until", "key_type": "Key type", "device": "Device", "fleet": "Fleet", "credential": "Key SID",
	"secret": "Secret", "created": "Made",
}

// RowValues are what stands in a row of presented and enrolled, as people read it.
func RowValues(r diagnosis.Row) (presented, enrolled string) {
	if r.Name != "secret" {
		return instant(r.Presented), instant(r.Enrolled)
	}
	switch r.Presented {
	case "matches":
		return "matches", "kept as a salted hash"
	case "differs":
		return "does not match", "kept as a salted hash"
	}
	return "not known", "kept as a salted hash"
}

// instant is a time as people read it; any other text stays.
func instant(text string) string {
	at, err := time.Parse(time.RFC3339, text)
	if err != nil {
		return text
	}
	return at.UTC().Format("2006-01-02 15:04:05 UTC")
}

// RowName is the name of a row of presented and enrolled.
func RowName(id string) string {
	if name, known := rowNames[id]; known {
		return name
	}
	return id
}

// Undecided says why it cannot be told from its record whether an attempt would pass now.
func Undecided(why cause.ID) string { return undecided[why] }
