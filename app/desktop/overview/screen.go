// Package overview is the screen of what goes on now: figures with their last minute, the devices around the gateway,
// the return codes of the last hour, and the last refusals with their fixes. It reads snapshots; it knows neither the
// gateway's packages beyond their records nor the window.
package overview

import (
	"slices"
	"sync"
	"time"

	"fyne.io/fyne/v2"
	"fyne.io/fyne/v2/container"

	"gatehouse/app/desktop/findings"
	"gatehouse/app/desktop/fix"
	"gatehouse/app/desktop/kit"
	"gatehouse/app/desktop/meter"
	"gatehouse/app/desktop/shell"
	"gatehouse/app/remedy"
	"gatehouse/gateway/attempt"
	"gatehouse/gateway/broker"
	"gatehouse/gateway/registry"
)

// Log is where attempts come from.
type Log interface {
	Version() uint64
	Get(id uint64) (attempt.Attempt, bool)
	Query(attempt.Filter) attempt.Page
	Counts(since time.Time) attempt.Counts
}

// Gateway is what else the screen looks at. Everything is called off the UI goroutine.
type Gateway interface {
	Devices() []registry.Device
	Sessions() []broker.Session
	Stats() broker.Stats
}

// Params are what the screen stands on. All fields but Findings, Registered and Now are required.
type Params struct {
	Fix     fix.Fixer // with the shell
	Log     Log
	Gateway Gateway
	Meter   *meter.Meter
	// Remedy is the fix of an attempt as things stand now.
	Remedy func(attempt.Attempt) (remedy.Remedy, bool)
	// Findings is what several attempts show together; nil finds nothing.
	Findings findings.Source
	// Demo can be loaded by a tap; nil offers none.
	Demo Demo
	// Registered changes whenever devices or remedies may have changed; nil when they never do.
	Registered func() uint64
	// Now is the clock; nil means time.Now.
	Now func() time.Time
}

// lately is how long a refusal is news.
const lately = 5 * time.Minute

// Screen is the place. It implements shell.Screen.
type Screen struct {
	p        Params
	content  fyne.CanvasObject
	tiles    tiles
	around   *around
	codes    *codes
	refusals *refusals
	found    *found
	shown    []findings.Finding

	mu    sync.Mutex
	stale bool // pull again even if nothing seems to have changed

	// What was pulled last; belongs to Pull.
	seen  seen
	last  snapshot
	nodes nodes
}

var _ shell.Screen = (*Screen)(nil)

// seen tells whether anything can have changed. It can be compared with ==.
type seen struct {
	reading meter.Reading
	version uint64
	stamp   uint64
	found   uint64
	stats   broker.Stats
	demo    DemoState
	minute  int64 // what is news changes with time alone
}

// snapshot is what Pull brings.
type snapshot struct {
	reading  meter.Reading
	refused  int // lately
	counts   counts
	nodes    []node
	caption  string
	refusals []refusal
	findings []findings.Finding
	devices  int
	demo     DemoState
}

// nothing is a Source for a screen that has none.
type nothing struct{}

func (nothing) Version() uint64            { return 0 }
func (nothing) Active() []findings.Finding { return nil }
func (nothing) Dismiss(uint64)             {}

// New builds the screen; nothing is read before the first Pull.
func New(p Params) *Screen {
	if p.Now == nil {
		p.Now = time.Now
	}
	if p.Registered == nil {
		p.Registered = func() uint64 { return 0 }
	}
	if p.Findings == nil {
		p.Findings = nothing{}
	}
	if p.Demo == nil {
		p.Demo = noDemo{}
	}
	s := &Screen{p: p, stale: true}
	s.around, s.codes, s.refusals = newAround(s), newCodes(s), newRefusals(s)
	s.found = newFound(s)
	right := &fyne.Container{Layout: rightColumn{}, Objects: []fyne.CanvasObject{s.codes.content, s.refusals.content}}
	below := kit.Columns(kit.CardGap, []float32{600, 558}, s.around.content, right)
	s.content = container.NewBorder(kit.Inset(0, 0, kit.CardGap, 0, s.tiles.build()), nil, nil, nil,
		&fyne.Container{Layout: foundAbove{s.found}, Objects: []fyne.CanvasObject{s.found.content, below}})
	return s
}

// Content implements shell.Screen.
func (s *Screen) Content() fyne.CanvasObject { return s.content }

// Show implements shell.Screen: nothing can be chosen here.
func (s *Screen) Show(string) {}

// Selected implements shell.Screen.
func (s *Screen) Selected() string { return "" }

// again has the next Pull read everything anew.
func (s *Screen) again() {
	s.mu.Lock()
	s.stale = true
	s.mu.Unlock()
}

// Pull implements shell.Screen.
func (s *Screen) Pull() func() {
	s.mu.Lock()
	stale := s.stale
	s.stale = false
	s.mu.Unlock()
	now := s.p.Now()
	next := seen{
		reading: s.p.Meter.Read(), version: s.p.Log.Version(), stamp: s.p.Registered(), found: s.p.Findings.Version(), stats: s.p.Gateway.Stats(), demo: s.p.Demo.State(), minute: now.Unix() / 60,
	}
	if !stale && next == s.seen && !s.nodes.moving() {
		return nil
	}
	before := s.seen
	s.seen = next
	shot := s.last
	shot.reading, shot.demo = next.reading, next.demo
	decided := stale || next.version != before.version || next.stamp != before.stamp || next.found != before.found || next.minute != before.minute
	if decided {
		s.decided(&shot, now)
	}
	if decided || next.stats != before.stats || s.nodes.moving() {
		shot.nodes, shot.caption = s.nodes.look(s.p.Gateway.Devices(), s.p.Gateway.Sessions(), shot.refusals, now)
	}
	if !stale && shot.same(s.last) {
		return nil
	}
	s.last = shot
	return func() { s.apply(shot) }
}

// decided reads what depends on attempts.
func (s *Screen) decided(shot *snapshot, now time.Time) {
	shot.refused = s.p.Log.Counts(now.Add(-lately)).Refused
	shot.counts = countsOf(s.p.Log.Counts(now.Add(-time.Hour)))
	shot.refusals = s.newsOf(now)
	shot.findings = weighty(s.p.Findings.Active())
	shot.devices = len(s.p.Gateway.Devices())
}

// weighty leaves out remarks, which have their place on the pages of their devices.
func weighty(all []findings.Finding) []findings.Finding {
	return slices.DeleteFunc(all, func(f findings.Finding) bool { return f.State == attempt.Good })
}

func (s snapshot) same(o snapshot) bool {
	return s.reading == o.reading && s.refused == o.refused && s.counts == o.counts && s.caption == o.caption && s.devices == o.devices && s.demo == o.demo &&
		sameNodes(s.nodes, o.nodes) && sameRefusals(s.refusals, o.refusals) &&
		findings.Same(s.findings, o.findings)
}

// apply shows a snapshot.
func (s *Screen) apply(shot snapshot) {
	s.tiles.set(shot.reading, shot.refused)
	s.codes.set(shot.counts)
	s.around.set(shot)
	s.refusals.set(shot.refusals)
	s.setFindings(shot.findings)
}

// setFindings shows findings; what lies below makes room, so it is only asked to when they have changed.
func (s *Screen) setFindings(all []findings.Finding) {
	if !findings.Same(all, s.shown) {
		s.shown = all
		s.found.set(all)
		s.content.Refresh()
	}
}

// rightColumn gives the codes the height that they need and the refusals the rest; where it is scarce, as while
// presenting, the codes are left out: what was refused, and why, says more.
type rightColumn struct{}

const (
	codesHeight    = 254
	leastCodes     = 200
	refusalsHeight = 150
)

// MinSize implements fyne.Layout.
func (rightColumn) MinSize(objects []fyne.CanvasObject) fyne.Size {
	return fyne.NewSize(max(objects[0].MinSize().Width, objects[1].MinSize().Width), 2*refusalsHeight)
}

// Layout implements fyne.Layout.
func (rightColumn) Layout(objects []fyne.CanvasObject, size fyne.Size) {
	codes := min(float32(codesHeight), size.Height-kit.CardGap-refusalsHeight)
	if show(objects[0], codes >= leastCodes); codes < leastCodes {
		objects[1].Resize(size)
		objects[1].Move(fyne.Position{})
		return
	}
	objects[0].Resize(fyne.NewSize(size.Width, codes))
	objects[1].Resize(fyne.NewSize(size.Width, size.Height-codes-kit.CardGap))
	objects[1].Move(fyne.NewPos(0, codes+kit.CardGap))
}
