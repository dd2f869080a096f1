// Package drive lets an end-to-end test look at the real window: which texts are visible and where, and what
// the gateway behind it recorded. The test itself moves the pointer, types and takes pictures, as a person does; nothing
// here presses a button.
//
// Only programs built with the tag e2e hold it, and those listen only when the environment names a socket. In all other
// builds Start does nothing. The package must not know the screens: what it sees, it finds by walking the canvas.
package drive

import (
	"fyne.io/fyne/v2"

	"gatehouse/gateway/attempt"
)

// Params is the window as a test may look at it.
type Params struct {
	Window fyne.Window
	// SetVariant shows the window in dark or light, on the UI goroutine. Nil refuses the request.
	SetVariant func(fyne.ThemeVariant)
	// Go shows a screen by its name, on the UI goroutine. Nil refuses the request.
	Go func(screen string)
	// Attempts returns the recorded attempts, newest first, from any goroutine. Nil refuses the request.
	Attempts func() []attempt.Attempt
}
