// Package attempts is the screen of the debugger: every connection attempt as it comes, and beside the list the chosen
// one: what the verdict was, why, the fix as a button, and everything that happened on a timeline. It reads snapshots of
// the log; it knows neither the listener nor the window.
package attempts

import (
	"strconv"
	"strings"
	"sync"
	"time"

	"fyne.io/fyne/v2"
	"fyne.io/fyne/v2/container"

	"gatehouse/app/desktop/findings"
	"gatehouse/app/desktop/fix"
	"gatehouse/app/desktop/kit"
	"gatehouse/app/desktop/shell"
	"gatehouse/app/remedy"
	"gatehouse/app/report"
	"gatehouse/app/words"
	"gatehouse/gateway/attempt"
	"gatehouse/gateway/diagnosis"
)

// Log is where attempts come from. It is read off the UI goroutine only.
type Log interface {
	Version() uint64
	Get(id uint64) (attempt.Attempt, bool)
	Query(attempt.Filter) attempt.Page
}

// Params are what the screen stands on. Fix, Log and Remedy are required.
type Params struct {
	Fix fix.Fixer // with the shell
	Log Log
	// Remedy is the fix of an attempt as things stand now. It is called off the UI goroutine.
	Remedy func(attempt.Attempt) (remedy.Remedy, bool)
	// Registered changes whenever remedies may have changed; nil when they never do.
	Registered func() uint64

	// The rest may be nil; what needs it is not offered then. All of it is called off the UI goroutine.

	Diagnosis Diagnosis
	Tracer    Tracer
	Findings  findings.Source
	// Trials are what "What if…" offers for an attempt.
	Trials func(attempt.Attempt) []remedy.Trial
	// Report is what a report of an attempt is made of.
	Report func(a attempt.Attempt, payloads bool) report.Source
	Now    func() time.Time
}

// Diagnosis says what an attempt has to do with what is enrolled now.
type Diagnosis interface {
	Compare(attempt.Attempt) diagnosis.Comparison
	WouldPass(attempt.Attempt) diagnosis.Outcome
	WhatIf(attempt.Attempt, diagnosis.Change) diagnosis.Outcome
}

// Tracer records all packets of a device.
type Tracer interface {
	Trace(deviceSID string, on bool) bool
	Traced(deviceSID string) bool
}

// Screen is the place. It implements shell.Screen.
type Screen struct {
	shell shell.Shell
	log   Log
	p     Params

	content fyne.CanvasObject
	table   *kit.DataTable[*row]
	chips   map[string]*kit.Chip
	bar     *fyne.Container // of the chips
	line    *fyne.Container // of the search, the time span and the pause
	rarer   *kit.Chip       // opens the menu of further filters
	span    *kit.Chip       // opens the menu of times
	on      *fyne.Container // the filters that are on; hidden without one
	search  *kit.Field
	follow  *kit.Button
	count   *kit.Text
	more    *kit.Button
	empty   *emptyState
	detail  *detail

	mu    sync.Mutex // guards want and stale
	want  query
	stale bool // pull again even if nothing seems to have changed

	// What was pulled last; belongs to Pull.
	pulled  query
	version uint64
	stamp   uint64
	first   bool
	cache   rowCache
	chosen  view
	asked   time.Time // when the log was queried
	active  []findings.Finding
	found   map[uint64]bool // attempts that findings are about
	foundAt uint64          // version of the findings

	counted  [2]int // attempts and refusals that the chips say
	revealed uint64 // the attempt that a key of Show asked for and that the table has not shown yet
	listed   query  // what the table lists
	rows     []*row // given to the table last; it shows older ones while it stands still
}

var _ shell.Screen = (*Screen)(nil)

// New builds the screen; nothing is read before the first Pull.
func New(p Params) *Screen {
	s := &Screen{shell: p.Fix.Shell, log: p.Log, p: p, first: true, want: everything()}
	if s.p.Registered == nil {
		s.p.Registered = func() uint64 { return 0 }
	}
	if s.p.Now == nil {
		s.p.Now = time.Now
	}
	s.detail = newDetail(s)
	list := kit.Card(1, container.NewBorder(s.filters(), s.foot(), nil, nil, s.list()))
	s.content = kit.Columns(kit.CardGap, []float32{612, 546}, list, s.detail.content)
	s.listed = s.want
	return s
}

// Content implements shell.Screen.
func (s *Screen) Content() fyne.CanvasObject { return s.content }

// Selected implements shell.Screen.
func (s *Screen) Selected() string {
	if id := s.wanted().selected; id != 0 {
		return strconv.FormatUint(id, 10)
	}
	return ""
}

// Show implements shell.Screen: an attempt's number selects it, and shows its packets when the key says so; a SID, a
// certificate's thumbprint, CodeKey or RefusedKey filters.
func (s *Screen) Show(key string) {
	if key == "" {
		return
	}
	next, ok := s.wanted().asked(key)
	if !ok {
		return
	}
	if next.selected != s.wanted().selected {
		s.revealed = next.selected
	}
	s.search.Entry.SetText(next.text)
	s.ask(func(q *query) { *q = next })
	s.table.Select(strings.TrimSuffix(key, packetsSuffix)) // at once, when it is listed already
	if strings.HasSuffix(key, packetsSuffix) {
		s.detail.tabs.Choose(tabPackets)
	}
}

// wanted is what the user wants to see.
func (s *Screen) wanted() query {
	s.mu.Lock()
	defer s.mu.Unlock()
	return s.want
}

// ask changes what is wanted; the next Pull answers.
func (s *Screen) ask(change func(*query)) {
	s.mu.Lock()
	change(&s.want)
	q := s.want
	s.mu.Unlock()
	s.mark(q)
}

// again has the next Pull read everything anew.
func (s *Screen) again() {
	s.mu.Lock()
	s.stale = true
	s.mu.Unlock()
}

// snapshot is what Pull brings.
type snapshot struct {
	query   query
	rows    []*row // nil when only the detail has changed
	total   int
	all     int
	refused int
	chosen  view
}

// Pull implements shell.Screen.
func (s *Screen) Pull() func() {
	s.mu.Lock()
	q, stale := s.want, s.stale
	s.stale = false
	s.mu.Unlock()

	version, stamp := s.log.Version(), s.p.Registered()
	moved := s.first || stale || version != s.version
	if now := s.p.Now(); q.within > 0 && now.Sub(s.asked) >= time.Second { // time takes attempts off the list
		moved = true
	}
	if s.findings() {
		moved = true
	}
	if !moved && q == s.pulled && stamp == s.stamp {
		return nil
	}
	shot := snapshot{query: q}
	if listing := q; moved || listing.listing() != s.pulled.listing() {
		s.read(&shot)
	}
	shot.chosen = s.look(q, stale || stamp != s.stamp)
	same := shot.rows == nil && shot.chosen.same(s.chosen) && q == s.pulled
	s.first, s.version, s.stamp, s.pulled, s.chosen = false, version, stamp, q, shot.chosen
	if same {
		return nil
	}
	return func() { s.apply(shot) }
}

// findings reads the findings that stand, and reports whether they have changed.
func (s *Screen) findings() bool {
	if s.p.Findings == nil {
		return false
	}
	version := s.p.Findings.Version()
	if s.found != nil && version == s.foundAt {
		return false
	}
	s.foundAt, s.active, s.found = version, s.p.Findings.Active(), map[uint64]bool{}
	for _, f := range s.active {
		for _, id := range f.Attempts {
			s.found[id] = true
		}
	}
	return true
}

// read lists what passes the filter.
func (s *Screen) read(shot *snapshot) {
	s.asked = s.p.Now()
	page := s.log.Query(shot.query.filter(s.p.Now()))
	shot.rows, shot.total = s.cache.rows(page.Attempts, s.found), page.Total
	shot.all = s.log.Query(attempt.Filter{Limit: 1}).Total
	shot.refused = s.log.Query(attempt.Filter{Refused: true, Limit: 1}).Total
}

// apply shows a snapshot.
func (s *Screen) apply(shot snapshot) {
	if shot.rows != nil {
		if shot.query.listing() != s.listed.listing() {
			s.table.Follow() // another list is shown from its top, however far the old one was scrolled
		}
		s.listed = shot.query
		s.rows = shot.rows
		s.table.SetRows(shot.rows)
		if s.counted != [2]int{shot.all, shot.refused} {
			s.counted = [2]int{shot.all, shot.refused}
			s.chips["all"].SetLabel("All " + words.Grouped(shot.all))
			s.chips["refused"].SetLabel("Refused " + words.Grouped(shot.refused))
			s.bar.Refresh()
		}
		s.count.Set(shown(len(shot.rows), shot.total) + " · " + words.Grouped(shot.refused) + " refused of " + words.Grouped(shot.all))
		s.more.Hidden = len(shot.rows) >= shot.total
		s.more.Refresh()
		s.empty.set(len(shot.rows) == 0, shot.query)
	}
	if s.revealed != 0 && s.revealed == shot.query.selected && shot.rows != nil {
		s.table.Select(strconv.FormatUint(s.revealed, 10))
		s.revealed = 0
	}
	if shot.query.selected == s.wanted().selected { // else another one is on its way
		s.detail.show(shot.chosen)
	}
}

// Note is what the foot of the window says about this screen.
func (s *Screen) Note() string {
	switch {
	case !s.table.Paused():
		return "Following · newest first"
	case s.table.Waiting() == 0:
		return "Paused"
	}
	return "Paused · " + words.Grouped(s.table.Waiting()) + " waiting"
}
