package causes

import (
	"flag"
	"go/ast"
	"go/parser"
	"go/token"
	"os"
	"strconv"
	"strings"
	"testing"

	"gatehouse/gateway"
	"gatehouse/gateway/cause"
)

var update = flag.Bool("update", false, "write docs/causes.md anew")

const (
	causesDoc    = "../../../docs/causes.md"
	causesSource = "../../../gateway/cause/cause.go"
)

// TestMain has many rows wait at once: some take ten seconds in which nothing happens.
func TestMain(m *testing.M) {
	flag.Parse()
	if err := flag.Set("test.parallel", "32"); err != nil {
		panic(err)
	}
	code := m.Run()
	if spareDir != "" {
		_ = os.RemoveAll(spareDir)
	}
	os.Exit(code)
}

// row provokes one cause.
type row struct {
	cause cause.ID
	how   string // how it comes about, for people
	// provoke does it with a real client and returns what is said.
	provoke func(w *world) seen
	short   string // what is said in a table
	fix     string // the label of the button; empty: none
	// settings are those of a gateway of its own; nil shares one with the other rows.
	settings *gateway.Settings
}

// table is all rows.
func table() []row {
	var all []row
	for _, rows := range [][]row{codes, credentials, connections, warnings, reports, ends, findings, clues, comparisons, undecided, lessons, faults} {
		all = append(all, rows...)
	}
	return all
}

// group is a group of constants in package cause.
type group struct {
	heading string
	causes  []cause.ID
}

// groups are the constants of package cause as its source groups them.
func groups(t *testing.T) (all []group) {
	t.Helper()
	file, err := parser.ParseFile(token.NewFileSet(), causesSource, nil, parser.ParseComments)
	if err != nil {
		t.Fatal(err)
	}
	for _, decl := range file.Decls {
		constants, ok := decl.(*ast.GenDecl)
		if !ok || constants.Tok != token.CONST {
			continue
		}
		heading, _, _ := strings.Cut(strings.TrimSpace(constants.Doc.Text()), "\n")
		g := group{heading: strings.TrimSuffix(heading, ".")}
		for _, spec := range constants.Specs {
			name, err := strconv.Unquote(spec.(*ast.ValueSpec).Values[0].(*ast.BasicLit).Value)
			if err != nil {
				t.Fatal(err)
			}
			g.causes = append(g.causes, cause.ID(name))
		}
		all = append(all, g)
	}
	return all
}

// TestEveryCauseHasARow: a cause that nobody provokes may be one that never comes.
func TestEveryCauseHasARow(t *testing.T) {
	rows := map[cause.ID]int{}
	for _, r := range table() {
		rows[r.cause]++
	}
	known := map[cause.ID]bool{}
	for _, g := range groups(t) {
		if g.heading == "" {
			t.Errorf("the group of %s has no heading", g.causes[0])
		}
		for _, c := range g.causes {
			known[c] = true
			if rows[c] == 0 {
				t.Errorf("%s has no row", c)
			}
		}
	}
	for c := range rows {
		if !known[c] {
			t.Errorf("%s is no cause any more", c)
		}
	}
}

// TestEveryCauseIsToldAndMended provokes each cause, and holds its words and its fix to the table and to docs/causes.md.
func TestEveryCauseIsToldAndMended(t *testing.T) {
	shared := newGateway(t, gateway.Settings{Limits: gateway.Limits{ConnectsPerSecond: 1_000_000}}, 0)
	told := make(map[cause.ID][]line)
	rows := table()
	results := make([]seen, len(rows))
	t.Run("provoke", func(t *testing.T) {
		for i, r := range rows {
			t.Run(string(r.cause), func(t *testing.T) {
				t.Parallel()
				g := shared
				if r.settings != nil {
					g = newGateway(t, *r.settings, 0)
				}
				w := newWorld(t, g, "board-"+strconv.Itoa(i))
				w.alone = r.settings != nil
				s := r.provoke(w)
				s = w.masked(s)
				results[i] = s
				if s.short != r.short || s.fix != r.fix {
					t.Errorf("%v, want %q, fix %q", s, r.short, r.fix)
				}
			})
		}
	})
	if t.Failed() {
		return
	}
	for i, r := range rows {
		told[r.cause] = append(told[r.cause], line{r.how, results[i]})
	}
	want := document(t, told)
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
		t.Errorf("docs/causes.md differs from what the program says%s; if that is meant: go test ./app/integration/causes -update", difference(string(got), want))
	}
}

// difference is the first line that differs.
func difference(got, want string) string {
	a, b := strings.Split(got, "\n"), strings.Split(want, "\n")
	for i := range min(len(a), len(b)) {
		if a[i] != b[i] {
			return " at line " + strconv.Itoa(i+1) + ":\nin the document: " + a[i] + "\nof the program:  " + b[i] + "\n"
		}
	}
	return ""
}
