package conformance

import (
	"fmt"
	"math/rand/v2"
	"os"
	"strconv"
	"sync"
	"sync/atomic"
	"testing"
)

// sessionsPlayed is how many random sessions a plain test run plays. They are the same each time. GATEHOUSE_ORACLE asks for
// another number of them, which then are new ones; GATEHOUSE_ORACLE_SEED says with which they begin.
const sessionsPlayed = 400

// sessionsAtOnce keeps two processors busy.
const sessionsAtOnce = 3

func TestTheOracle(t *testing.T) {
	sessions, seed := uint64(sessionsPlayed), uint64(1)
	if asked := os.Getenv("GATEHOUSE_ORACLE"); asked != "" {
		sessions, seed = number(t, asked), rand.Uint64()
	}
	if asked := os.Getenv("GATEHOUSE_ORACLE_SEED"); asked != "" {
		seed = number(t, asked)
	}
	all := tally{applied: map[rule]int{}}
	var next atomic.Uint64
	var failed atomic.Bool
	var work sync.WaitGroup
	for range sessionsAtOnce {
		work.Go(func() {
			for n := next.Add(1) - 1; n < sessions && !failed.Load(); n = next.Add(1) - 1 {
				c := newComparison()
				if err := compare(script(seed+n), c); err != nil && !failed.Swap(true) {
					t.Error(explained(seed+n, err))
				}
				all.add(c)
			}
		})
	}
	work.Wait()
	for _, r := range rules {
		t.Logf("%-14s explains %d differences", r, all.applied[r])
		if all.applied[r] == 0 && sessions >= sessionsPlayed && !t.Failed() {
			t.Errorf("the rule %s explains nothing any more: take it away", r)
		}
	}
}

func number(t *testing.T, text string) uint64 {
	n, err := strconv.ParseUint(text, 10, 64)
	if err != nil {
		t.Fatal(err)
	}
	return n
}

// explained is a failure with the shortest script that fails.
func explained(seed uint64, err error) string {
	shortest := script(seed)
	shortest = shrunk(shortest, func(steps []step) bool {
		e := compare(steps, newComparison())
		if e != nil {
			err = e
		}
		return e != nil
	})
	return fmt.Sprintf("GATEHOUSE_ORACLE=1 GATEHOUSE_ORACLE_SEED=%d: %v\nthe shortest script that fails:\n%s", seed, err, scriptText(shortest))
}

// compare plays a session to both brokers; the error is a difference that no rule explains.
func compare(script []step, c *comparison) error {
	type outcome struct {
		trace trace
		err   error
	}
	their := make(chan outcome, 1)
	go func() {
		trace, err := playTheirs(script)
		their <- outcome{trace, err}
	}()
	ours, err := playOurs(script)
	theirs := <-their
	if err != nil {
		return fmt.Errorf("our engine: %w\nours\n%v", err, ours)
	}
	if theirs.err != nil {
		return fmt.Errorf("the other broker: %w\ntheirs\n%v", theirs.err, theirs.trace)
	}
	for i, s := range script {
		for d := range devices {
			if err := c.step(s, d, ours[i][d], theirs.trace[i][d]); err != nil {
				return fmt.Errorf("step %d, %v: %w\nours\n%vtheirs\n%v", i, s, err, ours, theirs.trace)
			}
		}
	}
	return nil
}

func playOurs(script []step) (t trace, err error) {
	o, err := newOurs()
	if err != nil {
		return nil, err
	}
	t, err = play(o, true, script)
	if e := o.close(); e != nil && err == nil {
		err = fmt.Errorf("stop: %w", e)
	}
	return t, err
}

func playTheirs(script []step) (t trace, err error) {
	m, err := newTheirs()
	if err != nil {
		return nil, err
	}
	t, err = play(m, false, script)
	if e := m.close(); e != nil && err == nil {
		err = fmt.Errorf("stop: %w", e)
	}
	return t, err
}
