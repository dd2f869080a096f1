package conformance

import (
	"fmt"
	"math/rand/v2"
	"os"
	"strconv"
	"sync"
	"sync/atomic"
	"testing"

	"gatehouse/gateway/wire"
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
	var applied sync.Map // rule to *atomic.Int64
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
				for r, n := range c.applied {
					total, _ := applied.LoadOrStore(r, new(atomic.Int64))
					total.(*atomic.Int64).Add(int64(n))
				}
			}
		})
	}
	work.Wait()
	for _, r := range rules {
		total, needed := applied.Load(r)
		if needed {
			t.Logf("%-13s explains %d differences", r, total.(*atomic.Int64).Load())
		}
		if !needed && sessions >= sessionsPlayed && !t.Failed() {
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
func compare(script []step, c *comparison) error { return compareWith(script, c, highIDs) }

// compareWith lets devices use the identifiers above ids.
func compareWith(script []step, c *comparison, ids uint16) error {
	type outcome struct {
		trace trace
		err   error
	}
	their := make(chan outcome, 1)
	go func() {
		trace, err := playTheirs(script, ids)
		their <- outcome{trace, err}
	}()
	ours, err := playOurs(script, ids)
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

// keptOut are faults of the other broker that no session is made to meet, because they would change all that follows. Each
// has a script that shows it.
var keptOut = map[string]struct {
	ids    uint16
	script []step
}{
	// A retained message of `par` is not sent to who subscribes to `par/#`: sessions retain nothing on such topics.
	"parent-of-hash": {highIDs, []step{
		{action: connect},
		{action: publish, messages: []wire.Message{{Topic: "a", Payload: []byte("m1.0"), Retain: true}}},
		{action: subscribe, filters: []wire.Subscription{{Filter: "a/#"}}},
	}},
	// `+/#` does not match a topic of one level: it is not among the filters.
	"plus-hash": {highIDs, []step{
		{action: connect},
		{action: subscribe, filters: []wire.Subscription{{Filter: "+/#"}}},
		{action: publish, messages: []wire.Message{{Topic: "a", Payload: []byte("m2.0")}}},
	}},
	// The two directions share their identifiers, so that a SUBSCRIBE is refused while a message is in flight under the same
	// one: devices use higher ones.
	"one-id-space": {0, []step{
		{action: connect},
		{action: subscribe, filters: []wire.Subscription{{Filter: "a", QoS: 1}}},
		{action: hold},
		{action: connect, device: 1},
		{action: publish, device: 1, messages: []wire.Message{
			{Topic: "a", Payload: []byte("m4.0"), QoS: 1}, {Topic: "a", Payload: []byte("m4.1"), QoS: 1}, {Topic: "a", Payload: []byte("m4.2"), QoS: 1},
		}},
		{action: subscribe, filters: []wire.Subscription{{Filter: "b", QoS: 1}}},
	}},
}

func TestFaultsThatAreKeptOutAreStillThere(t *testing.T) {
	for name, fault := range keptOut {
		if err := compareWith(fault.script, newComparison(), fault.ids); err == nil {
			t.Errorf("%s is there no more: let sessions meet it", name)
		}
	}
}

func playOurs(script []step, ids uint16) (t trace, err error) {
	o, err := newOurs()
	if err != nil {
		return nil, err
	}
	t, err = play(o, script, true, ids)
	if e := o.close(); e != nil && err == nil {
		err = fmt.Errorf("stop: %w", e)
	}
	return t, err
}

func playTheirs(script []step, ids uint16) (t trace, err error) {
	m, err := newTheirs()
	if err != nil {
		return nil, err
	}
	t, err = play(m, script, false, ids)
	if e := m.close(); e != nil && err == nil {
		err = fmt.Errorf("stop: %w", e)
	}
	return t, err
}
