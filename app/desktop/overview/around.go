package overview

import (
	"cmp"
	"net"
	"slices"
	"strings"
	"time"
	"unicode"
	"unicode/utf8"

	"fyne.io/fyne/v2"
	"fyne.io/fyne/v2/container"

	"gatehouse/app/desktop/kit"
	"gatehouse/app/desktop/look"
	"gatehouse/app/desktop/shell"
	"gatehouse/app/words"
	"gatehouse/gateway/broker"
	"gatehouse/gateway/registry"
)

const (
	mostNodes    = 16
	mostUnknown  = 3               // of them without a device
	flash        = 3 * time.Second // how long a refusal stands out in red
	pulseStep    = 0.25            // of the way, at each look
	pulseStart   = 0.15
	pulseArrived = 0.9
)

// nodes chooses the devices to draw, and moves messages along their spokes. It belongs to Pull.
type nodes struct {
	traffic map[string]uint64  // messages in and out, by device
	pulses  map[string]float32 // messages on their way
	flashes bool               // a refusal stands out now
}

// moving reports whether the picture changes though nothing happens.
func (n *nodes) moving() bool { return len(n.pulses) > 0 || n.flashes }

// node is a device, or a peer that is none, on the picture.
type node struct {
	key   string // a device's SID, or "from:" and an address
	name  string
	state kit.Color
	icon  string // in the ring of what is not connected
	pulse float32
}

// still is the node without the message on its way.
func (n node) still() node { n.pulse = -1; return n }

// candidate is a device that may be drawn.
type candidate struct {
	node node
	rank int // the lower, the more it belongs into the picture
}

// look is the picture as it is now, and its caption.
func (n *nodes) look(devices []registry.Device, sessions []broker.Session, news []refusal, now time.Time) ([]node, string) {
	live := map[string]broker.Session{}
	for _, s := range sessions {
		if s.Connected {
			live[s.DeviceSID] = s
		}
	}
	refused := map[string]refusal{}
	recent := 0
	n.flashes = false
	for _, r := range slices.Backward(news) {
		if now.Sub(r.at) < lately {
			refused[r.about] = r
			recent++
			n.flashes = n.flashes || now.Sub(r.at) < flash
		}
	}
	var all []candidate
	for _, d := range devices {
		session, connected := live[d.SID]
		r, bad := refused[d.SID]
		delete(refused, d.SID)
		all = append(all, n.device(d, session, connected, r, bad && !connected, now))
	}
	n.forget(live)
	caption := words.Count(len(live), "connected", "connected") + " · " + words.Grouped(recent) + " refused lately"
	return choose(append(all, unknown(refused, now)...)), caption
}

// device is how a device is drawn.
func (n *nodes) device(d registry.Device, s broker.Session, connected bool, r refusal, refused bool, now time.Time) candidate {
	c := candidate{node: node{key: d.SID, name: d.Name(), state: kit.Muted, icon: "minus", pulse: -1}, rank: 3}
	switch {
	case connected:
		c.node.state, c.node.icon, c.rank = kit.Good, "", 1
		c.node.pulse = n.pulse(d.SID, s.In+s.Out)
	case refused:
		c.rank = 0
		mark(&c.node, r, now)
	case !d.Enabled:
		c.node.icon = "barred"
	}
	return c
}

// mark draws a refusal; one that has just come stands out.
func mark(node *node, r refusal, now time.Time) {
	code := look.Code(r.code)
	node.icon, node.state = code.Icon(), code.Color()
	if now.Sub(r.at) < flash {
		node.state = kit.Bad
	}
}

// pulse is where a message of a device is on its way; a new one sets out when the last has arrived.
func (n *nodes) pulse(device string, messages uint64) float32 {
	if n.traffic == nil {
		n.traffic, n.pulses = map[string]uint64{}, map[string]float32{}
	}
	before, known := n.traffic[device]
	n.traffic[device] = messages
	at, moving := n.pulses[device]
	switch {
	case moving && at+pulseStep < pulseArrived:
		n.pulses[device] = at + pulseStep
	case known && messages != before:
		n.pulses[device] = pulseStart
	default:
		delete(n.pulses, device)
		return -1
	}
	return n.pulses[device]
}

// forget drops what is known of devices that are gone.
func (n *nodes) forget(live map[string]broker.Session) {
	for device := range n.traffic {
		if _, connected := live[device]; !connected {
			delete(n.traffic, device)
			delete(n.pulses, device)
		}
	}
}

// unknown are refused peers that are no known device, the newest first.
func unknown(refused map[string]refusal, now time.Time) []candidate {
	var all []refusal
	for _, r := range refused {
		if !r.device {
			all = append(all, r)
		}
	}
	slices.SortFunc(all, func(a, b refusal) int { return cmp.Compare(b.id, a.id) })
	var found []candidate
	for _, r := range all[:min(len(all), mostUnknown)] {
		c := candidate{node: node{key: fromKey + r.about, name: r.about, pulse: -1}}
		mark(&c.node, r, now)
		found = append(found, c)
	}
	return found
}

// choose takes the most telling ones, and puts them in an order that does not change with their state.
func choose(all []candidate) []node {
	slices.SortStableFunc(all, func(a, b candidate) int { return cmp.Compare(a.rank, b.rank) })
	all = all[:min(len(all), mostNodes)]
	slices.SortStableFunc(all, func(a, b candidate) int {
		return cmp.Or(strings.Compare(a.node.name, b.node.name), strings.Compare(a.node.key, b.node.key))
	})
	chosen := make([]node, len(all))
	for i, c := range all {
		chosen[i] = c.node
	}
	return chosen
}

func sameNodes(a, b []node) bool { return slices.Equal(a, b) }

// picture is how the kit draws nodes.
func picture(nodes []node) []kit.Node {
	drawn := make([]kit.Node, len(nodes))
	for i, n := range nodes {
		drawn[i] = kit.Node{Name: n.name, State: n.state, Icon: n.icon, Pulse: -1}
	}
	return drawn
}

// around is the card with the devices around the gateway, or what to do when there are none.
type around struct {
	content *fyne.Container
	caption *kit.Text
	picture *fyne.Container
	nodes   []node
	spots   *spots
	first   *fyne.Container // instead of an empty picture
	add     *fyne.Container
	demo    *demoBar
	shown   int // devices
}

func newAround(s *Screen) *around {
	a := &around{caption: kit.NewText("", kit.Quiet), picture: container.NewStack(), shown: -1}
	a.spots = newSpots(func(key string) {
		if _, unknown := addressOf(key); unknown {
			s.p.Fix.Shell.Go(shell.Attempts, key)
			return
		}
		s.p.Fix.Shell.Go(shell.Devices, key)
	})
	head := container.New(yielding{a.caption}, kit.NewText("Devices around the gateway", kit.Title), container.NewClip(a.caption))
	check := func() { s.p.Fix.Shell.Check() }
	a.demo = newDemoBar(s)
	a.add = kit.Flow(10, kit.NewButton("Add a device", kit.Primary, s.p.Fix.Shell.AddDevice),
		kit.NewButton("Run a scenario", kit.Secondary, func() { s.p.Fix.Shell.Go(shell.Lab, "scenarios") }),
		kit.NewButton("Check credentials", kit.Secondary, check), a.demo.again, a.demo.remove)
	a.first = container.NewStack(kit.Centred(430, kit.Down(10,
		kit.NewText("Add your first device", kit.Type{Size: 18, Color: kit.Ink, Bold: true}),
		kit.NewProse(kit.Run{Type: kit.Quiet,
			Text: "Give it a name and a credential, then connect your board with a ready snippet, or let this computer play the device."}),
		kit.Flow(8, kit.NewButton("Add a device", kit.Primary, s.p.Fix.Shell.AddDevice), a.demo.load, kit.NewButton("Check credentials", kit.Secondary, check)),
		a.demo.about, a.demo.making,
	)))
	a.first.Hide()
	a.content = kit.Card(14, container.NewBorder(head, a.add, nil, nil, container.NewStack(a.picture, a.spots, a.first)))
	return a
}

func (a *around) set(shot snapshot) {
	a.caption.Set(shot.caption)
	none := shot.devices == 0 && len(shot.nodes) == 0
	a.first.Hidden = !none
	if none {
		a.picture.Hide()
		a.add.Hide()
		a.caption.Hide()
	} else {
		a.picture.Show()
		a.add.Show()
		a.caption.Show()
	}
	a.spots.set(shot.nodes)
	if !slices.EqualFunc(a.nodes, shot.nodes, func(m, n node) bool { return m.still() == n.still() }) {
		a.nodes = shot.nodes
		a.picture.Objects = []fyne.CanvasObject{kit.NewDeviceMap("gateway", picture(shot.nodes))}
		a.picture.Refresh()
	}
	if room := a.demo.set(shot.demo); room || a.shown != shot.devices {
		a.shown = shot.devices
		a.demo.offer(shot.devices == 0)
		a.content.Refresh()
	}
}

func hostOf(remote string) string {
	if host, _, err := net.SplitHostPort(remote); err == nil {
		return host
	}
	return remote
}

func lowerFirst(s string) string {
	first, width := utf8.DecodeRuneInString(s)
	second, _ := utf8.DecodeRuneInString(s[width:])
	if unicode.IsUpper(second) { // TLS, MQTT
		return s
	}
	return string(unicode.ToLower(first)) + s[width:]
}

// yielding puts a title to the left and a remark to the right, and leaves the remark out where there is no room for both.
type yielding struct{ remark fyne.CanvasObject }

// MinSize implements fyne.Layout.
func (l yielding) MinSize(o []fyne.CanvasObject) fyne.Size {
	return fyne.NewSize(o[0].MinSize().Width, max(o[0].MinSize().Height, l.remark.MinSize().Height))
}

// Layout implements fyne.Layout.
func (l yielding) Layout(o []fyne.CanvasObject, size fyne.Size) {
	const gap = 12
	title, width := o[0].MinSize().Width, l.remark.MinSize().Width
	if title+gap+width > size.Width {
		width = 0 // its clip shows nothing then
	}
	o[0].Resize(fyne.NewSize(title, size.Height))
	o[1].Resize(fyne.NewSize(width, size.Height))
	o[1].Move(fyne.NewPos(size.Width-width, 0))
}
