package overview

import (
	"context"
	"errors"
	"strconv"

	"gatehouse/app/desktop/kit"
	"gatehouse/app/desktop/shell"
	"gatehouse/app/words"
)

// Demo is a fleet of made-up devices that shows what the gateway does. Only State is called on the UI goroutine.
type Demo interface {
	// State is quick.
	State() DemoState
	// Load makes the devices, and returns when they live.
	Load(context.Context) error
	// Remove returns when everything of the demo is gone.
	Remove(context.Context) error
	// Devices are those in the demo's fleet now, whoever made them.
	Devices() int
}

// DemoState is the demo at one moment. It can be compared with ==.
type DemoState struct {
	Making   bool
	Made, Of int
	Living   bool
	Removing bool
	Left     bool // an earlier demo's devices are there, and nobody plays them
}

// there reports whether there is something to remove.
func (s DemoState) there() bool { return s.Living || s.Left }

// noDemo is a Demo for a screen that has none.
type noDemo struct{}

func (noDemo) State() DemoState             { return DemoState{} }
func (noDemo) Load(context.Context) error   { return nil }
func (noDemo) Remove(context.Context) error { return nil }
func (noDemo) Devices() int                 { return 0 }

// LoadDemo loads the demo fleet, and says how that went. It belongs to the UI goroutine.
func LoadDemo(to shell.Shell, d Demo) { loadDemo(to, d, func() {}) }

func loadDemo(to shell.Shell, d Demo, after func()) {
	to.Background(d.Load, func(err error) {
		after()
		switch {
		case errors.Is(err, context.Canceled): // the user did it
		case err != nil:
			to.Fail("The demo fleet could not be loaded", err)
		default:
			to.Toast("The demo fleet is there: "+words.Count(d.State().Of, "device", "devices")+" that live on this computer", func() { removeDemo(to, d) })
		}
	})
}

// RemoveDemo removes the demo fleet, once the user has agreed to what that loses. It belongs to the UI goroutine.
func RemoveDemo(to shell.Shell, d Demo) {
	devices := d.Devices()
	lost := "Its " + words.Count(devices, "device is", "devices are") + " disconnected and deleted with all credentials"
	if more := devices - d.State().Of; more > 0 {
		lost += ", " + strconv.Itoa(more) + " of them added by you"
	}
	to.Confirm("Remove the demo fleet?", lost+". The fleet and the Sync service gatehouse-demo go too, with what is stored in them. "+
		"Your other devices stay, and so does the record of what the demo’s devices tried.", "Remove the demo fleet", func() { removeDemo(to, d) })
}

func removeDemo(to shell.Shell, d Demo) {
	to.Background(d.Remove, func(err error) {
		if err != nil {
			to.Fail("The demo fleet could not be removed; try it again", err)
			return
		}
		to.Toast("The demo fleet is gone", nil)
	})
}

// demoBar is the demo on the card of devices: the button that loads it while there are none, and the one that removes it.
type demoBar struct {
	load, again, remove *kit.Button // again is load below a picture of others than devices
	about               *kit.Prose
	making              *kit.Progress
	shown               DemoState
}

func newDemoBar(s *Screen) *demoBar {
	to := s.p.Fix.Shell
	b := &demoBar{about: kit.NewProse(), making: kit.NewProgress(0)}
	load := func() {
		b.load.Disable()
		b.again.Disable()
		loadDemo(to, s.p.Demo, func() { b.set(b.shown) })
	}
	b.load = kit.NewButton("Load the demo fleet", kit.Secondary, load)
	b.again = kit.NewButton("Load the demo fleet", kit.Secondary, load)
	b.remove = kit.NewButton("Remove the demo", kit.Secondary, func() { RemoveDemo(to, s.p.Demo) })
	b.making.Hide()
	b.remove.Hide()
	if _, none := s.p.Demo.(noDemo); none {
		b.load.Hide()
		b.again.Hide()
		b.about.Hide()
	}
	b.set(DemoState{})
	return b
}

const aboutDemo = "No board at hand? The demo fleet is a dozen devices of five kinds that live on this computer and talk. Some are refused, each for a reason of its own."

// offer shows or hides the button below the picture: who has devices finds the demo by Ctrl+K.
func (b *demoBar) offer(yes bool) { b.again.Hidden = b.load.Hidden || !yes }

// set shows a state; it reports whether the room that the bar needs has changed.
func (b *demoBar) set(s DemoState) bool {
	before := b.shown
	b.shown = s
	text := aboutDemo
	switch {
	case s.Making:
		text = "Making the demo’s devices: " + strconv.Itoa(s.Made) + " of " + strconv.Itoa(s.Of) + "."
	case s.Removing:
		text = "Removing the demo fleet."
	case s.Left:
		text = "The fleet of an earlier demo is left without its devices. Loading the demo replaces it."
	}
	b.about.Set(kit.Run{Text: text, Type: kit.Quiet})
	if s.Of > 0 {
		b.making.Set(float32(s.Made) / float32(s.Of))
	}
	b.making.Hidden = !s.Making
	b.making.Refresh()
	for _, load := range []*kit.Button{b.load, b.again} {
		if s.Making || s.Removing || s.Living {
			load.Disable()
		} else {
			load.Enable()
		}
	}
	b.remove.Hidden = !s.there() && !s.Removing
	if s.Removing {
		b.remove.Disable()
	} else {
		b.remove.Enable()
	}
	return before.there() != s.there() || before.Removing != s.Removing || before.Making != s.Making || before.Left != s.Left
}
