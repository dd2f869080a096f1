package devices

import (
	"context"
	"crypto/x509"
	"errors"
	"fmt"
	"strconv"
	"strings"
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
	"gatehouse/gateway/registry"
	"gatehouse/gateway/sid"
	"gatehouse/sim"
	"gatehouse/sim/agent"
)

// connect is how this computer plays the device: the options of its connection, and what came of it.
type connect struct {
	d      *detail
	device registry.Device

	credential *form.Select
	protocol   *form.Select
	clean      *form.Switch
	keepAlive  *kit.Field
	clientID   *kit.Field
	wrong      *form.Switch
	will       *form.Switch
	willTopic  *kit.Field
	willText   *kit.Field
	willQoS    *form.Select
	willRetain *form.Switch
	willRows   *fyne.Container
	driven     *form.Select
	byItself   bool // as it was kept when driven was last set
	target     *form.Select
	address    *kit.Field
	trust      *form.Select
	file       *kit.Button
	trustName  *kit.Text
	trustPEM   []byte
	trustRow   *fyne.Container
	policy     *policy
	problem    *form.Problem
	button     *kit.Button
	result     *fyne.Container
	shown      string // which result is shown

	options fyne.CanvasObject
	offer   fyne.CanvasObject // while this computer holds no credential of the device
	view    *container.Scroll
}

var protocols = []struct {
	level int
	name  string
}{{sim.MQTT311, "MQTT 3.1.1"}, {sim.MQTT31, "MQTT 3.1"}, {sim.MQTT5, "MQTT 5 (this gateway refuses it)"}}

func newConnect(d *detail) *connect {
	v := &connect{d: d, result: container.NewStack(), problem: form.NewProblem()}
	var names []string
	for _, p := range protocols {
		names = append(names, p.name)
	}
	v.protocol = form.NewSelect(nil, names...)
	v.credential = form.NewSelect(func(int) {
		if d.facts != nil {
			v.weighSecret(d.facts)
			v.view.Refresh()
		}
	})
	v.clean = form.NewSwitch("Start from scratch (Clean Session 1)", nil)
	v.keepAlive, v.clientID = kit.NewField("60"), kit.NewField("may be empty")
	v.wrong = form.NewSwitch("Send a wrong secret on purpose", nil)
	v.willTopic, v.willText = kit.NewField("topic"), kit.NewField("payload")
	v.willQoS = form.NewSelect(nil, "QoS 0", "QoS 1", "QoS 2")
	v.willRetain = form.NewSwitch("Retain", nil)
	v.willRows = kit.Down(8, form.Narrow(360, v.willTopic), form.Narrow(360, v.willText), kit.Across(12, kit.Sized(110, 0, v.willQoS), v.willRetain))
	v.willRows.Hide()
	v.will = form.NewSwitch("Send a last will", func(on bool) {
		toggle(v.willRows, on)
		v.view.Refresh()
	})
	v.button = kit.NewButton("Connect", kit.Primary, v.press)
	v.policy = newPolicy(func() { v.view.Refresh() })
	v.driven = form.NewSelect(func(i int) {
		toggle(v.policy.content, i == 1)
		v.label()
		v.view.Refresh()
	}, "By hand: nothing happens unasked", "Left to itself: reports, reacts, comes back")
	v.address = kit.NewField("mqtts://host:8883")
	v.target = form.NewSelect(func(i int) { toggle(v.address, i == 1); v.view.Refresh() }, "This gateway", "Another server")
	v.trustName = kit.NewText("", kit.Caption)
	v.file = kit.NewButton("Choose a file…", kit.Secondary, v.chooseTrust)
	v.trustRow = kit.Across(8, v.file, v.trustName)
	v.trust = form.NewSelect(func(i int) { toggle(v.trustRow, trusts[max(i, 0)].kind == onboard.TrustFile); v.view.Refresh() }, trustNames()...)
	v.options = kit.Down(14,
		kit.Down(10, kit.Across(12, v.button), v.problem.Container, v.result),
		form.Row("Driven", form.Narrow(360, v.driven), ""),
		v.policy.content,
		form.Row("Credential", kit.Down(4, form.Narrow(360, v.credential), v.wrong), ""),
		form.Row("Server", kit.Down(6, form.Narrow(360, v.target), form.Narrow(360, v.address)), ""),
		form.Row("Trusts", kit.Down(6, form.Narrow(360, v.trust), v.trustRow), ""),
		form.Row("Protocol", form.Narrow(360, v.protocol), ""),
		form.Row("Session", v.clean, "Off, the session resumes: subscriptions are kept, and what came meanwhile is delivered."),
		form.Row("Keepalive", kit.Across(8, kit.Sized(90, 0, v.keepAlive), kit.NewText("seconds", kit.Quiet)), "From 0 to 65535; 0 sends none."),
		form.Row("Client ID", form.Narrow(360, v.clientID), "It has no effect here: the session belongs to the device."),
		form.Row("Last will", kit.Down(8, v.will, v.willRows), "The gateway accepts a will, discards it, and says so in the timeline."),
	)
	v.offer = kit.Down(12,
		kit.NewText("This device is external", kit.Title),
		kit.NewProse(kit.Run{Text: "Its credentials are on the device itself. To let this computer play it as well, give it a further credential, which is kept here in a file that only you can read. The gateway keeps one connection per device: the newest takes over.", Type: kit.Quiet}),
		kit.Flow(8,
			kit.NewButton("Play it with a new key", kit.Primary, func() { v.equip(onboard.GenerateKey) }),
			kit.NewButton("Play it with a new certificate", kit.Secondary, func() { v.equip(onboard.GenerateCertificate) })),
	)
	v.view = container.NewVScroll(kit.Inset(14, 14, 14, 14, kit.Down(0, v.options, v.offer)))
	return v
}

func (v *connect) content() fyne.CanvasObject { return v.view }

func (v *connect) show(f *facts) {
	toggle(v.options, len(f.held) > 0)
	toggle(v.offer, len(f.held) == 0)
	if f.row.device.SID != v.device.SID {
		v.device = f.row.device
		v.fill(f)
	}
	if f.setup.ByItself != v.byItself { // changed elsewhere: on the tab Telemetry
		v.byItself = f.setup.ByItself
		v.driven.Set(yes(v.byItself), v.driven.Options()...)
		toggle(v.policy.content, v.byItself)
	}
	v.credential.Set(min(max(v.credential.Chosen(), 0), max(len(f.held)-1, 0)), credentialNames(f)...)
	v.weighSecret(f)
	v.label()
	v.showResult(f)
	v.view.Refresh()
}

// label says what the button does.
func (v *connect) label() {
	f := v.d.facts
	if f == nil {
		return
	}
	switch {
	case v.d.busy:
		v.button.SetLabel("Connecting…")
		v.button.Disable()
		return
	case f.playing():
		v.button.SetLabel(v.d.verb(f))
	default:
		v.button.SetLabel(map[bool]string{true: "Start", false: "Connect"}[v.driven.Chosen() == 1])
	}
	v.button.Enable()
}

// weighSecret offers a wrong secret only where there is one to get wrong.
func (v *connect) weighSecret(f *facts) {
	i := v.credential.Chosen()
	toggle(v.wrong, i >= 0 && i < len(f.held) && f.held[i].KeySID != "")
}

// leave keeps the options: they are read anew for another device.
func (v *connect) leave() {}

// fill shows the options that the device last connected with.
func (v *connect) fill(f *facts) {
	o := f.setup.Options
	v.problem.Say("")
	v.byItself = f.setup.ByItself
	v.driven.Set(yes(v.byItself), v.driven.Options()...)
	v.policy.set(f.setup.Reconnect)
	toggle(v.policy.content, f.setup.ByItself)
	v.target.Set(yes(o.Target != ""), v.target.Options()...)
	setText(v.address, o.Target)
	toggle(v.address, o.Target != "")
	for i, t := range trusts {
		if t.kind == o.Trust {
			v.trust.Set(i, v.trust.Options()...)
		}
	}
	v.trustPEM = o.TrustPEM
	v.trustName.Set(o.TrustName)
	toggle(v.trustRow, o.Trust == onboard.TrustFile)
	v.shown = "-"
	for i, p := range protocols {
		if p.level == o.Protocol {
			v.protocol.Set(i, v.protocol.Options()...)
		}
	}
	v.credential.Set(min(max(o.Credential, 0), max(len(f.held)-1, 0)), credentialNames(f)...)
	v.clean.Set(o.Clean)
	v.wrong.Set(o.WrongSecret)
	setText(v.keepAlive, strconv.Itoa(int(o.KeepAlive/time.Second)))
	setText(v.clientID, o.ClientID)
	v.will.Set(o.Will != nil)
	toggle(v.willRows, o.Will != nil)
	qos := 0
	if o.Will != nil {
		setText(v.willTopic, o.Will.Topic)
		setText(v.willText, string(o.Will.Payload))
		v.willRetain.Set(o.Will.Retain)
		qos = int(o.Will.QoS)
	}
	v.willQoS.Set(qos, v.willQoS.Options()...)
}

func credentialNames(f *facts) []string {
	names := make([]string, len(f.held))
	for i, c := range f.held {
		what, of := "Certificate ", c.CertificateSID
		if c.KeySID != "" {
			what, of = "Key ", c.KeySID
		}
		names[i] = what + sid.Short(of)
		if !registered(f, of) {
			names[i] += " (revoked)"
		}
	}
	return names
}

func registered(f *facts, credential string) bool {
	for _, k := range f.keys {
		if k.SID == credential {
			return true
		}
	}
	for _, c := range f.certs {
		if c.SID == credential {
			return true
		}
	}
	return false
}

// read is what the user has chosen.
func (v *connect) read() (onboard.Options, error) {
	seconds, err := strconv.Atoi(form.Trim(v.keepAlive))
	if err != nil || seconds < 0 || seconds > 65535 {
		return onboard.Options{}, onboard.Problem("The keepalive is a whole number of seconds, from 0 to 65535.")
	}
	o := onboard.Options{
		Protocol: protocols[max(v.protocol.Chosen(), 0)].level, Clean: v.clean.On(), KeepAlive: time.Duration(seconds) * time.Second,
		ClientID: v.clientID.Entry.Text, Credential: v.credential.Chosen(), WrongSecret: v.wrong.On() && v.wrong.Visible(),
	}
	if v.will.On() {
		if form.Trim(v.willTopic) == "" || strings.ContainsAny(v.willTopic.Entry.Text, "+#") {
			return onboard.Options{}, onboard.Problem("The will needs a topic, without + and #.")
		}
		o.Will = &sim.Will{Topic: form.Trim(v.willTopic), Payload: []byte(v.willText.Entry.Text), QoS: byte(max(v.willQoS.Chosen(), 0)), Retain: v.willRetain.On()}
	}
	o.Trust = trusts[max(v.trust.Chosen(), 0)].kind
	if v.target.Chosen() == 1 {
		if o.Target = form.Trim(v.address); !strings.HasPrefix(o.Target, "mqtts://") || len(o.Target) == len("mqtts://") {
			return onboard.Options{}, onboard.Problem("Write the other server as mqtts://host:port: a device never sends its secret in the clear.")
		}
	}
	if o.Trust == onboard.TrustFile {
		if o.TrustPEM, o.TrustName = v.trustPEM, v.trustName.String(); len(o.TrustPEM) == 0 {
			return onboard.Options{}, onboard.Problem("Choose the file with the certificates of the authorities that it is to trust.")
		}
	}
	return o, nil
}

// chooseTrust takes a file of authorities.
func (v *connect) chooseTrust() {
	v.d.s.p.Shell.Open(func(name string, content []byte) {
		if !x509.NewCertPool().AppendCertsFromPEM(content) {
			v.problem.Say(name + " holds no certificate in PEM form, which begins with “-----BEGIN CERTIFICATE-----”.")
			v.view.Refresh()
			return
		}
		v.problem.Say("")
		v.trustPEM = content
		v.trustName.Set(name)
		v.view.Refresh()
	})
}

// trusts are whom a device can believe.
var trusts = []struct {
	kind onboard.Trust
	name string
}{
	{onboard.TrustGateway, "This gateway’s own root"},
	{onboard.TrustSystem, "The authorities that this computer knows"},
	{onboard.TrustFile, "The authorities in a file"},
	{onboard.TrustEverybody, "Any certificate, as a careless device"},
}

func trustNames() (names []string) {
	for _, t := range trusts {
		names = append(names, t.name)
	}
	return names
}

func yes(on bool) int {
	if on {
		return 1
	}
	return 0
}

func (v *connect) press() {
	if v.d.facts != nil && v.d.facts.playing() {
		v.d.s.disconnect(v.device)
		return
	}
	v.start()
}

// start connects with the options shown.
func (v *connect) start() {
	if v.d.facts == nil || len(v.d.facts.held) == 0 || v.d.busy {
		return
	}
	o, err := v.read()
	reconnect, wrong := v.policy.read()
	if err == nil && v.driven.Chosen() == 1 {
		err = wrong
	}
	v.problem.Say(onboard.Say(err))
	v.view.Refresh()
	if err != nil {
		return
	}
	v.button.SetLabel("Connecting…")
	v.button.Disable()
	byItself := v.driven.Chosen() == 1
	v.d.s.connectVirtual(v.device, func(s *onboard.Setup) {
		s.Options, s.ByItself = o, byItself
		if byItself {
			s.Reconnect = reconnect
		}
	})
}

// equip gives this computer a credential of the device.
func (v *connect) equip(how onboard.Method) {
	device, s := v.device, v.d.s
	s.work("Play "+device.Name(), "This computer can play "+device.Name()+" now", func(ctx context.Context) error {
		return s.p.Bench.Equip(ctx, device.SID, how)
	}, nil)
}

// showResult says what came of the last attempt that this computer made for the device.
func (v *connect) showResult(f *facts) {
	r := f.state.LastResult
	state := fmt.Sprint(f.row.device.SID, f.played, f.life.Running, f.life.Status.Phase, f.life.Status.Next, f.state.Connected, f.state.Since, f.state.Attempts, newestRefused(f).ID, f.row.device.Enabled, f.row.device.DeploymentSID)
	if state == v.shown {
		return
	}
	v.shown = state
	v.result.Objects = nil
	switch {
	case !f.played || f.state.Attempts == 0:
	case f.state.Connected:
		v.result.Objects = []fyne.CanvasObject{v.accepted(f, r)}
	case f.state.Connecting:
		return // what the last attempt led to stays until this one ends
	case r.Err != nil:
		v.result.Objects = []fyne.CanvasObject{v.refused(f, r)}
	default:
		text := onboard.Sentence(f.state.EndReason)
		if text == "" {
			text = "The connection has ended."
		}
		v.result.Objects = []fyne.CanvasObject{kit.Panel(kit.Raised, kit.Line, 12, kit.Down(4, kit.NewText("Not connected any more", kit.Strong), kit.NewProse(kit.Run{Text: text, Type: kit.Body})))}
	}
	if text := nextAttempt(f.life); text != "" {
		v.result.Objects = []fyne.CanvasObject{kit.Down(8, append(v.result.Objects, kit.NewProse(kit.Run{Text: text, Type: kit.Quiet}))...)}
	}
	v.result.Refresh()
}

// nextAttempt says what a device that is left to itself will do about its connection; nothing while it is connected.
func nextAttempt(l onboard.Life) string {
	switch {
	case l.Running && l.Status.Phase == agent.Waiting:
		return "Left to itself: it tries again at " + l.Status.Next.Local().Format("15:04:05") + "."
	case l.Known && !l.Running && l.Status.Phase == agent.Stopped && l.Status.Why != "" && l.Status.Why != "it was stopped":
		return "Left to itself: it stopped, and will not try again by itself."
	}
	return ""
}

func (v *connect) accepted(f *facts, r sim.Result) fyne.CanvasObject {
	session := "a new session"
	if r.SessionPresent {
		session = "its session resumed"
	}
	detail := fmt.Sprintf("%s · %s · in %s", session, join(r.TLSVersion, r.Suite), words.Took(r.Took))
	return kit.Panel(kit.Raised, kit.Good, 12, kit.Down(6,
		kit.Across(10, kit.Sized(40, 0, kit.NewBadge(0)), kit.NewText("Connected since "+f.state.Since.Local().Format("15:04:05"), kit.Strong)),
		kit.NewProse(kit.Run{Text: detail, Type: kit.Quiet}),
		kit.Flow(6, kit.NewButton("Open the console", kit.Secondary, func() { v.d.open(tabLive) }))))
}

func join(parts ...string) string {
	var kept []string
	for _, p := range parts {
		if p != "" {
			kept = append(kept, p)
		}
	}
	return strings.Join(kept, " · ")
}

// newestRefused is the device's newest attempt, when it was refused.
func newestRefused(f *facts) attempt.Attempt {
	for _, a := range f.attempts {
		if a.Code == attempt.Pending {
			continue
		}
		if a.Code.Refused() {
			return a
		}
		break
	}
	return attempt.Attempt{}
}

// refused explains with what the gateway recorded, when it recorded this attempt, and else with what the device saw.
func (v *connect) refused(f *facts, r sim.Result) fyne.CanvasObject {
	if a := newestRefused(f); a.ID != 0 && int(a.Code) == r.Code {
		if whole, found := v.d.s.p.Attempts.Get(a.ID); found {
			a = whole
		}
		buttons := []fyne.CanvasObject{kit.NewButton("Show the timeline", kit.Secondary, func() { v.d.s.p.Shell.Go(shell.Attempts, fmt.Sprint(a.ID)) })}
		if fix, ok := v.d.s.mend().Button(a, kit.Secondary); ok {
			buttons = append(buttons, fix)
		}
		caption := words.Retry(a.Code)
		if f.setup.Options.WrongSecret && a.Cause == cause.WrongSecret {
			caption = "You had it send a wrong secret on purpose. " + caption
		}
		return timeline.Card(a, timeline.Said{
			Title: words.CodeName(a.Code), Advice: words.Explain(a).Advice, Caption: kit.NewProse(kit.Run{Text: caption, Type: kit.Caption}), Buttons: buttons,
		})
	}
	title, why := "No answer", onboard.Say(r.Err)
	var refused *sim.RefusedError
	head := []fyne.CanvasObject{}
	color := kit.Bad
	if errors.As(r.Err, &refused) && r.Code >= 0 && r.Code <= 5 {
		title = words.CodeName(attempt.Code(r.Code))
		why = words.CodeMeaning(attempt.Code(r.Code)) + " " + words.Retry(attempt.Code(r.Code))
		color = kit.Code(r.Code).Color()
		head = append(head, kit.Sized(40, 0, kit.NewBadge(kit.Code(r.Code))))
	} else {
		head = append(head, kit.NewIcon("cross", kit.Bad, 14))
	}
	return kit.Panel(kit.Raised, color, 12, kit.Down(6,
		kit.Across(10, append(head, kit.NewText(title, kit.Strong))...),
		kit.NewProse(kit.Run{Text: why, Type: kit.Body}),
		kit.Flow(6, kit.NewButton("Show the attempts", kit.Secondary, func() { v.d.s.p.Shell.Go(shell.Attempts, "") }))))
}

// mend is how this screen offers fixes: a new key is shown where keys are.
func (s *Screen) mend() mend.Params {
	return mend.Params{
		Shell: s.p.Shell, Remedy: s.p.Remedy, RootPEM: func() []byte { return s.p.Endpoint().RootPEM },
		NewKey: s.NewKey,
		After:  s.reload,
	}
}
