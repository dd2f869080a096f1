package wizard

import (
	"bytes"
	"context"
	"fmt"
	"sync/atomic"
	"time"

	"fyne.io/fyne/v2"
	"fyne.io/fyne/v2/container"

	"gatehouse/app/desktop/devices/form"
	"gatehouse/app/desktop/devices/mend"
	"gatehouse/app/desktop/kit"
	"gatehouse/app/desktop/shell"
	"gatehouse/app/desktop/timeline"
	"gatehouse/app/onboard"
	"gatehouse/app/words"
	"gatehouse/gateway/attempt"
	"gatehouse/gateway/cause"
	"gatehouse/gateway/sid"
	"gatehouse/sim"
)

// connectPage is the last step: what the device needs on the left, what it has tried on the right.
type connectPage struct {
	w        *Wizard
	material onboard.Material
	at       onboard.Endpoint
	tab      int
	masked   bool

	chips   []*kit.Chip
	names   []string
	picks   *fyne.Container
	code    *form.Code
	actions *fyne.Container
	note    *kit.Prose
	side    *fyne.Container
	wait    *kit.Text
	since   time.Time
	content fyne.CanvasObject
	weights []float32 // of snippet and side

	line     mend.Timeline // nil when it is shown elsewhere
	unfolded bool

	sighting onboard.Sighting
	failed   error // of a virtual device that got no answer
	playing  bool  // a virtual device is being connected
	seen     string

	version, second atomic.Uint64 // shown
}

// How the page shares its width.
const snippetWidth, sideWidth = 612, 330

func newConnectPage(w *Wizard) *connectPage {
	p := &connectPage{w: w, picks: kit.Flow(8), code: form.NewCode(""), actions: kit.Flow(8), note: kit.NewProse(), side: kit.Down(12)}
	p.weights = []float32{snippetWidth, sideWidth}
	if w.p.Timeline != nil {
		p.line = w.p.Timeline()
	}
	p.content = kit.Columns(18, p.weights,
		kit.Down(10, p.picks, p.code.Container, p.actions, p.note), p.side)
	return p
}

// enter shows what was made and begins to look for the device.
func (p *connectPage) enter() {
	p.material, _ = p.w.run.Material()
	p.at = p.w.p.Endpoint()
	p.sighting, p.failed, p.seen, p.unfolded = onboard.Sighting{}, nil, "", false
	p.since = p.w.p.Now()
	p.version.Store(0)
	p.second.Store(0)
	p.names = []string{"mosquitto_pub", "mosquitto_sub"}
	if len(p.material.KeyPEM) > 0 {
		p.names = append(p.names, "Private key", "Certificate")
	} else if p.material.Secret != "" {
		p.names = append(p.names, "Secret")
	}
	p.picks.Objects, p.chips = nil, nil
	for i, name := range p.names {
		chip := kit.NewChip("", name, func() { p.pick(i) })
		p.chips = append(p.chips, chip)
		p.picks.Objects = append(p.picks.Objects, chip)
	}
	p.masked = p.w.p.Shell.Presenter()
	p.pick(0)
	p.showSide()
	p.w.watching.Store(&watch{after: onboard.Newest(p.w.p.Attempts)})
}

func (p *connectPage) pick(i int) {
	p.tab = i
	for j, chip := range p.chips {
		chip.Choose(i == j)
	}
	p.showCode()
	p.showActions()
	p.content.Refresh()
}

func (p *connectPage) deviceName() string {
	device, _ := p.w.run.Made()
	return device.Name()
}

// text is what the chosen chip shows; secrets in it are hidden on request.
func (p *connectPage) text(h onboard.Hiding) string {
	if p.tab >= len(p.names) {
		return ""
	}
	switch p.names[p.tab] {
	case "mosquitto_pub":
		return onboard.Publish(p.at, p.deviceName(), p.material, h)
	case "mosquitto_sub":
		return onboard.Subscribe(p.at, p.deviceName(), p.material, h)
	case "Certificate":
		return string(p.material.CertPEM)
	case "Private key":
		return hidden(string(p.material.KeyPEM), h)
	}
	return hidden(p.material.Secret, h)
}

func hidden(secret string, h onboard.Hiding) string {
	if h == onboard.Masked && secret != "" {
		return onboard.Dots
	}
	return secret
}

func (p *connectPage) hiding() onboard.Hiding {
	if p.masked {
		return onboard.Masked
	}
	return onboard.Shown
}

func (p *connectPage) showCode() { p.code.Set(p.text(p.hiding())) }

func (p *connectPage) showActions() {
	name, s := p.deviceName(), p.w.p.Shell
	label := "Copy"
	if p.masked && p.text(onboard.Masked) != p.text(onboard.Shown) {
		label = "Copy with secret"
	}
	buttons := []fyne.CanvasObject{kit.NewButton(label, kit.Secondary, func() { s.Copy(p.names[p.tab], p.text(onboard.Shown)) })}
	save := func(label, file string, content []byte) {
		if len(content) > 0 {
			buttons = append(buttons, kit.NewButton(label, kit.Secondary, func() { s.Save(file, bytes.Clone(content)) }))
		}
	}
	save("Save private key", onboard.KeyFile(name), p.material.KeyPEM)
	if p.material.Method != onboard.GenerateKey {
		save("Save certificate", onboard.CertFile(name), p.material.CertPEM)
	} else {
		save("Save secret", onboard.SecretFile(name), []byte(p.material.Secret))
	}
	save("Save root.pem", "root.pem", p.at.RootPEM)
	p.actions.Objects = buttons
	p.actions.Refresh()
	switch {
	case p.material.Method == onboard.ImportCertificate:
		p.say("Its private key is where you made the certificate; --key names its file there.")
	case p.material.Method == onboard.GenerateKey:
		p.say("The secret is shown once. It is stored here only as a hash.")
	default:
		p.say("Save the certificate and the private key for the device. The private key is shown once and not kept here.")
	}
}

func (p *connectPage) say(text string) { p.note.Set(kit.Run{Text: text, Type: kit.Quiet}) }

// due reports whether there may be something new; it is called off the UI goroutine.
func (p *connectPage) due(version uint64, second int64) bool {
	changed := p.version.Swap(version) != version
	return p.second.Swap(uint64(second)) != uint64(second) || changed
}

// see shows what the device has done.
func (p *connectPage) see(s onboard.Sighting, at onboard.Endpoint) {
	if masked := p.w.p.Shell.Presenter(); masked != p.masked || at.Host != p.at.Host || at.Port != p.at.Port {
		p.masked, p.at = masked, at
		p.pick(p.tab)
	}
	p.at = at
	p.sighting = s
	if s.Seen() {
		p.failed = nil
	}
	p.showSide()
	p.w.frameIfChanged(p.connected())
}

func (p *connectPage) connected() bool { return p.sighting.Connected }
func (p *connectPage) waiting() bool   { return !p.sighting.Connected }
func (p *connectPage) holds() bool     { return p.material.Holds() }

// what the credential is called.
func (p *connectPage) what() string {
	material, _ := p.w.run.Material()
	if material.Method == onboard.GenerateKey {
		return "key " + sid.Short(material.SID)
	}
	return "certificate " + sid.Short(material.SID)
}

// showSide builds the right side anew when it says something else than before.
func (p *connectPage) showSide() {
	state := fmt.Sprint(p.sighting.Attempt.ID, p.sighting.Attempt.Live, p.sighting.Tries, p.failed, p.playing, p.at.Listening, p.masked, p.unfolded, len(p.sighting.Attempt.Steps), len(p.sighting.Attempt.Warnings))
	if state == p.seen {
		if p.wait != nil {
			p.wait.Set(p.waited())
		}
		return
	}
	p.seen = state
	p.wait = nil
	p.side.Objects = nil
	switch {
	case p.sighting.Connected:
		p.side.Objects = append(p.side.Objects, p.arrived())
	case p.sighting.Refused:
		p.side.Objects = append(p.side.Objects, p.refused())
	}
	if p.sighting.Seen() {
		if steps := p.steps(); steps != nil {
			p.side.Objects = append(p.side.Objects, steps)
		}
	}
	if p.failed != nil {
		p.side.Objects = append(p.side.Objects, p.unanswered())
	}
	if !p.sighting.Connected {
		p.side.Objects = append(p.side.Objects, p.listening())
	}
	p.w.content.Refresh()
}

func (p *connectPage) arrived() fyne.CanvasObject {
	a := p.sighting.Attempt
	by := "certificate"
	if sid.Valid(sid.Key, a.CredentialSID) {
		by = "key"
	}
	return kit.Panel(kit.Raised, kit.Good, 14, kit.Down(8,
		container.NewBorder(nil, nil, kit.Inset(0, 10, 0, 0, kit.NewIcon("check", kit.Good, 22)), nil,
			kit.Down(0, kit.NewProse(kit.Run{Text: p.deviceName() + " is connected", Type: kit.Title}))),
		mend.Origin(p.w.p.Shell, a, ""),
		kit.NewProse(kit.Run{Text: "It proved who it is with its " + by + " " + sid.Short(a.CredentialSID) + ".", Type: kit.Body}),
		kit.Flow(6, p.timeline(kit.Secondary)),
	))
}

// timeline is the button that unfolds the timeline below, or folds it again.
func (p *connectPage) timeline(rank kit.Rank) *kit.Button {
	a := p.sighting.Attempt
	if p.line == nil {
		return kit.NewButton("Show the timeline", rank, func() { p.w.p.Shell.Go(shell.Attempts, shell.AttemptKey(a.ID)) })
	}
	label := "Show the timeline"
	if p.unfolded {
		label = "Fold the timeline"
	}
	return kit.NewButton(label, rank, func() {
		p.unfolded = !p.unfolded
		p.seen = ""
		p.showSide()
	})
}

// steps is the unfolded timeline; nil while it is folded. It asks for more width than what else stands there.
func (p *connectPage) steps() fyne.CanvasObject {
	p.weights[0], p.weights[1] = snippetWidth, sideWidth
	if p.line == nil || !p.unfolded {
		return nil
	}
	p.weights[0], p.weights[1] = sideWidth+60, snippetWidth-60
	p.line.Show(p.sighting.Attempt)
	a := p.sighting.Attempt
	more := kit.NewLink(fmt.Sprintf("Attempt %d", a.ID), kit.Caption, func() { p.w.p.Shell.Go(shell.Attempts, shell.AttemptKey(a.ID)) })
	head := kit.Across(8, kit.NewText("Timeline", kit.Title), kit.Spacer(), more)
	return kit.Panel(kit.Surface, kit.Line, 12, kit.Down(8, head, p.line.Content()))
}

func (p *connectPage) refused() fyne.CanvasObject {
	a := p.sighting.Attempt
	title, rest := "It tried and was refused", tries(p.sighting.Tries)
	switch {
	case p.sighting.Newcomer:
		title = "Somebody tried from " + mend.Host(a.Remote) + " and " + failed(a)
	case p.sighting.Unsure:
		title = "Something tried and was refused"
	case p.sighting.Nearly:
		rest += " · nearly its Key SID"
	}
	buttons := []fyne.CanvasObject{p.timeline(kit.Primary)}
	if fix, ok := p.w.mend().Button(a, kit.Secondary); ok {
		buttons = append(buttons, fix)
	}
	return timeline.Card(a, timeline.Said{
		Title: title, Advice: words.Explain(a).Advice, Caption: mend.Origin(p.w.p.Shell, a, rest), Buttons: buttons,
	})
}

// failed is what somebody did who did not say who it was.
func failed(a attempt.Attempt) string {
	switch a.Cause {
	case cause.UntrustedRoot:
		return "did not trust this gateway’s root"
	case cause.WrongServerName:
		return "expected another server name"
	case cause.ClosedBeforeConnect:
		return "closed before CONNECT"
	case cause.Plaintext:
		return "spoke MQTT without TLS"
	case cause.MQTT5:
		return "spoke MQTT 5"
	case cause.NoSharedSuite, cause.TLSVersion, cause.HandshakeFailed:
		return "could not agree on TLS"
	}
	return "was refused"
}

func tries(n int) string {
	if n == 1 {
		return "1 try"
	}
	return fmt.Sprintf("%d tries", n)
}

// unanswered is what kept a virtual device from getting any answer.
func (p *connectPage) unanswered() fyne.CanvasObject {
	return kit.Panel(kit.Raised, kit.Bad, 14, kit.Down(8,
		kit.Across(8, kit.NewIcon("cross", kit.Bad, 14), kit.NewText("The virtual device got no answer", kit.Strong)),
		kit.NewProse(kit.Run{Text: onboard.Say(p.failed), Type: kit.Body}),
	))
}

func (p *connectPage) listening() fyne.CanvasObject {
	name := p.deviceName()
	if !p.at.Listening {
		return kit.Panel(kit.Surface, kit.Warn, 14, kit.Down(8,
			kit.Across(8, kit.NewIcon("minus", kit.Warn, 14), kit.NewText("The gateway is stopped", kit.Strong)),
			kit.NewProse(kit.Run{Text: "Start it above, then connect " + name + ".", Type: kit.Body}),
		))
	}
	head := "Waiting for " + name + "…"
	if p.sighting.Refused {
		head = "Still listening for " + name + "…"
	}
	p.wait = kit.NewText(p.waited(), kit.Caption)
	play := kit.NewButton("Connect a virtual "+name, kit.Secondary, p.play)
	hint := "or let this computer play the device:"
	if p.playing {
		play.Disable()
		play.SetLabel("Connecting…")
	}
	body := kit.Down(10,
		kit.NewProse(kit.Run{Text: head, Type: kit.Strong}),
		kit.Down(2, kit.Clipped(kit.NewText(p.at.Address(), kit.Mono.In(kit.Muted))), p.wait),
		kit.Rule(),
		kit.NewProse(kit.Run{Text: hint, Type: kit.Body}),
		kit.Flow(6, play),
	)
	if !p.material.Holds() {
		body.Add(kit.NewProse(kit.Run{Text: "It gets a key of its own: the private key of your certificate is not here.", Type: kit.Caption}))
	} else {
		body.Add(kit.NewProse(kit.Run{Text: "A virtual device keeps its credential on this computer, in a file that only you can read.", Type: kit.Caption}))
	}
	return kit.Panel(kit.Surface, kit.Line, 14, container.NewStack(body))
}

func (p *connectPage) waited() string {
	s := int(p.w.p.Now().Sub(p.since).Seconds())
	if s < 1 {
		return "listening since just now"
	}
	return fmt.Sprintf("listening for %d s", s)
}

// play lets this computer be the device.
func (p *connectPage) play() {
	if p.playing {
		return
	}
	device, _ := p.w.run.Made()
	material := p.material
	bench := p.w.p.Bench
	p.playing, p.failed = true, nil
	p.showSide()
	var result sim.Result
	p.w.p.Shell.Background(func(ctx context.Context) error {
		if material.Holds() && !bench.Virtual(device.SID) {
			if err := bench.Keep(device.SID, material); err != nil {
				return err
			}
		}
		if !bench.Virtual(device.SID) {
			if err := bench.Equip(ctx, device.SID, onboard.GenerateKey); err != nil {
				return err
			}
		}
		result = bench.Connect(ctx, device.SID, onboard.DefaultOptions(device))
		return nil
	}, func(err error) {
		p.playing = false
		if err == nil && result.Code < 0 {
			err = result.Err
		}
		p.failed = err // a refusal is shown from the attempts, as for any device
		if !p.w.ended {
			p.showSide()
		}
	})
}

// renew makes a new credential in place of the one that was lost.
func (p *connectPage) renew() {
	device, _ := p.w.run.Made()
	p.w.background(p.w.run.Renew, func(err error) {
		if err != nil {
			p.w.p.Shell.Fail("New credential for "+device.Name(), err)
			p.w.frame()
			return
		}
		p.w.p.Shell.Toast(device.Name()+" has a new "+p.what(), nil)
		p.w.show(stepConnect)
	})
}

// forget takes the secret off the screen.
func (p *connectPage) forget() {
	p.material.Forget()
	p.code.Set("")
	p.actions.Objects = nil
}

// frameIfChanged enables Done the moment the device connects.
func (w *Wizard) frameIfChanged(connected bool) {
	if connected != w.doneEnabled {
		w.doneEnabled = connected
		w.frame()
	}
}
