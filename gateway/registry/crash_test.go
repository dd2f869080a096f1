package registry

import (
	"bufio"
	"context"
	"fmt"
	"math/rand/v2"
	"os"
	"os/exec"
	"strings"
	"testing"
	"time"

	"github.com/stretchr/testify/require"

	"gatehouse/gateway/store"
)

// crashDir is the environment variable by which the test binary, run again, becomes the process that is killed.
const crashDir = "GATEHOUSE_CRASH_TEST_DIR"

func TestMain(m *testing.M) {
	if dir := os.Getenv(crashDir); dir != "" {
		if err := writeUntilKilled(dir); err != nil {
			fmt.Println("failed", err)
			os.Exit(1)
		}
	}
	os.Exit(m.Run())
}

// writeUntilKilled creates and deletes, and prints what is acknowledged.
func writeUntilKilled(dir string) error {
	ctx := context.Background()
	s, err := store.Open(dir, store.Params{})
	if err != nil {
		return err
	}
	r, err := Open(ctx, Params{Store: s})
	if err != nil {
		return err
	}
	fmt.Println("ready", r.Account().SID)
	for {
		d, err := r.CreateDevice(ctx, NewDevice{FriendlyName: "kept"})
		if err != nil {
			return err
		}
		fmt.Println("created", d.SID)
		k, _, err := r.CreateKey(ctx, "", d.SID, "")
		if err != nil {
			return err
		}
		fmt.Println("created", k.SID)
		f, err := r.CreateFleet(ctx, "", "to be deleted")
		if err != nil {
			return err
		}
		for range 5 {
			d, err := r.CreateDevice(ctx, NewDevice{FleetSID: f.SID})
			if err != nil {
				return err
			}
			if _, _, err := r.CreateKey(ctx, f.SID, d.SID, ""); err != nil {
				return err
			}
		}
		fmt.Println("deleting", f.SID)
		if err := r.DeleteFleet(ctx, f.SID); err != nil {
			return err
		}
		fmt.Println("deleted", f.SID)
	}
}

func TestKill9LosesNothingAcknowledgedAndHalvesNothing(t *testing.T) {
	const rounds = 12
	dir := t.TempDir()
	created := map[string]bool{}
	fleets := map[string]string{} // to "deleting" or "deleted"
	account := ""
	for round := range rounds {
		for line := range runAndKill(t, dir, time.Duration(rand.IntN(120))*time.Millisecond) {
			verb, sid, _ := strings.Cut(line, " ")
			switch verb {
			case "ready":
				require.True(t, account == "" || account == sid, "the account is the same in every round")
				account = sid
			case "created":
				created[sid] = true
			case "deleting", "deleted":
				fleets[sid] = verb
			default:
				t.Fatalf("round %d: the process that should be killed says %q", round, line)
			}
		}
		checkAfterKill(t, dir, created, fleets)
	}
	require.NotEmpty(t, created)
}

// runAndKill starts the writer, kills it some time after its first word, and yields what it said.
func runAndKill(t *testing.T, dir string, after time.Duration) map[string]bool {
	t.Helper()
	ctx, cancel := context.WithTimeout(t.Context(), time.Minute)
	defer cancel()
	child := exec.CommandContext(ctx, os.Args[0], "-test.run=none")
	child.Env = append(os.Environ(), crashDir+"="+dir)
	child.Stderr = os.Stderr
	out, err := child.StdoutPipe()
	require.NoError(t, err)
	require.NoError(t, child.Start())
	lines := map[string]bool{}
	var kill *time.Timer
	for scanner := bufio.NewScanner(out); scanner.Scan(); {
		if kill == nil {
			kill = time.AfterFunc(after, func() { _ = child.Process.Kill() })
		}
		lines[scanner.Text()] = true
	}
	require.Error(t, child.Wait(), "it ends by being killed only")
	require.NotEmpty(t, lines)
	return lines
}

func checkAfterKill(t *testing.T, dir string, created map[string]bool, fleets map[string]string) {
	t.Helper()
	s, err := store.Open(dir, store.Params{})
	require.NoError(t, err, "plain kill -9 is no damage")
	defer func() { require.NoError(t, s.Close()) }()
	r, err := Open(t.Context(), Params{Store: s})
	require.NoError(t, err)
	for sid := range created {
		_, isDevice := r.Device(sid)
		_, isKey := r.Key(sid)
		require.True(t, isDevice || isKey, "%s was acknowledged", sid)
	}
	inFleet := map[string]int{}
	for _, d := range r.Devices() {
		_, found := r.Fleet(d.FleetSID)
		require.True(t, found, "a device without its fleet")
		inFleet[d.FleetSID]++
	}
	for _, k := range r.AllKeys() {
		_, found := r.Device(k.DeviceSID)
		require.True(t, found, "a key without its device")
		inFleet[k.FleetSID]++
	}
	for _, d := range r.Deployments("") {
		_, found := r.Fleet(d.FleetSID)
		require.True(t, found, "a deployment without its fleet")
	}
	for sid, state := range fleets {
		_, found := r.Fleet(sid)
		require.False(t, found && state == "deleted", "a fleet that was deleted is back")
		if found {
			require.Equal(t, 10, inFleet[sid], "a fleet is there with all that was in it, or not at all")
			require.NoError(t, r.DeleteFleet(t.Context(), sid))
		}
		fleets[sid] = "deleted"
	}
}

func TestKill9DuringTheFirstStartsIsNoDamage(t *testing.T) {
	dir := t.TempDir()
	for round := range 24 {
		if round%6 == 0 {
			dir = t.TempDir() // and five starts on what was left of the first
		}
		child := exec.CommandContext(t.Context(), os.Args[0], "-test.run=none")
		child.Env = append(os.Environ(), crashDir+"="+dir)
		require.NoError(t, child.Start())
		kill := time.AfterFunc(time.Duration(rand.IntN(60))*time.Millisecond, func() { _ = child.Process.Kill() })
		require.Error(t, child.Wait(), "it ends by being killed only")
		kill.Stop()
		if round%6 == 5 {
			checkAfterKill(t, dir, nil, nil)
		}
		require.Empty(t, store.EarlierDamage(dir))
	}
}
