// Package scenarios is the Lab's tab of stories with virtual devices: those that come with the program and the user's
// own, played step by step on this gateway, at the pace of whoever shows them. It plays nothing itself.
package scenarios

import (
	"context"
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
	"gatehouse/app/story"
	"gatehouse/sim/scenario"
)

// Runs plays. Last and Version are quick, the others as well; Stop does not wait.
type Runs interface {
	Version() uint64
	Last() lab.Run
	Start(lab.Script) error
	SetPace(lab.Pace)
	Next()
	Stop()
}

// Offer is a scenario that can be played, or a file of the user's that has mistakes.
type Offer struct {
	ID  string // unique among offers
	Own bool   // the user's file
	story.File
}

// Params are what the tab stands on. Shell and Runs are required.
type Params struct {
	Shell shell.Shell
	Runs  Runs
	Ready []Offer // those that come with the program
	// Choose asks for a file by its path.
	Choose func(take func(path string))
	// Listening reports whether devices can connect now. It is quick.
	Listening func() bool
	// Broker is the ordinary broker, while it runs: scenarios that need no gateway can be played on it. It is quick.
	Broker func() (lab.Target, bool)
}

// View is the tab. It implements lab.Part of the screen.
type View struct {
	p       Params
	content fyne.CanvasObject
	table   *kit.DataTable[item]
	path    *kit.Field
	detail  *detail

	mu     sync.Mutex // guards what follows
	offers []Offer
	chosen string
	pace   lab.Pace
	apart  bool               // on the ordinary broker, where that is possible
	past   map[string]lab.Run // how each went last, without its steps
	change int                // rises with offers, chosen and pace

	// What was pulled last; belongs to Pull.
	version uint64
	seen    int
	open    bool
	broker  bool
	took    time.Duration
	began   bool
}

// mostOwn bounds how many files of the user's are listed; the oldest goes.
const mostOwn = 8

// New builds the tab; nothing is read before the first Pull.
func New(p Params) *View {
	v := &View{p: p, offers: slices.Clone(p.Ready), past: map[string]lab.Run{}, change: 1}
	if len(v.offers) > 0 {
		v.chosen = v.offers[0].ID
	}
	v.detail = newDetail(v)
	v.content = kit.Columns(kit.CardGap, []float32{400, 758}, kit.Card(1, v.list()), v.detail.content)
	return v
}

// Content implements lab.Part.
func (v *View) Content() fyne.CanvasObject { return v.content }

// Show implements lab.Part; key is the ID of an offer.
func (v *View) Show(key string) {
	if _, there := v.offer(key); there {
		v.choose(key)
		v.table.Select(key) // at once, when it is listed already
	}
}

// Selected implements lab.Part. A file of the user's is not there any more after a restart.
func (v *View) Selected() string {
	if o, there := v.offer(v.chosenID()); there && !o.Own {
		return o.ID
	}
	return ""
}

func (v *View) chosenID() string {
	v.mu.Lock()
	defer v.mu.Unlock()
	return v.chosen
}

func (v *View) offer(id string) (Offer, bool) {
	v.mu.Lock()
	defer v.mu.Unlock()
	for _, o := range v.offers {
		if o.ID == id {
			return o, true
		}
	}
	return Offer{}, false
}

func (v *View) choose(id string) {
	v.mu.Lock()
	if v.chosen != id {
		v.chosen = id
		v.change++
	}
	v.mu.Unlock()
}

// Open reads a file of the user's, also once more, and lists it with its mistakes when there are any. Nothing is played.
func (v *View) Open(path string) {
	path = strings.TrimSpace(path)
	if path == "" {
		return
	}
	var f story.File
	v.p.Shell.Background(func(context.Context) (err error) {
		f, err = story.ReadFile(path)
		return err
	}, func(err error) {
		if err != nil {
			v.p.Shell.Fail("“"+filepath.Base(path)+"” was not opened", err)
			return
		}
		v.path.Entry.SetText("")
		v.take(f)
	})
}

func (v *View) take(f story.File) {
	o := Offer{ID: filepath.Base(f.Path), Own: true, File: f}
	v.mu.Lock()
	v.offers = slices.DeleteFunc(v.offers, func(other Offer) bool { return other.Own && other.Path == o.Path })
	if own := slices.IndexFunc(v.offers, func(o Offer) bool { return o.Own }); own >= 0 && len(v.offers)-own >= mostOwn {
		v.offers = slices.Delete(v.offers, own, own+1)
	}
	for slices.ContainsFunc(v.offers, func(other Offer) bool { return other.ID == o.ID }) {
		o.ID += " (file)" // another has this name
	}
	delete(v.past, o.ID)
	v.offers = append(v.offers, o)
	v.chosen = o.ID
	v.change++
	v.mu.Unlock()
}

// item is an offer in the list, with how it went last.
type item struct {
	Offer
	run lab.Run // with Number 0: it was not played
}

func (v *View) list() fyne.CanvasObject {
	v.table = kit.NewDataTable(func(i item) string { return i.ID },
		kit.Column[item]{
			ID: "outcome", Width: 26, Create: func() fyne.CanvasObject { return kit.NewIcon("minus", kit.Line, 12) },
			Update: func(cell fyne.CanvasObject, i item) { cell.(*kit.Icon).Set(i.mark()) },
		},
		kit.TextColumn("name", "Scenario", 0, kit.Body, item.name),
		kit.TextColumn("took", "Took", 62, kit.Mono.In(kit.Muted).Right(), item.took),
	)
	v.table.Steady = true
	v.table.OnSelect = func(i item) { v.choose(i.ID) }
	v.table.OnOpen = func(i item) { v.choose(i.ID); v.play() }
	choose := kit.NewButton("Choose…", kit.Secondary, func() { v.p.Choose(v.Open) })
	choose.Hidden = v.p.Choose == nil
	v.path = kit.NewField("Path of your own file, or drop it here")
	v.path.Entry.OnSubmitted = v.Open
	own := container.NewBorder(nil, nil, nil, kit.Inset(0, 0, 0, 8, kit.Across(0, choose)), v.path)
	head := kit.Down(8, kit.Clipped(kit.NewText("Stories with virtual devices", kit.Title)), own)
	return container.NewBorder(kit.Down(0, kit.Inset(12, 10, 10, 12, head), kit.Rule()), nil, nil, nil, container.NewClip(v.table))
}

// mark is how an offer went last, as it is drawn.
func (i item) mark() (icon string, c kit.Color) {
	switch {
	case i.Scenario == nil:
		return "attention", kit.Warn
	case i.run.Number == 0:
		return "minus", kit.Line
	case i.run.Playing:
		return "hourglass", kit.Accent
	case i.run.Held:
		return "check", kit.Good
	case i.run.Stopping:
		return "barred", kit.Muted
	}
	return "cross", kit.Bad
}

func (i item) name() string {
	switch {
	case i.Scenario != nil && i.Own:
		return i.Scenario.Name + " · " + i.ID
	case i.Scenario != nil:
		return i.Scenario.Name
	}
	return i.ID
}

func (i item) took() string {
	switch {
	case i.run.Number == 0:
		return ""
	case i.run.Playing:
		return "now"
	}
	return took(i.run.Took)
}

// snapshot is what Pull brings.
type snapshot struct {
	items  []item
	chosen Offer
	run    lab.Run // of the chosen one, or with Number 0
	other  string  // the name of another that plays
	pace   lab.Pace
	open   bool // devices can connect
	broker bool // the ordinary broker runs, and the chosen scenario can be played on it
	apart  bool // and it is to be
}

// tick is how far apart two times are that are told apart.
const tick = 100 * time.Millisecond

// Pull implements lab.Part.
func (v *View) Pull() func() {
	version, run := v.p.Runs.Version(), v.p.Runs.Last()
	open := v.p.Listening == nil || v.p.Listening()
	_, broker := v.target()
	v.mu.Lock()
	shot := snapshot{pace: v.pace, open: open}
	change := v.change
	same := v.began && version == v.version && change == v.seen && open == v.open && broker == v.broker && run.Took/tick == v.took/tick
	if !same {
		if run.Number > 0 {
			past := run
			past.Steps, past.Made, past.Result = nil, nil, scenario.Result{}
			v.past[run.ID] = past
		}
		for _, o := range v.offers {
			shot.items = append(shot.items, item{o, v.past[o.ID]})
		}
	}
	chosen, apart := v.chosen, v.apart
	v.mu.Unlock()
	if same {
		return nil
	}
	v.began, v.version, v.seen, v.open, v.broker, v.took = true, version, change, open, broker, run.Took
	shot.chosen, _ = v.offer(chosen)
	shot.broker = broker && anywhere(shot.chosen)
	shot.apart = shot.broker && apart
	shot.open = open || shot.apart
	if run.ID == chosen && run.Number > 0 {
		shot.run = run
	} else if run.Playing {
		shot.other = run.Name
	}
	return func() { v.apply(shot) }
}

func (v *View) apply(shot snapshot) {
	v.table.SetRows(shot.items)
	if chosen, ok := v.table.Selected(); !ok || chosen.ID != shot.chosen.ID {
		v.table.Select(shot.chosen.ID)
	}
	v.detail.show(shot)
}

// play begins the chosen scenario.
func (v *View) play() {
	o, there := v.offer(v.chosenID())
	if !there || o.Scenario == nil {
		return
	}
	v.mu.Lock()
	script := lab.Script{ID: o.ID, Scenario: o.Scenario, Open: o.File.Open, Pace: v.pace}
	apart := v.apart
	v.mu.Unlock()
	if to, runs := v.target(); apart && runs && anywhere(o) {
		script.On = &to
	}
	if err := v.p.Runs.Start(script); err != nil {
		v.p.Shell.Fail("The scenario was not begun", err)
	}
}

// setPace changes the pace, of what plays as well.
func (v *View) setPace(p lab.Pace) {
	v.mu.Lock()
	v.pace = p
	v.change++
	v.mu.Unlock()
	v.p.Runs.SetPace(p)
}

// target is the ordinary broker, while it runs.
func (v *View) target() (lab.Target, bool) {
	if v.p.Broker == nil {
		return lab.Target{}, false
	}
	return v.p.Broker()
}

// anywhere reports whether a scenario needs no gateway.
func anywhere(o Offer) bool {
	if o.Scenario == nil {
		return false
	}
	_, why := o.Scenario.NeedsGateway()
	return why == ""
}

// setApart chooses the server to play on.
func (v *View) setApart(apart bool) {
	v.mu.Lock()
	v.apart = apart
	v.change++
	v.mu.Unlock()
}
