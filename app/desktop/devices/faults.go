package devices

import (
	"context"
	"fmt"

	"fyne.io/fyne/v2"

	"gatehouse/app/desktop/troubles"
	"gatehouse/app/onboard"
	"gatehouse/gateway/registry"
	"gatehouse/sim/faults"
)

// faultsTab is what is wrong with the virtual device on purpose.
type faultsTab struct {
	d      *detail
	device registry.Device
	form   *troubles.Form
	view   fyne.CanvasObject
}

func newFaults(d *detail) *faultsTab {
	v := &faultsTab{d: d}
	v.form = troubles.New(troubles.Actions{
		Change: func(what string, _ bool, change func(*onboard.Troubles)) {
			v.act(what, func(b *onboard.Bench, sid string) error {
				t := b.Troubles(sid)
				change(&t)
				return b.Trouble(sid, t)
			})
		},
		Cut:   func() { v.act("Cut", func(b *onboard.Bench, sid string) error { b.Cut(sid); return nil }) },
		Reset: func() { v.act("Reset", func(b *onboard.Bench, sid string) error { b.Reset(sid); return nil }) },
		Break: func(packet faults.Invalid) {
			v.act("Send a wrong packet", func(b *onboard.Bench, sid string) error { return b.Break(context.Background(), sid, packet) })
		},
	})
	v.view = scrolled(v.form.Content())
	return v
}

func (v *faultsTab) content() fyne.CanvasObject { return v.view }

func (v *faultsTab) show(f *facts) {
	v.device = f.row.device
	v.form.Show([]troubles.Member{{Troubles: f.troubles, Devices: 1, Connected: yes(f.state.Connected)}})
	v.view.Refresh()
}

// leave lets the faults be: they are the device's.
func (v *faultsTab) leave() {}

func (v *faultsTab) act(what string, do func(*onboard.Bench, string) error) {
	bench, device := v.d.s.p.Bench, v.device.SID
	v.d.s.p.Shell.Background(func(context.Context) error { return do(bench, device) }, func(err error) {
		if err != nil {
			v.d.s.p.Shell.Fail(what, fmt.Errorf("%s", onboard.Say(err)))
		}
		v.d.s.reload()
	})
}
