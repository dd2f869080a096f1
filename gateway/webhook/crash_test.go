package webhook

import (
	"bufio"
	"context"
	"fmt"
	"math/rand/v2"
	"net/http"
	"os"
	"os/exec"
	"strconv"
	"strings"
	"sync"
	"sync/atomic"
	"testing"
	"time"

	"go.uber.org/goleak"

	"gatehouse/gateway/registry"
	"gatehouse/gateway/store"
)

// crashDir and crashFrom are the environment of the test binary that is run again, as the process that is killed: its data
// folder, and the first number to queue.
const (
	crashDir  = "GATEHOUSE_CRASH_TEST_DIR"
	crashFrom = "GATEHOUSE_CRASH_TEST_FROM"
)

func TestMain(m *testing.M) {
	if dir := os.Getenv(crashDir); dir != "" {
		fmt.Println("failed", queueUntilKilled(dir))
		os.Exit(1)
	}
	goleak.VerifyTestMain(m)
}

const crashDocuments = 4

// queueUntilKilled queues events of some documents, and prints which are.
func queueUntilKilled(dir string) error {
	from, err := strconv.Atoi(os.Getenv(crashFrom))
	if err != nil {
		return err
	}
	s, err := store.Open(dir, store.Params{})
	if err != nil {
		return err
	}
	r, err := registry.Open(context.Background(), registry.Params{Store: s})
	if err != nil {
		return err
	}
	hooks, err := Open(context.Background(), Params{Store: s, Registry: r, Settings: quick()})
	if err != nil {
		return err
	}
	service, _ := r.ServiceByName("default")
	w := &world{service: service.SID}
	failed := make(chan error, crashDocuments)
	var printing sync.Mutex
	for document := range crashDocuments {
		go func() {
			for n := from; ; n++ {
				if err := hooks.Enqueue(w.update(fmt.Sprintf("ET%d", document), n)); err != nil {
					failed <- err
					return
				}
				printing.Lock()
				fmt.Println("queued", document, n)
				printing.Unlock()
			}
		}()
	}
	return <-failed
}

func TestKill9LosesNoEventThatWasQueuedAndKeepsTheirOrder(t *testing.T) {
	const rounds = 8
	var calm atomic.Bool
	r := newReceiver(t, func(int, received) int {
		if !calm.Load() && rand.IntN(4) == 0 {
			return http.StatusInternalServerError
		}
		return http.StatusOK
	})
	w := &world{t: t, dir: t.TempDir(), settings: quick()}
	w.open()
	service, _ := w.registry.ServiceByName("default")
	w.service = service.SID
	w.setAddress(r.URL)
	w.close()
	queued := map[string]bool{} // "document number"
	for round := range rounds {
		for _, line := range runAndKill(t, w.dir, round*1_000_000, time.Duration(rand.IntN(150))*time.Millisecond) {
			rest, is := strings.CutPrefix(line, "queued ")
			if !is {
				t.Fatalf("round %d: the process that should be killed says %q", round, line)
			}
			queued[rest] = true
		}
	}
	calm.Store(true)
	w.open()
	t.Cleanup(w.close)
	within(t, "all is delivered", func() bool { return w.status().Queued == 0 })
	got := map[string]bool{}
	for document := range crashDocuments {
		last := -1
		for _, revision := range r.of(fmt.Sprintf("ET%d", document)) {
			name := fmt.Sprint(document, " ", revision)
			if got[name] {
				continue // once more, after a refusal or a kill
			}
			got[name] = true
			n, err := strconv.Atoi(revision)
			if err != nil || n <= last {
				t.Fatalf("document %d: %s came after %d", document, revision, last)
			}
			last = n
		}
	}
	for name := range queued {
		if !got[name] {
			t.Errorf("%s was queued and never delivered", name)
		}
	}
	if len(queued) == 0 {
		t.Error("nothing was queued")
	}
	within(t, "the store is empty", func() bool { return w.stored() == 0 })
	t.Logf("%d queued in %d rounds, %d requests", len(queued), rounds, r.count())
}

// runAndKill starts the writer, kills it some time after its first word, and returns what it said.
func runAndKill(t *testing.T, dir string, from int, after time.Duration) (lines []string) {
	t.Helper()
	ctx, cancel := context.WithTimeout(t.Context(), time.Minute)
	defer cancel()
	child := exec.CommandContext(ctx, os.Args[0], "-test.run=none")
	child.Env = append(os.Environ(), crashDir+"="+dir, crashFrom+"="+strconv.Itoa(from))
	child.Stderr = os.Stderr
	out, err := child.StdoutPipe()
	if err != nil {
		t.Fatal(err)
	}
	if err := child.Start(); err != nil {
		t.Fatal(err)
	}
	var kill *time.Timer
	for scanner := bufio.NewScanner(out); scanner.Scan(); {
		if kill == nil {
			kill = time.AfterFunc(after, func() { _ = child.Process.Kill() })
		}
		lines = append(lines, scanner.Text())
	}
	_ = child.Wait() // it was killed
	return lines
}
