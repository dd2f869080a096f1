package frame

import (
	"context"
	"strings"
	"time"
	"unicode"
	"unicode/utf8"

	"fyne.io/fyne/v2"
	"fyne.io/fyne/v2/layout"

	"gatehouse/app/desktop/kit"
)

// How long a toast stays: what was done can be read at a glance, what failed has to be understood.
const (
	toastStays   = 6 * time.Second
	failureStays = 20 * time.Second
	mostToasts   = 3
	toastWidth   = 420
)

// toasts stand above each other at the lower right, the newest below. They never take the keyboard away.
type toasts struct {
	frame   *Frame
	content *fyne.Container
	column  *fyne.Container
	staying map[fyne.CanvasObject]string // reminders, which only the user closes
	after   func(time.Duration, func()) *time.Timer
}

func newToasts(f *Frame) *toasts {
	t := &toasts{frame: f, column: kit.Down(8), staying: map[fyne.CanvasObject]string{}, after: time.AfterFunc}
	t.content = &fyne.Container{Layout: cornerLayout{}, Objects: []fyne.CanvasObject{t.column}}
	return t
}

// show says what was done; undo may be nil.
func (t *toasts) show(message string, undo func()) {
	t.add(kit.NewIcon("check", kit.Good, 12), kit.Line, kit.NewProse(kit.Run{Text: message, Type: kit.Body}), undo, toastStays)
}

// remind says what is to be heeded elsewhere, once, until the user closes it.
func (t *toasts) remind(message string) {
	for _, said := range t.staying {
		if said == message {
			return
		}
	}
	toast := t.add(kit.NewIcon("attention", kit.Warn, 12), kit.Warn, kit.NewProse(kit.Run{Text: message, Type: kit.Body}), nil, 0)
	t.staying[toast] = message
}

// fail says what went wrong and why.
func (t *toasts) fail(what, why string) {
	said := kit.Down(2, kit.NewProse(kit.Run{Text: what, Type: kit.Strong}), kit.NewProse(kit.Run{Text: why, Type: kit.Quiet}))
	t.add(kit.NewIcon("cross", kit.Bad, 12), kit.Bad, said, nil, failureStays)
}

// add shows a toast for a time, or until it is closed when that is zero. Too many push out the oldest: a reminder last.
func (t *toasts) add(icon *kit.Icon, edge kit.Color, said fyne.CanvasObject, undo func(), stays time.Duration) (toast fyne.CanvasObject) {
	buttons := kit.Across(6)
	if undo != nil {
		buttons.Add(kit.NewButton("Undo", kit.Small, func() { t.remove(toast); undo() }))
	}
	buttons.Add(kit.NewButton("Close", kit.Small, func() { t.remove(toast) }))
	toast = kit.Panel(kit.Raised, edge, 10, border(kit.Inset(0, 10, 0, 2, icon), kit.Inset(0, 0, 0, 10, buttons), centredDown(said)))
	t.column.Add(toast)
	for len(t.column.Objects) > mostToasts {
		t.drop(t.oldest())
	}
	t.content.Refresh()
	if stays > 0 {
		timer := t.after(stays, func() { t.frame.p.Do(func() { t.remove(toast) }) })
		context.AfterFunc(t.frame.ctx, func() { timer.Stop() }) // a closing window leaves no timer behind
	}
	return toast
}

// oldest is the first that time alone would take, or else the first; never the last, which has just come.
func (t *toasts) oldest() fyne.CanvasObject {
	all := t.column.Objects
	for _, o := range all[:len(all)-1] {
		if _, stays := t.staying[o]; !stays {
			return o
		}
	}
	return all[0]
}

func (t *toasts) drop(toast fyne.CanvasObject) {
	t.column.Remove(toast)
	delete(t.staying, toast)
}

func (t *toasts) remove(toast fyne.CanvasObject) {
	if t.frame.ctx.Err() == nil {
		t.drop(toast)
		t.content.Refresh()
	}
}

// centredDown keeps text in the middle of the height that buttons beside it need.
func centredDown(o fyne.CanvasObject) fyne.CanvasObject {
	return kit.Down(0, layout.NewSpacer(), o, layout.NewSpacer())
}

// cornerLayout keeps its object at the lower right, above the status bar.
type cornerLayout struct{}

// MinSize implements fyne.Layout.
func (cornerLayout) MinSize([]fyne.CanvasObject) fyne.Size { return fyne.Size{} }

// Layout implements fyne.Layout.
func (cornerLayout) Layout(objects []fyne.CanvasObject, size fyne.Size) {
	o := objects[0]
	width := min(toastWidth, size.Width-2*margin)
	o.Resize(fyne.NewSize(width, o.MinSize().Height))
	o.Resize(fyne.NewSize(width, o.MinSize().Height)) // again, now that its text has its width
	o.Move(fyne.NewPos(size.Width-width-2*margin, size.Height-statusHeight-2*margin-o.Size().Height))
}

// sentence is an error as a sentence for people.
func sentence(err error) string {
	s := strings.TrimSpace(err.Error())
	if s == "" {
		return "No reason was given."
	}
	first, width := utf8.DecodeRuneInString(s)
	s = string(unicode.ToUpper(first)) + s[width:]
	if !strings.HasSuffix(s, ".") {
		s += "."
	}
	return s
}
