package diagnosis

import (
	"encoding/json"
	"regexp"
	"testing"

	"gatehouse/gateway/admission"
	"gatehouse/gateway/attempt"
	"gatehouse/gateway/cause"
)

// TestNamesInJSONAreThoseOfOtherAnswers: scripts read a diagnosis beside attempts and findings, which write snake_case.
func TestNamesInJSONAreThoseOfOtherAnswers(t *testing.T) {
	full := Comparison{
		By: "key", EnrolledSID: "KY1", DeviceSID: "TH1", FleetSID: "FL1",
		Rows: []Row{{Name: "secret", Presented: "differs", Enrolled: "x", Known: true}}, Clues: []Clue{{ID: cause.SecretQuoted, Facts: []attempt.Fact{attempt.F("a", "b")}}},
	}
	outcome := Outcome{Reason: cause.SecretChanged, Verdict: admission.Verdict{
		Code: 5, Cause: cause.DeviceDisabled, Also: []cause.ID{cause.NotDeployed}, CredentialSID: "KY1", DeviceSID: "TH1", DeviceName: "lamp", FleetSID: "FL1", ServiceSID: "IS1", KeyHash: "h",
	}}
	text, err := json.Marshal(map[string]any{"comparison": full, "now": outcome})
	if err != nil {
		t.Fatal(err)
	}
	names := regexp.MustCompile(`"([^"]+)":`).FindAllStringSubmatch(string(text), -1)
	seen := map[string]bool{}
	for _, name := range names {
		seen[name[1]] = true
		if !regexp.MustCompile(`^[a-z]+(_[a-z]+)*$`).MatchString(name[1]) {
			t.Errorf("%q in %s", name[1], text)
		}
	}
	for _, want := range []string{"enrolled_sid", "rows", "clues", "facts", "decided", "verdict", "before", "changed", "credential_sid", "secret_matched"} {
		if !seen[want] {
			t.Errorf("%q is not among the names of %s", want, text)
		}
	}
}
