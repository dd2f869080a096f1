package commands

import (
	"bytes"
	"os"
	"path/filepath"
	"reflect"
	"regexp"
	"strings"
	"testing"

	"github.com/stretchr/testify/assert"
	"github.com/stretchr/testify/require"

	"gatehouse/sim/scenario"
)

// The scenario in the reference holds, and has every step that there is; every fault is named beside it.
func TestTheScenarioOfTheReferenceHoldsAndHasEveryStep(t *testing.T) {
	text, err := os.ReadFile(filepath.Join("..", "..", "docs", "commands.md"))
	require.NoError(t, err)
	found := regexp.MustCompile("(?s)```yaml\n(.*?)```\n(.*?)\n## ").FindSubmatch(text)
	require.NotNil(t, found)
	names := func(of any) (all []string) {
		for _, f := range reflect.VisibleFields(reflect.TypeOf(of)) {
			name, _, _ := strings.Cut(f.Tag.Get("yaml"), ",")
			all = append(all, name)
		}
		return all
	}
	for _, verb := range names(scenario.Step{}) {
		if verb != "name" {
			assert.Regexp(t, `[ {]`+verb+`:`, string(found[1]))
		}
	}
	for _, fault := range names(scenario.Fault{}) {
		if fault != "device" {
			assert.Contains(t, string(found[2]), "`"+fault+"`")
		}
	}
	file := filepath.Join(t.TempDir(), "reference.yaml")
	require.NoError(t, os.WriteFile(file, found[1], 0o600))
	var out bytes.Buffer
	assert.Equal(t, ExitOK, perform([]string{"sim", "run", file}, streams{out: &out, err: &out}, nil), out.String())
}
