package locale_test

import (
	"os"
	"os/exec"
	"testing"

	"fyne.io/fyne/v2/lang"
	"github.com/stretchr/testify/require"

	"gatehouse/app/locale"
)

// The variable that has the test's own program say what it found, instead of running tests.
const ask = "GATEHOUSE_TEST_LOCALE"

func TestMain(m *testing.M) {
	if os.Getenv(ask) == "" {
		os.Exit(m.Run())
	}
	_, _ = os.Stdout.WriteString(lang.SystemLocale().LanguageString()) // so that the toolkit's package is in the program
	if locale.UTF8() {
		_, _ = os.Stdout.WriteString(" UTF-8")
	}
}

// The toolkit's package looks for the language while the program starts: only another process can show what it says.
func TestTheToolkitFindsALanguageWhateverTheEnvironment(t *testing.T) {
	for _, c := range []struct {
		name    string
		env     []string
		printed string
	}{
		{"nothing is set", nil, "en-US"},
		{"the plain locale", []string{"LANG=C"}, "en-US"},
		{"the plain locale in UTF-8", []string{"LANG=C.UTF-8"}, "en-US UTF-8"},
		{"the plain locale above another", []string{"LC_ALL=C", "LANG=de_DE.UTF-8"}, "en-US"},
		{"POSIX for messages", []string{"LC_MESSAGES=POSIX", "LANG=de_DE.UTF-8"}, "en-US UTF-8"},
		{"a language is kept", []string{"LANG=de_AT.UTF-8"}, "de-AT UTF-8"},
		{"a language without UTF-8 is kept", []string{"LANG=fr_FR.ISO-8859-1"}, "fr-FR"},
	} {
		t.Run(c.name, func(t *testing.T) {
			program := exec.Command(os.Args[0])
			program.Env = append(c.env, ask+"=1")
			var said, complaint buffer
			program.Stdout, program.Stderr = &said, &complaint
			require.NoError(t, program.Run())
			require.Empty(t, string(complaint))
			require.Equal(t, c.printed, string(said))
		})
	}
}

type buffer []byte

func (b *buffer) Write(p []byte) (int, error) { *b = append(*b, p...); return len(p), nil }
