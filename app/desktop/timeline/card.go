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
	Advice  string              // what to do, in a sentence
	Buttons []fyne.CanvasObject // the fix first
	Below   fyne.CanvasObject   // under the buttons
}

// Card says an attempt's code, what it means and the cause in a sentence, and holds the fix.
func Card(a attempt.Attempt, said Said) fyne.CanvasObject {
	e, code := words.Explain(a), look.Code(a.Code)
	size := float32(30)
	if !a.Code.Answered() {
		size = 18
	}
	head := container.NewBorder(nil, nil,
		kit.Inset(0, 12, 0, 0, kit.NewText(words.CodeLabel(a.Code), kit.Type{Size: size, Color: code.Color(), Bold: true})), nil,
		kit.Down(0, kit.Clipped(kit.NewText(e.Name, kit.Title)), kit.NewProse(kit.Run{Text: e.Meaning, Type: kit.Quiet})),
	)
	cause := []kit.Run{{Text: e.Cause, Type: kit.Strong}}
	if e.More != "" {
		cause = append(cause, kit.Run{Text: " " + e.More, Type: kit.Body})
	}
	parts := kit.Down(9, head, kit.NewProse(cause...))
	if said.Advice != "" {
		parts.Add(kit.NewProse(kit.Run{Text: said.Advice, Type: kit.Quiet}))
	}
	if len(said.Buttons) > 0 {
		parts.Add(kit.Flow(6, said.Buttons...))
	}
	if said.Below != nil {
		parts.Add(said.Below)
	}
	return kit.Panel(kit.Raised, code.Color(), 14, parts)
}
