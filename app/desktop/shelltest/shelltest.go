// Package shelltest is a window for tests of screens: it records what a screen asks of it, answers at once, and runs
// background work on the goroutine of the test, so that tests need no waiting and have no races.
package shelltest

import (
	"context"

	"fyne.io/fyne/v2"

	"gatehouse/app/desktop/shell"
)

// Toast is what a screen said.
type Toast struct {
	Message string
	Undo    func()
}

// Question is what a screen asked before something is lost.
type Question struct {
	Title, Lost, Verb string
	Do                func()
}

// Shell records. Its zero value is ready; Win is what Window returns.
type Shell struct {
	Win       fyne.Window
	Masked    bool // what Presenter says
	Gone      [][2]string
	Toasts    []Toast
	Reminders []string
	Failures  []error
	Questions []Question
	Copied    [][2]string
	Saved     map[string][]byte
	Wizards   int
	Checks    [][]shell.File
	// File is what Open hands over.
	FileName string
	File     []byte
	// Hold keeps background work until Release, as a slow disk would.
	Hold bool
	held []func()
}

var _ shell.Shell = (*Shell)(nil)

// Go implements shell.Shell.
func (s *Shell) Go(place shell.Place, key string) {
	s.Gone = append(s.Gone, [2]string{string(place), key})
}

// AddDevice implements shell.Shell.
func (s *Shell) AddDevice() { s.Wizards++ }

// Check implements shell.Shell.
func (s *Shell) Check(files ...shell.File) { s.Checks = append(s.Checks, files) }

// Toast implements shell.Shell.
func (s *Shell) Toast(message string, undo func()) { s.Toasts = append(s.Toasts, Toast{message, undo}) }

// Remind implements shell.Shell.
func (s *Shell) Remind(message string) { s.Reminders = append(s.Reminders, message) }

// Fail implements shell.Shell.
func (s *Shell) Fail(_ string, err error) { s.Failures = append(s.Failures, err) }

// Confirm implements shell.Shell.
func (s *Shell) Confirm(title, lost, verb string, do func()) {
	s.Questions = append(s.Questions, Question{title, lost, verb, do})
}

// Copy implements shell.Shell.
func (s *Shell) Copy(what, text string) { s.Copied = append(s.Copied, [2]string{what, text}) }

// Save implements shell.Shell.
func (s *Shell) Save(name string, content []byte) {
	if s.Saved == nil {
		s.Saved = map[string][]byte{}
	}
	s.Saved[name] = content
}

// Open implements shell.Shell.
func (s *Shell) Open(take func(name string, content []byte)) { take(s.FileName, s.File) }

// Background implements shell.Shell.
func (s *Shell) Background(work func(ctx context.Context) error, after func(error)) {
	run := func() {
		err := work(context.Background())
		if after != nil {
			after(err)
		}
	}
	if s.Hold {
		s.held = append(s.held, run)
		return
	}
	run()
}

// Release runs what Hold kept.
func (s *Shell) Release() {
	held := s.held
	s.held = nil
	for _, run := range held {
		run()
	}
}

// Presenter implements shell.Shell.
func (s *Shell) Presenter() bool { return s.Masked }

// Window implements shell.Shell.
func (s *Shell) Window() fyne.Window { return s.Win }
