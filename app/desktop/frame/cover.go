package frame

import (
	"fyne.io/fyne/v2"

	"gatehouse/app/desktop/shell"
)

// Cover is something that stands in place of a screen until it is done, as the wizard does.
type Cover interface {
	Content() fyne.CanvasObject
	// Pull is as of shell.Screen.
	Pull() (apply func())
}

// Cover puts something in place of a screen and goes there.
func (f *Frame) Cover(name shell.Place, c Cover) { f.cover(name, c); f.Go(name, "") }

// Uncover shows the screen again.
func (f *Frame) Uncover(name shell.Place) { f.cover(name, nil) }

// Covered reports whether something stands in place of a screen.
func (f *Frame) Covered(name shell.Place) bool {
	for _, p := range f.places {
		if p.name == name {
			return p.over.Load() != nil
		}
	}
	return false
}

func (f *Frame) cover(name shell.Place, c Cover) {
	for _, p := range f.places {
		if p.name != name {
			continue
		}
		var next *Cover
		if c != nil {
			next = &c
		}
		if old := p.over.Swap(next); old != nil {
			if ended, ok := (*old).(interface{ Close() }); ok {
				ended.Close()
			}
		}
		if f.shown == p {
			f.turn(p)
		}
	}
}

// content is what stands on the stage.
func (p *place) content() fyne.CanvasObject {
	if over := p.over.Load(); over != nil {
		return (*over).Content()
	}
	return p.screen.Content()
}

// pull looks at what stands on the stage.
func (p *place) pull() func() {
	if over := p.over.Load(); over != nil {
		return (*over).Pull()
	}
	return p.screen.Pull()
}
