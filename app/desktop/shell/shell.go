// Package shell is what a screen may ask of the window around it, and what the window asks of a screen. It keeps the
// screens from knowing each other and the window.
package shell

import (
	"context"
	"strconv"

	"fyne.io/fyne/v2"
)

// Place names a screen of the rail.
type Place string

// The screens, in the order of the rail.
const (
	Overview Place = "overview"
	Devices  Place = "devices"
	Attempts Place = "attempts"
	Sessions Place = "sessions"
	Lab      Place = "lab"
	Settings Place = "settings"
)

// The keys of Attempts, beside a SID, which lists the attempts of a device or a credential, and a thumbprint, which lists
// those that presented a certificate.

// AttemptKey chooses an attempt.
func AttemptKey(id uint64) string { return strconv.FormatUint(id, 10) }

// PacketsKey chooses an attempt and shows its packets.
func PacketsKey(id uint64) string { return strconv.FormatUint(id, 10) + "/packets" }

// FromKey lists the attempts from an address, without its port.
func FromKey(host string) string { return "from:" + host }

// File is what was chosen or dropped.
type File struct {
	Name    string // without its folder
	Content []byte
}

// Shell is the window as a screen sees it. All methods belong to the UI goroutine.
type Shell interface {
	// Go shows a screen and what key names on it: a SID, or an attempt's number. An empty key changes only the screen.
	Go(place Place, key string)
	// AddDevice opens the onboarding wizard.
	AddDevice()
	// Check opens "Check credentials", with files when there are any.
	Check(files ...File)
	// Toast says for some seconds what the user did; undo may be nil.
	Toast(message string, undo func())
	// Remind says what the user is to heed elsewhere, on a device; it stays until it is closed.
	Remind(message string)
	// Fail shows an error: what, why, and what to do.
	Fail(what string, err error)
	// Confirm asks before something is lost; do runs when the user agrees.
	Confirm(title, lost, verb string, do func())
	// Copy puts text on the clipboard and says so.
	Copy(what, text string)
	// Save asks where to, and writes content with mode 0600.
	Save(name string, content []byte)
	// Open asks for a file of at most 1 MiB and hands over its content.
	Open(take func(name string, content []byte))
	// Background runs work off the UI goroutine and then, on it, after with work's error.
	Background(work func(ctx context.Context) error, after func(error))
	// Presenter reports whether secrets are to be masked.
	Presenter() bool
	// Window is for popups.
	Window() fyne.Window
}

// Screen is one place of the rail. All methods belong to the UI goroutine, except Pull.
type Screen interface {
	Content() fyne.CanvasObject
	// Show selects what key names; empty keeps the selection.
	Show(key string)
	// Selected is the key to come back to after a restart, empty without a selection.
	Selected() string
	// Pull takes a snapshot off the UI goroutine, five times a second while the screen is visible. It returns nil when
	// nothing has changed; otherwise a function that shows the snapshot, which the window calls on the UI goroutine.
	Pull() (apply func())
}
