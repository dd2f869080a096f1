// Package recordings is the Lab's tab of what devices did: recorded while they are watched, kept, and played again by a
// virtual device. It records and plays nothing itself.
package recordings

import (
	"context"
	"fmt"
	"path/filepath"
	"slices"
	"strings"
	"sync"
	"time"

	"fyne.io/fyne/v2"
	"fyne.io/fyne/v2/container"

	"gatehouse/app/desktop/kit"
	"gatehouse/app/desktop/shell"
	"gatehouse/app/lab"
	"gatehouse/app/words"
	"gatehouse/sim/record"
)

// Recorder records and keeps. Script, Stop, Rename and Delete may take a while; the others are quick.
type Recorder interface {
	Version() uint64
	Kept() []lab.Kept
	Live() []lab.Live
	Damaged() (names []string, err error)
	Folder() string
	Start(deviceSID string, received bool) error
	Stop(deviceSID string) (lab.Kept, error)
	Script(id string, o record.Options) (record.Script, error)
	Rename(id, name string) error
	Delete(id string) error
}

// Runs plays. All its methods are quick.
type Runs interface {
	Version() uint64
	Last() lab.Run
	Start(lab.Script) error
	Stop()
}

// Device is one that can be recorded, or that can play.
type Device struct {
	SID, Name string
	Live      bool
	Virtual   bool
}

// Params are what the tab stands on. Shell, Recorder and Runs are required.
type Params struct {
	Shell    shell.Shell
	Recorder Recorder
	Runs     Runs
	// Devices are those that can be recorded. It may take a while.
	Devices func() []Device
	// Pick asks for one of several.
	Pick func(title string, labels []string, chosen func(int))
	// As is a virtual device as a player of a scenario's device; false when it has no credential on this computer.
	As func(deviceSID string) (lab.As, bool)
	// Listening reports whether devices can connect now. It is quick.
	Listening func() bool
	Now       func() time.Time
}

// View is the tab. It implements lab.Part of the screen.
type View struct {
	p       Params
	content fyne.CanvasObject
	device  *kit.Button
	begin   *kit.Button
	expect  *kit.Chip
	hint    *kit.Prose
	live    *fyne.Container
	rows    map[string]*liveRow
	table   *kit.DataTable[lab.Kept]
	trouble *kit.Prose
	head    *fyne.Container
	parts   *fyne.Container
	detail  *detail
	height  float32 // of the head, as it was last laid out

	mu       sync.Mutex // guards what follows
	target   Device     // that is to be recorded
	received bool
	chosen   string
	options  record.Options
	stopping map[string]bool
	change   int // rises with all of these

	// What was pulled last; belongs to Pull.
	began   bool
	version [2]uint64
	seen    int
	open    bool
	second  int64
	script  scripted
}

// scripted is a recording as a scenario, or why it cannot be one.
type scripted struct {
	id      string
	name    string
	options record.Options
	record.Script
	lines []string
	steps []lab.Step
	err   error
}

// New builds the tab; nothing is read before the first Pull.
func New(p Params) *View {
	if p.Now == nil {
		p.Now = time.Now
	}
	v := &View{p: p, change: 1, stopping: map[string]bool{}, rows: map[string]*liveRow{}, options: record.Options{Speed: 1}}
	v.detail = newDetail(v)
	v.content = kit.Columns(kit.CardGap, []float32{400, 758}, kit.Card(1, v.left()), v.detail.content)
	return v
}

// Content implements lab.Part.
func (v *View) Content() fyne.CanvasObject { return v.content }

// Show implements lab.Part; key is a recording's ID, or the SID of a device that is to be recorded.
func (v *View) Show(key string) {
	if strings.HasPrefix(key, "TH") {
		v.p.Shell.Background(func(context.Context) error {
			all := v.devices()
			if i := slices.IndexFunc(all, func(d Device) bool { return d.SID == key }); i >= 0 {
				v.ask(func() { v.target = all[i] })
			}
			return nil
		}, func(error) {})
		return
	}
	v.choose(key)
}

// Selected implements lab.Part.
func (v *View) Selected() string {
	v.mu.Lock()
	defer v.mu.Unlock()
	return v.chosen
}

// ask changes what is wanted.
func (v *View) ask(change func()) {
	v.mu.Lock()
	change()
	v.change++
	v.mu.Unlock()
}

func (v *View) choose(id string) {
	v.mu.Lock()
	if v.chosen != id {
		v.chosen = id
		v.change++
	}
	v.mu.Unlock()
}

func (v *View) left() fyne.CanvasObject {
	v.device = kit.NewButton("Choose a device…", kit.Secondary, v.pick)
	v.begin = kit.NewButton("Record", kit.Primary, v.record)
	v.expect = kit.NewChip("", "Also what it receives", func() { v.ask(func() { v.received = !v.received }) })
	v.hint, v.trouble = kit.NewProse(), kit.NewProse()
	v.live = kit.Down(6)
	v.table = kit.NewDataTable(func(k lab.Kept) string { return k.ID },
		kit.TextColumn("name", "Recording", 0, kit.Body, func(k lab.Kept) string { return k.Name }),
		kit.TextColumn("events", "Events", 62, kit.Mono.In(kit.Muted).Right(), func(k lab.Kept) string { return fmt.Sprint(k.Events) }),
		kit.TextColumn("took", "Took", 70, kit.Mono.In(kit.Muted).Right(), func(k lab.Kept) string { return span(k.Took) }),
	)
	v.table.Steady = true
	v.table.OnSelect = func(k lab.Kept) { v.choose(k.ID) }
	v.head = kit.Down(10,
		kit.Clipped(kit.NewText("What a device did, again", kit.Title)),
		kit.Flow(8, v.device, v.begin), kit.Flow(8, v.expect), v.hint, v.live, v.trouble)
	top := kit.Down(0, kit.Inset(12, 12, 10, 12, v.head), kit.Rule())
	v.parts = kit.Above(0, top, container.NewClip(v.table))
	return v.parts
}

// span is a time as people read it.
func span(d time.Duration) string {
	if d < time.Minute {
		return fmt.Sprintf("%.1f s", d.Seconds())
	}
	return fmt.Sprintf("%d:%02d min", int(d.Minutes()), int(d.Seconds())%60)
}

// devices are those that can be recorded, live ones first.
func (v *View) devices() []Device {
	if v.p.Devices == nil {
		return nil
	}
	all := v.p.Devices()
	slices.SortStableFunc(all, func(a, b Device) int {
		if a.Live != b.Live {
			if a.Live {
				return -1
			}
			return 1
		}
		return strings.Compare(a.Name, b.Name)
	})
	return all
}

// pick asks which device is to be recorded.
func (v *View) pick() {
	var all []Device
	v.p.Shell.Background(func(context.Context) error {
		all = v.devices()
		return nil
	}, func(error) {
		if len(all) == 0 {
			v.p.Shell.Toast("There is no device yet. Add one first.", nil)
			return
		}
		v.p.Pick("Which device is to be recorded?", labels(all), func(i int) { v.ask(func() { v.target = all[i] }) })
	})
}

func labels(all []Device) []string {
	texts := make([]string, len(all))
	for i, d := range all {
		what := "not connected"
		if d.Live {
			what = "connected"
		}
		if d.Virtual {
			what += ", virtual"
		}
		texts[i] = d.Name + " · " + what
	}
	return texts
}

// record begins to record the device that was picked.
func (v *View) record() {
	v.mu.Lock()
	d, received := v.target, v.received
	v.mu.Unlock()
	if d.SID == "" {
		v.pick()
		return
	}
	v.p.Shell.Background(func(context.Context) error { return v.p.Recorder.Start(d.SID, received) }, func(err error) {
		if err != nil {
			v.p.Shell.Fail(d.Name+" is not recorded", err)
		}
	})
}

// stop ends a recording and shows what it holds.
func (v *View) stop(deviceSID string) {
	v.ask(func() { v.stopping[deviceSID] = true })
	var kept lab.Kept
	v.p.Shell.Background(func(context.Context) (err error) {
		kept, err = v.p.Recorder.Stop(deviceSID)
		return err
	}, func(err error) {
		v.ask(func() {
			delete(v.stopping, deviceSID)
			if err == nil {
				v.chosen = kept.ID
			}
		})
		if err != nil {
			v.p.Shell.Fail("The recording was not kept", err)
		}
	})
}

// snapshot is what Pull brings.
type snapshot struct {
	target    Device
	received  bool
	live      []lab.Live
	stopping  map[string]bool
	kept      []lab.Kept
	damaged   []string
	trouble   error
	chosen    lab.Kept // with an empty ID: none
	script    scripted
	run       lab.Run // of the chosen one, or with Number 0
	other     string  // the name of a scenario that plays
	open      bool
	recording bool // the device that was picked is being recorded
}

// Pull implements lab.Part. It makes the scenario of the chosen recording, off the UI goroutine.
func (v *View) Pull() func() {
	version := [2]uint64{v.p.Recorder.Version(), v.p.Runs.Version()}
	open := v.p.Listening == nil || v.p.Listening()
	live := v.p.Recorder.Live()
	second := int64(0)
	if len(live) > 0 {
		second = v.p.Now().Unix()
	}
	v.mu.Lock()
	change, id, options := v.change, v.chosen, v.options
	shot := snapshot{target: v.target, received: v.received, live: live, open: open, stopping: map[string]bool{}}
	for sid := range v.stopping {
		shot.stopping[sid] = true
	}
	v.mu.Unlock()
	if v.began && version == v.version && change == v.seen && open == v.open && second == v.second {
		return nil
	}
	v.began, v.version, v.seen, v.open, v.second = true, version, change, open, second
	shot.kept = v.p.Recorder.Kept()
	shot.damaged, shot.trouble = v.p.Recorder.Damaged()
	i := slices.IndexFunc(shot.kept, func(k lab.Kept) bool { return k.ID == id })
	if i < 0 && len(shot.kept) > 0 {
		i = 0
	}
	if i >= 0 {
		shot.chosen = shot.kept[i]
		shot.script = v.scripted(shot.chosen, options)
	}
	for _, l := range live {
		shot.recording = shot.recording || l.DeviceSID == shot.target.SID
	}
	if run := v.p.Runs.Last(); run.Number > 0 && run.ID == runID(shot.chosen.ID) {
		shot.run = run
	} else if run.Playing {
		shot.other = run.Name
	}
	return func() { v.apply(shot) }
}

// runID names the run of a recording.
func runID(id string) string { return "recording " + id }

// scripted makes the scenario anew only when something else is wanted of it.
func (v *View) scripted(k lab.Kept, o record.Options) scripted {
	if v.script.id == k.ID && v.script.name == k.Name && v.script.options == o && v.script.err == nil {
		return v.script
	}
	s := scripted{id: k.ID, name: k.Name, options: o}
	if s.Script, s.err = v.p.Recorder.Script(k.ID, o); s.err == nil {
		s.lines = strings.Split(strings.TrimRight(string(s.Text), "\n"), "\n")
		s.steps = lab.Outline(s.Scenario)
	}
	v.script = s
	return s
}

func (v *View) apply(shot snapshot) {
	name := shot.target.Name
	if name == "" {
		name = "Choose a device…"
	}
	v.device.SetLabel(name)
	v.expect.Choose(shot.received)
	able(v.begin, shot.target.SID != "" && !shot.recording)
	v.say(shot)
	v.showLive(shot)
	v.table.SetRows(shot.kept)
	if chosen, ok := v.table.Selected(); shot.chosen.ID != "" && (!ok || chosen.ID != shot.chosen.ID) {
		v.table.Select(shot.chosen.ID)
	}
	v.detail.show(shot)
	if v.head.Refresh(); v.head.MinSize().Height != v.height {
		v.height = v.head.MinSize().Height
		v.parts.Refresh()
	}
}

// say tells what will happen, and what is wrong with the files.
func (v *View) say(shot snapshot) {
	text := ""
	switch {
	case shot.recording:
		text = shot.target.Name + " is being recorded."
	case shot.target.SID != "" && shot.target.Live:
		text = "It is connected. The recording begins with how it is connected now, and goes on when it comes back."
	case shot.target.SID != "":
		text = "It is not connected. The recording begins when it comes."
	default:
		text = "Real or virtual: what it subscribes to, publishes and how it leaves is recorded over all its connections. Its credential never is; what it publishes is, word for word."
	}
	v.hint.Set(kit.Run{Text: text, Type: kit.Caption})
	wrong := ""
	if len(shot.damaged) > 0 {
		wrong = words.Count(len(shot.damaged), "file is damaged and was", "files are damaged and were") + " set aside in " + v.p.Recorder.Folder() + ": " + strings.Join(shot.damaged[:min(len(shot.damaged), 3)], ", ")
		if len(shot.damaged) > 3 {
			wrong += " and others"
		}
		wrong += "."
	}
	if shot.trouble != nil {
		wrong = strings.TrimSpace(wrong + " " + shot.trouble.Error() + ".")
	}
	v.trouble.Hidden = wrong == ""
	v.trouble.Set(kit.Run{Text: wrong, Type: kit.Caption.In(kit.Warn)})
}

// liveRow is a recording that goes on.
type liveRow struct {
	content fyne.CanvasObject
	name    *kit.Link
	state   *kit.Text
	stop    *kit.Button
}

func (v *View) newLiveRow(l lab.Live) *liveRow {
	r := &liveRow{name: kit.NewLink("", kit.Strong, nil), state: kit.NewText("", kit.Caption)}
	r.stop = kit.NewButton("Stop", kit.Small, func() { v.stop(l.DeviceSID) })
	line := container.NewBorder(nil, nil, kit.Across(8, kit.Inset(4, 0, 0, 0, kit.NewIcon("record", kit.Bad, 12)), r.name), r.stop)
	r.content = kit.Panel(kit.Raised, kit.Line, 8, kit.Down(4, line, kit.Clipped(r.state)))
	return r
}

func (v *View) showLive(shot snapshot) {
	here := map[string]bool{}
	changed := false
	for _, l := range shot.live {
		here[l.DeviceSID] = true
		r := v.rows[l.DeviceSID]
		if r == nil {
			r = v.newLiveRow(l)
			v.rows[l.DeviceSID] = r
			v.live.Add(r.content)
			changed = true
		}
		r.name.Set(l.Name, func() { v.p.Shell.Go(shell.Devices, l.DeviceSID) })
		r.state.Set(progress(l, v.p.Now()))
		able(r.stop, !shot.stopping[l.DeviceSID])
	}
	for sid, r := range v.rows {
		if !here[sid] {
			v.live.Remove(r.content)
			delete(v.rows, sid)
			changed = true
		}
	}
	v.live.Hidden = len(v.rows) == 0
	if changed {
		v.live.Refresh()
	}
}

// progress says how far a recording is.
func progress(l lab.Live, now time.Time) string {
	state := "waiting for it to connect"
	if l.Connected {
		state = "connected"
	}
	text := fmt.Sprintf("%s · %s · %s", span(now.Sub(l.Began).Truncate(time.Second)), state, words.Count(l.Events, "event", "events"))
	if n := l.Counts[record.Published]; n > 0 {
		text += ", " + words.Count(n, "message", "messages")
	}
	return text
}

func able(b *kit.Button, on bool) {
	if on {
		b.Enable()
	} else {
		b.Disable()
	}
}

// fileName is what a recording is saved as.
func fileName(k lab.Kept) string { return filepath.Base(k.ID) + ".yaml" }
