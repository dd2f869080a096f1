package devices

import (
	"fyne.io/fyne/v2"
	"fyne.io/fyne/v2/container"
	"fyne.io/fyne/v2/widget"

	"gatehouse/app/desktop/kit"
	"gatehouse/app/desktop/look"
	"gatehouse/gateway/attempt"
)

// mark is a state: never by colour alone.
type mark struct {
	icon  string
	word  string
	color kit.Color
}

// markView shows a mark.
type markView struct {
	widget.BaseWidget
	icon *kit.Icon
	word *kit.Text
}

func newMark(m mark) *markView {
	v := &markView{icon: kit.NewIcon("minus", kit.Muted, 11), word: kit.NewText("", kit.Quiet)}
	v.ExtendBaseWidget(v)
	v.set(m)
	return v
}

// set shows another mark, at no cost when it is shown already.
func (v *markView) set(m mark) {
	if m.icon == "" {
		return
	}
	v.icon.Set(m.icon, m.color)
	v.word.Set(m.word)
	typ := kit.Body
	if m.color != kit.Muted {
		typ = typ.In(m.color)
	} else {
		typ = kit.Quiet
	}
	v.word.SetType(typ)
}

// CreateRenderer implements fyne.Widget.
func (v *markView) CreateRenderer() fyne.WidgetRenderer {
	return widget.NewSimpleRenderer(kit.Across(6, v.icon, v.word))
}

func stateColumn(id, label string, width float32, of func(row) mark) kit.Column[row] {
	return kit.Column[row]{
		ID: id, Label: label, Width: width,
		Create: func() fyne.CanvasObject { return newMark(mark{}) },
		Update: func(o fyne.CanvasObject, r row) { o.(*markView).set(of(r)) },
	}
}

// codeCell is a badge, or a dash before the first attempt.
type codeCell struct {
	widget.BaseWidget
	badge *kit.Badge
	dash  *kit.Text
}

func newCodeCell() *codeCell {
	c := &codeCell{badge: kit.NewBadge(0), dash: kit.NewText("—", kit.Quiet)}
	c.badge.Hide()
	c.ExtendBaseWidget(c)
	return c
}

// CreateRenderer implements fyne.Widget.
func (c *codeCell) CreateRenderer() fyne.WidgetRenderer {
	return widget.NewSimpleRenderer(container.NewStack(c.badge, c.dash))
}

func (c *codeCell) set(code attempt.Code, any bool) {
	if any {
		c.badge.Set(look.Code(code))
	}
	if any != c.badge.Visible() {
		toggle(c.badge, any)
		toggle(c.dash, !any)
	}
}
