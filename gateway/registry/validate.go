package registry

import (
	"errors"
	"fmt"
	"regexp"
	"unicode"
	"unicode/utf8"
)

// Bounds in characters (contract, section 5, and the HTTP API's fields).
const (
	maxUniqueName   = 128
	maxFriendlyName = 256
	maxIdentity     = 256
)

const defaultName = "default"

// Errors that callers decide by.
var (
	// ErrNotFound means that there is no record with the SID that a call is about.
	ErrNotFound = errors.New("not found")
	// ErrDefault means that the default fleet or Sync service was to be deleted, which every account needs.
	ErrDefault = errors.New("the default one cannot be deleted")
	// ErrExists is what an [*ExistsError] is.
	ErrExists = errors.New("exists already")
)

// ExistsError says that a unique name is taken, or a certificate enrolled already.
type ExistsError struct {
	What string // "unique name", "certificate"
	SID  string // of the record that has it
}

func (e *ExistsError) Error() string {
	return fmt.Sprintf("the %s is already that of %s", e.What, e.SID)
}

// Is makes it an [ErrExists].
func (e *ExistsError) Is(target error) bool { return target == ErrExists }

// InvalidError says what is wrong with a value. Field is the name that the HTTP API has for it.
type InvalidError struct {
	Field  string
	Reason string // "is longer than 128 characters", …
}

func (e *InvalidError) Error() string { return e.Field + " " + e.Reason }

func notFound(kind, sid string) error { return fmt.Errorf("%s %s: %w", kind, sid, ErrNotFound) }

var sidForm = regexp.MustCompile(`^[A-Z]{2}[0-9a-f]{32}$`)

// checkUniqueName accepts an empty name: there is none then.
func checkUniqueName(name string) error {
	if sidForm.MatchString(name) {
		return &InvalidError{Field: "UniqueName", Reason: "has the form of a SID"}
	}
	return checkText("UniqueName", name, maxUniqueName)
}

func checkText(field, text string, most int) error {
	if !utf8.ValidString(text) {
		return &InvalidError{Field: field, Reason: "is not UTF-8"}
	}
	if n := utf8.RuneCountInString(text); n > most {
		return &InvalidError{Field: field, Reason: fmt.Sprintf("is longer than %d characters: it has %d", most, n)}
	}
	for _, c := range text {
		if unicode.IsControl(c) {
			return &InvalidError{Field: field, Reason: fmt.Sprintf("holds the control character %U", c)}
		}
	}
	return nil
}

func checkFriendlyName(name string) error { return checkText("FriendlyName", name, maxFriendlyName) }
func checkIdentity(identity string) error { return checkText("Identity", identity, maxIdentity) }
