// Package state remembers how the window was left: its size, its screen, what was selected there, theme and presenter
// mode. It is one small JSON file in the data folder. It knows neither Fyne nor the gateway, and nothing in it is
// needed: a file that cannot be read is set aside, and the window opens as if for the first time.
package state

import (
	"encoding/json"
	"errors"
	"fmt"
	"io/fs"
	"os"
	"path/filepath"
	"sync"

	"gatehouse/gateway/atomicfile"
)

// FileName is the file in the data folder.
const FileName = "window.json"

// The least and greatest sizes that are believed, in Fyne's units. A window is never smaller than its content, and a
// size beyond any screen is a damaged file.
const (
	LeastSize    = 200
	GreatestSize = 16384
)

// Theme is the user's choice of colours.
type Theme string

// The choices; the zero value follows the system.
const (
	System Theme = ""
	Light  Theme = "light"
	Dark   Theme = "dark"
)

// State is what is remembered.
type State struct {
	Width     float32           `json:"width"`  // in Fyne's units, without presenter scale; 0: never opened
	Height    float32           `json:"height"` //
	Place     string            `json:"place"`  // the screen that was shown
	Selected  map[string]string `json:"selected,omitempty"`
	Theme     Theme             `json:"theme,omitempty"`
	Presenter bool              `json:"presenter,omitempty"`
}

// File is the state on disk. Its methods may be called from any goroutine.
type File struct {
	path string
	mu   sync.Mutex
	last []byte
}

// In is the file of a data folder; it need not exist.
func In(dataDir string) *File { return &File{path: filepath.Join(dataDir, FileName)} }

// Load reads the state. A file that is not there is an empty state. One that cannot be understood is renamed to
// window.json.bad and reported as a *SetAsideError beside an empty state, which is good to use.
func (f *File) Load() (State, error) {
	f.mu.Lock()
	defer f.mu.Unlock()
	content, err := os.ReadFile(f.path)
	switch {
	case errors.Is(err, fs.ErrNotExist):
		return State{}, nil
	case err != nil:
		return State{}, fmt.Errorf("read window state: %w", err)
	}
	var s State
	if err := json.Unmarshal(content, &s); err != nil {
		return State{}, f.setAside(err)
	}
	f.last = content
	return s.sane(), nil
}

// SetAsideError says that the file was unreadable and is kept under another name.
type SetAsideError struct {
	Path string // where it is now
	Err  error
}

// Error implements error.
func (e *SetAsideError) Error() string {
	return fmt.Sprintf("window state could not be read and was kept as %s: %v", e.Path, e.Err)
}

// Unwrap is the reason.
func (e *SetAsideError) Unwrap() error { return e.Err }

func (f *File) setAside(reason error) error {
	bad := f.path + ".bad"
	if err := os.Rename(f.path, bad); err != nil {
		return fmt.Errorf("set window state aside: %w", errors.Join(err, reason))
	}
	return &SetAsideError{Path: bad, Err: reason}
}

// sane drops values that no window has had.
func (s State) sane() State {
	ok := func(v float32) bool { return v >= LeastSize && v <= GreatestSize }
	if !ok(s.Width) || !ok(s.Height) {
		s.Width, s.Height = 0, 0
	}
	if s.Theme != Light && s.Theme != Dark {
		s.Theme = System
	}
	return s
}

// Save writes the state with mode 0600, replacing the file as a whole. Nothing is written when it is there already.
func (f *File) Save(s State) error {
	content, err := json.MarshalIndent(s, "", "  ")
	if err != nil {
		return fmt.Errorf("encode window state: %w", err)
	}
	f.mu.Lock()
	defer f.mu.Unlock()
	if string(content) == string(f.last) {
		return nil
	}
	if err := atomicfile.Write(f.path, content, 0o600); err != nil {
		return fmt.Errorf("save window state: %w", err)
	}
	f.last = content
	return nil
}
