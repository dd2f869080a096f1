// Package mend is what the card of a refused attempt holds outside of the screen of attempts: the fix as a button, and when
// and from where the device tried. It knows no screen.
package mend

import (
	"net"

	"fyne.io/fyne/v2"
	"fyne.io/fyne/v2/widget"

	"gatehouse/app/desktop/fix"
	"gatehouse/app/desktop/kit"
	"gatehouse/app/desktop/shell"
	"gatehouse/app/remedy"
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
