// Package sessions is the screen of the devices' sessions, live and parked: who is connected, from where and with what,
// what waits for whom, and the two things that can be done about it. It reads snapshots; it knows neither the broker
// nor the window.
package sessions

import (
	"context"
	"sync"
	"sync/atomic"
	"time"

	"fyne.io/fyne/v2"
	"fyne.io/fyne/v2/container"

	"gatehouse/app/desktop/kit"
	"gatehouse/app/desktop/shell"
	"gatehouse/app/words"
	"gatehouse/gateway/broker"
)

// Gateway is what the screen asks. Sessions, Stats and Name are quick; the other two may take a second. All are called
// off the UI goroutine.
type Gateway interface {
	Sessions() []broker.Session
	Stats() broker.Stats
	// DeviceName is what people call a device; its SID when it is not known.
	DeviceName(deviceSID string) string
	Disconnect(deviceSID string) bool
	DropSession(deviceSID string) bool
}

// Tracer records the packets of a device's connection beyond the first ones. Both are quick.
type Tracer interface {
	// Trace begins or ends recording on the live connection, or the next one; false when there is no such device.
	Trace(deviceSID string, on bool) bool
	Traced(deviceSID string) bool
}

// Params are what the screen stands on. Shell and Gateway are required.
type Params struct {
	Shell   shell.Shell
	Gateway Gateway
	// Tracer is nil where packets cannot be traced.
	Tracer Tracer
	// Now is the clock; nil means time.Now.
	Now func() time.Time
}

// every is how often sessions are read while nothing seems to happen: they show ages, in seconds.
const every = time.Second

// Screen is the place. It implements shell.Screen.
type Screen struct {
	p       Params
	content fyne.CanvasObject
	table   *kit.DataTable[*row]
	search  *kit.Field
	chips   map[string]*kit.Chip
	count   *kit.Text
	empty   *fyne.Container
	nothing *kit.Prose
	detail  *detail

	stale atomic.Bool // pull again even if nothing seems to have changed

	mu   sync.Mutex // guards want
	want query

	// What was pulled last; belongs to Pull.
	asked query
	stats broker.Stats
	at    time.Time
	last  snapshot
}

var _ shell.Screen = (*Screen)(nil)

// query is what the user wants to see. It can be compared with ==.
type query struct {
	choice   string // all, live or parked
	text     string
	selected string // a device SID
}

// New builds the screen; nothing is read before the first Pull.
func New(p Params) *Screen {
	if p.Now == nil {
		p.Now = time.Now
	}
	s := &Screen{p: p, want: query{choice: "all"}}
	s.detail = newDetail(s)
	list := kit.Card(1, container.NewBorder(s.filters(), nil, nil, nil, s.list()))
	s.content = kit.Columns(kit.CardGap, []float32{740, 418}, list, s.detail.content)
	return s
}

// Content implements shell.Screen.
func (s *Screen) Content() fyne.CanvasObject { return s.content }

// Selected implements shell.Screen.
func (s *Screen) Selected() string { return s.wanted().selected }

// Show implements shell.Screen; key is a device's SID.
func (s *Screen) Show(key string) {
	if key == "" {
		return
	}
	s.ask(func(q *query) { q.choice, q.text, q.selected = "all", "", key })
	s.search.Entry.SetText("")
	s.table.Select(key) // at once, when it is listed already
}

func (s *Screen) wanted() query {
	s.mu.Lock()
	defer s.mu.Unlock()
	return s.want
}

func (s *Screen) ask(change func(*query)) {
	s.mu.Lock()
	change(&s.want)
	q := s.want
	s.mu.Unlock()
	for id, chip := range s.chips {
		chip.Choose(id == q.choice)
	}
}

// snapshot is what Pull brings.
type snapshot struct {
	query        query
	rows         []*row
	live, parked int
	chosen       *row // nil when the chosen device has no session
}

// Pull implements shell.Screen.
func (s *Screen) Pull() func() {
	q, stats, now := s.wanted(), s.p.Gateway.Stats(), s.p.Now()
	if !s.stale.Swap(false) && q == s.asked && stats == s.stats && now.Sub(s.at) < every && !now.Before(s.at) {
		return nil
	}
	s.asked, s.stats, s.at = q, stats, now
	shot := s.read(q, now)
	if shot.same(s.last) {
		return nil
	}
	s.last = shot
	return func() { s.apply(shot) }
}

func (s *Screen) read(q query, now time.Time) snapshot {
	shot := snapshot{query: q, rows: []*row{}}
	for _, session := range s.p.Gateway.Sessions() {
		r := newRow(session, s.p.Gateway.DeviceName(session.DeviceSID), now)
		r.traced = s.p.Tracer != nil && s.p.Tracer.Traced(session.DeviceSID)
		if session.Connected {
			shot.live++
		} else {
			shot.parked++
		}
		if session.DeviceSID == q.selected {
			shot.chosen = r
		}
		if q.lets(r) {
			shot.rows = append(shot.rows, r)
		}
	}
	sortRows(shot.rows)
	return shot
}

func (s snapshot) same(o snapshot) bool {
	if s.query != o.query || s.live != o.live || s.parked != o.parked || len(s.rows) != len(o.rows) || (s.chosen == nil) != (o.chosen == nil) {
		return false
	}
	if s.chosen != nil && !s.chosen.same(o.chosen) {
		return false
	}
	for i, r := range s.rows {
		if !r.same(o.rows[i]) {
			return false
		}
	}
	return o.rows != nil
}

// apply shows a snapshot. Sessions do not arrive one above the other as attempts do: the table never stands still.
func (s *Screen) apply(shot snapshot) {
	s.table.SetRows(shot.rows)
	if key := s.wanted().selected; key != "" {
		if chosen, ok := s.table.Selected(); !ok || chosen.key != key {
			s.table.Select(key)
		}
	}
	s.count.Set(words.Count(shot.live, "connected", "connected") + " · " + words.Count(shot.parked, "parked", "parked"))
	s.empty.Hidden = len(shot.rows) > 0
	if !s.empty.Hidden {
		text := "No session fits this filter."
		if shot.live+shot.parked == 0 {
			text = "No sessions yet. A device has one from its first connection on; it is kept while the device is away."
		}
		s.nothing.Set(kit.Run{Text: text, Type: kit.Quiet})
	}
	s.empty.Refresh()
	if shot.query.selected == s.wanted().selected {
		s.detail.show(shot)
	}
}

// trace begins or ends recording a device's packets.
func (s *Screen) trace(r *row, on bool) {
	var was bool
	s.p.Shell.Background(func(context.Context) error {
		was = s.p.Tracer.Trace(r.key, on)
		return nil
	}, func(error) {
		s.stale.Store(true)
		switch {
		case !was:
			s.p.Shell.Toast(r.device+" cannot be traced now", nil)
		case on && r.session.Connected:
			s.p.Shell.Toast("The packets of "+r.device+" are recorded from now on", func() { s.trace(r, false) })
		case on:
			s.p.Shell.Toast("The packets of "+r.device+" are recorded once it connects", func() { s.trace(r, false) })
		default:
			s.p.Shell.Toast("The packets of "+r.device+" are no longer recorded", nil)
		}
	})
}

// showPackets goes to what was recorded.
func (s *Screen) showPackets(r *row) {
	s.p.Shell.Go(shell.Attempts, shell.PacketsKey(r.session.AttemptID))
}

// disconnect closes a device's connection.
func (s *Screen) disconnect(r *row) {
	var was bool
	s.p.Shell.Background(func(context.Context) error {
		was = s.p.Gateway.Disconnect(r.key)
		return nil
	}, func(error) {
		if was {
			s.p.Shell.Toast(r.device+" is disconnected. It may connect again.", nil)
		} else {
			s.p.Shell.Toast(r.device+" was not connected any more", nil)
		}
	})
}

// drop discards a session, once the user has agreed.
func (s *Screen) drop(r *row) {
	s.p.Shell.Confirm("Drop the session of "+r.device+"?", r.lostWords(), "Drop session", func() {
		var was bool
		s.p.Shell.Background(func(context.Context) error {
			was = s.p.Gateway.DropSession(r.key)
			return nil
		}, func(error) {
			if was {
				s.p.Shell.Toast("The session of "+r.device+" is dropped", nil)
			} else {
				s.p.Shell.Toast(r.device+" has no session any more", nil)
			}
		})
	})
}
