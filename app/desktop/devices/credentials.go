package devices

import (
	"bytes"
	"context"
	"strings"
	"time"

	"fyne.io/fyne/v2"
	"fyne.io/fyne/v2/container"

	"gatehouse/app/desktop/devices/form"
	"gatehouse/app/desktop/kit"
	"gatehouse/app/desktop/shell"
	"gatehouse/app/onboard"
	"gatehouse/app/words"
	"gatehouse/gateway/registry"
	"gatehouse/gateway/sid"
	"gatehouse/sim"
)

// credRow is one key or certificate.
type credRow struct {
	sid     string
	key     bool
	name    string
	detail  string
	whole   string // of a certificate: the thumbprint
	created time.Time
	here    bool // this computer holds it for the virtual device
}

func credRows(f *facts) []credRow {
	var rows []credRow
	for _, k := range f.keys {
		rows = append(rows, credRow{sid: k.SID, key: true, name: k.FriendlyName, detail: "user name and secret", created: k.Created, here: holds(f.held, k.SID)})
	}
	for _, c := range f.certs {
		rows = append(rows, credRow{sid: c.SID, name: c.FriendlyName, detail: onboard.KeyName(c.DER) + " · " + words.Thumbprint(c.Thumbprint), whole: c.Thumbprint, created: c.Created, here: holds(f.held, c.SID)})
	}
	return rows
}

func holds(held []sim.Credential, sid string) bool {
	for _, c := range held {
		if c.KeySID == sid || c.CertificateSID == sid {
			return true
		}
	}
	return false
}

func (c credRow) kind() string {
	if c.key {
		return "Key"
	}
	return "Certificate"
}

// credentials lists what the device may prove itself with.
type credentials struct {
	d      *detail
	device registry.Device
	table  *kit.DataTable[credRow]
	none   fyne.CanvasObject
	revoke *kit.Button
	below  *fyne.Container // a secret that is shown once, or the form of an import
	once   *onboard.Material
	code   *form.Code
	view   fyne.CanvasObject
}

func newCredentials(d *detail) *credentials {
	v := &credentials{d: d, below: container.NewStack()}
	v.table = kit.NewDataTable(func(c credRow) string { return c.sid },
		kit.Column[credRow]{
			ID: "kind", Label: "Kind", Width: 104,
			Create: func() fyne.CanvasObject { return kit.NewText("", kit.Body) },
			Update: func(o fyne.CanvasObject, c credRow) { o.(*kit.Text).Set(c.kind()) },
		},
		kit.TextColumn("sid", "SID", 90, kit.Mono.In(kit.Muted), func(c credRow) string { return sid.Short(c.sid) }),
		kit.TextColumn("created", "Created", 130, kit.Quiet, func(c credRow) string { return c.created.Local().Format("2 Jan 2006 15:04") }),
		kit.TextColumn("detail", "What it is", 0, kit.Quiet, func(c credRow) string {
			text := c.detail
			if c.name != "" {
				text = c.name + " · " + text
			}
			if c.here {
				text += " · kept here"
			}
			return text
		}),
	)
	v.table.Steady = true
	v.table.OnSelect = func(credRow) { v.revoke.Enable() }
	v.table.OnOpen = func(c credRow) { d.s.p.Shell.Go(shell.Attempts, c.sid) }
	v.table.Menu = v.menu
	v.revoke = kit.NewButton("Revoke…", kit.Secondary, func() {
		if c, ok := v.table.Selected(); ok {
			v.askRevoke(c)
		}
	})
	v.revoke.Disable()
	v.none = container.NewCenter(kit.NewText("No credential: this device cannot connect.", kit.Quiet))
	check := kit.NewButton("Check credentials…", kit.Secondary, func() { d.s.p.Shell.Check() })
	bar := kit.Flow(8,
		kit.NewButton("Add a key", kit.Secondary, func() { v.add(onboard.GenerateKey, nil) }),
		kit.NewButton("Generate a certificate", kit.Secondary, func() { v.add(onboard.GenerateCertificate, nil) }),
		kit.NewButton("Import a certificate…", kit.Secondary, v.importForm),
		v.revoke, check)
	v.below.Hide()
	v.view = container.NewBorder(kit.Inset(12, 14, 12, 14, kit.Down(12, bar, v.below)), nil, nil, nil,
		container.NewStack(container.NewBorder(kit.Rule(), nil, nil, nil, v.table), v.none))
	return v
}

func (v *credentials) content() fyne.CanvasObject { return v.view }

func (v *credentials) show(f *facts) {
	v.device = f.row.device
	rows := credRows(f)
	v.table.SetRows(rows)
	toggle(v.none, len(rows) == 0)
	if _, some := v.table.Selected(); some {
		v.revoke.Enable()
	} else {
		v.revoke.Disable()
	}
	if v.once != nil {
		v.paintOnce()
	}
}

// leave forgets a secret that was shown: it cannot be shown again.
func (v *credentials) leave() {
	if v.once != nil {
		v.once.Forget()
		v.once = nil
	}
	v.closeBelow()
	v.table.Unselect()
}

func (v *credentials) closeBelow() {
	v.code = nil
	v.below.Objects = nil
	v.below.Hide()
	v.view.Refresh()
}

func (v *credentials) showBelow(o fyne.CanvasObject) {
	v.below.Objects = []fyne.CanvasObject{o}
	v.below.Show()
	v.view.Refresh()
}

func (v *credentials) menu(c credRow) *fyne.Menu {
	s := v.d.s.p.Shell
	items := []*fyne.MenuItem{fyne.NewMenuItem("Copy SID", func() { s.Copy("SID", c.sid) })}
	if c.whole != "" {
		items = append(items, fyne.NewMenuItem("Copy SHA-256", func() { s.Copy("SHA-256", c.whole) }))
	}
	items = append(items, fyne.NewMenuItem("Attempts with it", func() { s.Go(shell.Attempts, c.sid) }))
	items = append(items, fyne.NewMenuItemSeparator(), fyne.NewMenuItem("Revoke…", func() { v.askRevoke(c) }))
	return fyne.NewMenu("", items...)
}

// add makes a credential and shows its secret once.
func (v *credentials) add(how onboard.Method, imported []byte) {
	device, p := v.device, v.d.s.p
	if device.SID == "" {
		return
	}
	v.leave()
	var made onboard.Material
	p.Shell.Background(func(ctx context.Context) (err error) {
		made, err = onboard.NewMaterial(ctx, p.Registry, p.Now(), device.SID, how, "", imported)
		return err
	}, func(err error) {
		if err != nil {
			v.fail(how, err)
			return
		}
		v.d.s.reload()
		if how == onboard.ImportCertificate || v.device.SID != device.SID || v.d.chosen != tabCredentials {
			made.Forget()
			v.closeBelow()
			p.Shell.Toast(device.Name()+" has a new "+strings.ToLower(credRow{key: how == onboard.GenerateKey}.kind()), nil)
			return
		}
		v.once = &made
		v.paintOnce()
	})
}

func (v *credentials) fail(how onboard.Method, err error) {
	what := "Add a certificate"
	if how == onboard.GenerateKey {
		what = "Add a key"
	}
	v.d.s.p.Shell.Fail(what, onboard.Problem(onboard.Say(err)))
}

// paintOnce shows what is shown once: a secret, or a private key.
func (v *credentials) paintOnce() {
	m, s := v.once, v.d.s.p.Shell
	name := v.device.Name()
	title, secret, file := "The secret of "+sid.Short(m.SID), m.Secret, onboard.SecretFile(name)
	if len(m.KeyPEM) > 0 {
		title, secret, file = "The private key of "+sid.Short(m.SID), string(m.KeyPEM), onboard.KeyFile(name)
	}
	shown, label := secret, "Copy"
	if s.Presenter() {
		shown, label = onboard.Dots, "Copy with secret"
	}
	if v.code != nil && v.code.String() == shown {
		return
	}
	v.code = form.NewCode(shown)
	buttons := kit.Flow(8,
		kit.NewButton(label, kit.Secondary, func() { s.Copy(title, secret) }),
		kit.NewButton("Save…", kit.Secondary, func() { s.Save(file, []byte(secret)) }))
	if len(m.CertPEM) > 0 {
		buttons.Add(kit.NewButton("Save certificate…", kit.Secondary, func() { s.Save(onboard.CertFile(name), bytes.Clone(m.CertPEM)) }))
	}
	if m.Secret != "" {
		buttons.Add(kit.NewButton("Copy Key SID", kit.Secondary, func() { s.Copy("Key SID", m.SID) }))
	}
	buttons.Add(kit.NewButton("Done, hide it", kit.Primary, v.leave))
	v.showBelow(kit.Panel(kit.Raised, kit.Accent, 12, kit.Down(8,
		kit.NewText(title, kit.Strong),
		limited(150, v.code.Container),
		kit.NewProse(kit.Run{Text: "It is shown once: when you leave this view it is gone, and nothing can show it again.", Type: kit.Caption}),
		buttons)))
}

// limited scrolls what is higher than a height.
func limited(height float32, o fyne.CanvasObject) fyne.CanvasObject {
	if m := o.MinSize(); m.Height <= height {
		return o
	}
	return kit.Sized(0, height, container.NewVScroll(o))
}

// importForm takes a certificate from a file or pasted.
func (v *credentials) importForm() {
	v.leave()
	problem, read := form.NewProblem(), kit.NewProse()
	var content []byte
	enrol := kit.NewButton("Enrol it", kit.Primary, nil)
	enrol.Disable()
	weigh := func(c []byte) {
		content = c
		parsed, err := onboard.CheckCertificate(c)
		problem.Say("")
		read.Set()
		enrol.Disable()
		switch {
		case len(bytes.TrimSpace(c)) == 0:
		case err != nil:
			problem.Say(onboard.Say(err))
		case parsed.Unusable != "":
			problem.Say("No device can connect with this certificate: " + parsed.Unusable + ".")
		default:
			read.Set(kit.Run{Text: parsed.Subject + " ", Type: kit.Strong}, kit.Run{Text: parsed.Key + " · SHA-256 " + words.Thumbprint(parsed.Thumbprint) + " · until " + parsed.NotAfter.Local().Format("2 January 2006"), Type: kit.Quiet})
			enrol.Enable()
		}
		v.view.Refresh()
	}
	paste := form.NewArea("Paste a certificate: -----BEGIN CERTIFICATE----- …", 4, func(text string) { weigh([]byte(text)) })
	file := kit.NewButton("Choose a file…", kit.Secondary, func() {
		v.d.s.p.Shell.Open(func(_ string, c []byte) {
			paste.Entry.SetText("")
			weigh(c)
		})
	})
	enrol.OnTapped(func() { v.add(onboard.ImportCertificate, content) })
	v.showBelow(kit.Panel(kit.Raised, kit.Line, 12, kit.Down(8,
		kit.Across(10, kit.NewText("Import a certificate", kit.Strong), kit.Spacer(), file),
		paste, read, problem.Container,
		kit.Across(8, enrol, kit.NewButton("Cancel", kit.Secondary, v.closeBelow)))))
}

func (v *credentials) askRevoke(c credRow) {
	device, p := v.device, v.d.s.p
	what := strings.ToLower(c.kind()) + " " + sid.Short(c.sid)
	lost := "The " + what + " of " + device.Name() + " is removed for good. A connection that was made with it closes at once, and whoever uses it again is refused with code 4."
	if c.here {
		lost += " This computer plays the device with it."
	}
	p.Shell.Confirm("Revoke the "+what+"?", lost, "Revoke", func() {
		v.d.s.work("Revoke the "+what, "The "+what+" was revoked", func(ctx context.Context) error {
			if c.key {
				return p.Registry.DeleteKey(ctx, c.sid)
			}
			return p.Registry.DeleteCertificate(ctx, c.sid)
		}, nil)
	})
}
