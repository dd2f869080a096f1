package causes

import (
	"fmt"
	"strings"
	"testing"

	"gatehouse/gateway/cause"
)

// line is one way in which a cause comes about, and what was said.
type line struct {
	how string
	seen
}

// document is docs/causes.md: a table for each group of causes.
func document(t *testing.T, told map[cause.ID][]line) string {
	var b strings.Builder
	b.WriteString("# Causes\n\nEvery attempt has one cause, and may have warnings, clues and an end; several attempts may show a finding. Their names are stable: they\n" +
		"stand in JSON and in tests. Each line below was seen by a test that provokes it with a real client, and the sentences are those of the\n" +
		"window and the command line. `go test ./app/integration/causes -update` writes this page.\n")
	for _, g := range groups(t) {
		fmt.Fprintf(&b, "\n## %s\n| cause | how it comes about | what is said | what to do | fix |\n|---|---|---|---|---|\n", g.heading)
		for _, c := range g.causes {
			for i, l := range told[c] {
				name := "`" + string(c) + "`"
				if i > 0 {
					name = ""
				}
				fix := l.fix
				if fix != "" {
					fix = "**" + fix + "**"
				}
				cells := []string{name, l.how, "**" + l.short + "**" + between(l.short, l.said) + l.said, l.advice, fix}
				if l.short == "" {
					cells[2] = l.said
				}
				fmt.Fprintf(&b, "| %s |\n", strings.Join(cells, " | "))
			}
		}
	}
	return b.String()
}

func between(short, said string) string {
	if short == "" || said == "" {
		return ""
	}
	return "<br>"
}
