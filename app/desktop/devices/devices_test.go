package devices

import (
	"context"
	"fmt"
	"strings"
	"testing"
	"time"

	"fyne.io/fyne/v2"

	"gatehouse/app/desktop/devices/screentest"
	"gatehouse/app/desktop/shelltest"
	"gatehouse/app/onboard"
	"gatehouse/app/onboard/onboardtest"
	"gatehouse/app/remedy"
	"gatehouse/gateway/attempt"
	"gatehouse/gateway/cause"
	"gatehouse/gateway/registry"
	"gatehouse/sim"
)

// stage is the screen with everything around it.
type stage struct {
	t         *testing.T
	shell     *shelltest.Shell
	registry  *onboardtest.Registry
	attempts  *onboardtest.Attempts
	vault     *onboardtest.Vault
	player    *onboardtest.Player
	bench     *onboard.Bench
	connected map[string]bool
	cut       []string // disconnected at the gateway
	followed  []string // documents that were made
	s         *Screen
}

func newStage(t *testing.T, names ...string) *stage {
	s := &stage{
		t: t, shell: screentest.New(t), registry: onboardtest.NewRegistry(), attempts: &onboardtest.Attempts{}, vault: &onboardtest.Vault{},
		player: &onboardtest.Player{}, connected: map[string]bool{},
	}
	endpoint := func() onboard.Endpoint {
		return onboard.Endpoint{Listening: true, Host: "localhost", Port: 8883, RootPath: "/data/root.pem", RootPEM: []byte("ROOT")}
	}
	s.bench = onboard.NewBench(onboard.BenchParams{Registry: s.registry, Vault: s.vault, Endpoint: endpoint, NewPlayer: func(func(sim.Message)) onboard.Player { return s.player }})
	for _, name := range names {
		if _, err := s.registry.CreateDevice(t.Context(), registry.NewDevice{UniqueName: name}); err != nil {
			t.Fatal(err)
		}
	}
	s.s = newScreen(Params{
		Shell: s.shell, Registry: s.registry, Attempts: s.attempts, Bench: s.bench, Endpoint: endpoint,
		Connected:  func() map[string]bool { return s.connected },
		Disconnect: func(sid string) bool { s.cut = append(s.cut, sid); return true },
		Remedy: func(a attempt.Attempt) (remedy.Remedy, bool) {
			return remedy.Remedy{Kind: remedy.NewKey, Label: "New key for " + a.DeviceName, DeviceSID: a.DeviceSID}, a.Cause == cause.WrongSecret
		},
		Follow: func(_ context.Context, _ string, documents []string) error {
			s.followed = append(s.followed, documents...)
			return nil
		},
		Now: func() time.Time { return time.Date(2026, 5, 4, 9, 30, 0, 0, time.UTC) },
	})
	screentest.Put(s.shell, s.s.Content())
	s.pull()
	return s
}

func (s *stage) pull() {
	if apply := s.s.Pull(); apply != nil {
		apply()
	}
}
func (s *stage) device(name string) registry.Device {
	s.t.Helper()
	d, found := s.registry.DeviceByName(s.registry.Fleets()[0].SID, name)
	if !found {
		s.t.Fatalf("there is no %s", name)
	}
	return d
}
func (s *stage) open(name string, tab int) {
	s.t.Helper()
	s.s.Show(s.device(name).SID)
	s.s.detail.open(tab)
}
func (s *stage) press(label string) {
	s.t.Helper()
	screentest.Press(s.t, s.s.detail.content, label)
}
func (s *stage) want(texts ...string) {
	s.t.Helper()
	screentest.Want(s.t, s.s.Content(), texts...)
}
func (s *stage) wantNone(texts ...string) {
	s.t.Helper()
	screentest.WantNone(s.t, s.s.Content(), texts...)
}

// agree answers the last question with yes.
func (s *stage) agree() shelltest.Question {
	s.t.Helper()
	if len(s.shell.Questions) == 0 {
		s.t.Fatal("nothing was asked")
	}
	q := s.shell.Questions[len(s.shell.Questions)-1]
	q.Do()
	return q
}

func (s *stage) equip(name string, how onboard.Method) {
	s.t.Helper()
	if err := s.bench.Equip(s.t.Context(), s.device(name).SID, how); err != nil {
		s.t.Fatal(err)
	}
	s.pull()
}

func TestWithoutDevicesTheScreenSaysWhatToDo(t *testing.T) {
	s := newStage(t)
	s.want("No devices yet", "Add your first device")
	screentest.Press(t, s.s.Content(), "Add your first device")
	if s.shell.Wizards != 1 {
		t.Error("the wizard did not open")
	}
}

func TestTheTableShowsWhatADeviceIs(t *testing.T) {
	s := newStage(t, "thermostat-9", "lamp")
	d := s.device("thermostat-9")
	s.connected[d.SID] = true
	s.attempts.Add(attempt.Attempt{DeviceSID: d.SID, Code: 0})
	s.attempts.Add(attempt.Attempt{DeviceSID: s.device("lamp").SID, Code: 5, Cause: cause.DeviceDisabled})
	if _, err := s.registry.UpdateDevice(t.Context(), s.device("lamp").SID, registry.DeviceChange{Enabled: new(false), DeploymentSID: new("")}); err != nil {
		t.Fatal(err)
	}
	s.equip("thermostat-9", onboard.GenerateCertificate)
	s.want("thermostat-9", "Connected", "virtual", "1 cert", "Disabled", "Not deployed", "external", "none")
	s.want("All 2", "Connected 1", "Virtual 1", "Disabled 1", "Not deployed 1")
}

func TestPullIsNilWhenNothingChanged(t *testing.T) {
	s := newStage(t, "thermostat-9")
	if s.s.Pull() != nil {
		t.Error("nothing has changed")
	}
	s.attempts.Add(attempt.Attempt{DeviceSID: s.device("thermostat-9").SID, Code: 0})
	if s.s.Pull() == nil {
		t.Error("an attempt has come")
	}
}

func TestFilterAndOrderChooseTheRows(t *testing.T) {
	s := newStage(t, "b-lamp", "a-lamp", "meter")
	names := func() string {
		var out []string
		for _, r := range sorted(s.s.list.filter.apply(s.s.list.all.rows), s.s.list.order) {
			out = append(out, r.name)
		}
		return strings.Join(out, " ")
	}
	if got := names(); got != "meter a-lamp b-lamp" {
		t.Errorf("newest first: %s", got)
	}
	s.s.list.arrange(1)
	s.want("Sort: by name")
	s.s.list.search.Entry.SetText("LAMP default")
	if got := names(); got != "a-lamp b-lamp" {
		t.Errorf("filtered: %s", got)
	}
	s.wantNone("meter")
	s.s.list.search.Entry.SetText("nothing like it")
	s.want("No device matches.")
	screentest.Press(t, s.s.Content(), "Show all")
	s.want("meter")
}

func TestTheTableStaysWhereTheUserScrolled(t *testing.T) {
	var names []string
	for i := range 200 {
		names = append(names, fmt.Sprintf("device-%03d", i))
	}
	s := newStage(t, names...)
	s.s.list.table.ScrollTo(1400)
	s.connected[s.device("device-150").SID] = true
	s.attempts.Add(attempt.Attempt{DeviceSID: s.device("device-150").SID})
	s.pull()
	if at := s.s.list.table.Scrolled(); at != 1400 {
		t.Errorf("it jumped to %v", at)
	}
	s.want("device-149", "Connected 1")
}

func TestEscapeClosesTheDetailAndAFilterDoesNot(t *testing.T) {
	s := newStage(t, "thermostat-9", "lamp")
	s.open("thermostat-9", tabIdentity)
	s.s.list.search.Entry.SetText("lamp")
	if s.s.Selected() == "" {
		t.Fatal("filtering closed the detail")
	}
	s.s.list.search.Entry.SetText("")
	s.s.list.table.Unselect()
	s.s.list.table.Follow() // both are what Escape does
	if s.s.Selected() != "" || s.s.detail.content.Visible() {
		t.Error("the detail is still open")
	}
}

func TestAnOlderReadNeverReplacesANewerOne(t *testing.T) {
	s := newStage(t, "thermostat-9")
	older := func() func() { s.attempts.Add(attempt.Attempt{}); return s.s.Pull() }()
	if _, err := s.registry.CreateDevice(t.Context(), registry.NewDevice{UniqueName: "lamp"}); err != nil {
		t.Fatal(err)
	}
	s.pull()
	older()
	s.want("lamp", "All 2")
}

func TestShowFindsADeviceByItsCredentialAndThroughTheFilter(t *testing.T) {
	s := newStage(t, "thermostat-9", "lamp")
	s.s.list.search.Entry.SetText("lamp")
	key, _, err := s.registry.CreateKey(t.Context(), "", s.device("thermostat-9").SID, "")
	if err != nil {
		t.Fatal(err)
	}
	s.s.Show(key.SID)
	if s.s.Selected() != s.device("thermostat-9").SID {
		t.Errorf("selected %q", s.s.Selected())
	}
	s.want("Identity", "Credentials", "Snippets", s.device("thermostat-9").SID)
}

func TestShowWorksBeforeTheFirstSnapshot(t *testing.T) {
	s := newStage(t, "thermostat-9")
	fresh := newScreen(s.s.p)
	fresh.Show(s.device("thermostat-9").SID)
	if fresh.Selected() != s.device("thermostat-9").SID {
		t.Error("the key was lost")
	}
}

func TestADeletedDeviceClosesItsDetail(t *testing.T) {
	s := newStage(t, "thermostat-9", "lamp")
	s.open("thermostat-9", tabIdentity)
	if err := s.registry.DeleteDevice(t.Context(), s.s.Selected()); err != nil {
		t.Fatal(err)
	}
	s.pull()
	if s.s.Selected() != "" || s.s.detail.content.Visible() {
		t.Error("the detail of a device that is gone is still shown")
	}
}

// labels are what a menu offers.
func labels(m *fyne.Menu) string {
	var out []string
	for _, item := range m.Items {
		if !item.IsSeparator {
			out = append(out, item.Label)
		}
	}
	return strings.Join(out, ", ")
}

func TestTheRowMenuOffersWhatCanBeDone(t *testing.T) {
	s := newStage(t, "thermostat-9")
	menu := func() *fyne.Menu {
		r, _ := s.s.list.row(s.device("thermostat-9").SID)
		return s.s.menu(r)
	}
	if got := labels(menu()); got != "Disable, Undeploy, Copy SID, Delete…" {
		t.Errorf("external and offline: %s", got)
	}
	s.connected[s.device("thermostat-9").SID] = true
	s.attempts.Add(attempt.Attempt{DeviceSID: s.device("thermostat-9").SID})
	s.pull()
	m := menu()
	if got := labels(m); got != "Disable, Undeploy, Disconnect, Copy SID, Delete…" {
		t.Errorf("external and connected: %s", got)
	}
	m.Items[2].Action()
	if len(s.cut) != 1 {
		t.Error("it was not disconnected")
	}
	s.equip("thermostat-9", onboard.GenerateKey)
	m = menu()
	if got := labels(m); got != "Disable, Undeploy, Connect virtual device, Copy SID, Delete…" {
		t.Errorf("virtual: %s", got)
	}
	m.Items[2].Action()
	if !s.bench.Connected(s.device("thermostat-9").SID) {
		t.Error("it did not connect")
	}
	for _, item := range m.Items {
		if !item.IsSeparator && item.Action == nil {
			t.Errorf("%s does nothing", item.Label)
		}
	}
}

func TestNewKeyFromAnotherScreenShowsItsSecret(t *testing.T) {
	s := newStage(t, "thermostat-9", "lamp")
	s.shell.Hold = true // the detail is read only later
	s.s.NewKey(s.device("lamp").SID)
	for range 4 {
		s.shell.Release()
	}
	s.want("The secret of KY")
	if keys := s.registry.AllKeys(); len(keys) != 1 || keys[0].DeviceSID != s.device("lamp").SID {
		t.Errorf("%d keys", len(keys))
	}
}

func TestLastCodesSurviveAttemptsThatArePending(t *testing.T) {
	log := &onboardtest.Attempts{}
	var c codes
	log.Add(attempt.Attempt{DeviceSID: "TH1", Code: 0})
	log.Add(attempt.Attempt{Code: attempt.Pending})
	log.Add(attempt.Attempt{DeviceSID: "TH2", Code: 5})
	if got := c.look(log); got["TH1"] != 0 || got["TH2"] != 5 || len(got) != 2 {
		t.Errorf("%v", got)
	}
	if c.after != 1 {
		t.Errorf("the pending attempt will not be read again: after %d", c.after)
	}
}

func BenchmarkTenThousandDevices(b *testing.B) {
	r := onboardtest.NewRegistry()
	for i := range 10000 {
		if _, err := r.CreateDevice(b.Context(), registry.NewDevice{UniqueName: fmt.Sprintf("device-%05d", i)}); err != nil {
			b.Fatal(err)
		}
	}
	vault := &onboardtest.Vault{}
	p := Params{Registry: r, Bench: onboard.NewBench(onboard.BenchParams{Registry: r, Vault: vault}), Connected: func() map[string]bool { return nil }}
	var all snapshot
	b.Run("read", func(b *testing.B) { // off the UI goroutine
		for b.Loop() {
			all = read(p, nil)
		}
	})
	b.Run("filter", func(b *testing.B) { // on it
		for b.Loop() {
			sorted(filter{only: onlyAll, text: "99"}.apply(all.rows), 1)
		}
	})
	b.Run("sort", func(b *testing.B) { // on it
		for b.Loop() {
			sorted(filter{only: onlyAll}.apply(all.rows), 1)
		}
	})
}
