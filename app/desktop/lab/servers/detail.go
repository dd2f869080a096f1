package servers

import (
	"net/url"
	"strconv"

	"fyne.io/fyne/v2"
	"fyne.io/fyne/v2/container"

	"gatehouse/app/desktop/kit"
	"gatehouse/app/desktop/shell"
	"gatehouse/app/words"
	"gatehouse/gateway/lab"
)

// detail is the chosen server.
type detail struct {
	view    *View
	content fyne.CanvasObject

	title   *kit.Text
	group   *kit.Text
	shows   *kit.Prose
	passes  *kit.Prose
	start   *kit.Button
	stop    *kit.Button
	head    *fyne.Container
	state   *kit.Text
	address *fyne.Container // shown while it runs
	url     *kit.Text
	try     *kit.Text
	root    *kit.Button
	codes   fyne.CanvasObject // of the return codes alone
	chips   map[int]*kit.Chip
	device  *kit.Button
	who     *kit.Link
	shown   row
}

func newDetail(v *View) *detail {
	d := &detail{
		view: v, title: kit.NewText("", kit.Type{Size: 18, Color: kit.Ink, Bold: true}), group: kit.NewText("", kit.Caption), shows: kit.NewProse(), passes: kit.NewProse(),
		state: kit.NewText("", kit.Quiet), url: kit.NewText("", kit.Mono), try: kit.NewText("", kit.Mono.In(kit.Muted)), chips: map[int]*kit.Chip{},
	}
	d.start = kit.NewButton("Start", kit.Primary, func() { v.start(d.shown) })
	d.stop = kit.NewButton("Stop", kit.Secondary, func() { v.stop(d.shown) })
	copyURL := kit.NewButton("Copy", kit.Small, func() { v.p.Shell.Copy("address", d.shown.server.URL) })
	copyTry := kit.NewButton("Copy", kit.Small, func() { v.p.Shell.Copy("command", d.try.String()) })
	d.root = kit.NewButton("Save root.pem", kit.Small, func() { v.p.Shell.Save("root.pem", v.p.RootPEM()) })
	d.root.Hidden = v.p.RootPEM == nil
	d.address = kit.Down(8,
		labelled("Address", kit.Across(10, d.url, copyURL, d.root)),
		labelled("Try it with", container.NewBorder(nil, nil, nil, kit.Across(0, copyTry), kit.Inset(0, 10, 0, 0, kit.Clipped(d.try)))),
	)
	d.codes = labelled("Answer", kit.Flow(6, append(d.newChips(), d.newDevice())...))
	d.head = container.NewBorder(nil, nil, kit.Across(10, d.title, d.group), kit.Across(10, d.state, d.start, d.stop))
	d.content = kit.Card(16, kit.Down(10, d.head, kit.Down(4, d.shows, d.passes), d.codes, d.address))
	return d
}

func labelled(label string, value fyne.CanvasObject) fyne.CanvasObject {
	return container.NewBorder(nil, nil, kit.Sized(86, 24, kit.NewText(label, kit.Caption)), nil, value)
}

// newChips are the codes that can be given.
func (d *detail) newChips() (chips []fyne.CanvasObject) {
	add := func(code int, label string) {
		chip := kit.NewChip("", label, func() { d.view.setCodes(func() { d.view.code = code }) })
		d.chips[code] = chip
		chips = append(chips, chip)
	}
	add(lab.Tour, "1 to 5, then 0")
	for code := 0; code <= 5; code++ {
		add(code, strconv.Itoa(code))
	}
	return chips
}

// newDevice is whom the codes are for.
func (d *detail) newDevice() fyne.CanvasObject {
	d.device = kit.NewButton("Choose…", kit.Small, d.view.pickDevice)
	d.who = kit.NewLink("", kit.Body, nil)
	return kit.Inset(0, 0, 0, 8, kit.Across(8, kit.NewText("for", kit.Caption), d.who, d.device))
}

func (d *detail) show(shot snapshot) {
	r := shot.chosen
	d.shown = r
	d.title.Set(r.title)
	d.group.Set(r.group)
	d.shows.Set(kit.Run{Text: r.shows, Type: kit.Body})
	d.passes.Set(kit.Run{Text: r.passes, Type: kit.Quiet})
	d.start.Hidden, d.stop.Hidden = r.on || r.busy != "", !r.on || r.busy != ""
	d.state.Set(state(r))
	d.head.Refresh()
	d.address.Hidden = !r.on
	if r.on {
		d.url.Set(r.server.URL)
		d.try.Set(command(r.server.URL))
	}
	if r.kind != lab.ReturnCode {
		d.codes.Hide()
	} else {
		d.codes.Show()
		for code, chip := range d.chips {
			chip.Choose(code == shot.code)
		}
		if shot.device.SID == "" {
			d.who.Set("every device", nil)
		} else {
			d.who.Set(shot.device.Name()+"; others get 3", func() { d.view.p.Shell.Go(shell.Devices, shot.device.SID) })
		}
	}
}

// state says whether a server runs.
func state(r row) string {
	if r.busy != "" {
		return r.busy
	}
	if !r.on {
		return "Not running"
	}
	text := words.Count(r.server.Attempts, "attempt", "attempts")
	if !r.server.Until.IsZero() {
		text += " · until " + r.server.Until.Local().Format("15:04")
	}
	return text
}

// command is how to meet a server without a device at hand.
func command(address string) string {
	u, err := url.Parse(address)
	if err != nil {
		return ""
	}
	return "mosquitto_pub -h " + u.Hostname() + " -p " + u.Port() + " --cafile root.pem -t test -m hello"
}
