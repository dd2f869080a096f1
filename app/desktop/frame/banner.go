package frame

import (
	"fmt"

	"fyne.io/fyne/v2"

	"gatehouse/app/desktop/kit"
)

// banner stands above the screen while something is wrong with the gateway as a whole: what, what to do, and the button
// that does it.
type banner struct {
	frame   *Frame
	content *fyne.Container
	shown   Status
}

func newBanner(f *Frame) *banner {
	b := &banner{frame: f, content: kit.Down(0)}
	b.content.Hide()
	return b
}

func (b *banner) set(s Status) {
	if s.Problem == b.shown.Problem && s.Advice == b.shown.Advice && s.OtherPort == b.shown.OtherPort && s.State == b.shown.State {
		return
	}
	b.shown = s
	defer func() { b.frame.middle.Refresh() }() // the screen takes the room that is left
	if s.Problem == "" {
		b.content.Hide()
		return
	}
	buttons := kit.Across(8)
	if s.OtherPort != 0 {
		buttons.Add(kit.NewButton(portLabel(s.OtherPort), kit.Primary, func() { b.port(s.OtherPort) }))
	}
	if s.State != Listening {
		buttons.Add(kit.NewButton("Try again", kit.Secondary, func() {
			b.frame.header.do("The gateway could not be started", b.frame.p.Gateway.Start, func() { b.frame.Toast("The gateway is listening", nil) })
		}))
	}
	said := kit.Down(2, kit.NewProse(kit.Run{Text: s.Problem, Type: kit.Strong}))
	if s.Advice != "" {
		said.Add(kit.NewProse(kit.Run{Text: s.Advice, Type: kit.Quiet}))
	}
	row := border(kit.Inset(0, 10, 0, 0, kit.NewIcon("cross", kit.Bad, 14)), buttons, said)
	b.content.Objects = []fyne.CanvasObject{kit.Inset(margin, margin, 0, margin, kit.Panel(kit.Raised, kit.Bad, 12, row))}
	b.content.Show()
}

// port moves the listener to another port.
func (b *banner) port(port int) {
	b.frame.header.do(fmt.Sprintf("Port %d could not be used either", port), func() error {
		if err := b.frame.p.Gateway.SetPort(port); err != nil {
			return err
		}
		return b.frame.p.Gateway.Start()
	}, func() { b.frame.Toast(fmt.Sprintf("The gateway is listening on port %d", port), nil) })
}
