package fleet

import (
	"context"
	"errors"
	"os"
	"runtime"
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
		Prefix: "meter-", Vars: map[string]string{"room": "room-{n}"}, Options: sim.Options{URL: b.URL(), RootPEM: root, Clean: true},
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
	const count = 100
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
		assert.Equal(t, count, s.Attempts)
		assert.GreaterOrEqual(t, s.Ramped, 190*time.Millisecond)
		assert.Equal(t, count, broker.Stats().Clients)
		stop()
		require.NoError(t, <-ended)
		assert.Equal(t, Ended, f.Status().Stage)
	}()
	simtest.Eventually(t, "the server has seen them go", func() bool { return broker.Stats().Clients == 0 })
	goleak.VerifyNone(t, goroutines)
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
	} {
		f, problems := New(p)
		assert.Nil(t, f)
		assert.NotEmpty(t, problems)
	}
}
