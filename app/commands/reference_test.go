package commands

import (
	"errors"
	"os"
	"os/exec"
	"path/filepath"
	"regexp"
	"strings"
	"testing"
)

var exampleBlock = regexp.MustCompile("(?s)```console\n(.*?)```")

// The examples of the command reference are run as they stand, in their order, in one folder, on one gateway, and must print
// what stands there; … stands for whatever may differ.
func TestTheExamplesOfTheReferenceAreTrue(t *testing.T) {
	text, err := os.ReadFile(filepath.Join("..", "..", "docs", "commands.md"))
	if err != nil {
		t.Fatal(err)
	}
	folder := t.TempDir()
	g, err := startGateway(folder)
	if err != nil {
		t.Fatal(err)
	}
	defer func() { _ = g.Close() }()
	if err := speakHTTP(g); err != nil { // the attempt that the reference shows
		t.Fatal(err)
	}
	ran := 0
	for _, block := range exampleBlock.FindAllStringSubmatch(string(text), -1) {
		for _, example := range strings.Split("\n"+block[1], "\n$ ")[1:] {
			ran++
			command, want := example, ""
			for at := 0; ; { // a command goes on where its line ends with a backslash
				end := strings.Index(example[at:], "\n")
				if end < 0 {
					break
				}
				at += end + 1
				if command = example[:at]; !strings.HasSuffix(command, "\\\n") {
					want = example[at:]
					break
				}
			}
			run := exec.CommandContext(t.Context(), "sh", "-c", command)
			run.Dir, run.Env = folder, append(os.Environ(), "XDG_DATA_HOME="+folder)
			said, err := run.CombinedOutput()
			var refused *exec.ExitError
			if err != nil && !errors.As(err, &refused) {
				t.Fatal(err)
			}
			if !likeExample(want).MatchString(strings.TrimSpace(string(said))) {
				t.Errorf("$ %s\nprints\n%s\nand the reference says\n%s", command, said, want)
			}
		}
	}
	if ran < 10 {
		t.Errorf("only %d examples were found", ran)
	}
}

// likeExample matches what an example prints.
func likeExample(text string) *regexp.Regexp {
	pattern := regexp.QuoteMeta(strings.TrimSpace(text))
	pattern = regexp.MustCompile(` +`).ReplaceAllString(pattern, ` +`) // SIDs are cut in the reference, which moves columns
	return regexp.MustCompile(`(?s)^` + strings.ReplaceAll(pattern, "…", `.*?`) + `$`)
}
