package wizard

import (
	"fmt"
	"strings"

	"fyne.io/fyne/v2"
	"fyne.io/fyne/v2/container"

	"gatehouse/app/desktop/devices/form"
	"gatehouse/app/desktop/kit"
	"gatehouse/app/onboard"
	"gatehouse/gateway/registry"
	"gatehouse/gateway/sid"
)

const controlWidth = 420

// devicePage asks for name and fleet.
type devicePage struct {
	w       *Wizard
	name    *kit.Field
	fleet   *form.Select
	fleets  []registry.Fleet
	fixed   *kit.Prose
	content fyne.CanvasObject
}

func newDevicePage(w *Wizard) *devicePage {
	p := &devicePage{w: w, name: kit.NewField("thermostat-9"), fixed: kit.NewProse()}
	p.name.OnChanged(func(s string) {
		w.draft.Name = strings.TrimSpace(s)
		w.problem.Say("")
		w.frame()
	})
	p.name.Entry.OnSubmitted = func(string) { w.forward() }
	p.fleet = form.NewSelect(func(i int) {
		w.draft.FleetSID = p.fleets[i].SID
		w.draft.Deploy = onboard.Deploy{} // a deployment belongs to its fleet
	})
	p.fixed.Hide()
	p.content = kit.Down(16,
		kit.NewProse(kit.Run{Text: "What is it called, and which fleet does it belong to? Nothing is created before the end of the third step.", Type: kit.Quiet}),
		form.Row("Name", form.Narrow(controlWidth, p.name), "Unique in its fleet. You can add a friendly name later."),
		form.Row("Fleet", form.Narrow(controlWidth, p.fleet), "A fleet shares its deployments. Each one starts with a default deployment."),
		p.fixed,
	)
	return p
}

func (p *devicePage) enter() {
	p.fleets = p.w.p.Registry.Fleets()
	names, chosen := make([]string, len(p.fleets)), 0
	for i, f := range p.fleets {
		names[i] = f.FriendlyName
		if names[i] == "" {
			names[i] = f.UniqueName
		}
		if f.SID == p.w.draft.FleetSID {
			chosen = i
		}
	}
	p.fleet.Set(chosen, names...)
	if len(p.fleets) > 0 {
		p.w.draft.FleetSID = p.fleets[chosen].SID
	}
	device, made := p.w.run.Made()
	if made {
		p.name.Entry.Disable()
		p.fleet.Disable()
		p.fixed.Set(kit.Run{Text: device.Name() + " exists now: its name and fleet stay. To start over with another name, cancel.", Type: kit.Body})
	}
	p.fixed.Hidden = !made
}

// credentialPage asks how the device will prove who it is.
type credentialPage struct {
	w       *Wizard
	cards   *form.Cards
	paste   *form.Area
	read    *fyne.Container
	own     *fyne.Container
	content fyne.CanvasObject
}

func newCredentialPage(w *Wizard) *credentialPage {
	p := &credentialPage{w: w, read: container.NewStack()}
	p.cards = form.NewCards(p.choose,
		form.Option{Title: "Generate a certificate", Tag: "recommended", Detail: "A P-256 key pair and a certificate, made here. The device proves that it holds the private key and never sends it."},
		form.Option{Title: "Generate a key", Detail: "A Key SID and a secret, sent as user name and password inside TLS. Simpler, and weaker: whoever reads the secret is the device."},
		form.Option{Title: "Import my certificate", Detail: "From any authority, or self-signed: PEM or DER. The private key stays where it is."},
	)
	p.paste = form.NewArea("Paste a certificate: -----BEGIN CERTIFICATE----- …", 6, p.pasted)
	file := kit.NewButton("Choose a file…", kit.Secondary, func() {
		w.p.Shell.Open(func(_ string, content []byte) { p.take(content) })
	})
	p.own = kit.Inset(4, 0, 0, 42, kit.Down(8, kit.Across(10, file, kit.NewText("or paste it here", kit.Quiet)), p.paste, p.read))
	p.own.Hide()
	p.content = kit.Down(12,
		kit.NewProse(kit.Run{Text: "How will it prove who it is? A device can have more credentials later.", Type: kit.Quiet}),
		p.cards.Container, p.own)
	return p
}

func (p *credentialPage) choose(i int) {
	p.w.draft.Method = onboard.Method(i)
	p.own.Hidden = p.w.draft.Method != onboard.ImportCertificate
	p.w.problem.Say("")
	p.w.content.Refresh()
}

// take is a certificate that was read from a file or dropped; text is shown, DER is not text.
func (p *credentialPage) take(content []byte) {
	p.paste.Entry.SetText("")
	p.w.draft.Imported = content
	p.check()
}

func (p *credentialPage) pasted(text string) {
	if strings.TrimSpace(text) == "" && len(p.w.draft.Imported) > 0 && p.paste.Entry.Text == "" {
		return // emptied by take
	}
	p.w.draft.Imported = []byte(text)
	p.check()
}

// check says at once what was read, or what is wrong with it.
func (p *credentialPage) check() {
	p.read.Objects = nil
	p.w.problem.Say("")
	parsed, err := onboard.CheckCertificate(p.w.draft.Imported)
	switch {
	case len(p.w.draft.Imported) == 0:
	case err != nil:
		p.w.problem.Say(onboard.Say(err))
	default:
		lines := kit.Down(4,
			fact("Subject", parsed.Subject), fact("Key", parsed.Key), fact("SHA-256", parsed.Thumbprint),
			fact("Valid until", parsed.NotAfter.Local().Format("2 January 2006")))
		if parsed.Unusable != "" {
			p.w.problem.Say("No device can connect with this certificate: " + parsed.Unusable + ".")
		}
		if len(parsed.KeyPEM) > 0 {
			lines.Add(kit.NewProse(kit.Run{Text: "The private key beside it fits. It is not kept, except by a virtual device.", Type: kit.Caption}))
		}
		p.read.Objects = []fyne.CanvasObject{kit.Panel(kit.Raised, kit.Line, 12, lines)}
	}
	p.w.content.Refresh()
}

func fact(label, value string) fyne.CanvasObject {
	return form.Fact(label, kit.Clipped(kit.NewText(value, kit.Mono)))
}

// deployPage asks where the device goes.
type deployPage struct {
	w       *Wizard
	content *fyne.Container
	options []onboard.Deploy
}

func newDeployPage(w *Wizard) *deployPage {
	return &deployPage{w: w, content: container.NewStack()}
}

func (p *deployPage) enter() {
	fleet, _ := p.w.p.Registry.Fleet(p.w.draft.FleetSID)
	deployments := p.w.p.Registry.Deployments(fleet.SID)
	p.options = nil
	var options []form.Option
	for _, d := range deployments {
		o := form.Option{Title: deploymentName(d), Detail: "Its devices may connect, and share what this deployment’s Sync service holds."}
		if d.ServiceSID == "" {
			o.Detail = "It has no Sync service yet: its devices are refused with code 5."
		}
		one := onboard.Deploy{SID: d.SID}
		if d.SID == fleet.DefaultDeploymentSID {
			o.Tag = "default of this fleet"
			options = append([]form.Option{o}, options...)
			p.options = append([]onboard.Deploy{one}, p.options...)
			continue
		}
		options, p.options = append(options, o), append(p.options, one)
	}
	options = append(options, form.Option{Title: "Not yet", Detail: "The device is known, but refused with code 5 until you deploy it."})
	p.options = append(p.options, onboard.Deploy{Not: true})
	cards := form.NewCards(func(i int) { p.w.draft.Deploy = p.options[i] }, options...)
	chosen := 0
	for i, o := range p.options {
		if o == p.w.draft.Deploy {
			chosen = i
		}
	}
	cards.Show(chosen)
	p.w.draft.Deploy = p.options[chosen]
	p.content.Objects = []fyne.CanvasObject{kit.Down(12,
		kit.NewProse(kit.Run{Text: "Where does it go? A device that is not deployed may not connect.", Type: kit.Quiet}), cards.Container, p.summary())}
}

// summary says what the next button is going to make.
func (p *deployPage) summary() fyne.CanvasObject {
	what := map[onboard.Method]string{
		onboard.GenerateCertificate: "a new P-256 certificate", onboard.GenerateKey: "a new key", onboard.ImportCertificate: "your certificate",
	}[p.w.draft.Method]
	text := fmt.Sprintf("Next, %s is created with %s.", p.w.draft.Name, what)
	if device, made := p.w.run.Made(); made {
		text = device.Name() + " exists; only what you have changed is changed."
	}
	return kit.NewProse(kit.Run{Text: text, Type: kit.Body})
}

func deploymentName(d registry.Deployment) string {
	if d.FriendlyName != "" {
		return d.FriendlyName
	}
	return "Deployment " + sid.Short(d.SID)
}
