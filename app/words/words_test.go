package words

import (
	"go/ast"
	"go/parser"
	"go/token"
	"strconv"
	"strings"
	"testing"
	"time"

	"gatehouse/gateway/attempt"
	"gatehouse/gateway/cause"
)

// causes are the values of all constants of package cause, read from its source, so that a new one without words fails.
func causes(t *testing.T) []cause.ID {
	t.Helper()
	file, err := parser.ParseFile(token.NewFileSet(), "../../gateway/cause/cause.go", nil, 0)
	if err != nil {
		t.Fatal(err)
	}
	var all []cause.ID
	ast.Inspect(file, func(n ast.Node) bool {
		if spec, ok := n.(*ast.ValueSpec); ok {
			for _, v := range spec.Values {
				s, err := strconv.Unquote(v.(*ast.BasicLit).Value)
				if err != nil {
					t.Fatal(err)
				}
				all = append(all, cause.ID(s))
			}
		}
		return true
	})
	if len(all) < 40 {
		t.Fatalf("only %d causes found", len(all))
	}
	return all
}

func TestEveryCauseHasWords(t *testing.T) {
	for _, c := range causes(t) {
		_, refused := sentences[c]
		_, ended := ends[c]
		_, warned := warnings[c]
		_, clue := clueWords[c]
		_, open := undecided[c]
		_, found := findingWords[c]
		if !refused && !ended && !warned && !clue && !open && !found && c != cause.Accepted {
			t.Errorf("%s has no words", c)
		}
	}
}

func TestSentencesAreWholeAndFilled(t *testing.T) {
	for c := range sentences {
		e := Explain(attempt.Attempt{Code: 4, Cause: c, DeviceName: "lamp", CredentialSID: "KY0123456789abcdef0123456789abcdef", Also: []cause.ID{cause.NotDeployed}})
		for _, s := range []string{e.Short, e.Cause, e.More, e.Advice} {
			if strings.ContainsAny(s, "{}") {
				t.Errorf("%s: %q has a hole", c, s)
			}
		}
		if !strings.HasSuffix(e.Cause, ".") || e.Short == "" {
			t.Errorf("%s: %q, %q", c, e.Short, e.Cause)
		}
	}
}

func TestExplainNamesDeviceAndKey(t *testing.T) {
	e := Explain(attempt.Attempt{Code: 5, Cause: cause.DeviceDisabled, DeviceName: "thermostat-7", Also: []cause.ID{cause.NotDeployed}})
	if e.Cause != "thermostat-7 is disabled." || e.Name != "Not authorized" || !strings.Contains(e.More, "not deployed either") {
		t.Errorf("%+v", e)
	}
	e = Explain(attempt.Attempt{Code: 4, Cause: cause.WrongSecret, CredentialSID: "KYd2000000000000000000000000000e0e", DeviceName: "lamp"})
	if e.Short != "Wrong secret for KYd2…0e" {
		t.Errorf("%q", e.Short)
	}
}

func TestAcceptedSaysHowTheSessionStands(t *testing.T) {
	for want, a := range map[string]attempt.Attempt{
		"New session":                {},
		"Session resumed":            {Resumed: true},
		"Session resumed, 3 pending": {Resumed: true, Pending: 3},
		"Took over from [::1]:9":     {TookOver: "[::1]:9"},
	} {
		if got := Explain(a).Short; got != want {
			t.Errorf("%q, want %q", got, want)
		}
	}
}

func TestStepsOfAnAttempt(t *testing.T) {
	a := attempt.Attempt{Code: 5, Cause: cause.DeviceDisabled, DeviceName: "t7", Remote: "127.0.0.1:1", Local: "127.0.0.1:2"}
	facts := func(kv ...string) (f []attempt.Fact) {
		for i := 0; i < len(kv); i += 2 {
			f = append(f, attempt.Fact{Name: kv[i], Value: kv[i+1]})
		}
		return f
	}
	for _, c := range []struct {
		step          attempt.Step
		title, detail string
	}{
		{attempt.Step{Kind: attempt.Accepted}, "TCP accepted", "127.0.0.1:1 → 127.0.0.1:2"},
		{attempt.Step{Kind: attempt.Connect, Facts: facts("protocol", "MQTT", "level", "4", "clean", "no", "keepalive", "60", "client_id", "t7")}, "CONNECT", "MQTT 3.1.1 · clean 0 · keepalive 60 s · client ID “t7”"},
		{attempt.Step{Kind: attempt.Lookup, Facts: facts("by", "key", "credential", "KY410000000000000000000000000000009c", "found", "yes", "secret", "matches", "name", "t7")}, "Key KY41…9c found", "secret matches · belongs to t7"},
		{attempt.Step{Kind: attempt.Verdict, State: attempt.Bad}, "Device is disabled", "Its credential is right."},
		{attempt.Step{Kind: attempt.Connack, State: attempt.Bad, Facts: facts("code", "5", "hex", "20 02 00 05")}, "CONNACK 5", "20 02 00 05 · closed by gateway"},
		{attempt.Step{Kind: attempt.Warning, Facts: facts("cause", "will_discarded")}, "Last will discarded", "this gateway does not support wills"},
	} {
		title, detail := Step(c.step, a)
		if title != c.title || detail != c.detail {
			t.Errorf("%s: %q, %q", c.step.Kind, title, detail)
		}
	}
}

func TestNumbers(t *testing.T) {
	for got, want := range map[string]string{
		Grouped(1204):              "1 204",
		Grouped(1234567):           "1 234 567",
		Grouped(12):                "12",
		Count(1, "device", "s"):    "1 device",
		Span(185 * time.Second):    "3 min 5 s",
		Bytes(512):                 "512 B",
		Bytes(1536):                "1.5 KiB",
		Rate(3.2):                  "3.2",
		Rate(184.4):                "184",
		Offset(2400 * 1000):        "+2.4",
		Took(1200 * 1000 * 1000):   "1.2 s",
		CodeLabel(attempt.TLS):     "TLS",
		Retry(attempt.Code(4))[:3]: "Do ",
	} {
		if got != want {
			t.Errorf("%q, want %q", got, want)
		}
	}
}

func TestAReportNamesTopicAndReason(t *testing.T) {
	step := attempt.Step{Kind: attempt.Warning, Facts: []attempt.Fact{
		{Name: "cause", Value: string(cause.MessageRefused)}, {Name: "topic", Value: "sync/docs/lamp"}, {Name: "reason", Value: "the JSON ends too early"},
	}}
	title, detail := Step(step, attempt.Attempt{})
	if title != "Message refused" || !strings.HasPrefix(detail, "sync/docs/lamp") || !strings.Contains(detail, "the JSON ends too early") {
		t.Errorf("%q, %q", title, detail)
	}
	step.Facts = []attempt.Fact{{Name: "cause", Value: string(cause.SessionDiscarded)}, {Name: "lost", Value: "100000"}}
	if _, detail := Step(step, attempt.Attempt{}); !strings.HasPrefix(detail, "100000 messages lost") {
		t.Errorf("%q", detail)
	}
}
