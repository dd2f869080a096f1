// Package wizard is onboarding: four steps from a name to a connected device. What the user types lives in a draft;
// nothing is made before the last step, and what was made is changed, not made again, when the user goes back. It does
// not know the window; what it makes, it makes through package onboard.
package wizard

import (
	"context"
	"sync/atomic"
	"time"

	"fyne.io/fyne/v2"
	"fyne.io/fyne/v2/container"

	"gatehouse/app/desktop/devices/form"
	"gatehouse/app/desktop/devices/mend"
	"gatehouse/app/desktop/kit"
	"gatehouse/app/desktop/shell"
	"gatehouse/app/onboard"
	"gatehouse/app/remedy"
	"gatehouse/gateway/attempt"
)

// Params are what the wizard works with.
type Params struct {
	Shell    shell.Shell
	Registry onboard.Registry
	Attempts onboard.Attempts
	Bench    *onboard.Bench
	Endpoint func() onboard.Endpoint
	// Remedy is the fix of an attempt, if there is one.
	Remedy func(attempt.Attempt) (remedy.Remedy, bool)
	// Timeline makes a timeline that unfolds below a refusal; nil: the screen of attempts shows it.
	Timeline func() mend.Timeline
	Now      func() time.Time // nil: the wall clock
	// OnDone is told the device that was made; OnCancel that there is none. Each ends the wizard.
	OnDone   func(deviceSID string)
	OnCancel func()
}

// The steps.
const (
	stepDevice = iota
	stepCredential
	stepDeploy
	stepConnect
)

var stepNames = []string{"Device", "Credential", "Deploy", "Connect"}

// Wizard is one onboarding. All methods belong to the UI goroutine, except Pull.
type Wizard struct {
	p           Params
	run         *onboard.Onboarding
	draft       onboard.Draft
	step        int
	busy        bool // making, or cleaning up
	ended       bool
	doneEnabled bool

	device     *devicePage
	credential *credentialPage
	deploy     *deployPage
	connect    *connectPage

	title   *kit.Text
	steps   *fyne.Container
	page    *fyne.Container
	problem *form.Problem
	cancel  *kit.Button
	back    *kit.Button
	later   *kit.Button
	next    *kit.Button
	content fyne.CanvasObject
	scroll  *container.Scroll

	watching atomic.Pointer[watch] // set while the last step is shown
}

// watch is what the last step looks for.
type watch struct{ after uint64 }

// New begins an onboarding. Nothing is made yet.
func New(p Params) *Wizard {
	if p.Now == nil {
		p.Now = time.Now
	}
	w := &Wizard{p: p, run: onboard.Start(p.Registry, p.Now)}
	w.device = newDevicePage(w)
	w.credential = newCredentialPage(w)
	w.deploy = newDeployPage(w)
	w.connect = newConnectPage(w)
	w.build()
	w.show(stepDevice)
	return w
}

// Content is what is shown in place of the device table.
func (w *Wizard) Content() fyne.CanvasObject { return w.content }

// Close forgets the secret: the wizard is not shown any more.
func (w *Wizard) Close() {
	w.ended = true
	w.watching.Store(nil)
	w.run.Forget()
	w.connect.forget()
}

func (w *Wizard) build() {
	w.title = kit.NewText("Add a device", kit.Type{Size: 18, Color: kit.Ink, Bold: true})
	w.steps, w.page = container.NewStack(), container.NewStack()
	w.problem = form.NewProblem()
	w.cancel = kit.NewButton("Cancel", kit.Secondary, w.askCancel)
	w.back = kit.NewButton("Back", kit.Secondary, func() { w.show(w.step - 1) })
	w.later = kit.NewButton("Finish later", kit.Secondary, w.finish)
	w.next = kit.NewButton("Next", kit.Primary, w.forward)
	room := &atLeast{height: 300}
	page := container.New(room, w.page)
	w.scroll = container.NewVScroll(page)
	head := kit.Inset(0, 0, 16, 0, kit.Down(16, w.title, w.steps))
	foot := kit.Inset(16, 0, 0, 0, kit.Down(12, w.problem.Container, kit.Across(10, w.cancel, kit.Spacer(), w.back, w.later, w.next)))
	panel := kit.Panel(kit.Surface, kit.Line, cardPadding, container.NewBorder(head, foot, nil, nil, w.scroll))
	w.content = container.New(cardLayout{scroll: w.scroll, page: page, room: room}, panel)
}

// show goes to a step; what was typed stays in its widgets.
func (w *Wizard) show(step int) {
	if w.busy || step < stepDevice {
		return
	}
	w.step = step
	w.problem.Say("")
	w.watching.Store(nil)
	if c := fyne.CurrentApp().Driver().CanvasForObject(w.page); c != nil {
		c.Unfocus() // a field of the step that goes would go on taking what is typed
	}
	switch step {
	case stepDevice:
		w.device.enter()
		w.page.Objects = []fyne.CanvasObject{w.device.content}
	case stepCredential:
		w.page.Objects = []fyne.CanvasObject{w.credential.content}
	case stepDeploy:
		w.deploy.enter()
		w.page.Objects = []fyne.CanvasObject{w.deploy.content}
	case stepConnect:
		w.page.Objects = []fyne.CanvasObject{w.connect.content}
		w.connect.enter()
	}
	w.steps.Objects = []fyne.CanvasObject{kit.NewStepper(step, stepNames...)}
	w.frame()
	w.content.Refresh()
	w.scroll.ScrollToTop()
}

// frame brings title and buttons up to date.
func (w *Wizard) frame() {
	name := w.draft.Name
	if device, made := w.run.Made(); made {
		name = device.Name()
	}
	if name == "" {
		w.title.Set("Add a device")
	} else {
		w.title.Set("Onboard " + name)
	}
	_, made := w.run.Made()
	w.back.Hidden = w.step == stepDevice
	w.later.Hidden = !made
	switch {
	case w.step == stepConnect:
		w.next.SetLabel("Done")
	case w.step == stepDeploy && !made:
		w.next.SetLabel("Create " + w.draft.Name)
	default:
		w.next.SetLabel("Next")
	}
	if w.busy || w.step == stepConnect && !w.connect.connected() {
		w.next.Disable()
	} else {
		w.next.Enable()
	}
	w.content.Refresh()
}

// forward checks the step and goes to the next one.
func (w *Wizard) forward() {
	if w.busy {
		return
	}
	made, _ := w.run.Made()
	var err error
	switch w.step {
	case stepDevice:
		err = w.draft.CheckName(w.p.Registry, made.SID)
	case stepCredential:
		err = w.draft.CheckCredential()
	case stepDeploy:
		w.create()
		return
	case stepConnect:
		w.finish()
		return
	}
	if err != nil {
		w.problem.Say(onboard.Say(err))
		w.content.Refresh()
		return
	}
	w.show(w.step + 1)
}

// create makes what the draft says; it is the first time that anything is.
func (w *Wizard) create() {
	draft := w.draft
	w.background(func(ctx context.Context) error { return w.run.Make(ctx, draft) }, func(err error) {
		if err != nil {
			w.problem.Say(onboard.Say(err))
			w.frame()
			return
		}
		w.show(stepConnect)
	})
}

// background works off the UI goroutine; no step can be left meanwhile.
func (w *Wizard) background(work func(context.Context) error, after func(error)) {
	w.busy = true
	w.frame()
	w.p.Shell.Background(work, func(err error) {
		w.busy = false
		after(err)
	})
}

// finish leaves the wizard; the device stays.
func (w *Wizard) finish() {
	device, made := w.run.Made()
	if w.busy || !made {
		return
	}
	lost := w.connect.waiting() && w.connect.holds()
	w.Close()
	if lost {
		w.p.Shell.Toast(device.Name()+" is here, with its "+w.connect.what()+". It can connect at any time.", nil)
	}
	if w.p.OnDone != nil {
		w.p.OnDone(device.SID)
	}
}

// askCancel leaves at once when nothing was made, and else says what goes.
func (w *Wizard) askCancel() {
	if w.busy {
		return
	}
	device, made := w.run.Made()
	if !made {
		w.leave()
		return
	}
	w.p.Shell.Confirm("Cancel and delete "+device.Name()+"?",
		device.Name()+" exists already. Cancelling deletes it with its "+w.connect.what()+"; its connection closes. To keep it, choose “Finish later” instead.",
		"Delete "+device.Name(), w.undo)
}

func (w *Wizard) undo() {
	device, _ := w.run.Made()
	w.background(func(ctx context.Context) error {
		if err := w.run.Cancel(ctx); err != nil {
			return err
		}
		return w.p.Bench.Remove(device.SID)
	}, func(err error) {
		if err != nil {
			w.p.Shell.Fail("Delete "+device.Name(), err)
			w.frame()
			return
		}
		w.p.Shell.Toast(device.Name()+" was deleted", nil)
		w.leave()
	})
}

func (w *Wizard) leave() {
	w.Close()
	if w.p.OnCancel != nil {
		w.p.OnCancel()
	}
}

// Pull looks for the device, off the UI goroutine; it returns nil when there is nothing new to show.
func (w *Wizard) Pull() (apply func()) {
	watching := w.watching.Load()
	if watching == nil {
		return nil
	}
	second := w.p.Now().Unix()
	version := w.p.Attempts.Version()
	if !w.connect.due(version, second) {
		return nil
	}
	device, made := w.run.Made()
	if !made {
		return nil
	}
	material, _ := w.run.Material()
	sighting := onboard.Look(w.p.Attempts, device, material, watching.after)
	at := w.p.Endpoint()
	return func() {
		if w.watching.Load() == watching {
			w.connect.see(sighting, at)
		}
	}
}

func (w *Wizard) mend() mend.Params {
	return mend.Params{
		Shell: w.p.Shell, Remedy: w.p.Remedy, RootPEM: func() []byte { return w.p.Endpoint().RootPEM },
		NewKey: func(string) { w.connect.renew() },
	}
}
