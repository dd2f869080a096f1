package lab

import (
	"context"
	"runtime"
	"testing"
	"time"

	"github.com/stretchr/testify/assert"
	"github.com/stretchr/testify/require"

	"gatehouse/gateway/attempt"
	wrong "gatehouse/gateway/lab"
	"gatehouse/sim"
	"gatehouse/sim/agent"
	"gatehouse/sim/faults"
	"gatehouse/sim/scenario"
)

// TestWhateverIsStartedAndStoppedTenTimesLeavesNothing: no goroutine, no file or socket, nothing on the heap but the attempts that were recorded. The demo has a test of
// its own, as its devices take their time.
func TestWhateverIsStartedAndStoppedTenTimesLeavesNothing(t *testing.T) {
	for name, begin := range map[string]func(*testing.T, *Lab) (round func()){
		"a device left to itself, with faults": leavesAgents,
		"a generated fleet":                    leavesFleets,
		"the ordinary broker":                  leavesBrokers,
		"the wrong servers":                    leavesWrongServers,
		"a recording":                          leavesRecordings,
		"a scenario that is stopped":           leavesRuns,
	} {
		t.Run(name, func(t *testing.T) {
			l := newLab(t) // which looks for goroutines that are left once all is closed
			g := l.runs.params.Gateway
			round := begin(t, l)
			round() // what libraries and the store make once is not counted
			round()
			nobody := func() bool { return g.Stats().Connected == 0 }
			eventually(t, "all are gone", nobody)
			files, goroutines, before := descriptors(t), runtime.NumGoroutine(), heap()
			for range 10 {
				round()
			}
			eventually(t, "all are gone", nobody)
			const ofTheStore = 5 // files that the registry and the record of attempts may have begun
			eventually(t, "no descriptor is left", func() bool { return descriptors(t) <= files+ofTheStore })
			eventually(t, "no goroutine is left", func() bool { return runtime.NumGoroutine() <= goroutines })
			recorded := uint64(g.Attempts().Query(attempt.Filter{Limit: 10_000}).Total) //nolint:gosec // not negative
			assert.Less(t, heap(), before+1<<20+recorded*24<<10)
		})
	}
}

// eventually polls until a claim holds.
func eventually(t *testing.T, what string, claim func() bool) {
	t.Helper()
	for deadline := time.Now().Add(20 * time.Second); !claim(); time.Sleep(2 * time.Millisecond) {
		if time.Now().After(deadline) {
			t.Fatalf("not within twenty seconds: %s", what)
		}
	}
}

func leavesAgents(t *testing.T, l *Lab) func() {
	_, o := board(t, l, "lamp")
	return func() {
		o.Faults = new(faults.Switches)
		o.Faults.SetNetwork(faults.Network{Latency: time.Millisecond, Fragment: 100})
		kind, _ := scenario.KindOf("thermostat")
		a, problems := agent.New(agent.Params{Options: o, Behaviour: kind.Behaviour, Pace: 1000})
		require.Empty(t, problems)
		ctx, stop := context.WithCancel(t.Context())
		ended := make(chan error, 1)
		go func() { ended <- a.Run(ctx) }()
		eventually(t, "it reports", func() bool { return a.Counts().Sent > 0 })
		o.Faults.SetNetwork(faults.Network{HalfOpen: true}) // it is stopped while its messages are on their way
		stop()
		require.NoError(t, <-ended)
		a.Device().(*sim.Device).Close()
	}
}

func leavesFleets(t *testing.T, l *Lab) func() {
	return func() {
		number, err := l.Fleets().Start(plan(10))
		require.NoError(t, err)
		eventually(t, "all are connected", func() bool { return only(t, l.Fleets()).Figures.Connected == 10 })
		l.Fleets().Remove(number)
		eventually(t, "it is removed", func() bool { return len(l.Fleets().All()) == 0 })
	}
}

func leavesBrokers(t *testing.T, l *Lab) func() {
	return func() {
		require.NoError(t, l.Broker().Start(BrokerPlan{}))
		at, runs := l.Broker().Target()
		require.True(t, runs)
		d := sim.NewDevice(sim.Params{})
		defer d.Close()
		require.NoError(t, d.Connect(t.Context(), sim.Options{URL: at.URL, RootPEM: at.RootPEM, ClientID: "x"}).Err)
		_, err := d.Subscribe(t.Context(), "#", 1)
		require.NoError(t, err)
		require.NoError(t, d.Publish(t.Context(), "a", make([]byte, 100_000), 1, true))
		require.NoError(t, l.Broker().Stop())
		eventually(t, "the device was left", func() bool { return !d.State().Connected })
	}
}

func leavesWrongServers(t *testing.T, l *Lab) func() {
	servers := l.runs.params.Gateway.Lab()
	root := l.runs.params.Gateway.RootPEM()
	next := 0
	return func() { // two of them in turn: each start makes keys, which takes a tenth of a second
		d := sim.NewDevice(sim.Params{})
		defer d.Close()
		for range 2 {
			kind := wrong.Kinds()[next%len(wrong.Kinds())]
			next++
			s, err := servers.Start(kind.Kind, wrong.Options{Code: wrong.Tour})
			require.NoError(t, err)
			d.Connect(t.Context(), sim.Options{URL: s.URL, RootPEM: root, ClientID: "x", Timeout: 100 * time.Millisecond}) // some keep it waiting
			require.True(t, servers.Stop(kind.Kind))
		}
	}
}

func leavesRecordings(t *testing.T, l *Lab) func() {
	sid, o := board(t, l, "lamp")
	return func() {
		d := sim.NewDevice(sim.Params{})
		defer d.Close()
		require.NoError(t, l.Recordings().Start(sid, true))
		require.NoError(t, d.Connect(t.Context(), o).Err)
		require.NoError(t, d.Publish(t.Context(), "a", make([]byte, 1000), 1, false))
		recorded(t, l, sid, 2)
		for _, kept := range l.Recordings().Kept() {
			require.NoError(t, l.Recordings().Delete(kept.ID))
		}
	}
}

func leavesRuns(t *testing.T, l *Lab) func() {
	s := parsed(t, lampStory+"  - connect: {device: lamp}\n  - wait: 30s\n")
	return func() {
		require.NoError(t, l.Runs().Start(Script{ID: "lamp", Scenario: s, Pace: AtOnce}))
		eventually(t, "it waits", func() bool { return l.Runs().Last().Done >= 5 })
		l.Runs().Stop()
		eventually(t, "it is over", func() bool { return !l.Runs().Last().Playing })
	}
}
