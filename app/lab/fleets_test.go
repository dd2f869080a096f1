package lab

import (
	"os"
	"runtime"
	"testing"
	"time"

	"github.com/stretchr/testify/assert"
	"github.com/stretchr/testify/require"

	"gatehouse/app/story"
	"gatehouse/gateway/attempt"
	"gatehouse/gateway/registry"
)

func plan(count int) FleetPlan {
	return FleetPlan{Kind: "meter", Count: count, Name: "{room}-{n}", Vars: map[string][]string{"room": {"kitchen", "hall"}}, Topics: "site/{room}", PerSecond: MostPerSecond}
}

// descriptors are the files that this process has open.
func descriptors(t *testing.T) int {
	t.Helper()
	all, err := os.ReadDir("/dev/fd")
	require.NoError(t, err)
	return len(all)
}

// heap is what is in use after a collection.
func heap() uint64 {
	runtime.GC()
	runtime.GC()
	var m runtime.MemStats
	runtime.ReadMemStats(&m)
	return m.HeapAlloc
}

func only(t *testing.T, f *Fleets) FleetState {
	t.Helper()
	all := f.All()
	require.Len(t, all, 1)
	return all[0]
}

func inFleet(r *registry.Registry, sid string) (names []string) {
	for _, d := range r.Devices() {
		if d.FleetSID == sid {
			names = append(names, d.UniqueName)
		}
	}
	return names
}

func TestAFleetIsMadeLivesStopsLivesAgainAndIsRemoved(t *testing.T) {
	l := newLab(t) // which looks for goroutines that are left
	r := l.runs.params.Gateway.Registry()
	devices, services := len(r.Devices()), len(r.Services())
	const count = 200
	warm, err := l.Fleets().Start(plan(1)) // what libraries keep once is not counted below
	require.NoError(t, err)
	require.Eventually(t, func() bool { return only(t, l.Fleets()).Figures.Connected == 1 }, 10*time.Second, 5*time.Millisecond)
	l.Fleets().Remove(warm)
	require.Eventually(t, func() bool { return len(l.Fleets().All()) == 0 }, 10*time.Second, 5*time.Millisecond)
	files, before := descriptors(t), heap()

	number, err := l.Fleets().Start(plan(count))
	require.NoError(t, err)
	require.Eventually(t, func() bool { return only(t, l.Fleets()).PerDevice > 0 }, 20*time.Second, 10*time.Millisecond)
	s := only(t, l.Fleets())
	assert.Equal(t, FleetRunning, s.Stage)
	assert.Equal(t, [3]int{count, count, 0}, [3]int{s.Figures.Provisioned, s.Figures.Connected, s.Figures.Waiting + s.Figures.Stopped})
	assert.Equal(t, [2]string{"kitchen-001", "hall-200"}, [2]string{s.First, s.Last})
	assert.Positive(t, s.MadeIn)
	assert.Greater(t, s.PerDevice, uint64(4<<10))
	assert.Less(t, s.PerDevice, uint64(1<<20))
	assert.Contains(t, inFleet(r, s.FleetSID), "hall-200")
	assert.Equal(t, count, l.runs.params.Gateway.Stats().Connected)
	require.Eventually(t, func() bool { s := only(t, l.Fleets()); return s.MessageRate > 0 }, 10*time.Second, 10*time.Millisecond)

	first, there := r.DeviceByName(s.FleetSID, s.First)
	require.True(t, there)
	assert.Equal(t, first.SID, s.FirstSID)

	l.Fleets().Stop(number)
	require.Eventually(t, func() bool { return only(t, l.Fleets()).Stage == FleetStopped }, 10*time.Second, 5*time.Millisecond)
	s = only(t, l.Fleets())
	assert.Zero(t, s.Figures.Connected)
	assert.Zero(t, s.MessageRate)
	assert.GreaterOrEqual(t, s.Figures.Sent, uint64(count), "what they did is still told")
	assert.Len(t, inFleet(r, s.FleetSID), count, "they stay registered")

	require.NoError(t, l.Fleets().Again(number))
	require.Eventually(t, func() bool { return only(t, l.Fleets()).Figures.Connected == count }, 20*time.Second, 10*time.Millisecond)
	l.Fleets().Remove(number)
	require.Eventually(t, func() bool { return len(l.Fleets().All()) == 0 }, 20*time.Second, 10*time.Millisecond)
	assert.Len(t, r.Devices(), devices)
	assert.Len(t, r.Services(), services)
	require.Eventually(t, func() bool { return l.runs.params.Gateway.Stats().Connected == 0 }, 10*time.Second, 10*time.Millisecond)
	const ofTheStore = 20 // files that the registry and the record of attempts grew by; the devices had 400
	require.Eventually(t, func() bool { return descriptors(t) <= files+ofTheStore }, 10*time.Second, 10*time.Millisecond, "no descriptor is left")
	// 600 connects were recorded meanwhile, with every step and packet; they stay, and nothing of the devices does.
	recorded := uint64(len(l.runs.params.Gateway.Attempts().Query(attempt.Filter{Limit: 10_000}).Attempts))
	assert.Less(t, heap(), before+4<<20+recorded*24<<10)
}

func TestAFleetWithCertificatesConnectsWithThem(t *testing.T) {
	l := newLab(t)
	p := plan(5)
	p.Certificate = true
	_, err := l.Fleets().Start(p)
	require.NoError(t, err)
	require.Eventually(t, func() bool { return only(t, l.Fleets()).Figures.Connected == 5 }, 10*time.Second, 5*time.Millisecond)
	assert.Len(t, l.runs.params.Gateway.Registry().AllCertificates(), 5)
	assert.True(t, only(t, l.Fleets()).Certificate)
}

func TestTheDevicesOfAFleetFindTheDocumentsThatTheyFollow(t *testing.T) {
	l := newLab(t)
	p := plan(5)
	p.Kind = "lamp"
	_, err := l.Fleets().Start(p)
	require.NoError(t, err)
	require.Eventually(t, func() bool { s := only(t, l.Fleets()).Figures; return s.Connected == 5 && s.Received >= 5 }, 10*time.Second, 5*time.Millisecond, "each gets the document")
	for _, f := range l.runs.params.Gateway.Findings().All() {
		t.Errorf("%s is found about %s", f.Kind, f.DeviceName)
	}
}

func TestAFleetThatIsStoppedWhileItIsMadeLeavesNothing(t *testing.T) {
	l := newLab(t)
	r := l.runs.params.Gateway.Registry()
	devices, fleets, services := len(r.Devices()), len(r.Fleets()), len(r.Services())
	number, err := l.Fleets().Start(plan(MostDevices))
	require.NoError(t, err)
	require.Eventually(t, func() bool { return only(t, l.Fleets()).Figures.Provisioned > 20 }, 10*time.Second, time.Millisecond)
	assert.Equal(t, FleetMaking, only(t, l.Fleets()).Stage)
	l.Fleets().Stop(number)
	assert.Equal(t, FleetRemoving, only(t, l.Fleets()).Stage)
	require.Eventually(t, func() bool { return len(l.Fleets().All()) == 0 }, 10*time.Second, 5*time.Millisecond)
	assert.Equal(t, [3]int{devices, fleets, services}, [3]int{len(r.Devices()), len(r.Fleets()), len(r.Services())})
}

func TestAFleetThatCannotBeMadeSaysWhyAndWhatStays(t *testing.T) {
	l := newLab(t)
	g := l.runs.params.Gateway
	p := plan(MostDevices)
	_, err := l.Fleets().Start(p)
	require.NoError(t, err)
	require.Eventually(t, func() bool { return only(t, l.Fleets()).Figures.Provisioned > 5 }, 10*time.Second, time.Millisecond)
	require.NoError(t, g.Registry().DeleteFleet(t.Context(), only(t, l.Fleets()).FleetSID)) // the user takes it away from below
	require.Eventually(t, func() bool { return only(t, l.Fleets()).Stage == FleetFailed }, 10*time.Second, 5*time.Millisecond)
	s := only(t, l.Fleets())
	assert.NotEmpty(t, s.Why)
	assert.Zero(t, s.Registered)
	l.Fleets().Remove(s.Number)
	require.Eventually(t, func() bool { return len(l.Fleets().All()) == 0 }, 10*time.Second, 5*time.Millisecond)
}

func TestAFleetOfAnEarlierProcessIsListedAndRemoved(t *testing.T) {
	l := newLab(t)
	world, err := story.NewFleetStage(t.Context(), l.runs.params.Gateway, "3 × meter")
	require.NoError(t, err)
	for _, name := range []string{"a", "b", "c"} {
		_, err := world.Provision("key")(t.Context(), name)
		require.NoError(t, err)
	}
	again := New(Params{Gateway: l.runs.params.Gateway})
	s := only(t, again.Fleets())
	assert.Equal(t, FleetLeft, s.Stage)
	assert.Equal(t, "3 × meter", s.Title)
	assert.Equal(t, 3, s.Registered)
	again.Fleets().Remove(s.Number)
	require.Eventually(t, func() bool { return len(again.Fleets().All()) == 0 }, 10*time.Second, 5*time.Millisecond)
	assert.Empty(t, inFleet(l.runs.params.Gateway.Registry(), world.FleetSID()))
	again.Close()
}

func TestAFleetNeedsAServerAndRoom(t *testing.T) {
	l := newLab(t)
	p := plan(1)
	p.Ordinary = true
	_, err := l.Fleets().Start(p)
	require.ErrorIs(t, err, ErrNoBroker)

	l.fleets.all = []*generated{{plan: FleetPlan{Count: MostTogether}}}
	_, err = l.Fleets().Start(plan(1))
	require.ErrorIs(t, err, ErrManyDevices)
	l.fleets.all = make([]*generated, MostFleets)
	for i := range l.fleets.all {
		l.fleets.all[i] = &generated{}
	}
	_, err = l.Fleets().Start(plan(1))
	require.ErrorIs(t, err, ErrManyFleets)
	l.fleets.all = nil

	require.NoError(t, l.runs.params.Gateway.Stop(t.Context()))
	_, err = l.Fleets().Start(plan(1))
	require.ErrorIs(t, err, ErrStopped)
	l.Close()
	p.Ordinary, p.Other = false, &Target{URL: "mqtts://localhost:1"}
	_, err = l.Fleets().Start(p)
	require.ErrorIs(t, err, ErrClosed)
}

func TestEveryMistakeOfAPlanIsNamedByItsField(t *testing.T) {
	for field, change := range map[string]func(*FleetPlan){
		"kind":   func(p *FleetPlan) { p.Kind = "toaster" },
		"count":  func(p *FleetPlan) { p.Count = MostDevices + 1 },
		"rate":   func(p *FleetPlan) { p.PerSecond = 0 },
		"name":   func(p *FleetPlan) { p.Name = "meter" },
		"vars":   func(p *FleetPlan) { p.Vars["1st"] = []string{"x"} },
		"topics": func(p *FleetPlan) { p.Topics = "site/{building}" },
		"target": func(p *FleetPlan) { p.Other = &Target{URL: "http://broker.example"} },
	} {
		p := plan(10)
		require.Empty(t, p.Check())
		change(&p)
		problems := p.Check()
		require.NotEmpty(t, problems, field)
		assert.Equal(t, field, problems[0].Path)
		assert.NotEmpty(t, problems[0].What)
		assert.NotEmpty(t, problems[0].Todo)
	}
	p := plan(1000)
	for range 120 {
		p.Name += "x"
	}
	require.Len(t, p.Check(), 1, "the longest name is too long for the registry")
	assert.Equal(t, "name", p.Check()[0].Path)
}

func TestVariablesAreReadAsPeopleWriteThem(t *testing.T) {
	vars, err := ParseVars(" room = kitchen, hall ;floor={n}; ")
	require.NoError(t, err)
	assert.Equal(t, map[string][]string{"room": {"kitchen", "hall"}, "floor": {"{n}"}}, vars)
	vars, err = ParseVars("")
	require.NoError(t, err)
	assert.Empty(t, vars)
	for _, wrong := range []string{"room", "= kitchen", "room = ,", "room = a; room = b"} {
		_, err := ParseVars(wrong)
		require.Error(t, err, wrong)
	}
}

func TestAFleetVisitsAnotherServerWithItsUserAndPassword(t *testing.T) {
	l := newLab(t)
	require.NoError(t, l.Broker().Start(BrokerPlan{User: "bench", Password: "secret"}))
	p := plan(7)
	p.Ordinary = true
	number, err := l.Fleets().Start(p)
	require.NoError(t, err)
	require.Eventually(t, func() bool { return l.Broker().State().Clients == 7 }, 10*time.Second, 5*time.Millisecond)
	s := only(t, l.Fleets())
	assert.Equal(t, l.Broker().State().URL, s.Where)
	assert.Empty(t, s.FleetSID, "nothing is registered on the gateway")
	require.NoError(t, l.Broker().Stop())
	require.Eventually(t, func() bool { return only(t, l.Fleets()).Figures.Waiting == 7 }, 10*time.Second, 5*time.Millisecond)
	assert.NotEmpty(t, only(t, l.Fleets()).Figures.Why)
	l.Fleets().Remove(number)
	require.Eventually(t, func() bool { return len(l.Fleets().All()) == 0 }, 10*time.Second, 5*time.Millisecond)

	p.Ordinary, p.Other = false, &Target{URL: "mqtts://localhost:1", RootPEM: l.runs.params.Gateway.RootPEM()}
	_, err = l.Fleets().Start(p)
	require.NoError(t, err)
	require.Eventually(t, func() bool { return only(t, l.Fleets()).Figures.Waiting == 7 }, 10*time.Second, 5*time.Millisecond)
	assert.Contains(t, only(t, l.Fleets()).Figures.Why, "nothing listens")
}
