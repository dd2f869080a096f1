package timeline

import (
	"fyne.io/fyne/v2"
	"fyne.io/fyne/v2/container"

	"gatehouse/app/desktop/kit"
	"gatehouse/app/desktop/look"
	"gatehouse/app/words"
	"gatehouse/gateway/attempt"
)

// Said is what a card adds to the verdict. What is left at its zero value is left out.
type Said struct {
	Title   string              // in the place of the code’s name and meaning, with the code as a badge beside it
	Advice  string              // what to do, in a sentence
	Caption fyne.CanvasObject   // over the buttons, in small print: when it was, and from where
	Buttons []fyne.CanvasObject // the fix first
	Below   fyne.CanvasObject   // under the buttons
}

// Card says an attempt's code, what it means and the cause in a sentence, and holds the fix.
func Card(a attempt.Attempt, said Said) fyne.CanvasObject {
	e := words.Explain(a)
	cause := []kit.Run{{Text: e.Cause, Type: kit.Strong}}
	if e.More != "" {
		cause = append(cause, kit.Run{Text: " " + e.More, Type: kit.Body})
	}
	parts := kit.Down(9, head(a, e, said.Title), kit.NewProse(cause...))
	if said.Advice != "" {
		parts.Add(kit.NewProse(kit.Run{Text: said.Advice, Type: kit.Quiet}))
	}
	if said.Caption != nil {
		parts.Add(said.Caption)
	}
	if len(said.Buttons) > 0 {
		parts.Add(kit.Flow(6, said.Buttons...))
	}
	if said.Below != nil {
		parts.Add(said.Below)
	}
	return kit.Panel(kit.Raised, look.Code(a.Code).Color(), 14, parts)
}

// head is the code, large, beside its name and what it means; under a title of its own it is a badge.
func head(a attempt.Attempt, e words.Explanation, title string) fyne.CanvasObject {
	code := look.Code(a.Code)
	if title != "" {
		badge := kit.NewBadge(code)
		return container.NewBorder(nil, nil, kit.Inset(0, 10, 0, 0, kit.Across(0, kit.Sized(badge.MinSize().Width, 0, badge))), nil,
			kit.Down(0, kit.Spacer(), kit.NewProse(kit.Run{Text: title, Type: kit.Strong}), kit.Spacer()))
	}
	size := float32(30)
	if !a.Code.Answered() {
		size = 18
	}
	return container.NewBorder(nil, nil,
		kit.Inset(0, 12, 0, 0, kit.NewText(words.CodeLabel(a.Code), kit.Type{Size: size, Color: code.Color(), Bold: true})), nil,
		kit.Down(0, kit.Clipped(kit.NewText(e.Name, kit.Title)), kit.NewProse(kit.Run{Text: e.Meaning, Type: kit.Quiet})))
}

// Line is the card where there is no room for it: the code, the cause and the fix on one line.
func Line(a attempt.Attempt, buttons ...fyne.CanvasObject) fyne.CanvasObject {
	code := look.Code(a.Code)
	badge := kit.NewBadge(code)
	return kit.Panel(kit.Raised, code.Color(), 8, container.NewBorder(nil, nil,
		kit.Inset(0, 10, 0, 0, kit.Across(0, kit.Sized(badge.MinSize().Width, 0, badge))), kit.Inset(0, 0, 0, 8, kit.Across(6, buttons...)),
		kit.Clipped(kit.NewText(words.Explain(a).Cause, kit.Strong))))
}
