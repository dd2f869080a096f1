// Package mend shows a refused attempt with its fix as a button: the code, the cause in a sentence, and what makes it
// right. It knows no screen.
package mend

import (
	"context"

	"fyne.io/fyne/v2"
	"fyne.io/fyne/v2/container"
	"fyne.io/fyne/v2/widget"

	"gatehouse/app/desktop/kit"
	"gatehouse/app/desktop/shell"
	"gatehouse/app/remedy"
	"gatehouse/app/words"
	"gatehouse/gateway/attempt"
)

// Params are what fixes need.
type Params struct {
	Shell shell.Shell
	// Remedy is the fix of an attempt, if there is one.
	Remedy func(attempt.Attempt) (remedy.Remedy, bool)
	// RootPEM is what is saved as root.pem.
	RootPEM func() []byte
	// NewKey makes a new secret for a device and shows it.
	NewKey func(deviceSID string)
	// After is told that a fix was done; may be nil.
	After func()
}

// Code is a return code as the kit's badges know it.
func Code(c attempt.Code) kit.Code {
	switch c {
	case attempt.TLS, attempt.NoAnswer:
		return kit.CodeTLS
	case attempt.TCP:
		return kit.CodeTCP
	}
	return kit.Code(c)
}

// Button is the fix of an attempt; ok is false when there is none.
func (p Params) Button(a attempt.Attempt, rank kit.Rank) (button *kit.Button, ok bool) {
	if p.Remedy == nil {
		return nil, false
	}
	fix, ok := p.Remedy(a)
	if !ok {
		return nil, false
	}
	button = kit.NewButton(fix.Label, rank, nil)
	switch fix.Kind {
	case remedy.Press:
		button.OnTapped(func() { p.do(fix.Label, button, fix.Do) })
	case remedy.Choose:
		button.OnTapped(func() { p.choose(fix, button) })
	case remedy.NewKey:
		if p.NewKey == nil {
			return nil, false
		}
		button.OnTapped(func() { p.NewKey(fix.DeviceSID) })
	case remedy.SaveRoot:
		button.OnTapped(func() { p.Shell.Save("root.pem", p.RootPEM()) })
	case remedy.Copy:
		button.OnTapped(func() { p.Shell.Copy(fix.Text, fix.Text) })
	default:
		return nil, false
	}
	return button, true
}

func (p Params) do(label string, button *kit.Button, work func(context.Context) (remedy.Done, error)) {
	button.Disable() // once is enough
	var done remedy.Done
	p.Shell.Background(func(ctx context.Context) (err error) {
		done, err = work(ctx)
		return err
	}, func(err error) {
		button.Enable()
		if err != nil {
			p.Shell.Fail(label, err)
			return
		}
		p.Shell.Toast(done.Message, p.undo(done))
		if p.After != nil {
			p.After()
		}
	})
}

func (p Params) undo(done remedy.Done) func() {
	if done.Undo == nil {
		return nil
	}
	return func() {
		p.Shell.Background(done.Undo, func(err error) {
			if err != nil {
				p.Shell.Fail("Undo", err)
			}
		})
	}
}

func (p Params) choose(fix remedy.Remedy, button *kit.Button) {
	var items []*fyne.MenuItem
	for _, c := range fix.Choices {
		items = append(items, fyne.NewMenuItem(c.Label, func() { p.do(fix.Label, button, c.Do) }))
	}
	Menu(button, items...)
}

// Menu opens a menu below a control.
func Menu(below fyne.CanvasObject, items ...*fyne.MenuItem) {
	if c := fyne.CurrentApp().Driver().CanvasForObject(below); c != nil {
		widget.ShowPopUpMenuAtRelativePosition(fyne.NewMenu("", items...), c, fyne.NewPos(0, below.Size().Height+2), below)
	}
}

// Card shows a refused attempt: title, cause, more, and the buttons under it.
func Card(a attempt.Attempt, title, caption string, buttons ...fyne.CanvasObject) fyne.CanvasObject {
	e := words.Explain(a)
	code := Code(a.Code)
	badge := kit.Across(0, kit.Sized(kit.NewBadge(code).MinSize().Width, 0, kit.NewBadge(code)))
	cause := []kit.Run{{Text: e.Cause, Type: kit.Strong}}
	if e.More != "" {
		cause = append(cause, kit.Run{Text: " " + e.More, Type: kit.Body})
	}
	body := kit.Down(8,
		container.NewBorder(nil, nil, kit.Inset(0, 10, 0, 0, badge), nil, kit.Across(0, kit.NewText(title, kit.Strong))),
		kit.NewProse(cause...),
	)
	if e.Advice != "" {
		body.Add(kit.NewProse(kit.Run{Text: e.Advice, Type: kit.Body}))
	}
	if caption != "" {
		body.Add(kit.NewProse(kit.Run{Text: caption, Type: kit.Caption}))
	}
	if len(buttons) > 0 {
		body.Add(kit.Flow(6, buttons...))
	}
	return kit.Panel(kit.Raised, code.Color(), 14, body)
}
