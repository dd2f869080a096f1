package words

import (
	"flag"
	"fmt"
	"go/ast"
	"go/parser"
	"go/token"
	"os"
	"strconv"
	"strings"
	"testing"

	"gatehouse/gateway/attempt"
	"gatehouse/gateway/cause"
	"gatehouse/gateway/diagnosis"
)

var update = flag.Bool("update", false, "write docs/causes.md anew")

const causesDoc = "../../docs/causes.md"

// TestCausesDocIsWhatTheProgramSays holds docs/causes.md to the causes and their words:
// go test ./app/words -update writes it.
func TestCausesDocIsWhatTheProgramSays(t *testing.T) {
	want := describeCauses(t)
	if *update {
		if err := os.WriteFile(causesDoc, []byte(want), 0o644); err != nil {
			t.Fatal(err)
		}
	}
	got, err := os.ReadFile(causesDoc)
	if err != nil {
		t.Fatal(err)
	}
	if string(got) != want {
		t.Error("docs/causes.md differs from the program; run: go test ./app/words -update")
	}
}

// describeCauses is the document: a table for each group of constants in package cause, headed by the group's comment.
func describeCauses(t *testing.T) string {
	file, err := parser.ParseFile(token.NewFileSet(), "../../gateway/cause/cause.go", nil, parser.ParseComments)
	if err != nil {
		t.Fatal(err)
	}
	var b strings.Builder
	b.WriteString("# Causes\n\nEvery attempt has one cause. Its name is stable: it stands in JSON events and in tests. The sentences are those of the window and\n" +
		"the command line; `go test ./app/words -update` writes this page from them.\n")
	for _, decl := range file.Decls {
		group, ok := decl.(*ast.GenDecl)
		if !ok || group.Tok != token.CONST || group.Doc == nil {
			continue
		}
		heading, _, _ := strings.Cut(strings.TrimSpace(group.Doc.Text()), "\n")
		fmt.Fprintf(&b, "\n## %s\n| cause | what is said | what to do |\n|---|---|---|\n", strings.TrimSuffix(heading, "."))
		for _, spec := range group.Specs {
			name, err := strconv.Unquote(spec.(*ast.ValueSpec).Values[0].(*ast.BasicLit).Value)
			if err != nil {
				t.Fatal(err)
			}
			said, advice := describe(cause.ID(name), strings.HasPrefix(heading, "Ends"))
			fmt.Fprintf(&b, "| `%s` | %s | %s |\n", name, said, advice)
		}
	}
	return b.String()
}

// describe words a cause about a device with a name and a key.
func describe(c cause.ID, end bool) (said, advice string) {
	example := attempt.Attempt{
		Code: 4, Cause: c, DeviceName: "thermostat-7", CredentialSID: "KY41" + strings.Repeat("0", 28) + "9c",
		Thumbprint: strings.Repeat("0123456789abcdef", 4),
		Steps: []attempt.Step{
			{Kind: attempt.Connect, Facts: []attempt.Fact{{Name: "protocol", Value: "MQTT"}, {Name: "level", Value: "6"}}},
			{Kind: attempt.Ended, Facts: []attempt.Fact{{Name: "offset", Value: "9"}, {Name: "rule", Value: "MQTT-3.1.2-3"}, {Name: "reason", Value: "the reserved flag is set"}}},
		},
	}
	if _, known := sentences[c]; known && !end {
		e := Explain(example)
		return strings.TrimSpace(e.Cause + " " + e.More), e.Advice
	}
	if w, known := warnings[c]; known {
		return w[0] + ": " + w[1] + ".", ""
	}
	if w, known := clueWords[c]; known {
		clue := diagnosis.Clue{ID: c, Facts: []attempt.Fact{
			{Name: "key", Value: example.CredentialSID}, {Name: "name", Value: example.DeviceName}, {Name: "what", Value: "newline"}, {Name: "as", Value: "url"},
			{Name: "how", Value: "typo"}, {Name: "secret", Value: "matches"}, {Name: "was", Value: "lamp"},
		}}
		if c == cause.UserIsOtherSID {
			clue.Facts = []attempt.Fact{{Name: "what", Value: "certificate"}}
		}
		return Clue(clue), clueFiller(clue).Replace(w.advice)
	}
	if w, known := findingWords[c]; known {
		example := strings.NewReplacer("{device}", "thermostat-7", "{times}", "12", "{interval}", "5 s", "{code}", "4", "{from}", "from 192.0.2.7",
			"{likely}", "The same key is on two boards.", "{retry}", Retry(4), "{failure}", sentences[cause.UntrustedRoot].cause,
			"{failureadvice}", sentences[cause.UntrustedRoot].advice, "{not_after}", "2026-06-01")
		return strings.TrimSpace(example.Replace(w.cause + " " + w.more)), example.Replace(w.advice)
	}
	if w, known := undecided[c]; known {
		return strings.ToUpper(w[:1]) + w[1:] + ".", ""
	}
	if c == cause.Accepted {
		return "thermostat-7 connected with a new session.", ""
	}
	return End(c), ""
}
