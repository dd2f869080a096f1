package fleet

import (
	"context"
	"errors"
	"os"
	"runtime"
	"sync"
	"sync/atomic"
	"testing"
	"time"

	"github.com/stretchr/testify/assert"
	"github.com/stretchr/testify/require"
	"go.uber.org/goleak"

	"gatehouse/sim"
	"gatehouse/sim/agent"
	"gatehouse/sim/ordinary"
	"gatehouse/sim/simtest"
	"gatehouse/sim/telemetry"
)

func template(t *testing.T) (Template, *ordinary.Broker) {
	config, root := simtest.Server()
	b, err := ordinary.Start(ordinary.Params{TLS: config})
	require.NoError(t, err)
	t.Cleanup(func() { require.NoError(t, b.Close()) })
	return Template{
		Prefix: "meter-", Vars: map[string][]string{"room": {"room-{n}"}}, Options: sim.Options{URL: b.URL(), RootPEM: root, Clean: true},
		Behaviour: agent.Behaviour{Reports: []telemetry.Report{{Topic: "{room}/{device}", Every: telemetry.Duration(50 * time.Millisecond), QoS: 1,
			Fields: []telemetry.Field{{Name: "x", Source: telemetry.Source{Kind: telemetry.Counter}}}}}},
	}, b
}

func descriptors(t *testing.T) int {
	all, err := os.ReadDir("/proc/self/fd")
	require.NoError(t, err)
	return len(all)
}

func heap() uint64 {
	runtime.GC()
	runtime.GC()
	var m runtime.MemStats
	runtime.ReadMemStats(&m)
	return m.HeapAlloc
}

func TestAFleetLivesAndLeavesNothingBehind(t *testing.T) {
	common, broker := template(t)
	goroutines := goleak.IgnoreCurrent()
	files, before := descriptors(t), heap()
	const count = 60
	func() {
		f, problems := New(Params{Count: count, Template: common, Ramp: 200 * time.Millisecond, Provision: func(_ context.Context, name string) (Identity, error) {
			return Identity{SID: name}, nil
		}})
		require.Empty(t, problems)
		require.NoError(t, f.Provision(t.Context()))
		ctx, stop := context.WithCancel(t.Context())
		ended := make(chan error, 1)
		go func() { ended <- f.Run(ctx) }()
		simtest.Eventually(t, "all are connected and have reported", func() bool {
			s := f.Status()
			return s.Connected == count && s.Sent > 2*count
		})
		s := f.Status()
		assert.Equal(t, count, s.Provisioned)
		assert.Equal(t, [2]int{count, count}, [2]int{s.Attempts, s.Accepted})
		assert.GreaterOrEqual(t, s.Ramped, 190*time.Millisecond)
		time.Sleep(50 * time.Millisecond) // looking later makes it no longer
		assert.Equal(t, s.Ramped, f.Status().Ramped)
		assert.Equal(t, count, broker.Stats().Clients)
		stop()
		require.NoError(t, <-ended)
		assert.Equal(t, Ended, f.Status().Stage)

		ctx, stop = context.WithCancel(t.Context())
		go func() { ended <- f.Run(ctx) }()
		simtest.Eventually(t, "they live again", func() bool { return f.Status().Connected == count })
		require.Error(t, f.Run(t.Context()), "it runs already")
		stop()
		require.NoError(t, <-ended)
	}()
	simtest.Eventually(t, "the server has seen them go", func() bool { return broker.Stats().Clients == 0 })
	simtest.NothingRuns(t, goroutines)
	simtest.Eventually(t, "no descriptor is left", func() bool { return descriptors(t) <= files })
	simtest.Eventually(t, "the heap is back, but for what the libraries keep once", func() bool { return heap() < before+4<<20 })
}

func TestProvisioningRunsInParallelAndEndsWithItsContextOrAnError(t *testing.T) {
	var at, most, done atomic.Int64
	ctx, cancel := context.WithCancel(t.Context())
	f, problems := New(Params{Count: 1000, Parallel: 4, Provision: func(ctx context.Context, _ string) (Identity, error) {
		most.Store(max(most.Load(), at.Add(1)))
		defer at.Add(-1)
		if done.Add(1) == 50 {
			cancel()
		}
		time.Sleep(time.Millisecond) // work that takes time
		return Identity{}, nil
	}})
	require.Empty(t, problems)
	require.ErrorIs(t, f.Provision(ctx), context.Canceled)
	assert.Less(t, f.Status().Provisioned, 60)
	assert.Greater(t, most.Load(), int64(1))
	assert.LessOrEqual(t, most.Load(), int64(4))
	require.Error(t, f.Run(t.Context()), "it is not provisioned")

	full := errors.New("no room")
	f, problems = New(Params{Count: 10, Provision: func(context.Context, string) (Identity, error) { return Identity{}, full }})
	require.Empty(t, problems)
	require.ErrorIs(t, f.Provision(t.Context()), full)
}

func TestAFleetWithAMistakeIsNotBegun(t *testing.T) {
	for _, p := range []Params{
		{Count: 0}, {Count: Most + 1}, {Count: 1, Ramp: -1},
		{Count: 1, Template: Template{Behaviour: agent.Behaviour{Reports: []telemetry.Report{{Topic: "a"}}}}},
		{Count: 1, Template: Template{Name: "meter"}},
		{Count: 1, Template: Template{Name: "{room}-{n}"}},
		{Count: 1, Template: Template{Vars: map[string][]string{"a room": {"1"}}}},
		{Count: 1, Template: Template{Vars: map[string][]string{"n": {"1"}}}},
		{Count: 1, Template: Template{Vars: map[string][]string{"room": {}}}},
		{Count: 1, Template: Template{Topics: "{room}", Behaviour: reporting("a")}},
	} {
		f, problems := New(p)
		assert.Nil(t, f)
		assert.NotEmpty(t, problems)
	}
}

// reporting is a behaviour that reports on a topic.
func reporting(topic string) agent.Behaviour {
	return agent.Behaviour{Reports: []telemetry.Report{{
		Topic: topic, Every: telemetry.Duration(20 * time.Millisecond), QoS: 1, Fields: []telemetry.Field{{Name: "x", Source: telemetry.Source{Kind: telemetry.Counter}}},
	}}}
}

func TestVariablesAreTakenInTurnAndReachNamesAndTopics(t *testing.T) {
	common, _ := template(t)
	common.Name, common.Vars = "{room}-{n}", map[string][]string{"room": {"kitchen", "hall"}, "floor": {"{n}"}}
	common.Topics, common.Behaviour = "site/{floor}/", reporting("{room}/energy")
	var topics, senders sync.Map
	listener := sim.NewDevice(sim.Params{Received: func(m sim.Message) { topics.Store(m.Topic, true) }})
	o := common.Options
	o.ClientID = "listener"
	require.NoError(t, listener.Connect(t.Context(), o).Err)
	defer listener.Close()
	_, err := listener.Subscribe(t.Context(), "site/#", 1)
	require.NoError(t, err)

	f, problems := New(Params{Count: 12, Template: common, Ramp: time.Millisecond, Provision: func(_ context.Context, name string) (Identity, error) {
		senders.Store(name, true)
		return Identity{}, nil
	}})
	require.Empty(t, problems)
	require.NoError(t, f.Provision(t.Context()))
	ctx, stop := context.WithCancel(t.Context())
	ended := make(chan error, 1)
	go func() { ended <- f.Run(ctx) }()
	simtest.Eventually(t, "each reports on its own topic", func() bool {
		n := 0
		topics.Range(func(any, any) bool { n++; return true })
		return n == 12
	})
	stop()
	require.NoError(t, <-ended)
	for _, topic := range []string{"site/1/kitchen/energy", "site/2/hall/energy", "site/12/hall/energy"} {
		_, seen := topics.Load(topic)
		assert.True(t, seen, topic)
	}
	for _, name := range []string{"kitchen-01", "hall-02", "hall-12"} {
		_, seen := senders.Load(name)
		assert.True(t, seen, name)
	}
}

func TestAFleetSaysWhyMostOfItsDevicesAreNotConnected(t *testing.T) {
	f, problems := New(Params{Count: 3, Ramp: time.Millisecond, Template: Template{Options: sim.Options{URL: "mqtts://127.0.0.1:1"}}})
	require.Empty(t, problems)
	require.NoError(t, f.Provision(t.Context()))
	ctx, stop := context.WithCancel(t.Context())
	ended := make(chan error, 1)
	go func() { ended <- f.Run(ctx) }()
	simtest.Eventually(t, "all were turned away", func() bool { return f.Status().Waiting == 3 })
	assert.Contains(t, f.Status().Why, "nothing listens on that port")
	assert.Zero(t, f.Status().Accepted)
	stop()
	require.NoError(t, <-ended)
}
