package commands

import (
	"errors"
	"os"
	"os/exec"
	"path/filepath"
	"regexp"
	"strconv"
	"strings"
	"testing"

	"github.com/rogpeppe/go-internal/testscript"
	"github.com/stretchr/testify/require"

	"gatehouse/app/check"
)

// ends runs a program that is to end with an exit code, whatever it says.
func ends(s *testscript.TestScript, neg bool, args []string) {
	code, bad := strconv.Atoi(args[0])
	if neg || bad != nil || len(args) < 2 {
		s.Fatalf("usage: ends code program [argument ...]")
	}
	err := s.Exec(args[1], args[2:]...)
	var exit *exec.ExitError
	got := 0
	if errors.As(err, &exit) {
		got = exit.ExitCode()
	} else {
		s.Check(err)
	}
	if got != code {
		s.Fatalf("it ended with exit status %d, want %d", got, code)
	}
}

// secret writes the secret that was printed last to the file secret, as an editor does, and keeps it in SECRET.
func secret(s *testscript.TestScript, _ bool, _ []string) {
	found := regexp.MustCompile(`(?m)^Secret +(\S+)$`).FindStringSubmatch(s.ReadFile("stdout"))
	if found == nil {
		s.Fatalf("there is no secret in the output")
	}
	s.Setenv("SECRET", found[1])
	s.Check(os.WriteFile(s.MkAbs("secret"), []byte(found[1]+"\n"), 0o600))
}

// The table of the reference has every exit code that a check can end with, and no other.
func TestTheReferenceHasEveryExitCodeOfACheck(t *testing.T) {
	text, err := os.ReadFile(filepath.Join("..", "..", "docs", "commands.md"))
	require.NoError(t, err)
	_, table, found := strings.Cut(string(text), "| exit code of `check` | |")
	require.True(t, found)
	var documented []string
	for _, row := range regexp.MustCompile(`(?m)^\| ([0-9]+(?: to [0-9]+)?) \|`).FindAllStringSubmatch(table, -1) {
		documented = append(documented, row[1])
	}
	want := []string{}
	for _, code := range []int{check.ExitAccepted, check.ExitFailure, check.ExitUsage, ExitNoGateway} {
		want = append(want, strconv.Itoa(code))
	}
	want = append(want, strconv.Itoa(check.ExitCode+1)+" to "+strconv.Itoa(check.ExitCode+5))
	for _, code := range []int{check.ExitFiles, check.ExitLookup, check.ExitTCP, check.ExitTLS, check.ExitTrust, check.ExitNoAnswer, check.ExitClosed, check.ExitOther, check.ExitRoundTrip} {
		want = append(want, strconv.Itoa(code))
	}
	require.Equal(t, want, documented)
}

func TestOnlyTheGatewayThatRunsHereGetsItsOwnRoot(t *testing.T) {
	for address, want := range map[string]bool{
		"mqtts://localhost:8883": true, "localhost": true, "mqtts://127.0.0.1:8883": true, "mqtts://[::1]:8883": true, "mqtts://GATE.local:8883": true,
		"mqtts://localhost:8884": false, "mqtts://elsewhere:8883": false, "mqtt://localhost:8883": false, "https://localhost:8883": false,
	} {
		require.Equal(t, want, same(address, "mqtts://gate.local:8883"), address)
	}
}
