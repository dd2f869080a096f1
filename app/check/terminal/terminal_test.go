package terminal

import (
	"strings"
	"testing"
	"time"

	"github.com/stretchr/testify/require"

	"gatehouse/app/check"
	"gatehouse/gateway/attempt"
)

var steps = []check.Step{
	{Title: "TCP connected", Detail: "127.0.0.1:8883", Offset: 1500 * time.Microsecond},
	{Title: "The server’s name", Detail: strings.Repeat("a long “detail” ", 9), State: attempt.Warn, Advice: "Do → something.", Offset: 250 * time.Millisecond},
	{Title: "CONNACK 4, bad user name or password", Detail: "No.", State: attempt.Bad, Advice: "Stop.", Offset: 12 * time.Second},
}

func printed(p Printer) string {
	var out strings.Builder
	p.To = &out
	for _, s := range steps {
		p.Step(s)
	}
	p.Result(check.Result{Exit: 14, Summary: "No.", Advice: "Stop.", Took: time.Second})
	return out.String()
}

func TestEachStepSaysInWordsHowItWent(t *testing.T) {
	text := printed(Printer{})
	for _, line := range []string{"    1.5 ms  ✓ ok      TCP connected               127.0.0.1:8883", "    250 ms  ! note    The server’s name", "    12.0 s  ✗ failed  CONNACK 4, bad user name or password", "→ Stop.", "exit code 14"} {
		require.Contains(t, text, line)
	}
	require.Equal(t, 1, strings.Count(text, "→ Stop."), "the advice is said twice in a row")
}

func TestNoLineIsWiderThanTheTerminal(t *testing.T) {
	for _, width := range []int{0, 60, 80, 132} {
		for line := range strings.Lines(printed(Printer{Width: width})) {
			require.LessOrEqual(t, length(strings.TrimRight(line, "\n")), (&Printer{Width: width}).width(), line)
		}
	}
}

func TestATerminalWithoutMoreGetsASCII(t *testing.T) {
	for _, c := range printed(Printer{ASCII: true}) {
		require.Less(t, c, rune(0x7f))
	}
	require.Contains(t, printed(Printer{ASCII: true}), "x failed  CONNACK 4")
}

func TestColourIsAddedOnlyWhereItIsWanted(t *testing.T) {
	require.NotContains(t, printed(Printer{}), "\x1b")
	bare := ""
	for i, part := range strings.Split(printed(Printer{Colour: true}), "\x1b[") {
		if i > 0 {
			_, part, _ = strings.Cut(part, "m")
		}
		bare += part
	}
	require.Equal(t, printed(Printer{}), bare, "colour moves something")
}
