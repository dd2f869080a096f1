package agent

import (
	"context"
	"encoding/json"
	"errors"
	"testing"
	"time"

	"github.com/stretchr/testify/assert"
	"github.com/stretchr/testify/require"

	"gatehouse/sim"
	"gatehouse/sim/faults"
	"gatehouse/sim/ordinary"
	"gatehouse/sim/rules"
	"gatehouse/sim/simtest"
	"gatehouse/sim/telemetry"
)

func TestMain(m *testing.M) { simtest.Main(m) }

func broker(t *testing.T) *ordinary.Broker {
	t.Helper()
	config, _ := simtest.Server()
	b, err := ordinary.Start(ordinary.Params{TLS: config})
	require.NoError(t, err)
	t.Cleanup(func() { require.NoError(t, b.Close()) })
	return b
}

func options(b *ordinary.Broker, name string) sim.Options {
	_, root := simtest.Server()
	return sim.Options{URL: b.URL(), RootPEM: root, ClientID: name, Timeout: 5 * time.Second}
}

// run starts an agent and ends it with the test.
func run(t *testing.T, p Params) (a *Agent, ended func() error) {
	t.Helper()
	a, problems := New(p)
	require.Empty(t, problems)
	ctx, cancel := context.WithCancel(t.Context())
	done := make(chan error, 1)
	go func() { done <- a.Run(ctx) }()
	t.Cleanup(func() {
		cancel()
		select {
		case <-done:
		case <-time.After(10 * time.Second):
			t.Error("the agent does not end")
		}
		a.Device().(*sim.Device).Close()
	})
	return a, func() error {
		select {
		case err := <-done:
			done <- err
			return err
		case <-time.After(5 * time.Second):
			return errors.New("it still runs")
		}
	}
}

// watch is a device that has subscribed to everything.
func watch(t *testing.T, b *ordinary.Broker) (*sim.Device, <-chan sim.Message) {
	t.Helper()
	messages := make(chan sim.Message, 1000)
	d := sim.NewDevice(sim.Params{Received: func(m sim.Message) { messages <- m }})
	t.Cleanup(d.Close)
	require.NoError(t, d.Connect(t.Context(), options(b, "watcher")).Err)
	_, err := d.Subscribe(t.Context(), "#", 1)
	require.NoError(t, err)
	return d, messages
}

func next(t *testing.T, messages <-chan sim.Message) sim.Message {
	t.Helper()
	select {
	case m := <-messages:
		return m
	case <-time.After(5 * time.Second):
		t.Fatal("no message came")
	}
	return sim.Message{}
}

func number(v float64) *float64 { return &v }

func TestAnAgentReportsWhatItsBehaviourSays(t *testing.T) {
	b := broker(t)
	_, messages := watch(t, b)
	a, _ := run(t, Params{
		Options: options(b, "meter"), Identity: telemetry.Device{Name: "meter-1"}, Pace: 1000,
		Behaviour: Behaviour{Reports: []telemetry.Report{{
			Topic: "{device}/energy", QoS: 1, Every: telemetry.Duration(20 * time.Second),
			Fields: []telemetry.Field{{Name: "n", Source: telemetry.Source{Kind: telemetry.Counter, Start: number(1)}}},
		}}},
	})
	for want := 1.0; want <= 3; want++ {
		m := next(t, messages)
		assert.Equal(t, "meter-1/energy", m.Topic)
		var got struct{ N float64 }
		require.NoError(t, json.Unmarshal(m.Payload, &got))
		assert.Equal(t, want, got.N)
	}
	simtest.Eventually(t, "they are counted", func() bool { return a.Status().Sent >= 3 })
	assert.Equal(t, []string{"n"}, a.Plotted())
	points := a.Points("n")
	require.GreaterOrEqual(t, len(points), 3)
	assert.Equal(t, 1.0, points[0].Value)
	assert.Equal(t, Connected, a.Status().Phase)
}

func TestALampFollowsItsDocumentAndReportsItsState(t *testing.T) {
	b := broker(t)
	person, messages := watch(t, b)
	a, _ := run(t, Params{
		Options: options(b, "lamp"), Identity: telemetry.Device{Name: "lamp-1"},
		Behaviour: Behaviour{
			State: map[string]any{"on": false},
			Reactions: []rules.Reaction{{
				On: "sync/docs/BoardLED", When: "json?.led != nil", Wait: telemetry.Duration(20 * time.Millisecond),
				Set: map[string]string{"on": `json.led == "ON"`}, Publish: &rules.Publish{Topic: "{device}/lamp", Payload: `{{"on":{on}}}`},
			}},
		},
	})
	simtest.Eventually(t, "it listens", func() bool { return len(a.Device().(*sim.Device).Subscriptions()) == 1 })
	require.NoError(t, person.Publish(t.Context(), "sync/docs/BoardLED", []byte(`{"led":"ON"}`), 1, false))
	for m := next(t, messages); m.Topic != "lamp-1/lamp"; m = next(t, messages) {
		assert.Equal(t, "sync/docs/BoardLED", m.Topic)
	}
	assert.Equal(t, true, a.Status().Values["on"])
	assert.Equal(t, uint64(1), a.Status().Received)
}

func TestALostConnectionComesBackByItself(t *testing.T) {
	b := broker(t)
	var f faults.Switches
	o := options(b, "board")
	o.Faults = &f
	a, _ := run(t, Params{Options: o, Behaviour: Behaviour{Subscribe: []Subscription{{"a", 1}}}})
	simtest.Eventually(t, "it is connected", func() bool {
		return a.Status().Phase == Connected && len(a.Device().(*sim.Device).Subscriptions()) == 1
	})
	f.Reset()
	simtest.Eventually(t, "it noticed", func() bool { return a.Status().Phase == Waiting })
	wait := time.Until(a.Status().Next)
	assert.LessOrEqual(t, wait, sim.FirstWait)
	assert.Greater(t, wait, sim.FirstWait/2-200*time.Millisecond)
	simtest.Eventually(t, "it is back", func() bool { return a.Status().Phase == Connected })
	assert.Equal(t, 2, a.Status().Attempts)
}

func TestAReactionMayEndOrRenewTheConnection(t *testing.T) {
	b := broker(t)
	person, _ := watch(t, b)
	a, ended := run(t, Params{Options: options(b, "board"), Behaviour: Behaviour{Reactions: []rules.Reaction{
		{On: "restart", Reconnect: true}, {On: "off", Disconnect: true},
	}}})
	granted := func() (n int) {
		for _, e := range a.Device().(*sim.Device).Console(0) {
			if e.Type == "SUBACK" {
				n++
			}
		}
		return n
	}
	simtest.Eventually(t, "it listens", func() bool { return granted() == 2 })
	require.NoError(t, person.Publish(t.Context(), "restart", nil, 1, false))
	simtest.Eventually(t, "it came back and listens", func() bool { return a.Status().Attempts == 2 && granted() == 4 })
	require.NoError(t, person.Publish(t.Context(), "off", nil, 1, false))
	require.NoError(t, ended())
	assert.Equal(t, Stopped, a.Status().Phase)
	assert.Contains(t, a.Status().Why, "a reaction")
}

func TestARefusedAgentStopsUnlessItDisobeys(t *testing.T) {
	config, root := simtest.Server()
	b, err := ordinary.Start(ordinary.Params{TLS: config, Password: "right"})
	require.NoError(t, err)
	t.Cleanup(func() { require.NoError(t, b.Close()) })
	o := sim.Options{URL: b.URL(), RootPEM: root, ClientID: "board", Timeout: 5 * time.Second}
	a, ended := run(t, Params{Options: o, Behaviour: Behaviour{Reconnect: Policy{Never: true}}})
	require.ErrorContains(t, ended(), "stopped")
	assert.Equal(t, 1, a.Status().Attempts)
	a, _ = run(t, Params{Options: o})
	simtest.Eventually(t, "code 5 is tried again slowly", func() bool { return a.Status().Phase == Waiting })
	assert.Greater(t, time.Until(a.Status().Next), 25*time.Second)
	a, _ = run(t, Params{Options: o, Behaviour: Behaviour{Reconnect: Policy{Disobey: []int{5}, DisobeyEvery: telemetry.Duration(5 * time.Millisecond)}}})
	simtest.Eventually(t, "it goes on and on", func() bool { return a.Status().Attempts >= 5 })
}

func TestThePolicyFollowsTheContractCodeByCode(t *testing.T) {
	refused := func(code int) sim.Result {
		return sim.Result{Code: code, Err: &sim.RefusedError{Code: code}, Advice: sim.AdviceFor(code)}
	}
	for code, again := range map[int]bool{1: false, 2: false, 3: true, 4: false, 5: true, -1: true} {
		_, got := Policy{}.Next(refused(code), 1, 0)
		assert.Equal(t, again, got, "code %d", code)
		_, got = Policy{Never: true}.Next(refused(code), 1, 0)
		assert.False(t, got)
		wait, got := Policy{Disobey: []int{code}}.Next(refused(code), 1, 0)
		assert.True(t, got)
		assert.Equal(t, time.Second, wait)
	}
	last := time.Duration(0)
	for attempt := 1; attempt <= 10; attempt++ {
		wait, _ := Policy{}.Next(refused(3), attempt, 0)
		assert.GreaterOrEqual(t, wait, last)
		last = wait
		spread, _ := Policy{}.Next(refused(3), attempt, 0.99)
		assert.Less(t, spread, wait)
	}
	assert.Equal(t, sim.LongWait, last)
	wait, _ := Policy{SlowRetry: telemetry.Duration(10 * time.Second)}.Next(refused(5), 1, 0)
	assert.Equal(t, 10*time.Second, wait)
}

func TestABehaviourWithAMistakeMakesNoAgent(t *testing.T) {
	for path, b := range map[string]Behaviour{
		"state":             {State: map[string]any{"a b": 1}},
		"reports[0].topic":  {Reports: []telemetry.Report{{Every: telemetry.Duration(time.Second), Fields: []telemetry.Field{{Name: "v", Source: telemetry.Source{Kind: telemetry.Constant, Value: 1.0}}}}}},
		"reactions[0].on":   {Reactions: []rules.Reaction{{Disconnect: true}}},
		"subscribe[0]":      {Subscribe: []Subscription{{"a", 3}}},
		"reconnect.disobey": {Reconnect: Policy{Disobey: []int{0}}},
		"reconnect":         {Reconnect: Policy{SlowRetry: -1}},
		"reports":           {Reports: make([]telemetry.Report, MostReports+1)},
		"subscribe":         {Subscribe: make([]Subscription, MostSubscriptions+1)},
	} {
		a, problems := New(Params{Behaviour: b})
		assert.Nil(t, a)
		require.NotEmpty(t, problems, path)
		assert.Equal(t, path, problems[0].Path)
	}
}

func TestASlowServerIsNotSentMessagesWithoutEnd(t *testing.T) {
	b := broker(t)
	var f faults.Switches
	o := options(b, "board")
	o.Faults = &f
	a, _ := run(t, Params{Options: o, Pace: 1000, Behaviour: Behaviour{Reports: []telemetry.Report{{
		Topic: "a", QoS: 1, Every: telemetry.Duration(2 * time.Second), Fields: []telemetry.Field{{Name: "v", Source: telemetry.Source{Kind: telemetry.Constant, Value: 1.0}}},
	}}}})
	simtest.Eventually(t, "it reports", func() bool { return a.Status().Sent > 0 })
	f.SetNetwork(faults.Network{HalfOpen: true})
	simtest.Eventually(t, "what finds no room is counted", func() bool { return a.Status().Skipped > 10 })
	f.SetNetwork(faults.Network{})
	sent := a.Status().Sent
	simtest.Eventually(t, "it goes on", func() bool { return a.Status().Sent > sent+mostSending })
}

func TestAReconnectStormConnectsAgainAndAgainUntilItIsSwitchedOff(t *testing.T) {
	b := broker(t)
	_, messages := watch(t, b)
	var f faults.Switches
	o := options(b, "board")
	o.Faults = &f
	a, _ := run(t, Params{Options: o, Behaviour: Behaviour{Reports: []telemetry.Report{{
		Topic: "hello", QoS: 1, Every: telemetry.Duration(time.Hour), Fields: []telemetry.Field{{Name: "v", Source: telemetry.Source{Kind: telemetry.Counter}}},
	}}}})
	next(t, messages)
	f.SetStorm(time.Millisecond)
	began := time.Now()
	for range 4 { // each connection begins with a report, and the next one would be due in an hour
		assert.Equal(t, "hello", next(t, messages).Topic)
	}
	assert.GreaterOrEqual(t, time.Since(began), 4*faults.FastestStorm, "it is no faster than that")
	f.SetStorm(0)
	simtest.Eventually(t, "it settles", func() bool {
		attempts := a.Status().Attempts
		time.Sleep(3 * faults.FastestStorm) // a storm would connect meanwhile
		return a.Status().Attempts == attempts && a.Status().Phase == Connected
	})
}

func TestARefusedDeviceStormsToo(t *testing.T) {
	config, root := simtest.Server()
	b, err := ordinary.Start(ordinary.Params{TLS: config, Password: "right"})
	require.NoError(t, err)
	t.Cleanup(func() { require.NoError(t, b.Close()) })
	var f faults.Switches
	a, _ := run(t, Params{Options: sim.Options{URL: b.URL(), RootPEM: root, ClientID: "board", Faults: &f, Timeout: 5 * time.Second}})
	simtest.Eventually(t, "it waits for long", func() bool { return a.Status().Phase == Waiting })
	f.SetStorm(faults.FastestStorm)
	simtest.Eventually(t, "it does not wait any more", func() bool { return a.Status().Attempts >= 4 })
}
