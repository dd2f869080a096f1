package lab

import (
	"context"
	"fmt"
	"os"
	"path/filepath"
	"strings"
	"testing"
	"time"

	"github.com/stretchr/testify/assert"
	"github.com/stretchr/testify/require"
	"pgregory.net/rapid"

	"gatehouse/app/story"
	"gatehouse/gateway/objects"
	"gatehouse/gateway/registry"
	"gatehouse/sim"
	"gatehouse/sim/faults"
	"gatehouse/sim/ordinary"
	"gatehouse/sim/record"
	"gatehouse/sim/scenario"
	"gatehouse/sim/simtest"
)

// board is a device with a key, in the default fleet.
func board(t require.TestingT, l *Lab, name string) (sid string, o sim.Options) {
	ctx := context.Background()
	g := l.runs.params.Gateway
	fleet := g.Registry().Fleets()[0]
	d, err := g.Registry().CreateDevice(ctx, registry.NewDevice{FleetSID: fleet.SID, UniqueName: name})
	require.NoError(t, err)
	key, secret, err := g.Registry().CreateKey(ctx, fleet.SID, d.SID, "")
	require.NoError(t, err)
	return d.SID, sim.Options{URL: g.Status().URL, RootPEM: g.RootPEM(), ClientID: "client-" + name, KeepAlive: 30 * time.Second, Credential: sim.Credential{KeySID: key.SID, Secret: secret}}
}

// gist is a recording without its times and its identity, line by line.
func gist(r record.Recording) (all []string) {
	for _, e := range r.Events {
		text := fmt.Sprintf("%s %s %q qos=%d retain=%v denied=%v code=%d", e.Kind, strings.ReplaceAll(e.Topic, r.DeviceSID, "SID"), strings.ReplaceAll(string(e.Payload), r.DeviceSID, "SID"), e.QoS, e.Retain, e.Denied, e.Code)
		if c := e.Connect; c != nil {
			text += fmt.Sprintf(" %s %s clean=%v %s", c.Protocol, c.ClientID, c.Clean, c.KeepAlive)
			if c.Will != nil {
				text += fmt.Sprintf(" will=%+v", *c.Will)
			}
		}
		all = append(all, text)
	}
	return all
}

// recorded waits until a recording has so many events, then stops it.
func recorded(t require.TestingT, l *Lab, sid string, events int) record.Recording {
	deadline := time.Now().Add(10 * time.Second)
	for {
		live := l.Recordings().Live()
		if len(live) > 0 && live[0].Events >= events || time.Now().After(deadline) {
			break
		}
		time.Sleep(5 * time.Millisecond)
	}
	kept, err := l.Recordings().Stop(sid)
	require.NoError(t, err)
	r, err := l.Recordings().Get(kept.ID)
	require.NoError(t, err)
	return r
}

// replayed plays a recording and records the device that does.
func replayed(t require.TestingT, l *Lab, r record.Recording) record.Recording {
	s, err := record.Write(r, record.Options{Speed: 4})
	require.NoError(t, err)
	stage, err := story.NewStage(context.Background(), l.runs.params.Gateway)
	require.NoError(t, err)
	defer func() { require.NoError(t, stage.Close()) }()
	world := &recordedWorld{Stage: stage, lab: l}
	result := scenario.Run(context.Background(), s.Scenario, scenario.Params{World: world})
	require.True(t, result.Held, "%s: %s\n%s", result.Where, result.Why, s.Text)
	return recorded(t, l, world.sid, len(r.Events))
}

// recordedWorld records the device that a scenario makes.
type recordedWorld struct {
	*story.Stage
	lab *Lab
	sid string
}

func (w *recordedWorld) Create(ctx context.Context, d scenario.NewDevice) (string, sim.Credential, error) {
	sid, c, err := w.Stage.Create(ctx, d)
	if err == nil {
		w.sid = sid
		err = w.lab.Recordings().Start(sid, false)
	}
	return sid, c, err
}

func TestTheReplayOfARecordingIsTheSameAgain(t *testing.T) {
	l := newLab(t)
	sid, o := board(t, l, "lamp")
	o.Will = &sim.Will{Topic: "gone/" + sid, Payload: []byte("by"), QoS: 1, Retain: true}
	o.Faults = new(faults.Switches)
	d := sim.NewDevice(sim.Params{})
	t.Cleanup(d.Close)
	require.NoError(t, l.Recordings().Start(sid, false))
	require.ErrorIs(t, l.Recordings().Start(sid, false), ErrRecording)
	ctx := t.Context()
	do := func(err error) { t.Helper(); require.NoError(t, err) }
	do(d.Connect(ctx, o).Err)
	_, err := d.Subscribe(ctx, "orders/#", 1)
	do(err)
	do(d.Publish(ctx, "lamp/"+sid, []byte("on"), 0, false))
	do(d.Publish(ctx, "lamp/json", []byte(`{"sid":"`+sid+`","n":1}`), 1, true))
	do(d.Publish(ctx, "lamp/raw", []byte{0, 1, 255}, 1, false))
	do(d.Unsubscribe(ctx, "orders/#"))
	o.Faults.Reset()
	require.Eventually(t, func() bool { return !d.State().Connected }, 5*time.Second, time.Millisecond)
	wrong := o
	wrong.WrongSecret = true
	require.Equal(t, 4, d.Connect(ctx, wrong).Code)
	do(d.Connect(ctx, o).Err)
	do(d.Publish(ctx, "lamp/two", []byte("again"), 2, false))
	d.Disconnect()

	first := recorded(t, l, sid, 11)
	assert.Equal(t, []string{"connected", "subscribed", "published", "published", "published", "unsubscribed", "reset", "refused", "connected", "published", "disconnected"}, kinds(first))
	assert.Equal(t, "gone/"+sid, first.Events[0].Connect.Will.Topic)
	assert.NotContains(t, fmt.Sprintf("%+v", first), o.Credential.Secret)
	assert.NotContains(t, fmt.Sprintf("%+v", first), o.Credential.KeySID)
	second := replayed(t, l, first)
	a, b := gist(first), gist(second)
	for i := range a { // a will is not filled in by name: the topics have each its own SID
		a[i], b[i] = strings.ReplaceAll(a[i], first.DeviceSID, "SID"), strings.ReplaceAll(b[i], second.DeviceSID, "SID")
	}
	assert.Equal(t, a, b)
	assert.False(t, l.runs.params.Gateway.Traced(sid), "the trace ends with the recording")
}

func kinds(r record.Recording) (all []string) {
	for _, e := range r.Events {
		all = append(all, string(e.Kind))
	}
	return all
}

// TestAnythingThatADeviceDoesIsReplayed does it at random.
func TestAnythingThatADeviceDoesIsReplayed(t *testing.T) {
	l := newLab(t)
	n := 0
	rapid.Check(t, func(t *rapid.T) {
		if n++; n > 12 { // each takes a second or so
			return
		}
		sid, o := board(t, l, fmt.Sprintf("board-%d", n))
		o.Faults = new(faults.Switches)
		d := sim.NewDevice(sim.Params{})
		defer d.Close()
		ctx := context.Background()
		if err := l.Recordings().Start(sid, false); err != nil {
			t.Fatal(err)
		}
		topic := rapid.SampledFrom([]string{"a", "a/b", "é/ü", "{n}/{sid}", sid + "/x", "x y", "quote'\""})
		payload := rapid.OneOf(rapid.SliceOfN(rapid.Byte(), 0, 50), rapid.SampledFrom([][]byte{nil, []byte("text"), []byte(`{"a":[1,{"b":"{n}"}]}`), []byte("my id is " + sid)}))
		events := 0
		done := func(err error) {
			if events++; err != nil {
				t.Fatal(err)
			}
		}
		for range rapid.IntRange(1, 3).Draw(t, "connections") {
			o.Clean = rapid.Bool().Draw(t, "clean")
			o.Protocol = rapid.SampledFrom([]int{sim.MQTT31, sim.MQTT311}).Draw(t, "protocol")
			done(d.Connect(ctx, o).Err)
			filters := map[string]bool{}
			for range rapid.IntRange(0, 5).Draw(t, "things") {
				switch rapid.SampledFrom([]string{"subscribe", "unsubscribe", "publish", "publish"}).Draw(t, "what") {
				case "subscribe":
					f := topic.Draw(t, "filter")
					_, err := d.Subscribe(ctx, f, byte(rapid.IntRange(0, 2).Draw(t, "QoS")))
					done(err)
					filters[f] = true
				case "unsubscribe":
					done(d.Unsubscribe(ctx, topic.Draw(t, "filter")))
				case "publish":
					done(d.Publish(ctx, topic.Draw(t, "topic"), payload.Draw(t, "payload"), byte(rapid.IntRange(0, 2).Draw(t, "QoS")), rapid.Bool().Draw(t, "retain")))
				}
			}
			if rapid.Bool().Draw(t, "goes in order") {
				d.Disconnect()
				events++
			} else {
				o.Faults.Cut()
				events++
				<-d.Ended()
			}
		}
		first := recorded(t, l, sid, events)
		second := replayed(t, l, first)
		if a, b := gist(first), gist(second); len(first.Events) != events || strings.Join(a, "\n") != strings.Join(b, "\n") {
			t.Fatalf("%d events:\n%s\nbecame\n%s", events, strings.Join(a, "\n"), strings.Join(b, "\n"))
		}
	})
}

func TestADeviceIsRecordedFromTheMiddleOfItsConnection(t *testing.T) {
	l := newLab(t)
	sid, o := board(t, l, "lamp")
	d := sim.NewDevice(sim.Params{})
	t.Cleanup(d.Close)
	require.NoError(t, d.Connect(t.Context(), o).Err)
	_, err := d.Subscribe(t.Context(), "orders/#", 1)
	require.NoError(t, err)
	_, err = d.Subscribe(t.Context(), "given/up", 1)
	require.NoError(t, err)
	require.NoError(t, d.Unsubscribe(t.Context(), "given/up"))
	require.NoError(t, d.Publish(t.Context(), "before", nil, 1, false))
	require.NoError(t, l.Recordings().Start(sid, true))
	require.NoError(t, d.Publish(t.Context(), "orders/1", []byte("x"), 1, false))
	r := recorded(t, l, sid, 4)
	assert.Equal(t, []string{"connected", "subscribed", "published", "received"}, kinds(r))
	assert.Equal(t, "orders/#", r.Events[1].Topic)
	assert.True(t, r.Events[0].Before)
	s, err := record.Write(r, record.Options{Expect: true})
	require.NoError(t, err)
	assert.Contains(t, string(s.Text), "# It had subscribed before.")
	result, err := story.Play(t.Context(), l.runs.params.Gateway, s.Scenario, scenario.Params{})
	require.NoError(t, err)
	assert.True(t, result.Held, "%s: %s\n%s", result.Where, result.Why, s.Text)
}

func TestADeviceThatFollowsADocumentIsReplayedWithTheDocument(t *testing.T) {
	l := newLab(t)
	g := l.runs.params.Gateway
	_, err := g.Objects().Create(t.Context(), objects.System(), g.Registry().Services()[0].SID, objects.Document, objects.NewObject{UniqueName: "Heating", Data: []byte(`{"target":21}`)})
	require.NoError(t, err)
	sid, o := board(t, l, "thermostat")
	d := sim.NewDevice(sim.Params{})
	t.Cleanup(d.Close)
	require.NoError(t, d.Connect(t.Context(), o).Err)
	_, err = d.Subscribe(t.Context(), "sync/docs/Heating", 1)
	require.NoError(t, err)
	require.NoError(t, l.Recordings().Start(sid, false))
	require.NoError(t, d.Publish(t.Context(), "thermostat/t", []byte("20"), 1, false))
	r := recorded(t, l, sid, 3)
	assert.Equal(t, map[string]string{"Heating": `{"target":21}`}, r.Documents)
	s, err := record.Write(r, record.Options{})
	require.NoError(t, err)
	result, err := story.Play(t.Context(), g, s.Scenario, scenario.Params{})
	require.NoError(t, err)
	assert.True(t, result.Held, "%s: %s\n%s", result.Where, result.Why, s.Text)
}

func TestRecordingsAreKeptOverARestartAndDamagedOnesSetAside(t *testing.T) {
	l := newLab(t)
	r := l.Recordings()
	sid, o := board(t, l, "lamp")
	d := sim.NewDevice(sim.Params{})
	t.Cleanup(d.Close)
	for range 3 {
		require.NoError(t, r.Start(sid, false))
		require.NoError(t, d.Connect(t.Context(), o).Err)
		recorded(t, l, sid, 1)
		d.Disconnect()
	}
	kept := r.Kept()
	require.Len(t, kept, 3)
	require.NoError(t, r.Rename(kept[0].ID, "  The evening "))
	require.Error(t, r.Rename(kept[0].ID, " "))
	require.NoError(t, r.Delete(kept[1].ID))
	require.ErrorIs(t, r.Delete(kept[1].ID), ErrNoRecording)
	require.ErrorIs(t, r.Rename("../../etc/passwd", "x"), ErrNoRecording)
	for _, k := range []Kept{kept[0], kept[2]} {
		info, err := os.Stat(r.file(k.ID))
		require.NoError(t, err)
		assert.Equal(t, os.FileMode(0o600), info.Mode().Perm())
	}
	require.NoError(t, r.Start(sid, false)) // one that goes on is kept as well
	l.Close()
	require.ErrorIs(t, r.Start(sid, false), ErrClosed)

	content, err := os.ReadFile(r.file(kept[2].ID))
	require.NoError(t, err)
	content[len(content)/2] ^= 4
	require.NoError(t, os.WriteFile(r.file(kept[2].ID), content, 0o600))
	again := newRecordings(r.params)
	t.Cleanup(again.close)
	<-again.loaded
	require.Len(t, again.Kept(), 2)
	assert.Equal(t, "The evening", again.Kept()[1].Name)
	damaged, err := again.Damaged()
	require.NoError(t, err)
	assert.Equal(t, []string{kept[2].ID + ".recording.damaged"}, damaged)
	_, err = os.Stat(filepath.Join(r.dir, damaged[0]))
	assert.NoError(t, err, "nothing is thrown away")
}

func TestARecordingHoldsNoSecretThatADeviceSends(t *testing.T) {
	l := newLab(t)
	sid, o := board(t, l, "lamp")
	l.recordings.params.Secrets = func(string) []string { return []string{o.Credential.Secret} }
	d := sim.NewDevice(sim.Params{})
	t.Cleanup(d.Close)
	require.NoError(t, l.Recordings().Start(sid, false))
	require.NoError(t, d.Connect(t.Context(), o).Err)
	require.NoError(t, d.Publish(t.Context(), "t", []byte("mine: "+o.Credential.Secret), 1, false))
	r := recorded(t, l, sid, 2)
	require.Len(t, r.Events, 2)
	assert.Equal(t, "mine: •••", string(r.Events[1].Payload))
	files, err := filepath.Glob(filepath.Join(l.Recordings().Folder(), "*"))
	require.NoError(t, err)
	require.Len(t, files, 1)
	content, err := os.ReadFile(files[0])
	require.NoError(t, err)
	assert.NotContains(t, string(content), o.Credential.Secret)
}

func TestTheRecordingOfADeviceThatIsDeletedEndsAndIsKept(t *testing.T) {
	l := newLab(t)
	sid, o := board(t, l, "lamp")
	d := sim.NewDevice(sim.Params{})
	t.Cleanup(d.Close)
	require.NoError(t, l.Recordings().Start(sid, false))
	require.NoError(t, d.Connect(t.Context(), o).Err)
	require.NoError(t, d.Publish(t.Context(), "lamp/state", []byte("on"), 1, false))
	require.NoError(t, l.runs.params.Gateway.Registry().DeleteDevice(t.Context(), sid))
	require.Eventually(t, func() bool { return len(l.Recordings().Live()) == 0 && len(l.Recordings().Kept()) == 1 }, 20*time.Second, 10*time.Millisecond)
	r, err := l.Recordings().Get(l.Recordings().Kept()[0].ID)
	require.NoError(t, err)
	require.Contains(t, strings.Join(gist(r), "\n"), `lamp/state "on"`)
}

func TestOnlyADeviceThatThereIsIsRecorded(t *testing.T) {
	l := newLab(t)
	require.ErrorIs(t, l.Recordings().Start("TH00000000000000000000000000000000", false), ErrNoDevice)
	_, err := l.Recordings().Stop("TH00000000000000000000000000000000")
	require.ErrorIs(t, err, ErrNotRecording)
}

// TestADeviceThatConnectsElsewhereIsRecordedByItsConsole plays what was recorded on the same ordinary broker.
func TestADeviceThatConnectsElsewhereIsRecordedByItsConsole(t *testing.T) {
	l := newLab(t)
	config, root := simtest.Server()
	b, err := ordinary.Start(ordinary.Params{TLS: config})
	require.NoError(t, err)
	t.Cleanup(func() { require.NoError(t, b.Close()) })
	sid, o := board(t, l, "lamp")
	o.URL, o.RootPEM, o.Credential, o.Faults = b.URL(), root, sim.Credential{}, new(faults.Switches)
	o.Will = &sim.Will{Topic: "gone", Payload: []byte("by"), QoS: 1}
	d := sim.NewDevice(sim.Params{})
	t.Cleanup(d.Close)
	l.recordings.params.Elsewhere = func(deviceSID string) (Elsewhere, bool) {
		return Elsewhere{
			Console: d.Console, Subscriptions: d.Subscriptions, Connected: func() bool { return d.State().Connected },
			Connect: func() record.Connect {
				return record.Connect{Protocol: "3.1.1", ClientID: o.ClientID, KeepAlive: o.KeepAlive, Will: &record.Will{Topic: "gone", Payload: []byte("by"), QoS: 1}}
			},
		}, deviceSID == sid
	}
	require.NoError(t, d.Connect(t.Context(), o).Err)
	_, err = d.Subscribe(t.Context(), "orders/#", 1)
	require.NoError(t, err)
	require.NoError(t, l.Recordings().Start(sid, true))
	assert.False(t, l.runs.params.Gateway.Traced(sid))
	require.NoError(t, d.Publish(t.Context(), "orders/1", []byte{0, 255}, 1, true))
	simtest.Eventually(t, "its own message", func() bool { return l.Recordings().Live()[0].Events == 4 })
	o.Faults.Cut()
	<-d.Ended()
	require.NoError(t, d.Connect(t.Context(), o).Err)
	require.NoError(t, d.Unsubscribe(t.Context(), "orders/#"))
	d.Disconnect()
	r := recorded(t, l, sid, 8)
	assert.Equal(t, []string{"connected", "subscribed", "published", "received", "vanished", "connected", "unsubscribed", "disconnected"}, kinds(r))
	assert.Equal(t, "by", string(r.Events[0].Connect.Will.Payload))
	s, err := record.Write(r, record.Options{Expect: true, Idle: time.Second})
	require.NoError(t, err)
	result := scenario.Run(t.Context(), s.Scenario, scenario.Params{World: scenario.Plain{URL: b.URL(), RootPEM: root}})
	assert.True(t, result.Held, "%s: %s\n%s", result.Where, result.Why, s.Text)
}
