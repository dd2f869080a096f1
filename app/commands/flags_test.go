package commands

import (
	"os"
	"path/filepath"
	"regexp"
	"slices"
	"strings"
	"testing"

	"github.com/alecthomas/kong"
)

// Flags that all commands have which speak to a running gateway; the reference explains them once.
var everywhere = []string{"help", "version", "json", "data", "http", "root"}

// The reference names each command, and in the same section each of its flags; and no flag that there is not.
func TestTheReferenceHasEveryCommandAndEveryFlag(t *testing.T) {
	text, err := os.ReadFile(filepath.Join("..", "..", "docs", "commands.md"))
	if err != nil {
		t.Fatal(err)
	}
	parser, err := kong.New(&grammar{}, kong.Name("gatehouse"), kong.Vars{"version": Version})
	if err != nil {
		t.Fatal(err)
	}
	sections := strings.Split("\n"+string(text), "\n## ")
	known := map[string]bool{"help": true}
	for _, command := range parser.Model.Leaves(true) {
		if command.Name == "window" {
			continue
		}
		path := strings.TrimPrefix(command.Path(), "gatehouse ")
		var its []string
		for _, s := range sections {
			if regexp.MustCompile(`(^|\W)` + regexp.QuoteMeta(path) + `\W`).MatchString(s) {
				its = append(its, s)
			}
		}
		if len(its) == 0 {
			t.Errorf("%s is missing", path)
		}
		for _, flags := range command.AllFlags(true) {
			for _, f := range flags {
				known[f.Name] = true
				if slices.Contains(everywhere, f.Name) {
					continue
				}
				named := regexp.MustCompile(`--` + regexp.QuoteMeta(f.Name) + `[^\w-]`)
				short := "`-" + string(f.Short)
				if !slices.ContainsFunc(its, func(s string) bool { return named.MatchString(s) || f.Short != 0 && strings.Contains(s, short) }) {
					t.Errorf("%s: --%s is missing", path, f.Name)
				}
			}
		}
	}
	prose := regexp.MustCompile("(?s)```.*?```").ReplaceAllString(string(text), "")
	for _, f := range regexp.MustCompile("[\\s`(]--([a-z][a-z-]*)").FindAllStringSubmatch(prose, -1) {
		if !known[f[1]] {
			t.Errorf("there is no flag --%s", f[1])
		}
	}
}
