// Package lab is the screen of what can be tried: one tab each for scenarios, wrong servers, fleets, faults, the ordinary
// broker and recordings. It knows its tabs by what every tab does; each is a package of its own below it.
package lab

import (
	"strings"
	"sync/atomic"

	"fyne.io/fyne/v2"
	"fyne.io/fyne/v2/container"

	"gatehouse/app/desktop/kit"
	"gatehouse/app/desktop/shell"
)

// Part is what a tab shows. It is a screen inside the screen: see shell.Screen.
type Part interface {
	Content() fyne.CanvasObject
	// Show selects what key names, in the part's own words; empty keeps the selection.
	Show(key string)
	// Selected is the key to come back to after a restart, empty without a selection.
	Selected() string
	// Pull takes a snapshot off the UI goroutine while the tab is visible, and returns what shows it, or nil.
	Pull() (apply func())
}

// Tab is a part with its names. ID begins the keys of the screen: "servers", or "servers/expired_certificate".
type Tab struct {
	ID    string
	Label string
	Part  Part
}

// Screen is the place. It implements shell.Screen.
type Screen struct {
	tabs    []Tab
	head    *kit.Tabs
	body    *fyne.Container
	content fyne.CanvasObject
	shown   atomic.Int32
}

var _ shell.Screen = (*Screen)(nil)

// New builds the screen with at least one tab; the first is shown.
func New(tabs ...Tab) *Screen {
	labels := make([]string, len(tabs))
	for i, t := range tabs {
		labels[i] = t.Label
	}
	s := &Screen{tabs: tabs, head: kit.NewTabs("", labels...), body: container.NewStack(tabs[0].Part.Content())}
	s.head.OnChoose = s.turn
	s.content = container.NewBorder(kit.Inset(0, 0, kit.CardGap, 0, s.head), nil, nil, nil, s.body)
	return s
}

// Tabs are the tabs, in their order.
func (s *Screen) Tabs() []Tab { return s.tabs }

func (s *Screen) turn(i int) {
	s.shown.Store(int32(i))
	s.body.Objects = []fyne.CanvasObject{s.tabs[i].Part.Content()}
	s.body.Refresh()
}

// Content implements shell.Screen.
func (s *Screen) Content() fyne.CanvasObject { return s.content }

// Show implements shell.Screen; key is a tab's ID, and behind a stroke what is to be chosen on it.
func (s *Screen) Show(key string) {
	id, rest, _ := strings.Cut(key, "/")
	for i, t := range s.tabs {
		if t.ID != id {
			continue
		}
		s.head.Choose(i)
		if rest != "" {
			t.Part.Show(rest)
		}
	}
}

// Selected implements shell.Screen.
func (s *Screen) Selected() string {
	t := s.tabs[s.shown.Load()]
	if chosen := t.Part.Selected(); chosen != "" {
		return t.ID + "/" + chosen
	}
	return t.ID
}

// Pull implements shell.Screen: only the visible tab is asked.
func (s *Screen) Pull() func() { return s.tabs[s.shown.Load()].Part.Pull() }
