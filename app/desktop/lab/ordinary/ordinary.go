// Package ordinary is the Lab's tab of the ordinary broker: it is started, watched and stopped here, and devices are sent to it. The broker is kept by package lab and runs
// on while another screen is visited.
package ordinary

import (
	"context"
	"errors"
	"strconv"
	"strings"
	"sync"

	"fyne.io/fyne/v2"
	"fyne.io/fyne/v2/container"

	"gatehouse/app/desktop/kit"
	"gatehouse/app/desktop/shell"
	"gatehouse/app/lab"
	"gatehouse/app/words"
	"gatehouse/sim/telemetry"
)

// Broker is the ordinary broker. Start and Stop may take a moment; State is quick.
type Broker interface {
	Start(lab.BrokerPlan) error
	Stop() error
	State() lab.BrokerState
}

// Device is a virtual device of this computer.
type Device struct{ SID, Name string }

// Params are what the tab stands on. All are required.
type Params struct {
	Shell  shell.Shell
	Broker Broker
	// RootPEM is what devices are to trust.
	RootPEM func() []byte
	// Devices are the virtual ones.
	Devices func() []Device
	// Point connects a virtual device to the broker. It waits for the answer.
	Point func(ctx context.Context, deviceSID, url string) error
	// Pick asks for one of several.
	Pick func(title string, labels []string, chosen func(int))
}

// View is the tab. It is a part of the Lab's screen.
type View struct {
	p       Params
	content fyne.CanvasObject

	// Before it is started.
	setup          *fyne.Container
	port           *kit.Field
	machine, lan   *kit.Chip
	user, password *kit.Field
	lines          map[string]*kit.FormLine
	start          *kit.Button
	network        bool
	working        bool

	// While it runs.
	running *fyne.Container
	url     *kit.Text
	access  *kit.Prose
	figures map[string]*kit.Text
	point   *kit.Button
	cannot  *kit.Prose
	stop    *kit.Button

	icon  *kit.Icon
	word  *kit.Text
	shown lab.BrokerState

	mu    sync.Mutex // guards what follows, which belongs to Pull
	asked bool
	seen  lab.BrokerState
}

// New builds the tab; nothing is read before the first Pull.
func New(p Params) *View {
	v := &View{
		p: p, lines: map[string]*kit.FormLine{}, figures: map[string]*kit.Text{},
		icon: kit.NewIcon("minus", kit.Muted, 14), word: kit.NewText("Stopped", kit.Strong.In(kit.Muted)),
		url: kit.NewText("", kit.Mono), access: kit.NewProse(), cannot: kit.NewProse(),
	}
	v.build()
	v.check()
	v.apply(lab.BrokerState{})
	return v
}

func (v *View) build() {
	field := func(placeholder string) *kit.Field {
		f := kit.NewField(placeholder)
		f.OnChanged(func(string) { v.check() })
		f.Entry.OnSubmitted = func(string) { v.begin() }
		return f
	}
	v.port, v.user, v.password = field("any free port"), field("none"), field("none")
	v.password.Entry.Password = true
	v.machine = kit.NewChip("", "This machine only", func() { v.network = false; v.check() })
	v.lan = kit.NewChip("", "My network", func() { v.network = true; v.check() })
	v.lines["port"] = kit.NewFormLine("Port", v.port, "")
	v.lines["network"] = kit.NewFormLine("Reachable by", kit.Flow(6, v.machine, v.lan), "")
	v.lines["user"] = kit.NewFormLine("User name", v.user, "")
	v.lines["password"] = kit.NewFormLine("Password", v.password, "Every client has to send both. It is kept as long as the broker runs, and nowhere else.")
	v.start = kit.NewButton("Start the ordinary broker", kit.Primary, v.begin)
	v.setup = kit.Down(10, v.lines["port"].Content, v.lines["network"].Content, v.lines["user"].Content, v.lines["password"].Content, kit.Flow(0, v.start))

	v.point = kit.NewButton("Point a virtual device at it…", kit.Primary, v.choose)
	v.stop = kit.NewButton("Stop it", kit.Secondary, v.ask)
	address := container.NewBorder(nil, nil, nil, kit.Across(6, kit.NewButton("Copy", kit.Small, func() { v.p.Shell.Copy("address of the ordinary broker", v.shown.URL) })), kit.Clipped(v.url))
	root := kit.Flow(6, kit.NewButton("Save root.pem", kit.Small, func() { v.p.Shell.Save("root.pem", v.p.RootPEM()) }),
		kit.NewButton("Copy its text", kit.Small, func() { v.p.Shell.Copy("root.pem", string(v.p.RootPEM())) }))
	tiles := kit.Columns(12, []float32{1, 1, 1}, v.figure("clients", "connected"), v.figure("received", "messages in"), v.figure("sent", "messages out"))
	more := kit.Columns(12, []float32{1, 1, 1}, v.figure("filters", "subscriptions"), v.figure("retained", "retained messages"), v.figure("since", "running for"))
	v.running = kit.Down(12, kit.NewFormLine("Address", address, "").Content, kit.NewFormLine("Trust", root, "Its certificate is the gateway’s, from the same local authority.").Content,
		v.access, tiles, more, kit.Flow(8, v.point, v.stop), v.cannot)

	head := container.NewBorder(nil, nil, nil, kit.Across(8, v.icon, v.word), kit.Clipped(kit.NewText("Ordinary broker", kit.Title)))
	left := kit.Card(1, container.NewVScroll(kit.Inset(15, 15, 15, 15, kit.Down(12, head, v.setup, v.running))))
	v.content = kit.Columns(kit.CardGap, []float32{560, 598}, left, kit.Card(1, container.NewVScroll(kit.Inset(15, 15, 15, 15, differences()))))
}

func (v *View) figure(id, unit string) fyne.CanvasObject {
	v.figures[id] = kit.NewText("0", kit.Figure)
	return kit.Down(0, kit.Clipped(v.figures[id]), kit.Clipped(kit.NewText(unit, kit.Caption)))
}

// differences tells what is other than on the gateway.
func differences() fyne.CanvasObject {
	all := kit.Down(12, kit.NewText("What is different from the gateway", kit.Title), kit.NewProse(kit.Run{Type: kit.Quiet,
		Text: "An ordinary MQTT broker in this program, over TLS. Run the same device on both: what works here and not there is the contract’s doing, and not the network’s."}))
	for _, d := range [][2]string{
		{"Nobody is registered", "Any client may connect, or any that sends the one user name and password. There are no devices, keys, deployments or codes 4 and 5 for them."},
		{"MQTT 5 works", "It speaks MQTT 3.1, 3.1.1 and 5. The gateway answers MQTT 5 with code 1."},
		{"Wills and any topic", "A will is published when its device vanishes, every client may use every topic, and there are no Sync objects behind topics."},
		{"Nothing is kept", "Sessions and retained messages end with it, and its connections are not recorded among the attempts."},
	} {
		all.Add(kit.Down(2, kit.NewText(d[0], kit.Strong), kit.NewProse(kit.Run{Text: d[1], Type: kit.Quiet})))
	}
	all.Add(kit.NewProse(kit.Run{Type: kit.Quiet, Text: "Scenarios that need no gateway, and fleets, can be sent here as well: choose the ordinary broker where they connect to."}))
	return all
}

// Content implements the part.
func (v *View) Content() fyne.CanvasObject { return v.content }

// Show implements the part: nothing can be chosen here.
func (v *View) Show(string) {}

// Selected implements the part.
func (v *View) Selected() string { return "" }

// Pull implements the part.
func (v *View) Pull() func() {
	s := v.p.Broker.State()
	v.mu.Lock()
	defer v.mu.Unlock()
	if v.asked && s == v.seen {
		return nil
	}
	v.asked, v.seen = true, s
	return func() { v.apply(s) }
}

func (v *View) apply(s lab.BrokerState) {
	turned := s.Running != v.shown.Running
	v.shown = s
	v.setup.Hidden, v.running.Hidden = s.Running, !s.Running
	if !s.Running {
		v.icon.Set("minus", kit.Muted)
		v.word.Set("Stopped")
		v.word.SetType(kit.Strong.In(kit.Muted))
	} else {
		v.icon.Set("check", kit.Good)
		v.word.Set("Running")
		v.word.SetType(kit.Strong.In(kit.Good))
		v.url.Set(s.URL)
		for id, text := range map[string]string{
			"clients": words.Grouped(s.Clients), "received": words.Grouped(int(s.Received)), "sent": words.Grouped(int(s.Sent)),
			"filters": words.Grouped(int(s.Filters)), "retained": words.Grouped(int(s.Retained)), "since": words.Span(s.For),
		} {
			v.figures[id].Set(text)
		}
	}
	if turned {
		v.explain(s)
		v.content.Refresh()
	}
}

// explain says what follows from how the broker was started.
func (v *View) explain(s lab.BrokerState) {
	text := "This machine only: there is no password, so nobody else may connect."
	switch {
	case s.Network:
		text = "Devices on your network can connect, with the user name and the password."
	case s.Locked:
		text = "This machine only, with the user name and the password."
	}
	v.access.Set(kit.Run{Text: text, Type: kit.Quiet})
	v.cannot.Hidden = !s.Locked
	v.cannot.Set(kit.Run{Type: kit.Caption, Text: "A virtual device sends its own key, which this broker refuses while it wants a password. A fleet sends the user name and password by itself."})
	if s.Locked {
		v.point.Disable()
	} else {
		v.point.Enable()
	}
}

// plan is what the fields say.
func (v *View) plan() (p lab.BrokerPlan, problems []telemetry.Problem) {
	p = lab.BrokerPlan{Network: v.network, User: v.user.Entry.Text, Password: v.password.Entry.Text}
	if text := strings.TrimSpace(v.port.Entry.Text); text != "" {
		port, err := strconv.Atoi(text)
		if err != nil || port == 0 {
			port = -1
		}
		p.Port = port
	}
	return p, p.Check()
}

// check says beside each field what is wrong with it.
func (v *View) check() {
	_, problems := v.plan()
	v.machine.Choose(!v.network)
	v.lan.Choose(v.network)
	if v.network {
		v.lines["network"].Remark("Whoever reaches this computer may try, so a password has to be set.")
	} else {
		v.lines["network"].Remark("Without a password nobody else may connect: anybody could read and write everything.")
	}
	v.blame(problems)
}

func (v *View) blame(problems []telemetry.Problem) {
	said := map[string]string{}
	for _, p := range problems {
		if said[p.Path] == "" {
			said[p.Path] = strings.ToUpper(p.What[:1]) + p.What[1:] + ": " + p.Todo + "."
		}
	}
	for id, line := range v.lines {
		line.Wrong(said[id])
	}
	if len(problems) > 0 || v.working {
		v.start.Disable()
	} else {
		v.start.Enable()
	}
}

// begin starts the broker as the fields say.
func (v *View) begin() {
	plan, problems := v.plan()
	if len(problems) > 0 || v.working {
		return
	}
	v.working = true
	v.check()
	v.p.Shell.Background(func(context.Context) error { return v.p.Broker.Start(plan) }, func(err error) {
		v.working = false
		v.check()
		switch {
		case errors.Is(err, lab.ErrPortTaken):
			v.lines["port"].Wrong("Port " + strconv.Itoa(plan.Port) + " is taken: " + lab.ErrPortTaken.Error() + ".")
		case errors.Is(err, lab.ErrPortForbidden):
			v.lines["port"].Wrong("Port " + strconv.Itoa(plan.Port) + " cannot be used: " + lab.ErrPortForbidden.Error() + ".")
		case err != nil:
			v.p.Shell.Fail("The ordinary broker could not be started", err)
		default:
			v.password.Entry.SetText("")
			v.p.Shell.Toast("The ordinary broker runs", nil)
		}
	})
}

// ask stops the broker, once the user has agreed when somebody is connected.
func (v *View) ask() {
	stop := func() {
		v.p.Shell.Background(func(context.Context) error { return v.p.Broker.Stop() }, func(err error) {
			if err != nil {
				v.p.Shell.Fail("The ordinary broker did not end properly", err)
				return
			}
			v.p.Shell.Toast("The ordinary broker has stopped", nil)
		})
	}
	s := v.shown
	if s.Clients == 0 && s.Retained == 0 {
		stop()
		return
	}
	v.p.Shell.Confirm("Stop the ordinary broker?", words.Count(s.Clients, "client is", "clients are")+" disconnected, and what it keeps is lost: "+
		words.Count(int(s.Retained), "retained message", "retained messages")+" and "+words.Count(int(s.Filters), "subscription", "subscriptions")+".", "Stop it", stop)
}

// choose sends a virtual device here.
func (v *View) choose() {
	var devices []Device
	v.p.Shell.Background(func(context.Context) error { devices = v.p.Devices(); return nil }, func(error) {
		switch len(devices) {
		case 0:
			v.p.Shell.Toast("There is no virtual device yet. Add a device, and let this computer play it.", nil)
		case 1:
			v.send(devices[0])
		default:
			labels := make([]string, len(devices))
			for i, d := range devices {
				labels[i] = d.Name
			}
			v.p.Pick("Which device is to connect to the ordinary broker?", labels, func(i int) { v.send(devices[i]) })
		}
	})
}

func (v *View) send(d Device) {
	url := v.shown.URL
	v.p.Shell.Background(func(ctx context.Context) error { return v.p.Point(ctx, d.SID, url) }, func(err error) {
		if err != nil {
			v.p.Shell.Fail(d.Name+" could not connect to the ordinary broker", err)
			return
		}
		v.p.Shell.Toast(d.Name+" is connected to the ordinary broker. It goes there until you change its target.", nil)
		v.p.Shell.Go(shell.Devices, d.SID)
	})
}
