// Package frame is the window around the screens: header, rail, status bar, toasts, the command palette, and the one
// tick on which everything is brought up to date. It implements shell.Shell for the screens. It knows neither the
// screens nor the gateway's packages, only the small interfaces here.
//
// All methods belong to the UI goroutine, except Run and Tick.
package frame

import (
	"context"
	"log/slog"
	"slices"
	"sync"
	"sync/atomic"
	"time"

	"fyne.io/fyne/v2"
	"fyne.io/fyne/v2/canvas"
	box "fyne.io/fyne/v2/container"
	"fyne.io/fyne/v2/widget"

	"gatehouse/app/desktop/kit"
	"gatehouse/app/desktop/meter"
	"gatehouse/app/desktop/shell"
	"gatehouse/app/desktop/state"
)

// The window can be made no smaller than this; presenter mode, which draws everything larger, allows less.
const (
	LeastWidth, LeastHeight = 1024, 640
	presenterWidth          = 840
	presenterHeight         = 520
)

// mostScale is how much larger everything is drawn while presenting, where there is room for it.
const mostScale = 1.5

// PresenterScale is how much larger everything is to be drawn while presenting in a window of a size: as much as leaves room
// for what the screens show.
func PresenterScale(window fyne.Size) float32 {
	times := min(window.Width/presenterWidth, window.Height/presenterHeight, mostScale)
	return max(float32(int(times*100))/100, 1)
}

const (
	headerHeight = 48
	statusHeight = 28
	margin       = 10 // around a screen
)

// Params are what a frame stands on. Window, Gateway and Meter are required.
type Params struct {
	Window  fyne.Window
	Gateway Gateway
	Meter   *meter.Meter
	// Do runs a function on the UI goroutine; nil means fyne.Do. Tests give their own.
	Do func(func())
	// Now is the clock; nil means time.Now.
	Now func() time.Time
	// Remembered is how the window was left.
	Remembered state.State
	// Look changes theme and scale of the application; nil does nothing.
	Look func(theme state.Theme, presenter bool)
	// Find looks up what a query names, for the command palette, off the UI goroutine; nil finds nothing.
	Find func(query string) []Found
	// Actions are more that can be done from anywhere, for the command palette; nil adds none.
	Actions func() []Found
	// AddDevice opens the wizard; nil does nothing.
	AddDevice func()
	// Check makes what Check shows; nil does nothing.
	Check  func() Sheet
	Logger *slog.Logger // nil discards
}

// place is one item of the rail.
type place struct {
	name   shell.Place
	label  string
	item   *kit.RailItem
	count  *railCount
	screen shell.Screen
	over   atomic.Pointer[Cover] // stands in its place
}

// Frame is the window's content.
type Frame struct {
	p   Params
	ctx context.Context // ends when the window closes
	end context.CancelFunc

	content  *fyne.Container
	size     *fyne.Container // holds the least size
	stage    *fyne.Container
	middle   *fyne.Container // the banner above the stage
	rail     *fyne.Container
	header   *header
	status   *statusBar
	banner   *banner
	toasts   *toasts
	palette  *palette      // nil while it is closed
	question *widget.PopUp // the last one; nil once it is answered by Escape

	places  []*place
	shown   *place
	sheet   atomic.Pointer[Sheet] // made, and not closed yet
	over    atomic.Bool           // the sheet stands on the stage, in place of any screen
	visible atomic.Pointer[place] // shown, for Tick

	theme     state.Theme
	presenter bool

	kick    chan struct{} // a tick is wanted at once
	asked   atomic.Bool   // the gateway's state is wanted at once
	waiting atomic.Bool   // an update has not been applied yet
	told    pulled        // what was applied last; belongs to Tick
	work    sync.WaitGroup
}

var _ shell.Shell = (*Frame)(nil)

// New builds a frame without screens.
func New(p Params) *Frame {
	if p.Do == nil {
		p.Do = fyne.Do
	}
	if p.Now == nil {
		p.Now = time.Now
	}
	if p.Logger == nil {
		p.Logger = slog.New(slog.DiscardHandler)
	}
	f := &Frame{p: p, stage: box.NewStack(), rail: kit.Down(0), kick: make(chan struct{}, 1)}
	f.ctx, f.end = context.WithCancel(context.Background())
	f.theme, f.presenter = p.Remembered.Theme, p.Remembered.Presenter
	f.header, f.status, f.banner, f.toasts = newHeader(f), newStatusBar(), newBanner(f), newToasts(f)
	f.content = box.NewStack()
	f.build()
	f.shortcuts()
	return f
}

// build puts the parts together. The least size of the content is fixed: wrapped text is high while it is still narrow,
// and a window that has grown for that never shrinks again.
func (f *Frame) build() {
	width, height := float32(LeastWidth), float32(LeastHeight)
	if f.presenter {
		width, height = presenterWidth, presenterHeight
	}
	f.size = kit.Sized(width-kit.RailWidth, height-headerHeight-statusHeight, kit.Inset(margin, margin, margin, margin, f.stage))
	side := box.NewBorder(nil, nil, nil, kit.Rule(), kit.Sized(kit.RailWidth-1, 0,
		box.NewStack(canvas.NewRectangle(kit.Surface), box.NewVScroll(kit.Inset(8, 0, 0, 0, f.rail)))))
	f.middle = box.NewBorder(f.banner.content, nil, nil, nil, box.NewStack(canvas.NewRectangle(kit.Background), f.size))
	f.content.Objects = []fyne.CanvasObject{
		box.NewBorder(
			strip(headerHeight, f.header.content, false), strip(statusHeight, f.status.content, true), side, nil, f.middle),
		f.toasts.content,
	}
	f.content.Refresh()
}

// strip is a bar across the window with a line on the side of the content.
func strip(height float32, content fyne.CanvasObject, lineAbove bool) fyne.CanvasObject {
	body := kit.Sized(0, height-1, box.NewStack(canvas.NewRectangle(kit.Surface), kit.Inset(0, 14, 0, 14, content)))
	if lineAbove {
		return kit.Down(0, kit.Rule(), body)
	}
	return kit.Down(0, body, kit.Rule())
}

// Content is what the window holds.
func (f *Frame) Content() fyne.CanvasObject { return f.content }

// Add puts a screen on the rail. Add all before Begin.
func (f *Frame) Add(name shell.Place, label string, screen shell.Screen) {
	p := &place{name: name, label: label, screen: screen}
	p.item = kit.NewRailItem(string(name), label, func() { f.Go(name, "") })
	f.places = append(f.places, p)
	p.count = newRailCount()
	f.rail.Add(box.NewStack(p.item, p.count.content))
}

// Begin shows the screen that was shown last, with what was selected on each.
func (f *Frame) Begin() {
	for _, p := range f.places {
		if key := f.p.Remembered.Selected[string(p.name)]; key != "" {
			p.screen.Show(key)
		}
	}
	f.Go(shell.Place(f.p.Remembered.Place), "")
	if f.shown == nil && len(f.places) > 0 {
		f.Go(f.places[0].name, "")
	}
}

// Go implements shell.Shell.
func (f *Frame) Go(name shell.Place, key string) {
	for _, p := range f.places {
		if p.name != name {
			continue
		}
		if f.shown != p || f.over.Swap(false) {
			f.turn(p)
		}
		if key != "" {
			if p.over.Load() != nil {
				f.cover(name, nil) // what is asked for lies below
			}
			p.screen.Show(key)
		}
		f.Wake()
		return
	}
}

// turn puts a screen on the stage. The pictures of charts in the others are freed meanwhile.
func (f *Frame) turn(p *place) {
	if f.shown != nil {
		f.shown.item.Choose(false)
	}
	p.item.Choose(true)
	f.shown = p
	f.visible.Store(p)
	f.over.Store(false)
	if c := f.p.Window.Canvas(); c != nil && c.Focused() != p.item {
		c.Unfocus() // what has the keyboard is about to vanish
	}
	f.put(p.content())
}

// put shows something on the stage.
func (f *Frame) put(content fyne.CanvasObject) {
	f.stage.Objects = []fyne.CanvasObject{content}
	f.stage.Refresh()
	f.status.say(f.note())
}

// note is what the screen on the stage says about itself at the foot of the window: whether it follows, say.
func (f *Frame) note() string {
	if f.shown == nil || f.shown.over.Load() != nil || f.over.Load() {
		return ""
	}
	if s, ok := f.shown.screen.(interface{ Note() string }); ok {
		return s.Note()
	}
	return ""
}

// Shown is the place that is on the stage; empty before Begin.
func (f *Frame) Shown() shell.Place {
	if f.shown == nil {
		return ""
	}
	return f.shown.name
}

// State is how the window stands now, to be remembered.
func (f *Frame) State() state.State {
	s := state.State{Theme: f.theme, Presenter: f.presenter, Place: string(f.Shown()), Selected: map[string]string{}}
	if size := f.p.Window.Canvas().Size(); size.Width > 0 {
		s.Width, s.Height = size.Width, size.Height
	}
	if f.presenter { // its units are larger; the size from before is the one to come back to
		s.Width, s.Height = f.p.Remembered.Width, f.p.Remembered.Height
	}
	for _, p := range f.places {
		if key := p.screen.Selected(); key != "" {
			s.Selected[string(p.name)] = key
		}
	}
	return s
}

// Theme is the user's choice of colours.
func (f *Frame) Theme() state.Theme { return f.theme }

// SetTheme changes the colours.
func (f *Frame) SetTheme(t state.Theme) {
	f.theme = t
	f.look()
}

// SetPresenter makes everything larger and masks secrets, or ends that.
func (f *Frame) SetPresenter(on bool) {
	if on == f.presenter {
		return
	}
	if on {
		f.p.Remembered = f.State()
	}
	f.presenter = on
	f.header.setPresenter(on)
	f.look()
	f.build()
}

// look dresses the application. The toolkit tells only what is in the window of another theme, so all screens are put
// there for that moment.
func (f *Frame) look() {
	if f.p.Look == nil {
		return
	}
	shown := f.stage.Objects
	all := slices.Clone(shown)
	for _, p := range f.places {
		if c := p.content(); !slices.Contains(shown, c) {
			all = append(all, c)
		}
	}
	f.stage.Objects = all
	f.p.Look(f.theme, f.presenter)
	f.stage.Objects = shown
	f.stage.Refresh()
}

// Close ends what runs in the background; the window is closing. It does not wait: see Wait.
func (f *Frame) Close() {
	f.end()
	f.CloseSheet()
}

// Wait waits until background work has ended, or until ctx does.
func (f *Frame) Wait(ctx context.Context) {
	done := make(chan struct{})
	go func() { f.work.Wait(); close(done) }()
	select {
	case <-done:
	case <-ctx.Done():
	}
}
