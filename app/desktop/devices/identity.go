package devices

import (
	"time"

	"fyne.io/fyne/v2"

	"gatehouse/app/desktop/devices/form"
	"gatehouse/app/desktop/kit"
	"gatehouse/gateway/registry"
)

// identity is who the device is and whether it may connect.
type identity struct {
	d        *detail
	device   registry.Device // whose values the fields hold
	name     *kit.Field
	identity *kit.Field
	save     *kit.Button
	enabled  *form.Switch
	deploy   *form.Select
	options  []string // deployment SIDs; the last one is none
	fleet    *kit.Text
	kind     *kit.Text
	created  *kit.Text
	seen     *kit.Text
	view     fyne.CanvasObject
}

func newIdentity(d *detail) *identity {
	v := &identity{
		d: d, name: kit.NewField("none"), identity: kit.NewField("none: its SID stands for it"),
		fleet: kit.NewText("", kit.Body), kind: kit.NewText("", kit.Body), created: kit.NewText("", kit.Body), seen: kit.NewText("", kit.Body),
	}
	v.save = kit.NewButton("Save", kit.Primary, v.store)
	v.save.Disable()
	for _, f := range []*kit.Field{v.name, v.identity} {
		f.OnChanged(func(string) { v.weigh() })
		f.Entry.OnSubmitted = func(string) { v.store() }
	}
	v.enabled = form.NewSwitch("May connect", func(on bool) {
		if d.facts != nil {
			d.s.setEnabled(d.facts.row, on)
		}
	})
	v.deploy = form.NewSelect(func(i int) {
		if d.facts != nil && i >= 0 && i < len(v.options) {
			d.s.deploy(d.facts.row, v.options[i])
		}
	})
	gone := kit.NewButton("Delete the device…", kit.Secondary, func() {
		if d.facts != nil {
			d.s.askDelete(d.facts.row)
		}
	})
	v.view = scrolled(kit.Down(14,
		form.Row("Enabled", v.enabled, "A disabled device is refused with code 5, and disconnected at once."),
		form.Row("Deployment", form.Narrow(360, v.deploy), "Which Sync service it shares. Not deployed, it is refused with code 5."),
		form.Row("Friendly name", form.Narrow(360, v.name), ""),
		form.Row("Identity", form.Narrow(360, v.identity), "What access rights go by, instead of the SID."),
		form.Row("", kit.Across(0, v.save), ""),
		kit.Rule(),
		kit.Down(6, form.Fact("Fleet", v.fleet), form.Fact("Played by", v.kind), form.Fact("Created", v.created), form.Fact("Last connected", v.seen)),
		kit.Rule(),
		kit.Across(0, gone),
	))
	return v
}

func (v *identity) content() fyne.CanvasObject { return v.view }

func (v *identity) show(f *facts) {
	device := f.row.device
	changed := device.SID != v.device.SID || !v.dirty()
	v.device = device
	if changed { // what is being typed stays
		setText(v.name, device.FriendlyName)
		setText(v.identity, device.Identity)
	}
	v.weigh()
	v.enabled.Set(device.Enabled)
	names, chosen := []string{}, len(f.deployments)
	v.options = v.options[:0]
	for i, d := range f.deployments {
		names, v.options = append(names, deploymentName(d)), append(v.options, d.SID)
		if d.SID == device.DeploymentSID {
			chosen = i
		}
	}
	v.options = append(v.options, "")
	v.deploy.Set(chosen, append(names, "Not deployed")...)
	v.fleet.Set(f.row.fleet)
	v.kind.Set(map[bool]string{true: "this computer, as a virtual device", false: "something else: an external device"}[f.row.virtual])
	v.created.Set(when(device.Created))
	v.seen.Set(when(device.Authenticated))
}

// leave drops what was typed and not saved.
func (v *identity) leave() { v.device = registry.Device{} }

func (v *identity) dirty() bool {
	return v.device.SID != "" && (form.Trim(v.name) != v.device.FriendlyName || form.Trim(v.identity) != v.device.Identity)
}

func (v *identity) weigh() {
	if v.dirty() {
		v.save.Enable()
	} else {
		v.save.Disable()
	}
}

func (v *identity) store() {
	if !v.dirty() {
		return
	}
	name, ident, old := form.Trim(v.name), form.Trim(v.identity), v.device
	v.device.FriendlyName, v.device.Identity = name, ident
	v.weigh()
	v.d.s.update("Change "+old.Name(), old.Name()+" was changed", old,
		registry.DeviceChange{FriendlyName: &name, Identity: &ident},
		registry.DeviceChange{FriendlyName: &old.FriendlyName, Identity: &old.Identity})
}

func setText(f *kit.Field, s string) {
	if f.Entry.Text != s {
		f.Entry.SetText(s)
	}
}

func when(t time.Time) string {
	if t.IsZero() {
		return "never"
	}
	return t.Local().Format("2 January 2006, 15:04:05")
}
