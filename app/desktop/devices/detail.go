package devices

import (
	"fyne.io/fyne/v2"
	"fyne.io/fyne/v2/container"

	"gatehouse/app/desktop/findings"
	"gatehouse/app/desktop/kit"
	"gatehouse/app/desktop/troubles"
	"gatehouse/app/onboard"
	"gatehouse/app/words"
	"gatehouse/gateway/attempt"
	"gatehouse/gateway/registry"
	"gatehouse/sim"
)

// facts are everything that the detail shows of one device, read off the UI goroutine.
type facts struct {
	row         row
	keys        []registry.Key
	certs       []registry.Certificate
	deployments []registry.Deployment
	attempts    []attempt.Attempt // the newest first
	findings    []findings.Finding
	held        []sim.Credential // by this computer
	setup       onboard.Setup    // how it is played here
	life        onboard.Life     // while it is left to itself
	troubles    onboard.Troubles // what is wrong with it on purpose
	at          onboard.Endpoint
	played      bool // this computer has connected it since the program started
	state       sim.State
	console     []sim.Entry
	granted     []sim.Subscription
	version     uint64 // of the virtual device
}

const attemptsShown = 500

// readOne reads one device; nil when it is gone, or none is chosen.
func readOne(p Params, deviceSID string, all snapshot) *facts {
	var f facts
	for _, r := range all.rows {
		if r.device.SID == deviceSID {
			f.row = r
		}
	}
	if deviceSID == "" || f.row.device.SID == "" {
		return nil
	}
	f.keys, f.certs = p.Registry.Keys(deviceSID), p.Registry.Certificates(deviceSID)
	f.deployments = p.Registry.Deployments(f.row.device.FleetSID)
	f.attempts = p.Attempts.Query(attempt.Filter{DeviceSID: deviceSID, Limit: attemptsShown}).Attempts
	f.findings = findings.Of(p.Findings.Active(), deviceSID)
	f.held = p.Bench.Credentials(deviceSID)
	f.setup, f.life, f.troubles = p.Bench.Setup(deviceSID), p.Bench.Life(deviceSID), p.Bench.Troubles(deviceSID)
	f.at = p.Endpoint()
	if player, ok := p.Bench.Player(deviceSID); ok {
		f.played, f.version = true, player.Version()
		f.state, f.granted = player.State(), player.Subscriptions()
		f.console = player.Console(0)
	}
	return &f
}

// tab is one view of the chosen device.
type tab interface {
	content() fyne.CanvasObject
	// show brings it up to date; it costs nothing when nothing has changed.
	show(*facts)
	// leave forgets what must not stay: another device or tab is shown now.
	leave()
}

// detail is the chosen device: who it is, and its tabs.
type detail struct {
	s       *Screen
	title   *kit.Text
	sid     *kit.Text
	state   *markView
	play    *kit.Button
	more    *kit.Button
	tabs    *kit.TabStrip
	views   []tab
	chosen  int
	found   *kit.Link // to the findings, when there are any
	noted   *fyne.Container
	wrong   *kit.Link // to the faults, while some are on
	faulty  *fyne.Container
	body    *fyne.Container
	content *fyne.Container
	facts   *facts
	busy    bool // a virtual device is being connected
	draft   *draft
}

// The tabs, by their place.
const (
	tabIdentity = iota
	tabCredentials
	tabConnect
	tabLive
	tabTelemetry
	tabReactions
	tabFaults
	tabAttempts
	tabSnippets
)

func newDetail(s *Screen) *detail {
	d := &detail{s: s, title: kit.NewText("", kit.Title), sid: kit.NewText("", kit.Mono.In(kit.Muted)), state: newMark(mark{"minus", "Offline", kit.Muted})}
	d.play = kit.NewButton("Connect", kit.Secondary, d.playOrStop)
	d.more = kit.NewButton("More", kit.Secondary, func() {
		if d.facts != nil {
			popUp(d.more, s.menu(d.facts.row))
		}
	})
	shut := kit.NewButton("Close", kit.Secondary, func() { s.choose("") })
	copySID := kit.NewButton("Copy", kit.Small, func() { s.p.Shell.Copy("SID", *s.selected.Load()) })
	d.draft = &draft{d: d}
	d.found = kit.NewLink("", kit.Body, nil)
	d.noted = kit.Across(5, kit.NewIcon("attention", kit.Warn, 12), d.found)
	d.noted.Hide()
	d.wrong = kit.NewLink("", kit.Body, nil)
	d.faulty = kit.Across(5, kit.NewIcon("lab", kit.Warn, 12), d.wrong)
	d.faulty.Hide()
	d.views = []tab{newIdentity(d), newCredentials(d), newConnect(d), newLive(d), newTelemetry(d), newReactions(d), newFaults(d), newHistory(d), newSnippets(d)}
	d.tabs = kit.NewTabStrip("Identity", "Credentials", "Connect", "Live", "Telemetry", "Reactions", "Faults", "Attempts", "Snippets")
	d.tabs.OnChoose = d.pick
	d.body = container.NewStack(d.views[0].content())
	head := kit.Down(6,
		container.NewBorder(nil, nil, nil, kit.Across(8, d.play, d.more, shut), kit.Clipped(kit.Across(12, d.title, d.faulty))),
		kit.Clipped(kit.Across(10, d.state, d.sid, copySID, d.noted)))
	d.content = kit.Panel(kit.Surface, kit.Line, 1, container.NewBorder(
		kit.Down(6, kit.Inset(13, 13, 0, 13, head), kit.Inset(0, 13, 0, 13, d.tabs)), nil, nil, nil, d.body))
	return d
}

// popUp opens a menu below a control.
func popUp(below fyne.CanvasObject, menu *fyne.Menu) { mendMenu(below, menu.Items...) }

// scrolled is a tab's content that may be higher than its place.
func scrolled(o fyne.CanvasObject) fyne.CanvasObject {
	return container.NewVScroll(kit.Inset(14, 14, 14, 14, o))
}

func (d *detail) pick(i int) {
	if i == d.chosen {
		return
	}
	d.views[d.chosen].leave()
	d.chosen = i
	d.body.Objects = []fyne.CanvasObject{d.views[i].content()}
	if d.facts != nil {
		d.views[i].show(d.facts)
	}
	d.body.Refresh()
}

// open shows a tab.
func (d *detail) open(i int) { d.tabs.Choose(i) }

// leave is called when another device is going to be shown, or none.
func (d *detail) leave() {
	d.views[d.chosen].leave()
	d.draft.flush()
	d.facts = nil
}

// head shows who it is before the rest is read.
func (d *detail) head(r row) {
	d.title.Set(r.name)
	d.sid.Set(r.device.SID)
	m := mark{"minus", "Offline", kit.Muted}
	switch {
	case r.connected:
		m = mark{"check", "Connected", kit.Good}
	case !r.device.Enabled:
		m = mark{"barred", "Disabled", kit.Blocked}
	case r.device.DeploymentSID == "":
		m = mark{"barred", "Not deployed", kit.Blocked}
	}
	d.state.set(m)
	d.content.Refresh()
}

// show brings everything up to date.
func (d *detail) show(f *facts) {
	d.facts = f
	d.head(f.row)
	d.play.SetLabel(d.verb(f))
	for _, i := range []int{tabTelemetry, tabReactions, tabFaults} { // of devices that this computer plays
		d.tabs.LeaveOut(i, !f.row.virtual)
	}
	if d.tabs.LeftOut(d.chosen) {
		d.tabs.Choose(tabConnect)
	}
	d.play.Hidden = !f.row.virtual
	if d.noted.Hidden = len(f.findings) == 0; !d.noted.Hidden {
		d.found.Set(words.Count(len(f.findings), "finding", "findings"), func() { d.open(tabAttempts) })
	}
	if names := troubles.Words(f.troubles); len(names) > 0 {
		d.wrong.Set(words.Count(len(names), "fault on", "faults on"), func() { d.open(tabFaults) })
		d.faulty.Show()
	} else {
		d.faulty.Hide()
	}
	d.views[d.chosen].show(f)
	d.content.Refresh()
}

// reshow shows the chosen tab anew, after it was changed from elsewhere.
func (d *detail) reshow() {
	if d.facts != nil {
		d.views[d.chosen].show(d.facts)
	}
}

// verb is what the button that plays the device does.
func (d *detail) verb(f *facts) string {
	switch {
	case d.busy:
		return "Connecting…"
	case f.life.Running:
		return "Stop"
	case f.state.Connected:
		return "Disconnect"
	case f.setup.ByItself:
		return "Start"
	}
	return "Connect"
}

// playing reports whether the device is connected, or left to itself and on its way.
func (f *facts) playing() bool { return f.state.Connected || f.life.Running }

// playOrStop connects or disconnects the virtual device with the options it last had.
func (d *detail) playOrStop() {
	if d.facts == nil || d.busy {
		return
	}
	if d.facts.playing() {
		d.s.disconnect(d.facts.row.device)
		return
	}
	d.open(tabConnect)
	d.views[tabConnect].(*connect).start()
}
