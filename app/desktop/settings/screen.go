// Package settings is the screen of what the user may change: where the gateway listens and under which names, how the
// window looks, and where things lie. Everything here takes effect at once. It knows neither the gateway's packages nor
// the window, only the small interfaces here.
package settings

import (
	"context"
	"slices"
	"sync/atomic"
	"time"

	"fyne.io/fyne/v2"
	"fyne.io/fyne/v2/container"

	"gatehouse/app/desktop/kit"
	"gatehouse/app/desktop/shell"
	"gatehouse/app/desktop/state"
)

// Settings are what of the gateway can be changed.
type Settings struct {
	Port    int
	Network bool
	Names   []string // added to those in the certificate
	// SyncTopicsOnly refuses topics that are not below sync/.
	SyncTopicsOnly bool
	// StrictPublishes disconnects a device whose message to a Sync object is refused.
	StrictPublishes bool
	// DurableAlways has every write on the disk before it is acknowledged, from the next start on.
	DurableAlways bool
	// KeepAttempts and KeepBytes bound the record of attempts.
	KeepAttempts int
	KeepBytes    int64
}

func (s Settings) equal(o Settings) bool {
	return s.Port == o.Port && s.Network == o.Network && s.SyncTopicsOnly == o.SyncTopicsOnly && s.StrictPublishes == o.StrictPublishes &&
		s.DurableAlways == o.DurableAlways && s.KeepAttempts == o.KeepAttempts && s.KeepBytes == o.KeepBytes && slices.Equal(s.Names, o.Names)
}

// View is what of the gateway is shown.
type View struct {
	Settings
	Fixed     bool   // the address was given on the command line and cannot be changed here
	Address   string // as bound; empty while not listening
	URL       string
	HTTPURL   string // empty: HTTP is off
	CertNames []string
	NotAfter  time.Time
	RootPath  string
	DataDir   string
	SetAside  []string // damaged files and folders that were put out of the way
	Account   string   // SID
	Kept      int      // attempts in the record
	Lacks     string   // what the record lacks, as a sentence; empty: nothing
	// DurableNow is what DurableAlways was when the gateway was opened.
	DurableNow bool
}

func (v View) equal(o View) bool {
	return v.Settings.equal(o.Settings) && v.Fixed == o.Fixed && v.Address == o.Address && v.URL == o.URL && v.HTTPURL == o.HTTPURL &&
		slices.Equal(v.CertNames, o.CertNames) && v.NotAfter.Equal(o.NotAfter) && v.RootPath == o.RootPath && v.DataDir == o.DataDir &&
		slices.Equal(v.SetAside, o.SetAside) && v.Account == o.Account &&
		v.Kept == o.Kept && v.Lacks == o.Lacks && v.DurableNow == o.DurableNow
}

// settled is the view without what grows by itself.
func (v View) settled() View { v.Kept = 0; return v }

// Suite is a line of the list of cipher suites, best first.
type Suite struct {
	Version string // "TLS 1.3"
	Name    string
	Key     string // of the server's certificate that it needs; empty for any
}

// Gateway is what the screen asks. View is quick, Set may take seconds; both are called off the UI goroutine.
type Gateway interface {
	View() View
	Set(Settings) error
	RootPEM() []byte
	// Token is the account's secret. It is asked for only when the user wants to see or copy it.
	Token() string
	// RotateToken gives the account another token; the old one ends at once. It may take seconds.
	RotateToken(context.Context) error
	Suites() []Suite
	// ClearAttempts forgets every attempt that is over, and all findings.
	ClearAttempts() error
}

// Look is how the window looks.
type Look interface {
	Theme() state.Theme
	SetTheme(state.Theme)
	Presenter() bool
	SetPresenter(bool)
}

// Params are what the screen stands on. All fields but Version are required.
type Params struct {
	Shell   shell.Shell
	Gateway Gateway
	Look    Look
	Version string
}

// Screen is the place. It implements shell.Screen.
type Screen struct {
	p       Params
	content fyne.CanvasObject

	listener    *listenerCard
	certificate *certificateCard
	api         *apiCard
	look        *lookCard
	places      *placesCard
	record      *recordCard
	rules       *rulesCard

	pulled atomic.Pointer[View] // what was shown last
	stale  atomic.Bool
	busy   bool // a change is being made
}

var _ shell.Screen = (*Screen)(nil)

// New builds the screen; nothing is read before the first Pull.
func New(p Params) *Screen {
	s := &Screen{p: p}
	s.listener, s.certificate, s.api = newListenerCard(s), newCertificateCard(s), newAPICard(s)
	s.look, s.places = newLookCard(s), newPlacesCard(s)
	s.record, s.rules = newRecordCard(s), newRulesCard(s)
	left := kit.Down(kit.CardGap, s.listener.content, s.certificate.content, s.record.content, s.places.content)
	right := kit.Down(kit.CardGap, s.look.content, s.api.content, s.rules.content, suitesCard(p.Gateway.Suites()))
	s.content = container.NewVScroll(kit.Inset(0, 12, 0, 0, &fyne.Container{Layout: pair{}, Objects: []fyne.CanvasObject{left, right}}))
	return s
}

// Content implements shell.Screen.
func (s *Screen) Content() fyne.CanvasObject { return s.content }

// Show implements shell.Screen: nothing can be chosen here.
func (s *Screen) Show(string) {}

// Selected implements shell.Screen.
func (s *Screen) Selected() string { return "" }

// Pull implements shell.Screen.
func (s *Screen) Pull() func() {
	stale := s.stale.Swap(false)
	view := s.p.Gateway.View()
	if last := s.pulled.Load(); last != nil && last.equal(view) && !stale {
		return nil
	}
	last := s.pulled.Swap(&view)
	return func() {
		if last != nil && !stale && last.settled().equal(view.settled()) {
			s.record.set(view) // it grows all the time; the rest stays as it is
			return
		}
		s.apply(view)
	}
}

func (s *Screen) apply(v View) {
	s.listener.set(v)
	s.certificate.set(v)
	s.api.set(v)
	s.places.set(v)
	s.record.set(v)
	s.rules.set(v)
	s.look.set()
	s.content.Refresh()
}

// change applies other settings in the background; said is what to say once it is done.
func (s *Screen) change(failed, said string, change func(*Settings)) {
	view := s.pulled.Load()
	if view == nil || s.busy {
		return
	}
	next := view.Settings
	next.Names = slices.Clone(next.Names)
	change(&next)
	s.busy = true
	s.p.Shell.Background(func(context.Context) error { return s.p.Gateway.Set(next) }, func(err error) {
		s.busy = false
		s.stale.Store(true)
		if err != nil {
			s.p.Shell.Fail(failed, err)
			return
		}
		s.p.Shell.Toast(said, nil)
	})
}

// pair puts two columns of cards beside each other, each as high as it is: nothing is stretched.
type pair struct{}

const widest = 1240

// MinSize implements fyne.Layout.
func (pair) MinSize(objects []fyne.CanvasObject) fyne.Size {
	return fyne.NewSize(400, max(objects[0].MinSize().Height, objects[1].MinSize().Height))
}

// Layout implements fyne.Layout.
func (pair) Layout(objects []fyne.CanvasObject, size fyne.Size) {
	const gap = kit.CardGap
	width := float32(int((min(size.Width, widest) - gap) / 2))
	for i, o := range objects {
		o.Resize(fyne.NewSize(width, o.MinSize().Height))
		o.Resize(fyne.NewSize(width, o.MinSize().Height)) // again, now that its text has its width
		o.Move(fyne.NewPos(float32(i)*(width+gap), 0))
	}
}

// border puts an object before another that keeps its own width.
func border(object, right fyne.CanvasObject) fyne.CanvasObject {
	return container.NewBorder(nil, nil, nil, right, object)
}
