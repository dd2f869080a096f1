package desktop

import (
	"errors"
	"fmt"

	"fyne.io/fyne/v2"
	"fyne.io/fyne/v2/canvas"
	"fyne.io/fyne/v2/container"

	"gatehouse/app/desktop/kit"
	"gatehouse/gateway/store"
)

// opening is shown while the data folder is being opened, which takes a moment the first time.
func opening() fyne.CanvasObject {
	return page(kit.Down(8,
		kit.NewText("Gatehouse", kit.Type{Size: 18, Color: kit.Ink, Bold: true}),
		kit.NewText("Opening the data folder…", kit.Quiet),
	))
}

// problem is shown when the data folder cannot be opened: what is wrong, what to do, and the buttons for it.
func problem(err error, again, quit func()) fyne.CanvasObject {
	title, advice, told := startupWords(err)
	said := kit.Down(12,
		kit.Across(10, kit.NewIcon("cross", kit.Bad, 16), kit.NewText(title, kit.Type{Size: 18, Color: kit.Ink, Bold: true})),
		kit.NewProse(kit.Run{Text: advice, Type: kit.Body}),
	)
	if !told {
		said.Add(kit.NewProse(kit.Run{Text: err.Error(), Type: kit.Caption}))
	}
	said.Add(kit.Inset(8, 0, 0, 0, kit.Across(8, kit.NewButton("Try again", kit.Primary, again), kit.NewButton("Quit", kit.Secondary, quit))))
	return page(kit.Panel(kit.Surface, kit.Bad, 24, said))
}

// startupWords explain why the data folder cannot be opened; told is false when the error has more to say.
func startupWords(err error) (title, advice string, told bool) {
	var inUse *store.InUseError
	var damaged *store.DamagedError
	switch {
	case errors.As(err, &inUse):
		who := "Another window or service of Gatehouse"
		if inUse.PID != 0 {
			who += fmt.Sprintf(" (process %d)", inUse.PID)
		}
		return "Gatehouse is running already", who + " uses the folder " + inUse.Dir + ". Look for its window, or end it and try again. " +
			"To run a second gateway, start it with --data and a folder of its own.", true
	case errors.As(err, &damaged) && damaged.SetAside != "":
		return "The stored devices are damaged", fmt.Sprintf("%s %s. Nothing was deleted: everything that was stored has been moved to %s. "+
			"Try again to start with an empty store, or put a backup in its place first.", damaged.File, damaged.Reason, damaged.SetAside), true
	case errors.As(err, &damaged):
		return "The stored devices are damaged", fmt.Sprintf("%s %s. Nothing was changed. Put a backup in its place, or move it away to start with an empty store, "+
			"then try again.", damaged.File, damaged.Reason), true
	}
	return "The data folder cannot be opened", "Mend what is named below, then try again.", false
}

// page puts something into the middle of an otherwise empty window.
func page(content fyne.CanvasObject) fyne.CanvasObject {
	return container.NewStack(canvas.NewRectangle(kit.Background), kit.Inset(20, 20, 20, 20, kit.Centred(620, content)))
}
