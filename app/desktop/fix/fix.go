// Package fix presses the button of a remedy: it runs what the remedy does off the UI goroutine, says what was done and
// offers to undo it. Screens that show refusals share it. It knows no screen and no gateway.
package fix

import (
	"context"
	"strings"
	"unicode/utf8"

	"gatehouse/app/desktop/shell"
	"gatehouse/app/remedy"
)

// Fixer is what a remedy may need of the window. All fields are required.
type Fixer struct {
	Shell shell.Shell
	// RootPEM is the root certificate to save for a device.
	RootPEM func() []byte
	// NewKey opens the form that makes a key for a device.
	NewKey func(deviceSID string)
	// Pick asks for one of several.
	Pick func(title string, labels []string, chosen func(int))
}

// Press does what the button says. done, which may be nil, is told on the UI goroutine once something was changed.
func (f Fixer) Press(r remedy.Remedy, done func()) {
	switch r.Kind {
	case remedy.Press:
		f.run(r.Label, r.Do, done)
	case remedy.Choose:
		labels := make([]string, len(r.Choices))
		for i, c := range r.Choices {
			labels[i] = c.Label
		}
		f.Pick(r.Label, labels, func(i int) { f.run(r.Label, r.Choices[i].Do, done) })
	case remedy.NewKey:
		f.NewKey(r.DeviceSID)
		f.hint(r)
	case remedy.SaveRoot:
		f.Shell.Save("root.pem", f.RootPEM())
	case remedy.Copy:
		f.Shell.Copy("“"+r.Text+"”", r.Text)
		f.hint(r)
	}
}

// hint says what to heed on the device's side with what was just made or copied: a new key goes wrong as the old one did, as
// long as the device adds a newline to it. It stays, since somebody has to go to the device with it.
func (f Fixer) hint(r remedy.Remedy) {
	if r.Hint != "" {
		f.Shell.Remind(r.Hint)
	}
}

func (f Fixer) run(label string, do func(context.Context) (remedy.Done, error), done func()) {
	var result remedy.Done
	f.Shell.Background(func(ctx context.Context) (err error) {
		result, err = do(ctx)
		return err
	}, func(err error) {
		if err != nil {
			f.Shell.Fail(failed(label), err)
			return
		}
		f.Shell.Toast(result.Message, f.undo(result))
		if done != nil {
			done()
		}
	})
}

// undo is what the toast's button does; nil when there is nothing to undo.
func (f Fixer) undo(result remedy.Done) func() {
	if result.Undo == nil {
		return nil
	}
	return func() {
		f.Shell.Background(result.Undo, func(err error) {
			if err != nil {
				f.Shell.Fail("It could not be undone", err)
				return
			}
			f.Shell.Toast("Undone", nil)
		})
	}
}

func failed(label string) string {
	return "“" + strings.TrimSuffix(label, "…") + "” did not work"
}

// Short is a remedy's label for a narrow place: whole when it is short, else without whom it is for, else its verb.
func Short(r remedy.Remedy) string {
	const room = 14 // letters
	label := r.Label
	if r.Brief != "" {
		return r.Brief
	}
	if utf8.RuneCountInString(label) <= room {
		return label
	}
	if what, _, found := strings.Cut(label, " for "); found && utf8.RuneCountInString(what) <= room {
		return what
	}
	verb, _, _ := strings.Cut(label, " ")
	if strings.HasSuffix(label, "…") {
		verb += "…"
	}
	return verb
}
