package kit

import (
	"fyne.io/fyne/v2"
	"fyne.io/fyne/v2/container"
)

const formLabel = 92

// FormLine is a label before a field, with a remark below it that gives way to what is wrong with the field. All methods belong to the UI goroutine.
type FormLine struct {
	Content *fyne.Container
	remark  string
	wrong   string
	below   *Prose
	place   *fyne.Container // of below
}

// NewFormLine puts a label before what it names; remark may be empty.
func NewFormLine(label string, what fyne.CanvasObject, remark string) *FormLine {
	l := &FormLine{remark: remark, below: NewProse()}
	l.place = Inset(0, 0, 0, formLabel, l.below)
	l.Content = Down(4, container.NewBorder(nil, nil, Sized(formLabel, fieldHeight, NewText(label, Caption)), nil, what), l.place)
	l.say()
	return l
}

// Remark changes what stands below the field while nothing is wrong with it.
func (l *FormLine) Remark(text string) {
	if text != l.remark {
		l.remark = text
		l.say()
	}
}

// Wrong says what is wrong with the field; empty: nothing is. It reports whether something is.
func (l *FormLine) Wrong(text string) bool {
	if text != l.wrong {
		l.wrong = text
		l.say()
	}
	return text != ""
}

func (l *FormLine) say() {
	switch {
	case l.wrong != "":
		l.below.Set(Run{Text: l.wrong, Type: Caption.In(Bad)})
	default:
		l.below.Set(Run{Text: l.remark, Type: Caption})
	}
	l.place.Hidden = l.wrong == "" && l.remark == ""
	l.Content.Refresh()
}
