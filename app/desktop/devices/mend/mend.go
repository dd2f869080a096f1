// Package mend shows a refused attempt with its fix as a button: the code, the cause in a sentence, and what makes it
// right. It knows no screen.
package mend

import (
	"net"

	"fyne.io/fyne/v2"
	"fyne.io/fyne/v2/container"
	"fyne.io/fyne/v2/widget"

	"gatehouse/app/desktop/fix"
	"gatehouse/app/desktop/kit"
	"gatehouse/app/desktop/look"
	"gatehouse/app/desktop/shell"
	"gatehouse/app/remedy"
	"gatehouse/app/words"
	"gatehouse/gateway/attempt"
)

// Params are what fixes need. After may be nil; Remedy too, and then there are no buttons.
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

// Button is the fix of an attempt; ok is false when there is none.
func (p Params) Button(a attempt.Attempt, rank kit.Rank) (button *kit.Button, ok bool) {
	if p.Remedy == nil {
		return nil, false
	}
	r, ok := p.Remedy(a)
	if !ok {
		return nil, false
	}
	button = kit.NewButton(r.Label, rank, nil)
	fixer := fix.Fixer{Shell: p.Shell, RootPEM: p.RootPEM, NewKey: p.NewKey, Pick: func(_ string, labels []string, chosen func(int)) {
		var items []*fyne.MenuItem
		for i, label := range labels {
			items = append(items, fyne.NewMenuItem(label, func() { chosen(i) }))
		}
		Menu(button, items...)
	}}
	button.OnTapped(func() { fixer.Press(r, p.After) })
	return button, true
}

// Menu opens a menu below a control.
func Menu(below fyne.CanvasObject, items ...*fyne.MenuItem) {
	if c := fyne.CurrentApp().Driver().CanvasForObject(below); c != nil {
		widget.ShowPopUpMenuAtRelativePosition(fyne.NewMenu("", items...), c, fyne.NewPos(0, below.Size().Height+2), below)
	}
}

// Timeline shows an attempt step by step.
type Timeline interface {
	Show(attempt.Attempt)
	Content() fyne.CanvasObject
}

// Host is an address without its port.
func Host(remote string) string {
	if host, _, err := net.SplitHostPort(remote); err == nil {
		return host
	}
	return remote
}

// Origin is a line on when an attempt was made and from where: the address leads to all attempts from there. rest, which
// may be empty, follows it.
func Origin(s shell.Shell, a attempt.Attempt, rest string) fyne.CanvasObject {
	host := Host(a.Remote)
	line := kit.Across(4, kit.NewText(a.At.Local().Format("15:04:05")+" from", kit.Caption),
		kit.NewLink(host, kit.Caption, func() { s.Go(shell.Attempts, shell.FromKey(host)) }))
	if rest != "" {
		line.Add(kit.NewText("· "+rest, kit.Caption))
	}
	return kit.Clipped(line)
}

// Card shows a refused attempt: title, cause, more, caption, which may be nil, and the buttons under it.
func Card(a attempt.Attempt, title string, caption fyne.CanvasObject, buttons ...fyne.CanvasObject) fyne.CanvasObject {
	e := words.Explain(a)
	code := look.Code(a.Code)
	badge := kit.Across(0, kit.Sized(kit.NewBadge(code).MinSize().Width, 0, kit.NewBadge(code)))
	cause := []kit.Run{{Text: e.Cause, Type: kit.Strong}}
	if e.More != "" {
		cause = append(cause, kit.Run{Text: " " + e.More, Type: kit.Body})
	}
	body := kit.Down(8,
		container.NewBorder(nil, nil, kit.Inset(0, 10, 0, 0, badge), nil, kit.Down(0, kit.Spacer(), kit.NewProse(kit.Run{Text: title, Type: kit.Strong}), kit.Spacer())),
		kit.NewProse(cause...),
	)
	if e.Advice != "" {
		body.Add(kit.NewProse(kit.Run{Text: e.Advice, Type: kit.Body}))
	}
	if caption != nil {
		body.Add(caption)
	}
	if len(buttons) > 0 {
		body.Add(kit.Flow(6, buttons...))
	}
	return kit.Panel(kit.Raised, code.Color(), 14, body)
}
