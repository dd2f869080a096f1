package objects

import (
	"bufio"
	"context"
	"fmt"
	"math/rand/v2"
	"os"
	"os/exec"
	"strconv"
	"strings"
	"testing"
	"time"

	"github.com/stretchr/testify/require"

	"gatehouse/gateway/store"
)

// crashDir is the environment variable by which the test binary, run again, becomes the process that is killed.
const crashDir = "GATEHOUSE_OBJECTS_CRASH_TEST_DIR"

// writeUntilKilled changes objects for ever, and prints each change when it is acknowledged.
func writeUntilKilled(dir string) error {
	s, err := store.Open(dir, store.Params{})
	if err != nil {
		return err
	}
	o, err := Open(context.Background(), Params{Store: s, Registry: twoServices()})
	if err != nil {
		return err
	}
	fmt.Println("ready")
	for {
		big := strconv.Itoa(rand.Int())
		for i := range batch + 20 { // so many that their removal is not one write
			data := strconv.Itoa(rand.Int())
			for _, topic := range []string{"sync/docs/d", "sync/lists/l", "sync/maps/m/k", "sync/lists/" + big} {
				if err := o.Publish(plant, pump, topic, []byte(data), 1); err != nil {
					return err
				}
				fmt.Println("stored", topic, data, i)
			}
		}
		fmt.Println("removing", big)
		if err := o.Delete(context.Background(), System(), plant, List, big, ""); err != nil {
			return err
		}
		fmt.Println("removed", big)
	}
}

// told is what processes have said before they were killed.
type told struct {
	last  map[string]string // data by topic
	items []string          // of sync/lists/l
	big   map[string]string // to the last that was said of it
}

func (h *told) add(line string) {
	words := strings.Fields(line)
	switch words[0] {
	case "stored":
		h.last[words[1]] = words[2]
		if words[1] == "sync/lists/l" {
			h.items = append(h.items, words[2])
		}
		if name := strings.TrimPrefix(words[1], "sync/lists/"); name != words[1] && name != "l" {
			h.big[name] = words[3]
		}
	case "removing", "removed":
		h.big[words[1]] = words[0]
	}
}

func TestKill9LosesNoAcknowledgedChangeAndHalvesNoRemoval(t *testing.T) {
	dir := t.TempDir()
	h := told{last: map[string]string{}, big: map[string]string{}}
	for range 8 {
		killWriter(t, dir, time.Duration(rand.IntN(150))*time.Millisecond, h.add)
		h.check(t, dir)
	}
	require.NotEmpty(t, h.items)
}

// killWriter starts the writer, kills it some time after its first word, and hands on each line that it said.
func killWriter(t *testing.T, dir string, after time.Duration, each func(string)) {
	t.Helper()
	ctx, cancel := context.WithTimeout(t.Context(), time.Minute)
	defer cancel()
	child := exec.CommandContext(ctx, os.Args[0], "-test.run=none")
	child.Env = append(os.Environ(), crashDir+"="+dir)
	child.Stderr = os.Stderr
	out, err := child.StdoutPipe()
	require.NoError(t, err)
	require.NoError(t, child.Start())
	var kill *time.Timer
	for scanner := bufio.NewScanner(out); scanner.Scan(); {
		if kill == nil {
			kill = time.AfterFunc(after, func() { _ = child.Process.Kill() })
		}
		each(scanner.Text())
	}
	require.Error(t, child.Wait(), "it ends by being killed only")
	require.NotNil(t, kill, "it said nothing")
}

func (h *told) check(t *testing.T, dir string) {
	t.Helper()
	s, err := store.Open(dir, store.Params{})
	require.NoError(t, err, "plain kill -9 is no damage")
	defer func() { require.NoError(t, s.Close()) }()
	o, err := Open(t.Context(), Params{Store: s, Registry: twoServices()})
	require.NoError(t, err)
	defer o.Close()

	items, _, err := o.Items(plant, List, "l", ItemRange{})
	if len(h.items) > 0 {
		require.NoError(t, err)
	}
	at := 0 // each acknowledged item is there, in order; one that was not may be, too
	for _, i := range items {
		if at < len(h.items) && h.items[at] == string(i.Data) {
			at++
		}
	}
	require.Equal(t, len(h.items), at, "of %d acknowledged items", len(h.items))
	require.LessOrEqual(t, len(items), len(h.items)+10, "at most one more in each round")
	if h.last["sync/maps/m/k"] != "" {
		_, err := o.Item(plant, Map, "m", "k")
		require.NoError(t, err)
	}
	for name, said := range h.big {
		l, err := o.Get(plant, List, name)
		if said == "removed" || said == "removing" && err != nil {
			kindIs(t, NotFound, err)
			h.big[name] = "removed"
			continue
		}
		require.NoError(t, err)
		if said == "removing" {
			require.Equal(t, batch+20, l.Items, "it is there whole, or not at all")
		} else if n, _ := strconv.Atoi(said); l.Items <= n {
			t.Fatalf("%d items are left of a list of which %d were acknowledged", l.Items, n+1)
		}
		require.NoError(t, o.Delete(t.Context(), System(), plant, List, name, ""))
		h.big[name] = "removed"
	}
}
