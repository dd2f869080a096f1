package checkup

import (
	"bytes"
	"context"
	"sync"
	"time"

	"fyne.io/fyne/v2"
	"fyne.io/fyne/v2/container"

	"gatehouse/app/desktop/kit"
	"gatehouse/app/desktop/shell"
	"gatehouse/gateway/sid"
)

// Sheet is one. All methods belong to the UI goroutine, except Pull.
type Sheet struct {
	p       Params
	content fyne.CanvasObject
	given   *given
	course  *course

	files    []shell.File
	found    []Found
	together []Problem
	owner    Owner
	ended    bool
	number   int // of the inspection that counts

	cancel context.CancelFunc // of the check that runs; nil while none does

	mu      sync.Mutex // guards what the check's goroutine tells
	steps   []Step
	stamp   int
	run     int // number of the check whose steps these are
	applied int
}

// New makes a sheet with nothing on it.
func New(p Params) *Sheet {
	if p.Now == nil {
		p.Now = time.Now
	}
	s := &Sheet{p: p}
	s.given, s.course = newGiven(s), newCourse(s)
	shut := kit.NewButton("Close", kit.Secondary, p.Close)
	head := container.NewBorder(nil, nil, nil, kit.Across(0, shut), kit.Down(4,
		kit.Clipped(kit.NewText("Check credentials", kit.Type{Size: 18, Color: kit.Ink, Bold: true})),
		kit.NewProse(kit.Run{Text: "What does the device see? This tries what it would do, with what it has. Nothing is kept.", Type: kit.Quiet})))
	body := kit.Columns(18, []float32{1, 1}, s.given.content, s.course.content)
	panel := kit.Panel(kit.Surface, kit.Line, 20, container.NewBorder(kit.Inset(0, 0, 14, 0, head), nil, nil, nil, body))
	s.content = container.New(sheetLayout{}, panel)
	s.given.show()
	return s
}

// Content is what stands in place of a screen.
func (s *Sheet) Content() fyne.CanvasObject { return s.content }

// Take adds files; one of the same name takes the place of the older.
func (s *Sheet) Take(files []shell.File) {
	for _, f := range files {
		switch {
		case s.ended:
		case len(f.Content) > MostBytes:
			s.p.Fix.Shell.Toast(f.Name+" is larger than 1 MiB, which no certificate or key is", nil)
		case s.replace(f):
		case len(s.files) >= MostFiles:
			s.p.Fix.Shell.Toast(f.Name+" was left out: these are as many files as one check takes", nil)
		default:
			s.files = append(s.files, shell.File{Name: f.Name, Content: bytes.Clone(f.Content)})
		}
	}
	s.inspect()
}

func (s *Sheet) replace(f shell.File) bool {
	for i := range s.files {
		if s.files[i].Name == f.Name {
			clear(s.files[i].Content)
			s.files[i].Content = bytes.Clone(f.Content)
			return true
		}
	}
	return false
}

func (s *Sheet) remove(name string) {
	for i := range s.files {
		if s.files[i].Name == name {
			clear(s.files[i].Content)
			s.files = append(s.files[:i:i], s.files[i+1:]...)
			break
		}
	}
	s.inspect()
}

// copies are the files for another goroutine: those of the sheet may be wiped meanwhile.
func (s *Sheet) copies() []shell.File {
	all := make([]shell.File, len(s.files))
	for i, f := range s.files {
		all[i] = shell.File{Name: f.Name, Content: bytes.Clone(f.Content)}
	}
	return all
}

func wipe(files []shell.File) {
	for _, f := range files {
		clear(f.Content)
	}
}

// inspect says anew what the files are, and whose they are.
func (s *Sheet) inspect() {
	s.number++
	number, files, passphrase, key := s.number, s.copies(), []byte(s.given.passphrase.Entry.Text), s.given.keySID()
	var found []Found
	var together []Problem
	var owner Owner
	s.p.Fix.Shell.Background(func(context.Context) error {
		defer wipe(files)
		defer clear(passphrase)
		if len(files) > 0 {
			found, together = s.p.Checker.Inspect(files, passphrase)
		}
		owner = s.p.Gateway.Owner(thumbprintOf(found), key)
		return nil
	}, func(error) {
		if number == s.number && !s.ended {
			s.found, s.together, s.owner = found, together, owner
			s.given.show()
		}
	})
}

// thumbprintOf is that of the first device certificate among files.
func thumbprintOf(found []Found) string {
	for _, f := range found {
		if f.Thumbprint != "" {
			return f.Thumbprint
		}
	}
	return ""
}

// certificate is the first device certificate; ok is false without one.
func (s *Sheet) certificate() (found Found, ok bool) {
	for _, f := range s.found {
		if f.Thumbprint != "" && len(f.PEM) > 0 {
			return f, true
		}
	}
	return Found{}, false
}

// start makes a check.
func (s *Sheet) start() {
	if s.cancel != nil || s.ended {
		return
	}
	o := Options{
		Target: s.given.address(), Here: s.given.here, Files: s.copies(), Passphrase: []byte(s.given.passphrase.Entry.Text),
		User: s.given.user(), Password: []byte(s.given.secret.Entry.Text), RoundTrip: s.given.round.On(),
	}
	ctx, cancel := context.WithCancel(context.Background())
	s.cancel = cancel
	s.mu.Lock()
	s.steps = nil
	s.run++
	run := s.run
	s.stamp++
	s.mu.Unlock()
	s.course.begin()
	s.given.show()

	began, thumbprint, key := s.p.Now(), thumbprintOf(s.found), s.given.keySID()
	var result Result
	var seen Seen
	var owner Owner
	s.p.Fix.Shell.Background(func(closing context.Context) error {
		defer context.AfterFunc(closing, cancel)()
		defer wipe(o.Files)
		defer clear(o.Passphrase)
		defer clear(o.Password)
		result = s.p.Checker.Run(ctx, o, func(step Step) { s.tell(run, step) })
		if ctx.Err() == nil && o.Here {
			seen = s.p.Gateway.Seen(ctx, began, thumbprint, key)
		}
		owner = s.p.Gateway.Owner(thumbprint, key)
		return ctx.Err()
	}, func(err error) {
		cancel()
		if s.ended {
			return
		}
		s.cancel = nil
		s.owner = owner
		s.show()
		s.course.end(result, seen, o.Here, err != nil)
		s.given.show()
	})
}

// stop cancels the check that runs.
func (s *Sheet) stop() {
	if s.cancel != nil {
		s.cancel()
	}
}

// tell keeps a step for the next Pull. It is called on the check's goroutine.
func (s *Sheet) tell(run int, step Step) {
	const most = 256 // a server cannot make a check tell more
	s.mu.Lock()
	defer s.mu.Unlock()
	if run == s.run && len(s.steps) < most {
		s.steps = append(s.steps, step)
		s.stamp++
	}
}

// Pull brings the steps that have been told; see shell.Screen.
func (s *Sheet) Pull() (apply func()) {
	s.mu.Lock()
	defer s.mu.Unlock()
	if s.stamp == s.applied {
		return nil
	}
	s.applied = s.stamp
	return s.show
}

// show shows the steps that there are.
func (s *Sheet) show() {
	s.mu.Lock()
	steps := append([]Step(nil), s.steps...)
	s.mu.Unlock()
	if !s.ended {
		s.course.set(steps)
	}
}

// Close wipes what was given and ends the check that runs.
func (s *Sheet) Close() {
	s.ended = true
	s.stop()
	wipe(s.files)
	s.files, s.found, s.together = nil, nil, nil
	s.given.forget()
}

// keySID is a user name that is a Key SID; empty for any other.
func keySID(user string) string {
	if sid.Valid(sid.Key, user) {
		return user
	}
	return ""
}

// sheetLayout centres the card; it takes the height that there is.
type sheetLayout struct{}

const sheetWidth = 1080

// MinSize implements fyne.Layout.
func (sheetLayout) MinSize([]fyne.CanvasObject) fyne.Size { return fyne.NewSize(400, 300) }

// Layout implements fyne.Layout.
func (sheetLayout) Layout(objects []fyne.CanvasObject, size fyne.Size) {
	width := min(size.Width, sheetWidth)
	objects[0].Resize(fyne.NewSize(width, size.Height))
	objects[0].Move(fyne.NewPos(float32(int((size.Width-width)/2)), 0))
}
