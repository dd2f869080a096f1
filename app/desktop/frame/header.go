package frame

import (
	"context"
	"fmt"
	"time"

	"fyne.io/fyne/v2"
	"fyne.io/fyne/v2/canvas"

	"gatehouse/app/desktop/kit"
	"gatehouse/app/words"
)

// stopWithin bounds how long stopping waits for devices.
const stopWithin = 5 * time.Second

// header says what the gateway does and where, with what changes that.
type header struct {
	frame   *Frame
	content *fyne.Container

	dot            *canvas.Rectangle
	word           *kit.Text
	url            *kit.Text
	machine, lan   *kit.Chip
	where          *fyne.Container // holds both
	certificate    *kit.Text
	versions       *kit.Text // of TLS, behind it
	presenter, run *kit.Button

	shown Status
	first bool
	busy  bool
}

func newHeader(f *Frame) *header {
	h := &header{
		frame: f, first: true,
		dot:  &canvas.Rectangle{FillColor: kit.Muted, CornerRadius: 5},
		word: kit.NewText("Starting", kit.CaptionBold.In(kit.Muted)),
		url:  kit.NewText("", kit.Mono), certificate: kit.NewText("", kit.Quiet), versions: kit.NewText("", kit.Quiet),
	}
	h.dot.SetMinSize(fyne.NewSquareSize(10))
	h.machine = kit.NewChip("", "This machine only", func() { h.network(false) })
	h.lan = kit.NewChip("", "My network", func() { h.network(true) })
	h.where = kit.Across(0, kit.Across(4, h.machine, h.lan))
	h.presenter = kit.NewButton("Presenter", kit.Secondary, func() { f.SetPresenter(!f.presenter) })
	h.setPresenter(f.presenter)
	h.run = kit.NewButton("Start", kit.Secondary, h.toggle)
	find := func() { f.OpenPalette() }
	copyURL := kit.NewButton("Copy", kit.Small, func() { f.Copy("address", h.shown.URL) })
	h.content = container(
		part{object: kit.NewText("Gatehouse", kit.Title), gap: 20, drop: 5},
		part{object: kit.Across(5, h.dot, h.word), gap: 20},
		part{object: h.url, gap: 12},
		part{object: copyURL, gap: 20, drop: 7},
		part{object: h.where, gap: 20, drop: 6},
		part{object: h.certificate, gap: 4, drop: 2},
		part{object: h.versions, gap: 14, drop: 1},
		part{object: kit.NewChip("", "Ctrl+K  Find anything", find), gap: 12, drop: 3, right: true},
		part{object: kit.NewChip("", "Ctrl+K", find), gap: 12, drop: 4, right: true, instead: true},
		part{object: h.presenter, gap: 12, right: true},
		part{object: h.run, right: true},
	)
	return h
}

// set shows a status.
func (h *header) set(s Status, now time.Time) {
	if s == h.shown && !h.first {
		return
	}
	h.shown, h.first = s, false
	word, color := "Stopped", kit.Muted
	switch s.State {
	case Listening:
		word, color = "Listening", kit.Good
	case Failed:
		word, color = "Not listening", kit.Bad
	}
	h.word.Set(word)
	h.word.SetType(kit.CaptionBold.In(color))
	h.dot.FillColor = color
	h.dot.Refresh()
	h.url.Set(s.URL)
	ink := kit.Mono
	if s.State != Listening {
		ink = ink.In(kit.Muted)
	}
	h.url.SetType(ink)
	h.machine.Choose(!s.Network)
	h.lan.Choose(s.Network)
	setShown(h.where.Objects[0], !s.Fixed)
	said, warn := certificateWords(s.LeafNotAfter, now)
	h.certificate.Set(said)
	if warn {
		h.certificate.SetType(kit.Quiet.In(kit.Warn))
	} else {
		h.certificate.SetType(kit.Quiet)
	}
	h.versions.Set(join(said, s.TLS))
	h.label()
	relayout(h.content)
}

// join puts a dot before what stands behind something.
func join(before, text string) string {
	if before == "" || text == "" {
		return text
	}
	return "· " + text
}

// certificateWords says how long the server's certificate is valid; warn when it soon is not.
func certificateWords(until, now time.Time) (said string, warn bool) {
	left := until.Sub(now)
	days := int(left.Hours() / 24)
	switch {
	case until.IsZero():
		return "", false
	case left <= 0:
		return "Certificate has expired", true
	case days < 1:
		return "Certificate expires today", true
	}
	return "Certificate valid " + words.Count(days, "day", "days"), days < 14
}

func (h *header) label() {
	switch {
	case h.busy:
		h.run.SetLabel("One moment…")
	case h.shown.State == Listening:
		h.run.SetLabel("Stop")
	default:
		h.run.SetLabel("Start")
	}
}

func (h *header) setPresenter(on bool) {
	if on {
		h.presenter.SetLabel("End presenting")
	} else {
		h.presenter.SetLabel("Presenter")
	}
	if h.content != nil {
		relayout(h.content)
	}
}

// toggle starts or stops the gateway.
func (h *header) toggle() {
	if h.shown.State != Listening {
		h.do("The gateway could not be started", h.frame.p.Gateway.Start, func() { h.frame.Toast("The gateway is listening", nil) })
		return
	}
	h.asking("Stop the gateway?", "Stop", func() {
		h.do("The gateway could not be stopped", h.frame.stop, func() {
			h.frame.Toast("The gateway has stopped", func() {
				h.do("The gateway could not be started", h.frame.p.Gateway.Start, nil)
			})
		})
	})
}

// stop is bounded: devices that do not let go are cut.
func (f *Frame) stop() error {
	ctx, cancel := context.WithTimeout(f.ctx, stopWithin)
	defer cancel()
	return f.p.Gateway.Stop(ctx)
}

// asking asks first when devices would lose their connection.
func (h *header) asking(title, verb string, do func()) {
	n := h.frame.status.figures.tally.Sample.Connected
	if n == 0 {
		do()
		return
	}
	h.frame.Confirm(title, words.Count(n, "connected device loses its connection. Its session stays.", "connected devices lose their connections. Their sessions stay."), verb, do)
}

// network binds the listener to the network, or to this machine only.
func (h *header) network(on bool) {
	if on == h.shown.Network {
		return
	}
	title, said, verb := "Keep to this machine?", "Only this machine’s devices can connect now", "Keep to this machine"
	if on {
		title, said, verb = "Let devices on your network connect?", "Devices on your network can connect now", "Let them connect"
	}
	h.asking(title, verb, func() {
		h.do("The network could not be changed", func() error { return h.frame.p.Gateway.SetNetwork(on) }, func() { h.frame.Toast(said, nil) })
	})
}

// do changes the gateway in the background; the button waits meanwhile.
func (h *header) do(failed string, work func() error, after func()) {
	if h.busy {
		return
	}
	h.setBusy(true)
	h.frame.Background(func(context.Context) error { return work() }, func(err error) {
		h.setBusy(false)
		h.frame.refreshStatus()
		if err != nil {
			h.frame.Fail(failed, err)
		} else if after != nil {
			after()
		}
	})
}

func (h *header) setBusy(on bool) {
	h.busy = on
	if on {
		h.run.Disable()
	} else {
		h.run.Enable()
	}
	h.label()
	relayout(h.content)
}

// part is one thing in the header. When there is too little room, parts vanish in the order of drop; those with 0 stay.
type part struct {
	object  fyne.CanvasObject
	gap     float32 // to the right of it
	drop    int
	right   bool // at the right end
	instead bool // stands in for the part before it, once that has vanished
}

// width is what a part takes up, its gap included; what is empty has none.
func (p part) width() float32 {
	if w := p.object.MinSize().Width; w > 0 {
		return w + p.gap
	}
	return 0
}

func container(parts ...part) *fyne.Container {
	c := &fyne.Container{Layout: headerLayout{parts}}
	for _, p := range parts {
		c.Objects = append(c.Objects, p.object)
	}
	return c
}

type headerLayout struct{ parts []part }

// MinSize implements fyne.Layout.
func (l headerLayout) MinSize([]fyne.CanvasObject) fyne.Size { return fyne.NewSize(200, 30) }

// Layout implements fyne.Layout.
func (l headerLayout) Layout(_ []fyne.CanvasObject, size fyne.Size) {
	shown := make([]bool, len(l.parts))
	for i, p := range l.parts {
		shown[i] = !p.instead
	}
	for drop := 1; drop <= len(l.parts) && l.width(shown) > size.Width; drop++ {
		for i, p := range l.parts {
			if p.drop != drop {
				continue
			}
			shown[i] = false
			if i+1 < len(l.parts) && l.parts[i+1].instead {
				shown[i+1] = true
			}
		}
	}
	left, right := float32(0), size.Width-l.rightWidth(shown)
	for i, p := range l.parts {
		setShown(p.object, shown[i])
		if !shown[i] {
			continue
		}
		m := p.object.MinSize()
		x := &left
		if p.right {
			x = &right
		}
		p.object.Resize(m)
		p.object.Move(fyne.NewPos(*x, float32(int((size.Height-m.Height)/2))))
		*x += p.width()
	}
}

func setShown(o fyne.CanvasObject, on bool) {
	if on != o.Visible() {
		if on {
			o.Show()
		} else {
			o.Hide()
		}
	}
}

func (l headerLayout) width(shown []bool) (width float32) {
	for i, p := range l.parts {
		if shown[i] {
			width += p.width()
		}
	}
	return width
}

func (l headerLayout) rightWidth(shown []bool) (width float32) {
	for i, p := range l.parts {
		if shown[i] && p.right {
			width += p.width()
		}
	}
	return width
}

// portLabel is the button that offers another port.
func portLabel(port int) string { return fmt.Sprintf("Use port %d", port) }
