package devices

import (
	"context"
	"fmt"
	"strings"

	"fyne.io/fyne/v2"

	"gatehouse/app/desktop/devices/mend"
	"gatehouse/app/onboard"
	"gatehouse/gateway/registry"
)

var mendMenu = mend.Menu

// menu is what can be done with a device from its row.
func (s *Screen) menu(r row) *fyne.Menu {
	d := r.device
	var items []*fyne.MenuItem
	add := func(label string, do func()) { items = append(items, fyne.NewMenuItem(label, do)) }
	if d.Enabled {
		add("Disable", func() { s.setEnabled(r, false) })
	} else {
		add("Enable", func() { s.setEnabled(r, true) })
	}
	if d.DeploymentSID == "" {
		add("Deploy", func() { s.deploy(r, s.defaultDeployment(d)) })
	} else {
		add("Undeploy", func() { s.deploy(r, "") })
	}
	if r.virtual {
		switch {
		case s.p.Bench.ByItself(d.SID):
			add("Stop virtual device", func() { s.disconnect(d) })
		case s.p.Bench.Connected(d.SID):
			add("Disconnect virtual device", func() { s.disconnect(d) })
		case s.p.Bench.Setup(d.SID).ByItself:
			add("Start virtual device", func() { s.connectAgain(d) })
		default:
			add("Connect virtual device", func() { s.connectAgain(d) })
		}
	} else if r.connected && s.p.Disconnect != nil {
		add("Disconnect", func() { s.disconnect(d) })
	}
	items = append(items, fyne.NewMenuItemSeparator())
	add("Copy SID", func() { s.p.Shell.Copy("SID", d.SID) })
	items = append(items, fyne.NewMenuItemSeparator())
	add("Delete…", func() { s.askDelete(r) })
	return fyne.NewMenu("", items...)
}

func (s *Screen) defaultDeployment(d registry.Device) string {
	fleet, _ := s.p.Registry.Fleet(d.FleetSID)
	return fleet.DefaultDeploymentSID
}

// work does something that writes to disk, says so, and shows it. undo may be nil.
func (s *Screen) work(what, done string, do func(context.Context) error, undo func(context.Context) error) {
	s.p.Shell.Background(do, func(err error) {
		if err != nil {
			s.p.Shell.Fail(what, fmt.Errorf("%s", onboard.Say(err)))
			s.reload()
			return
		}
		var back func()
		if undo != nil {
			back = func() { s.work("Undo", "Undone", undo, nil) }
		}
		s.p.Shell.Toast(done, back)
		s.reload()
	})
}

func (s *Screen) update(what, done string, d registry.Device, change, back registry.DeviceChange) {
	s.work(what, done,
		func(ctx context.Context) error { _, err := s.p.Registry.UpdateDevice(ctx, d.SID, change); return err },
		func(ctx context.Context) error { _, err := s.p.Registry.UpdateDevice(ctx, d.SID, back); return err })
}

func (s *Screen) setEnabled(r row, on bool) {
	verb, done := "Disable "+r.name, r.name+" is disabled"
	if r.connected {
		done += " and disconnected"
	}
	if on {
		verb, done = "Enable "+r.name, r.name+" is enabled"
	}
	s.update(verb, done, r.device, registry.DeviceChange{Enabled: &on}, registry.DeviceChange{Enabled: new(!on)})
}

// deploy moves a device. A device that was deployed before loses its session: that is asked first.
func (s *Screen) deploy(r row, to string) {
	from := r.device.DeploymentSID
	if to == from {
		return
	}
	name := "no deployment"
	if d, found := s.deployment(r.device.FleetSID, to); found {
		name = deploymentName(d)
	}
	what, done, verb := "Deploy "+r.name, r.name+" is deployed to "+name, "Deploy to "+name
	if to == "" {
		what, done, verb = "Undeploy "+r.name, r.name+" is not deployed any more", "Undeploy"
	}
	do := func() {
		s.update(what, done, r.device, registry.DeviceChange{DeploymentSID: &to}, registry.DeviceChange{DeploymentSID: &from})
	}
	if from == "" {
		do()
		return
	}
	lost := "If that changes its Sync service, its connection closes, and its session is discarded with its subscriptions and the messages that wait for it."
	if to == "" {
		lost = "Its connection closes. Until it is deployed again, it is refused with code 5."
	}
	s.p.Shell.Confirm(what+"?", lost, verb, do)
	s.reload() // the choice stays as it was until the user agrees
}

func (s *Screen) deployment(fleet, sid string) (registry.Deployment, bool) {
	for _, d := range s.p.Registry.Deployments(fleet) {
		if d.SID == sid {
			return d, true
		}
	}
	return registry.Deployment{}, false
}

// disconnect ends the connection: properly when this computer plays the device, else at the gateway.
func (s *Screen) disconnect(d registry.Device) {
	said := " is disconnected"
	s.p.Shell.Background(func(context.Context) error {
		switch {
		case s.p.Bench.ByItself(d.SID):
			said = " is stopped"
			s.p.Bench.Disconnect(d.SID)
		case s.p.Bench.Connected(d.SID):
			s.p.Bench.Disconnect(d.SID)
		case s.p.Disconnect != nil:
			s.p.Disconnect(d.SID)
		}
		return nil
	}, func(error) {
		s.p.Shell.Toast(d.Name()+said, nil)
		s.reload()
	})
}

// connectAgain connects the virtual device with the options it last had.
func (s *Screen) connectAgain(d registry.Device) {
	s.list.choose(d.SID)
	s.detail.open(tabConnect)
	s.connectVirtual(d, func(*onboard.Setup) {})
}

// connectVirtual plays the device as it is set up, with a change: it connects, or is left to itself.
func (s *Screen) connectVirtual(d registry.Device, edit func(*onboard.Setup)) {
	if s.detail.busy {
		return
	}
	s.detail.busy = true
	s.detail.play.SetLabel("Connecting…")
	s.p.Shell.Background(func(ctx context.Context) error {
		if err := s.p.Bench.Change(d.SID, edit); err != nil {
			return err
		}
		setup := s.p.Bench.Setup(d.SID)
		if setup.ByItself {
			return s.p.Bench.Leave(d.SID)
		}
		s.p.Bench.Connect(ctx, d.SID, setup.Options) // the tab shows what came of it
		return nil
	}, func(err error) {
		s.detail.busy = false
		if err != nil {
			s.p.Shell.Fail("Play "+d.Name(), fmt.Errorf("%s", onboard.Say(err)))
		}
		s.reload()
	})
}

// askDelete names what goes with the device.
func (s *Screen) askDelete(r row) {
	lost := []string{r.name + " (" + r.device.SID + ")"}
	if r.keys > 0 {
		lost = append(lost, plural(r.keys, "key"))
	}
	if r.certs > 0 {
		lost = append(lost, plural(r.certs, "certificate"))
	}
	text := strings.Join(lost, ", ") + " and its session are deleted. "
	if r.connected {
		text += "Its connection closes. "
	}
	text += "Whoever still uses these credentials is refused with code 4. This cannot be undone."
	s.p.Shell.Confirm("Delete "+r.name+"?", text, "Delete "+r.name, func() {
		s.work("Delete "+r.name, r.name+" was deleted", func(ctx context.Context) error {
			if err := s.p.Registry.DeleteDevice(ctx, r.device.SID); err != nil {
				return err
			}
			return s.p.Bench.Remove(r.device.SID)
		}, nil)
	})
}
