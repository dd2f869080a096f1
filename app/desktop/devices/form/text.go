package form

import (
	"strings"

	"fyne.io/fyne/v2"
	"fyne.io/fyne/v2/container"
	"fyne.io/fyne/v2/widget"

	"gatehouse/app/desktop/kit"
)

// Area is a text of several lines, in the monospace font: a PEM that is pasted, a payload.
type Area struct {
	widget.BaseWidget
	Entry *kit.Entry
	lines int
}

// NewArea makes an empty one that shows so many lines.
func NewArea(placeholder string, lines int, changed func(string)) *Area {
	a := &Area{Entry: kit.NewMultiLineEntry(), lines: lines}
	a.Entry.Wrapping = fyne.TextWrapOff
	a.Entry.TextStyle.Monospace = true
	a.Entry.SetPlaceHolder(placeholder)
	a.Entry.SetMinRowsVisible(lines)
	a.Entry.OnChanged = changed
	a.ExtendBaseWidget(a)
	return a
}

// MinSize implements fyne.Widget.
func (a *Area) MinSize() fyne.Size { return fyne.NewSize(120, float32(a.lines)*18+14) }

// CreateRenderer implements fyne.Widget.
func (a *Area) CreateRenderer() fyne.WidgetRenderer {
	box := kit.NewBox(kit.Look{Fill: kit.Raised, Border: kit.Line, Radius: kit.ControlRound})
	return widget.NewSimpleRenderer(container.NewStack(box, kit.Inset(1, 4, 1, 4, a.Entry)))
}

// Code shows text in a well, line by line, and can show another.
type Code struct {
	*fyne.Container
	text string
}

// NewCode shows text.
func NewCode(text string) *Code {
	c := &Code{Container: container.NewStack()}
	c.Set(text)
	return c
}

// Set shows another text; nothing happens when it is shown already.
func (c *Code) Set(text string) {
	if text == c.text && len(c.Objects) > 0 {
		return
	}
	c.text = text
	c.Objects = []fyne.CanvasObject{kit.CodeBlock(text)}
	c.Refresh()
}

// String is the text shown.
func (c *Code) String() string { return c.text }

// Trim is a field's text without the space around it.
func Trim(f *kit.Field) string { return strings.TrimSpace(f.Entry.Text) }
