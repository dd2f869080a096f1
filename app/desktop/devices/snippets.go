package devices

import (
	"fmt"

	"fyne.io/fyne/v2"

	"gatehouse/app/desktop/devices/form"
	"gatehouse/app/desktop/kit"
	"gatehouse/app/onboard"
	"gatehouse/gateway/registry"
	"gatehouse/gateway/sid"
)

// snippets are ready commands that connect as the device, with any of its credentials. Secrets are not in them: they
// were shown when they were made.
type snippets struct {
	d          *detail
	device     registry.Device
	at         onboard.Endpoint
	materials  []onboard.Material
	shown      string
	chips      []*kit.Chip
	tab        int
	credential *form.Select
	code       *form.Code
	note       *kit.Prose
	body       *fyne.Container
	none       fyne.CanvasObject
	view       fyne.CanvasObject
}

func newSnippets(d *detail) *snippets {
	v := &snippets{d: d, code: form.NewCode(""), note: kit.NewProse()}
	picks := kit.Flow(8)
	for i, name := range []string{"mosquitto_pub", "mosquitto_sub"} {
		chip := kit.NewChip("", name, func() { v.pick(i) })
		chip.Choose(i == 0)
		v.chips = append(v.chips, chip)
		picks.Add(chip)
	}
	v.credential = form.NewSelect(func(int) { v.write() })
	s := d.s.p.Shell
	v.body = kit.Down(12,
		picks,
		form.Row("Credential", form.Narrow(360, v.credential), ""),
		v.code.Container,
		kit.Flow(8,
			kit.NewButton("Copy", kit.Secondary, func() { s.Copy(v.name(), v.code.String()) }),
			kit.NewButton("Save root.pem", kit.Secondary, func() { s.Save("root.pem", v.at.RootPEM) })),
		v.note)
	v.none = kit.Down(10, kit.NewProse(kit.Run{Text: "This device has no credential to connect with.", Type: kit.Quiet}),
		kit.Across(0, kit.NewButton("Add a credential", kit.Primary, func() { d.open(tabCredentials) })))
	v.view = scrolled(kit.Down(0, v.body, v.none))
	return v
}

func (v *snippets) content() fyne.CanvasObject { return v.view }

func (v *snippets) name() string { return []string{"mosquitto_pub", "mosquitto_sub"}[v.tab] }

func (v *snippets) show(f *facts) {
	var materials []onboard.Material
	var names []string
	for _, c := range f.certs {
		materials = append(materials, onboard.Material{Method: onboard.GenerateCertificate, SID: c.SID})
		names = append(names, "Certificate "+sid.Short(c.SID))
	}
	for _, k := range f.keys {
		materials = append(materials, onboard.Material{Method: onboard.GenerateKey, SID: k.SID})
		names = append(names, "Key "+sid.Short(k.SID))
	}
	state := fmt.Sprint(f.row.device.SID, f.row.name, f.at.Host, f.at.Port, f.at.RootPath, names)
	if state == v.shown {
		return
	}
	v.shown, v.device, v.at, v.materials = state, f.row.device, f.at, materials
	v.credential.Set(0, names...)
	toggle(v.body, len(names) > 0)
	toggle(v.none, len(names) == 0)
	v.write()
}

func (v *snippets) leave() { v.shown = "" }

func (v *snippets) pick(i int) {
	v.tab = i
	for j, chip := range v.chips {
		chip.Choose(i == j)
	}
	v.write()
}

func (v *snippets) write() {
	i := v.credential.Chosen()
	if i < 0 || i >= len(v.materials) {
		return
	}
	m := v.materials[i]
	text := onboard.Publish(v.at, v.device.Name(), m, onboard.Shown)
	if v.tab == 1 {
		text = onboard.Subscribe(v.at, v.device.Name(), m, onboard.Shown)
	}
	v.code.Set(text)
	if m.Method == onboard.GenerateKey {
		v.note.Set(kit.Run{Text: "Put the secret in place of " + onboard.LostSecret + ". It was shown when the key was made, and cannot be shown again.", Type: kit.Quiet})
	} else {
		v.note.Set(kit.Run{Text: "--cert and --key name the files of the certificate and its private key, as they were saved when it was made.", Type: kit.Quiet})
	}
	v.view.Refresh()
}
