// Package devices is the screen of devices: a table of all of them, and everything about the chosen one in tabs: who it
// is, its credentials, how this computer plays it, its live console, its attempts, and ready commands. It does not know
// the window; it changes devices through the registry and plays them through package onboard.
package devices

import (
	"context"
	"sync"
	"sync/atomic"
	"time"

	"fyne.io/fyne/v2"

	"gatehouse/app/desktop/devices/mend"
	"gatehouse/app/desktop/findings"
	"gatehouse/app/desktop/kit"
	"gatehouse/app/desktop/shell"
	"gatehouse/app/onboard"
	"gatehouse/app/remedy"
	"gatehouse/gateway/attempt"
	"gatehouse/gateway/registry"
)

// Registry is what the screen reads and changes.
type Registry interface {
	onboard.Registry
	Version() uint64
	Devices() []registry.Device
	AllKeys() []registry.Key
	AllCertificates() []registry.Certificate
}

// Attempts is the record of connection attempts.
type Attempts = onboard.Attempts

// Params are what the screen works with.
type Params struct {
	Shell    shell.Shell
	Registry Registry
	Attempts Attempts
	Bench    *onboard.Bench
	Endpoint func() onboard.Endpoint
	// Connected has the SIDs of the devices that are connected now. It is asked only after the attempts have changed.
	Connected func() map[string]bool
	// Disconnect closes a device's connection at the gateway; nil when that cannot be done from here.
	Disconnect func(deviceSID string) bool
	// Remedy is the fix of an attempt, if there is one.
	Remedy func(attempt.Attempt) (remedy.Remedy, bool)
	// Findings is what several attempts show together; nil finds nothing.
	Findings findings.Source
	// Timeline makes a timeline for the tab of attempts; nil: the screen of attempts shows it.
	Timeline func() mend.Timeline
	// Follow makes the Sync documents that a device wants to follow and that are not there yet; nil when that cannot be done from here.
	Follow func(ctx context.Context, deviceSID string, documents []string) error
	Now    func() time.Time // nil: the wall clock
}

// Screen is the devices. All methods belong to the UI goroutine, except Pull.
type Screen struct {
	p      Params
	list   *list
	detail *detail
	split  *fyne.Container

	selected atomic.Pointer[string]
	stale    atomic.Bool // something was changed here: read again, whatever the versions say

	mu    sync.Mutex // held by Pull, and by reads after a change
	seen  versions
	codes codes
	reads uint64

	// Of the UI goroutine.
	shown uint64 // the newest read that is shown
	want  string // a device to show as soon as it is there
	then  func() // what to do once it is shown
}

// versions are what a snapshot was made from.
type versions struct {
	registry, attempts, bench, findings uint64
	selected                            string
}

var _ shell.Screen = (*Screen)(nil)

// New makes the screen.
func New(p Params) shell.Screen { return newScreen(p) }

func newScreen(p Params) *Screen {
	if p.Now == nil {
		p.Now = time.Now
	}
	if p.Connected == nil {
		p.Connected = func() map[string]bool { return nil }
	}
	if p.Findings == nil {
		p.Findings = nothing{}
	}
	s := &Screen{p: p}
	s.selected.Store(new(""))
	s.detail = newDetail(s)
	s.list = newList(s)
	s.split = newSplit(s.list.content, s.detail.content)
	s.detail.content.Hide()
	return s
}

// Content implements shell.Screen.
func (s *Screen) Content() fyne.CanvasObject { return s.split }

// Show implements shell.Screen: key is a device's SID, or that of one of its credentials.
func (s *Screen) Show(key string) {
	if key == "" {
		return
	}
	if device := s.owner(key); device != "" {
		key = device
	}
	s.want = key
	s.list.reveal(key)
	if s.list.choose(key) {
		s.want = ""
		return
	}
	s.reload()
}

// NewKey makes a key for a device and shows its secret once: what the fix of a lost secret leads to.
func (s *Screen) NewKey(deviceSID string) {
	add := func() {
		s.detail.open(tabCredentials)
		s.detail.views[tabCredentials].(*credentials).add(onboard.GenerateKey, nil)
	}
	s.Show(deviceSID)
	if s.detail.facts != nil && s.detail.facts.row.device.SID == deviceSID {
		add()
		return
	}
	s.then = add
}

// owner is the device of a credential.
func (s *Screen) owner(credential string) string {
	for _, k := range s.p.Registry.AllKeys() {
		if k.SID == credential {
			return k.DeviceSID
		}
	}
	for _, c := range s.p.Registry.AllCertificates() {
		if c.SID == credential {
			return c.DeviceSID
		}
	}
	return ""
}

// Selected implements shell.Screen.
func (s *Screen) Selected() string { return *s.selected.Load() }

// Pull implements shell.Screen.
func (s *Screen) Pull() (apply func()) {
	s.mu.Lock()
	defer s.mu.Unlock()
	now := versions{s.p.Registry.Version(), s.p.Attempts.Version(), s.p.Bench.Version(), s.p.Findings.Version(), *s.selected.Load()}
	if !s.stale.Swap(false) && now == s.seen {
		return nil
	}
	s.seen = now
	s.reads++
	number := s.reads
	all := read(s.p, s.codes.look(s.p.Attempts))
	one := readOne(s.p, now.selected, all)
	return func() {
		if number > s.shown { // reads may come to the UI goroutine out of order
			s.shown = number
			s.apply(all, now.selected, one)
		}
	}
}

// reload reads what has changed at once, rather than with the next pull.
func (s *Screen) reload() {
	s.stale.Store(true)
	var apply func()
	s.p.Shell.Background(func(context.Context) error {
		apply = s.Pull()
		return nil
	}, func(error) {
		if apply != nil {
			apply()
		}
	})
}

func (s *Screen) apply(all snapshot, selected string, one *facts) {
	s.list.set(all)
	if s.want != "" && s.list.choose(s.want) {
		s.want = ""
	}
	if selected != *s.selected.Load() {
		return // the user has chosen another meanwhile
	}
	if one == nil {
		if selected != "" {
			s.choose("") // it is gone
		}
		return
	}
	s.detail.show(one)
	if then := s.then; then != nil && s.want == "" {
		s.then = nil
		then()
	}
}

// choose is what the table and the closing of the detail do.
func (s *Screen) choose(sid string) {
	if sid == *s.selected.Load() {
		return
	}
	s.detail.leave()
	if sid != s.want {
		s.then = nil
	}
	s.selected.Store(&sid)
	if sid == "" {
		s.list.table.Unselect()
	}
	s.detail.content.Hidden = sid == ""
	if row, found := s.list.row(sid); found {
		s.detail.head(row)
	}
	s.split.Refresh()
	if sid != "" {
		s.reload()
	}
}

// nothing is a Source for a screen that has none.
type nothing struct{}

func (nothing) Version() uint64            { return 0 }
func (nothing) Active() []findings.Finding { return nil }
func (nothing) Dismiss(uint64)             {}

// newSplit puts the detail to the right of the table, at the end of a column, when there is one to show.
func newSplit(list, detail fyne.CanvasObject) *fyne.Container {
	return &fyne.Container{Layout: splitLayout{}, Objects: []fyne.CanvasObject{list, detail}}
}

type splitLayout struct{}

const leastDetail = 440

func (splitLayout) MinSize([]fyne.CanvasObject) fyne.Size { return fyne.NewSize(400, 300) }

func (splitLayout) Layout(objects []fyne.CanvasObject, size fyne.Size) {
	list, detail := objects[0], objects[1]
	list.Move(fyne.Position{})
	if !detail.Visible() {
		list.Resize(size)
		return
	}
	left := listWidth(min(size.Width*0.47, size.Width-kit.CardGap-leastDetail))
	list.Resize(fyne.NewSize(left, size.Height))
	detail.Move(fyne.NewPos(left+kit.CardGap, 0))
	detail.Resize(fyne.NewSize(size.Width-left-kit.CardGap, size.Height))
}
