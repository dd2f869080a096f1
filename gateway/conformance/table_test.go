package conformance

import (
	"fmt"
	"io/fs"
	"os"
	"path/filepath"
	"regexp"
	"slices"
	"strings"
	"testing"
)

const table = "../../docs/conformance.md"

// row is one statement in the table of docs/conformance.md.
type row struct{ number, asks, covered, remarks string }

func rows(t *testing.T) []row {
	t.Helper()
	text, err := os.ReadFile(table)
	if err != nil {
		t.Fatal(err)
	}
	var all []row
	for line := range strings.Lines(string(text)) {
		if !strings.HasPrefix(line, "| MQTT-") {
			continue
		}
		cells := strings.Split(strings.TrimSpace(line), "|")
		if len(cells) != 6 {
			t.Fatalf("a row has %d cells: %s", len(cells)-2, line)
		}
		for i := range cells {
			cells[i] = strings.TrimSpace(cells[i])
		}
		all = append(all, row{cells[1], cells[2], cells[3], cells[4]})
	}
	return all
}

func TestTheTableSaysWhatIsTested(t *testing.T) {
	tests := statements(t)
	known := numbers()
	var listed []string
	counts := map[string]int{}
	for _, r := range rows(t) {
		listed = append(listed, r.number)
		want := "`TestStatements/" + r.number + "`"
		switch {
		case r.asks == "":
			t.Errorf("%s: nothing is said of what it asks", r.number)
		case tests[r.number] != nil && r.covered != want:
			t.Errorf("%s has a test, and the table says %q", r.number, r.covered)
		case tests[r.number] != nil:
			counts["tested"]++
		case r.covered != "client only" && r.covered != "out of scope":
			t.Errorf("%s has no test, and the table says %q", r.number, r.covered)
		case r.remarks == "":
			t.Errorf("%s is %s, and the table does not say why", r.number, r.covered)
		default:
			counts[r.covered]++
		}
		delete(tests, r.number)
	}
	if !slices.Equal(listed, known) {
		for _, number := range known {
			if n := count(listed, number); n != 1 {
				t.Errorf("%s is listed %d times", number, n)
			}
		}
		t.Errorf("the table has %d rows, in this order: %s", len(listed), strings.Join(listed, " "))
	}
	for number := range tests {
		t.Errorf("%s is tested and not in the table, or there is no such statement", number)
	}
	sentence := fmt.Sprintf("%d statements: %d concern a server and have a test, %d bind clients only,\nand %d are out of scope.",
		len(known), counts["tested"], counts["client only"], counts["out of scope"])
	if text, err := os.ReadFile(table); err != nil || !strings.Contains(string(text), sentence) {
		t.Errorf("the table's text does not say: %s (%v)", sentence, err)
	}
}

func TestTheDocumentNamesEveryRuleFaultAndFuzzTarget(t *testing.T) {
	text, err := os.ReadFile(table)
	if err != nil {
		t.Fatal(err)
	}
	_, rest, _ := strings.Cut(string(text), "| Rule |")
	explained, rest, _ := strings.Cut(rest, "| Fault |")
	kept, fuzzed, _ := strings.Cut(rest, "## Fuzzing")
	var names, faults []string
	for _, r := range rules {
		names = append(names, string(r))
	}
	for name := range keptOut {
		faults = append(faults, name)
	}
	sameNames(t, "rules", firstCells(explained), names)
	sameNames(t, "faults", firstCells(kept), faults)
	var listed []string
	for _, found := range regexp.MustCompile("`(Fuzz\\w+)` in `([a-z0-9/]+)`").FindAllStringSubmatch(fuzzed, -1) {
		listed = append(listed, found[2]+" "+found[1])
	}
	sameNames(t, "fuzz targets", listed, fuzzTargets(t))
}

func sameNames(t *testing.T, what string, listed, there []string) {
	t.Helper()
	slices.Sort(listed)
	slices.Sort(there)
	if !slices.Equal(listed, there) {
		t.Errorf("%s: %s lists %q, there are %q", what, table, listed, there)
	}
}

// firstCells are those of a table's rows, without its heading.
func firstCells(text string) (cells []string) {
	_, body, _ := strings.Cut(text, "|---|")
	for line := range strings.Lines(body) {
		if row, isRow := strings.CutPrefix(line, "| "); isRow {
			first, _, _ := strings.Cut(row, " |")
			cells = append(cells, first)
		}
	}
	return cells
}

// fuzzTargets are those of the whole module, each after its folder.
func fuzzTargets(t *testing.T) (found []string) {
	t.Helper()
	declared := regexp.MustCompile(`(?m)^func (Fuzz\w+)\(`)
	root := os.DirFS("../..")
	err := fs.WalkDir(root, ".", func(path string, entry fs.DirEntry, err error) error {
		if err != nil || !strings.HasSuffix(path, "_test.go") {
			return err
		}
		source, err := fs.ReadFile(root, path)
		for _, name := range declared.FindAllSubmatch(source, -1) {
			found = append(found, filepath.ToSlash(filepath.Dir(path))+" "+string(name[1]))
		}
		return err
	})
	if err != nil {
		t.Fatal(err)
	}
	return found
}

func count(all []string, one string) (n int) {
	for _, s := range all {
		if s == one {
			n++
		}
	}
	return n
}
