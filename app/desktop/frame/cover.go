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

// Sheet is something that stands in place of any screen until it is closed. Going to a screen puts it away; what was
// typed into it stays until it is closed, or the window is.
type Sheet interface {
	Cover
	// Take is told of files that were chosen or dropped for it.
	Take(files []shell.File)
	// Close forgets everything.
	Close()
}

// Check implements shell.Shell: it shows the sheet, which is made when there is none.
func (f *Frame) Check(files ...shell.File) {
	if f.p.Check == nil {
		return
	}
	sheet := f.sheet.Load()
	if sheet == nil {
		made := f.p.Check()
		sheet = &made
		f.sheet.Store(sheet)
	}
	if c := f.p.Window.Canvas(); c != nil {
		c.Unfocus()
	}
	if f.shown != nil {
		f.shown.item.Choose(false)
	}
	f.over.Store(true)
	f.put((*sheet).Content())
	if len(files) > 0 {
		(*sheet).Take(files)
	}
	f.Wake()
}

// CloseSheet closes the sheet and shows the screen below it again.
func (f *Frame) CloseSheet() {
	sheet := f.sheet.Swap(nil)
	if sheet == nil {
		return
	}
	(*sheet).Close()
	if f.over.Swap(false) && f.shown != nil && f.ctx.Err() == nil {
		f.turn(f.shown)
	}
}
