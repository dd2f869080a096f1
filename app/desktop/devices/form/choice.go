package form

import (
	"fyne.io/fyne/v2"
	"fyne.io/fyne/v2/canvas"
	"fyne.io/fyne/v2/container"
	"fyne.io/fyne/v2/driver/desktop"
	"fyne.io/fyne/v2/widget"

	"gatehouse/app/desktop/kit"
)

// Option is one card of Cards.
type Option struct {
	Title  string
	Tag    string // beside the title, in the accent colour: "recommended"
	Detail string
}

// Cards is a choice of one among few, each with a sentence that says what it means.
type Cards struct {
	*fyne.Container
	cards   []*card
	chosen  int
	changed func(int)
}

// NewCards makes a choice with the first card chosen.
func NewCards(changed func(int), options ...Option) *Cards {
	c := &Cards{changed: changed}
	c.Container = kit.Down(8)
	for i, o := range options {
		one := newCard(o, func() { c.Choose(i) }, func(by int) { c.step(by) })
		c.cards = append(c.cards, one)
		c.Add(one)
	}
	c.cards[0].choose(true)
	return c
}

// Choose does what the user does.
func (c *Cards) Choose(i int) {
	if i != c.chosen {
		c.Show(i)
		if c.changed != nil {
			c.changed(i)
		}
	}
}

// Show marks a card without telling.
func (c *Cards) Show(i int) {
	c.cards[c.chosen].choose(false)
	c.chosen = i
	c.cards[i].choose(true)
}

// Chosen is the index of the card.
func (c *Cards) Chosen() int { return c.chosen }

// step is what the arrow keys do.
func (c *Cards) step(by int) {
	c.Choose(min(max(c.chosen+by, 0), len(c.cards)-1))
	if w := fyne.CurrentApp().Driver().CanvasForObject(c.Container); w != nil {
		w.Focus(c.cards[c.chosen])
	}
}

type card struct {
	widget.BaseWidget
	tapped       func()
	step         func(int)
	dot, ring    *canvas.Circle
	back, border *canvas.Rectangle
	body         fyne.CanvasObject
	focused      bool
	hovered      bool
	chosen       bool
}

var (
	_ fyne.Tappable     = (*card)(nil)
	_ fyne.Focusable    = (*card)(nil)
	_ desktop.Hoverable = (*card)(nil)
)

func newCard(o Option, tapped func(), step func(int)) *card {
	c := &card{tapped: tapped, step: step}
	c.back = &canvas.Rectangle{FillColor: kit.Raised, StrokeColor: kit.Line, StrokeWidth: 1, CornerRadius: kit.CardRound}
	c.border = &canvas.Rectangle{FillColor: kit.Clear, StrokeColor: kit.Accent, StrokeWidth: 2, CornerRadius: kit.CardRound}
	c.ring = &canvas.Circle{FillColor: kit.Clear, StrokeColor: kit.Muted, StrokeWidth: 1.5}
	c.dot = canvas.NewCircle(kit.Accent)
	title := kit.Across(8, kit.NewText(o.Title, kit.Strong))
	if o.Tag != "" {
		title.Add(kit.NewText(o.Tag, kit.CaptionBold.In(kit.Accent)))
	}
	c.body = kit.Inset(10, 14, 10, 42, kit.Down(2, title, kit.NewProse(kit.Run{Text: o.Detail, Type: kit.Caption})))
	c.border.Hide()
	c.dot.Hide()
	c.ExtendBaseWidget(c)
	return c
}

func (c *card) choose(on bool) { c.chosen = on; c.paint() }

func (c *card) paint() {
	c.dot.Hidden = !c.chosen
	c.ring.StrokeColor, c.back.StrokeColor = kit.Muted, kit.Line
	if c.chosen {
		c.ring.StrokeColor, c.back.StrokeColor = kit.Accent, kit.Accent
	} else if c.hovered {
		c.back.StrokeColor = kit.Muted
	}
	c.border.Hidden = !c.focused
	canvas.Refresh(c)
}

// Tapped implements fyne.Tappable.
func (c *card) Tapped(*fyne.PointEvent) { c.tapped() }

// TypedKey implements fyne.Focusable.
func (c *card) TypedKey(e *fyne.KeyEvent) {
	switch e.Name {
	case fyne.KeySpace, fyne.KeyReturn, fyne.KeyEnter:
		c.tapped()
	case fyne.KeyUp, fyne.KeyLeft:
		c.step(-1)
	case fyne.KeyDown, fyne.KeyRight:
		c.step(1)
	}
}

// TypedRune implements fyne.Focusable.
func (c *card) TypedRune(rune) {}

// FocusGained implements fyne.Focusable.
func (c *card) FocusGained() { c.focused = true; c.paint() }

// FocusLost implements fyne.Focusable.
func (c *card) FocusLost() { c.focused = false; c.paint() }

// MouseIn implements desktop.Hoverable.
func (c *card) MouseIn(*desktop.MouseEvent) { c.hovered = true; c.paint() }

// MouseMoved implements desktop.Hoverable.
func (c *card) MouseMoved(*desktop.MouseEvent) {}

// MouseOut implements desktop.Hoverable.
func (c *card) MouseOut() { c.hovered = false; c.paint() }

// CreateRenderer implements fyne.Widget.
func (c *card) CreateRenderer() fyne.WidgetRenderer {
	const side, dot, left, top = 16, 8, 14, 12
	marks := container.NewWithoutLayout(c.ring, c.dot)
	c.ring.Resize(fyne.NewSquareSize(side))
	c.ring.Move(fyne.NewPos(left, top))
	c.dot.Resize(fyne.NewSquareSize(dot))
	c.dot.Move(fyne.NewPos(left+(side-dot)/2, top+(side-dot)/2))
	return widget.NewSimpleRenderer(container.NewStack(c.back, c.body, marks, c.border))
}
