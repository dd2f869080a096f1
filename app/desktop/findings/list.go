package findings

import (
	"context"
	"net"
	"strings"

	"fyne.io/fyne/v2"
	"fyne.io/fyne/v2/container"

	"gatehouse/app/desktop/fix"
	"gatehouse/app/desktop/kit"
	"gatehouse/app/desktop/shell"
	"gatehouse/app/words"
	"gatehouse/gateway/attempt"
	"gatehouse/gateway/sid"
)

// List shows findings below each other. All methods belong to the UI goroutine.
type List struct {
	fix    fix.Fixer
	source Source
	after  func() // a finding was fixed or dismissed; may be nil
	wide   bool
	own    bool
	column *fyne.Container
	shown  []Finding
}

// NewList makes an empty list; fixer has the shell. after, which may be nil, is told that something was done.
func NewList(fixer fix.Fixer, source Source, after func()) *List {
	return &List{fix: fixer, source: source, after: after, column: kit.Down(0)}
}

// Wide puts the buttons beside what is said rather than below it, for a place as wide as the window.
func (l *List) Wide() *List {
	l.wide = true
	return l
}

// Own leaves out the way to the device: the list stands on its page.
func (l *List) Own() *List {
	l.own = true
	return l
}

// Content is the list itself, to be put into a layout that gives it its width.
func (l *List) Content() *fyne.Container { return l.column }

// Set shows findings, at no cost when they are shown already.
func (l *List) Set(all []Finding) {
	if Same(all, l.shown) && len(l.column.Objects) > 0 == (len(all) > 0) {
		return
	}
	l.shown = all
	l.column.RemoveAll()
	for i, f := range all {
		if i > 0 {
			l.column.Add(kit.Rule())
		}
		l.column.Add(kit.Inset(8, 0, 9, 0, l.one(f)))
	}
	l.column.Refresh()
}

// look is the drawing and colour of a finding, and the word that goes with them.
func look(s attempt.State) (icon, word string, color kit.Color) {
	switch s {
	case attempt.Bad:
		return "cross", "Problem", kit.Bad
	case attempt.Warn:
		return "attention", "Look at this", kit.Warn
	}
	return "check", "Remark", kit.Accent
}

// one is a finding: its title, what proves it, both sides of a fight, and what to do.
func (l *List) one(f Finding) fyne.CanvasObject {
	icon, word, color := look(f.State)
	head := kit.Down(2,
		kit.NewProse(kit.Run{Text: word + ": ", Type: kit.Strong.In(color)}, kit.Run{Text: f.Title, Type: kit.Strong}),
		kit.NewProse(kit.Run{Text: f.Evidence, Type: kit.Caption}))
	said := kit.Down(2, head)
	if l.wide {
		buttons := kit.Inset(0, 0, 0, 16, kit.Down(0, l.buttons(f, kit.Across(6))))
		said.Objects[0] = container.NewBorder(nil, nil, nil, buttons, head)
	}
	if len(f.Parties) > 1 {
		said.Add(kit.Inset(4, 0, 4, 0, l.fight(f.Parties)))
	}
	if f.Advice != "" {
		said.Add(kit.NewProse(kit.Run{Text: f.Advice, Type: kit.Body}))
	}
	if !l.wide {
		said.Add(kit.Inset(5, 0, 0, 0, l.buttons(f, kit.Flow(6))))
	}
	mark := kit.Inset(2, 10, 0, 0, kit.Down(0, kit.NewIcon(icon, color, 14)))
	return container.NewBorder(nil, nil, mark, nil, said)
}

func (l *List) buttons(f Finding, line *fyne.Container) fyne.CanvasObject {
	s := l.fix.Shell
	if f.Fixable {
		label := f.Remedy.Label
		if l.wide {
			label = fix.Short(f.Remedy) // beside the title, which says for whom
		}
		line.Add(kit.NewButton(label, kit.Small, func() { l.fix.Press(f.Remedy, l.after) }))
	}
	if len(f.Attempts) > 0 {
		line.Add(kit.NewButton("Show "+words.Count(len(f.Attempts), "attempt", "attempts"), kit.Small, func() { l.prove(f) }))
	}
	if f.DeviceSID != "" && f.DeviceName != "" && !l.own {
		label := "Show " + f.DeviceName
		if l.wide {
			label = "Show device"
		}
		line.Add(kit.NewButton(label, kit.Small, func() { s.Go(shell.Devices, f.DeviceSID) }))
	}
	line.Add(kit.NewButton("Dismiss", kit.Small, func() { l.dismiss(f) }))
	return line
}

// prove goes to the attempts: those of the device or the address, with the newest that proves it chosen.
func (l *List) prove(f Finding) {
	s := l.fix.Shell
	if len(f.Attempts) > 1 && f.DeviceSID != "" {
		s.Go(shell.Attempts, f.DeviceSID)
	}
	s.Go(shell.Attempts, shell.AttemptKey(f.Attempts[0]))
}

func (l *List) dismiss(f Finding) {
	l.fix.Shell.Background(func(context.Context) error { l.source.Dismiss(f.ID); return nil }, func(error) {
		l.fix.Shell.Toast("“"+f.Title+"” is off the list until it happens again", nil)
		if l.after != nil {
			l.after()
		}
	})
}

// fight puts the sides of a fight beside each other: where each comes from, with which credential, as which client.
func (l *List) fight(parties []Party) fyne.CanvasObject {
	const most = 2 // the others are among the attempts
	weights := make([]float32, 0, most)
	var sides []fyne.CanvasObject
	for _, p := range parties[:min(len(parties), most)] {
		weights = append(weights, 1)
		sides = append(sides, l.side(p))
	}
	return kit.Columns(8, weights, sides...)
}

func (l *List) side(p Party) fyne.CanvasObject {
	s := l.fix.Shell
	host := hostOf(p.Remote)
	from := kit.NewLink(p.Remote, kit.Mono, func() { s.Go(shell.Attempts, shell.FromKey(host)) })
	about := kit.Across(8)
	if p.CredentialSID != "" {
		about.Add(kit.NewLink(sid.Short(p.CredentialSID), kit.Mono, func() { s.Go(shell.Attempts, p.CredentialSID) }))
	}
	client := "no client ID"
	if p.ClientID != "" {
		client = "client “" + p.ClientID + "”"
	}
	about.Add(kit.NewText(client, kit.Caption))
	if l.wide {
		return kit.Panel(kit.Raised, kit.Line, 6, container.NewBorder(nil, nil, from, nil, kit.Inset(0, 0, 0, 12, kit.Clipped(about))))
	}
	return kit.Panel(kit.Raised, kit.Line, 8, kit.Down(2, kit.Clipped(from), kit.Clipped(about)))
}

// hostOf is an address without its port.
func hostOf(remote string) string {
	if host, _, err := net.SplitHostPort(remote); err == nil {
		return host
	}
	return strings.Trim(remote, "[]")
}
