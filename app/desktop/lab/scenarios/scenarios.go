// Package scenarios is the Lab's tab of stories with virtual devices: those that come with the program and the user's
// own, played step by step on this gateway, at the pace of whoever shows them. It reads and plays nothing itself.
package scenarios

import (
	"slices"
	"sync"
	"time"

	"fyne.io/fyne/v2"
	"fyne.io/fyne/v2/container"

	"gatehouse/app/desktop/kit"
	"gatehouse/app/desktop/shell"
	"gatehouse/app/lab"
	"gatehouse/app/words"
	"gatehouse/sim/scenario"
)

// Runs plays. Last and Version are quick, the others as well; Stop does not wait.
type Runs interface {
	Version() uint64
	Last() lab.Run
	Start(id string, s *scenario.Scenario, pace lab.Pace) error
	SetPace(lab.Pace)
	Next()
	Stop()
}

// Offer is a scenario that can be played, or a file of the user's that has mistakes.
type Offer struct {
	ID       string // unique among offers
	Own      bool   // the user's file
	Scenario *scenario.Scenario
	Mistakes []scenario.Mistake
	Content  []byte
}

// Params are what the tab stands on. Shell and Runs are required.
type Params struct {
	Shell shell.Shell
	Runs  Runs
	Ready []Offer // those that come with the program
	// Listening reports whether devices can connect now. It is quick.
	Listening func() bool
}

// View is the tab. It implements lab.Part of the screen.
type View struct {
	p       Params
	content fyne.CanvasObject
	table   *kit.DataTable[Offer]
	detail  *detail

	mu     sync.Mutex // guards what follows
	offers []Offer
	chosen string
	pace   lab.Pace
	change int // rises with offers, chosen and pace

	// What was pulled last; belongs to Pull.
	version uint64
	seen    int
	open    bool
	took    time.Duration
	began   bool
}

// mostOwn bounds how many files of the user's are listed; the oldest goes.
const mostOwn = 8

// New builds the tab; nothing is read before the first Pull.
func New(p Params) *View {
	v := &View{p: p, offers: slices.Clone(p.Ready), change: 1}
	if len(v.offers) > 0 {
		v.chosen = v.offers[0].ID
	}
	v.detail = newDetail(v)
	v.content = kit.Columns(kit.CardGap, []float32{360, 798}, kit.Card(1, v.list()), v.detail.content)
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

// Take reads a file of the user's and lists it, with its mistakes when there are any. Nothing is played.
func (v *View) Take(name string, content []byte) {
	o := Offer{ID: name, Own: true, Content: slices.Clone(content)}
	o.Scenario, o.Mistakes = scenario.Parse(content, nil)
	v.mu.Lock()
	v.offers = slices.DeleteFunc(v.offers, func(other Offer) bool { return other.Own && other.ID == name })
	if own := slices.IndexFunc(v.offers, func(o Offer) bool { return o.Own }); own >= 0 && len(v.offers)-own >= mostOwn {
		v.offers = slices.Delete(v.offers, own, own+1)
	}
	for slices.ContainsFunc(v.offers, func(other Offer) bool { return other.ID == o.ID }) {
		o.ID += " (file)" // it has the name of one that comes with the program
	}
	v.offers = append(v.offers, o)
	v.chosen = o.ID
	v.change++
	v.mu.Unlock()
}

func (v *View) list() fyne.CanvasObject {
	v.table = kit.NewDataTable(func(o Offer) string { return o.ID },
		kit.TextColumn("name", "Scenario", 0, kit.Body, Offer.name),
		kit.TextColumn("steps", "Steps", 60, kit.Mono.Right(), Offer.size),
	)
	v.table.Steady = true
	v.table.OnSelect = func(o Offer) { v.choose(o.ID) }
	v.table.OnOpen = func(o Offer) { v.choose(o.ID); v.play() }
	open := kit.NewButton("Open a file…", kit.Secondary, func() { v.p.Shell.Open(v.Take) })
	head := container.NewBorder(nil, nil, kit.NewText("Scenarios", kit.Title), kit.Across(0, open))
	return container.NewBorder(kit.Down(0, kit.Inset(10, 10, 10, 12, head), kit.Rule()), nil, nil, nil, container.NewClip(v.table))
}

func (o Offer) name() string {
	switch {
	case o.Scenario != nil && o.Own:
		return o.Scenario.Name + " · " + o.ID
	case o.Scenario != nil:
		return o.Scenario.Name
	}
	return o.ID
}

func (o Offer) size() string {
	if o.Scenario == nil {
		return "—"
	}
	return words.Grouped(len(o.Scenario.Steps))
}

// snapshot is what Pull brings.
type snapshot struct {
	offers []Offer
	chosen Offer
	run    lab.Run // of the chosen one, or with Number 0
	other  string  // the name of another that plays
	pace   lab.Pace
	open   bool // devices can connect
}

// tick is how far apart two times are that are told apart.
const tick = 100 * time.Millisecond

// Pull implements lab.Part.
func (v *View) Pull() func() {
	version, run := v.p.Runs.Version(), v.p.Runs.Last()
	open := v.p.Listening == nil || v.p.Listening()
	v.mu.Lock()
	shot := snapshot{pace: v.pace, open: open}
	change := v.change
	same := v.began && version == v.version && change == v.seen && open == v.open && run.Took/tick == v.took/tick
	if !same {
		shot.offers = slices.Clone(v.offers)
	}
	chosen := v.chosen
	v.mu.Unlock()
	if same {
		return nil
	}
	v.began, v.version, v.seen, v.open, v.took = true, version, change, open, run.Took
	shot.chosen, _ = v.offer(chosen)
	if run.ID == chosen && run.Number > 0 {
		shot.run = run
	} else if run.Playing {
		shot.other = run.Name
	}
	return func() { v.apply(shot) }
}

func (v *View) apply(shot snapshot) {
	v.table.SetRows(shot.offers)
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
	pace := v.pace
	v.mu.Unlock()
	if err := v.p.Runs.Start(o.ID, o.Scenario, pace); err != nil {
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
