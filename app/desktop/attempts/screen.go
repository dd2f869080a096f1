// Package attempts is the screen of the debugger: every connection attempt as it comes, and beside the list the chosen
// one: what the verdict was, why, the fix as a button, and everything that happened on a timeline. It reads snapshots of
// the log; it knows neither the listener nor the window.
package attempts

import (
	"strconv"
	"strings"
	"sync"

	"fyne.io/fyne/v2"
	"fyne.io/fyne/v2/container"

	"gatehouse/app/desktop/fix"
	"gatehouse/app/desktop/kit"
	"gatehouse/app/desktop/shell"
	"gatehouse/app/remedy"
	"gatehouse/app/words"
	"gatehouse/gateway/attempt"
)

// Log is where attempts come from. It is read off the UI goroutine only.
type Log interface {
	Version() uint64
	Get(id uint64) (attempt.Attempt, bool)
	Query(attempt.Filter) attempt.Page
}

// Params are what the screen stands on. All fields are required but Registered.
type Params struct {
	Fix fix.Fixer // with the shell
	Log Log
	// Remedy is the fix of an attempt as things stand now. It is called off the UI goroutine.
	Remedy func(attempt.Attempt) (remedy.Remedy, bool)
	// Registered changes whenever remedies may have changed; nil when they never do.
	Registered func() uint64
}

// Screen is the place. It implements shell.Screen.
type Screen struct {
	shell shell.Shell
	log   Log
	p     Params

	content fyne.CanvasObject
	table   *kit.DataTable[*row]
	chips   map[string]*kit.Chip
	about   *kit.Button // what a filter by SID is about; hidden without one
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

	revealed uint64 // the attempt that a key of Show asked for and that the table has not shown yet
	listed   query  // what the table lists
	rows     []*row // given to the table last; it shows older ones while it stands still
}

var _ shell.Screen = (*Screen)(nil)

// New builds the screen; nothing is read before the first Pull.
func New(p Params) *Screen {
	s := &Screen{shell: p.Fix.Shell, log: p.Log, p: p, first: true, want: query{choice: "all", limit: firstRows}}
	if s.p.Registered == nil {
		s.p.Registered = func() uint64 { return 0 }
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
	for id, chip := range s.chips {
		chip.Choose(id == q.choice)
	}
	s.about.Hidden = q.about == ""
	if q.about != "" {
		s.about.SetLabel(aboutLabel(q.about))
	}
	s.about.Refresh()
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
	if !moved && q == s.pulled && stamp == s.stamp {
		return nil
	}
	shot := snapshot{query: q}
	if listing := q; moved || listing.withoutSelection() != s.pulled.withoutSelection() {
		s.read(&shot)
	}
	shot.chosen = s.look(q.selected)
	same := shot.rows == nil && shot.chosen.same(s.chosen) && q == s.pulled
	s.first, s.version, s.stamp, s.pulled, s.chosen = false, version, stamp, q, shot.chosen
	if same {
		return nil
	}
	return func() { s.apply(shot) }
}

func (q query) withoutSelection() query { q.selected = 0; return q }

// read lists what passes the filter.
func (s *Screen) read(shot *snapshot) {
	page := s.log.Query(shot.query.filter())
	shot.rows, shot.total = s.cache.rows(page.Attempts), page.Total
	shot.all = s.log.Query(attempt.Filter{Limit: 1}).Total
	shot.refused = s.log.Query(attempt.Filter{Refused: true, Limit: 1}).Total
}

// apply shows a snapshot.
func (s *Screen) apply(shot snapshot) {
	if shot.rows != nil {
		if shot.query.withoutSelection() != s.listed.withoutSelection() {
			s.table.Follow() // another list is shown from its top, however far the old one was scrolled
		}
		s.listed = shot.query
		s.rows = shot.rows
		s.table.SetRows(shot.rows)
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
