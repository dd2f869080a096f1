package script

import (
	"fmt"
	"maps"
	"sync"
)

// State are the values that a device changes itself. Which there are, and of which type, is settled when it is made. All methods are safe for several
// goroutines; a nil State has no values.
type State struct {
	mu     sync.Mutex
	values map[string]any
}

// NewState makes a state of numbers, texts and switches.
func NewState(initial map[string]any) (*State, error) {
	s := &State{values: make(map[string]any, len(initial))}
	for name, v := range initial {
		if !IsName(name) {
			return nil, fmt.Errorf("%q is not a name: use letters, digits and _, not beginning with a digit", name)
		}
		v, ok := simple(v)
		if !ok {
			return nil, fmt.Errorf("%s: a %T cannot be a value: give a number, a text, true or false", name, initial[name])
		}
		s.values[name] = v
	}
	return s, nil
}

// simple is a value as float64, string or bool.
func simple(v any) (any, bool) {
	switch v := v.(type) {
	case string, bool:
		return v, true
	}
	if f, ok := Number(v); ok {
		return f, true
	}
	return nil, false
}

// Get is a value.
func (s *State) Get(name string) (v any, known bool) {
	if s == nil {
		return nil, false
	}
	s.mu.Lock()
	defer s.mu.Unlock()
	v, known = s.values[name]
	return v, known
}

// Set changes a value, which keeps its type.
func (s *State) Set(name string, v any) error {
	old, known := s.Get(name)
	if !known {
		return fmt.Errorf("the device has no state %q", name)
	}
	v, ok := simple(v)
	if !ok || fmt.Sprintf("%T", v) != fmt.Sprintf("%T", old) {
		return fmt.Errorf("%s is a %s, and cannot become %s", name, kindOf(old), Show(v))
	}
	s.mu.Lock()
	defer s.mu.Unlock()
	s.values[name] = v
	return nil
}

func kindOf(v any) string {
	switch v.(type) {
	case bool:
		return "switch"
	case string:
		return "text"
	}
	return "number"
}

// All is a copy of all values.
func (s *State) All() map[string]any {
	if s == nil {
		return nil
	}
	s.mu.Lock()
	defer s.mu.Unlock()
	return maps.Clone(s.values)
}
