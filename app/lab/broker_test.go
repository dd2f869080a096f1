package lab

import (
	"net"
	"strconv"
	"testing"
	"time"

	"github.com/stretchr/testify/assert"
	"github.com/stretchr/testify/require"
	"go.uber.org/goleak"

	"gatehouse/sim"
	"gatehouse/sim/simtest"
)

func visit(t *testing.T, at Target) (*sim.Device, sim.Result) {
	t.Helper()
	d := sim.NewDevice(sim.Params{})
	t.Cleanup(d.Close)
	return d, d.Connect(t.Context(), sim.Options{URL: at.URL, RootPEM: at.RootPEM, ClientID: "visitor", Credential: sim.Credential{KeySID: at.User, Secret: at.Secret}})
}

func TestTheOrdinaryBrokerTakesDevicesThatTrustTheLocalRootAndGivesThemBackAtItsEnd(t *testing.T) {
	l := newLab(t)
	b := l.Broker()
	assert.Equal(t, BrokerState{}, b.State())
	require.NoError(t, b.Start(BrokerPlan{}))
	require.NoError(t, b.Stop()) // what the library keeps once is not counted below
	before, files := goleak.IgnoreCurrent(), descriptors(t)

	require.NoError(t, b.Start(BrokerPlan{}))
	require.Error(t, b.Start(BrokerPlan{}), "one at a time")
	at, runs := b.Target()
	require.True(t, runs)
	d, result := visit(t, at)
	require.NoError(t, result.Err)
	_, err := d.Subscribe(t.Context(), "any/#", 1)
	require.NoError(t, err)
	require.NoError(t, d.Publish(t.Context(), "any/topic", []byte("hello"), 1, true))
	require.Eventually(t, func() bool {
		s := b.State()
		return s.Clients == 1 && s.Received == 1 && s.Sent >= 1 && s.Retained >= 1 && s.Filters == 1
	}, 5*time.Second, 5*time.Millisecond)
	s := b.State()
	assert.True(t, s.Running)
	assert.False(t, s.Network || s.Locked)
	assert.Equal(t, at.URL, s.URL)

	require.NoError(t, b.Stop())
	require.NoError(t, b.Stop(), "it is over already")
	assert.Equal(t, BrokerState{}, b.State())
	require.Eventually(t, func() bool { return !d.State().Connected }, 5*time.Second, 5*time.Millisecond)
	d.Close()
	simtest.NothingRuns(t, before)
	require.Eventually(t, func() bool { return descriptors(t) <= files }, 5*time.Second, 5*time.Millisecond)
}

func TestThePasswordOfTheOrdinaryBrokerIsAskedFor(t *testing.T) {
	l := newLab(t)
	require.NoError(t, l.Broker().Start(BrokerPlan{User: "bench", Password: "secret"}))
	at, _ := l.Broker().Target()
	_, result := visit(t, at)
	require.NoError(t, result.Err)
	at.Secret = "guess"
	_, result = visit(t, at)
	require.Error(t, result.Err)
	assert.True(t, l.Broker().State().Locked)
}

func TestAPortThatIsTakenIsNamed(t *testing.T) {
	l := newLab(t)
	taken, err := net.Listen("tcp", "127.0.0.1:0")
	require.NoError(t, err)
	defer func() { _ = taken.Close() }()
	port := taken.Addr().(*net.TCPAddr).Port
	err = l.Broker().Start(BrokerPlan{Port: port})
	require.ErrorIs(t, err, ErrPortTaken)
	assert.Contains(t, err.Error(), strconv.Itoa(port))
	assert.False(t, l.Broker().State().Running)
	require.NoError(t, l.Broker().Start(BrokerPlan{}), "and then another is free")
}

func TestEveryMistakeOfABrokerIsNamedByItsField(t *testing.T) {
	for _, c := range []struct {
		field string
		plan  BrokerPlan
	}{
		{"port", BrokerPlan{Port: 65536}}, {"port", BrokerPlan{Port: -1}}, {"password", BrokerPlan{Network: true}}, {"user", BrokerPlan{Password: "x"}}, {"password", BrokerPlan{User: "x"}},
	} {
		problems := c.plan.Check()
		require.NotEmpty(t, problems)
		assert.Equal(t, c.field, problems[0].Path)
	}
	assert.Empty(t, BrokerPlan{Network: true, User: "a", Password: "b"}.Check())
}

func TestClosingTheLabEndsTheBroker(t *testing.T) {
	l := newLab(t)
	require.NoError(t, l.Broker().Start(BrokerPlan{}))
	l.Close()
	assert.False(t, l.Broker().State().Running)
	require.ErrorIs(t, l.Broker().Start(BrokerPlan{}), ErrClosed)
}
