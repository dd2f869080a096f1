package objects

import (
	"context"
	"errors"
	"fmt"

	"gatehouse/gateway/store"
)

// ErrorKind is why a call was refused.
type ErrorKind string

// The kinds of errors, with the code that the HTTP API has for them.
const (
	NoService       ErrorKind = "no_service"       // 54050
	NotFound        ErrorKind = "not_found"        // 54100, 54150, 54200, 54250, or 54300 when ID is no SID
	ItemNotFound    ErrorKind = "item_not_found"   // 54151, 54201
	NoPermission    ErrorKind = "no_permission"    // the identity has none
	Exists          ErrorKind = "exists"           // 54301
	ItemExists      ErrorKind = "item_exists"      // 54208
	BadRevision     ErrorKind = "bad_revision"     // 54003: Expect is no revision
	RevisionDiffers ErrorKind = "revision_differs" // 54103, 54155, 54205
	TooLarge        ErrorKind = "too_large"        // 54006
	InvalidJSON     ErrorKind = "invalid_json"     // 54008
	Forbidden       ErrorKind = "forbidden"        // 54007
	RateLimited     ErrorKind = "rate_limited"     // 54009
	BadTTL          ErrorKind = "bad_ttl"          // 54011
	BadName         ErrorKind = "bad_name"         // 54302
	BadKey          ErrorKind = "bad_key"          // 54209; an index that is no number, too
	BadIdentity     ErrorKind = "bad_identity"     // of a permission
	BadTopic        ErrorKind = "bad_topic"        // over MQTT only: nothing can be published or subscribed there
	Full            ErrorKind = "full"             // a bound of Settings is reached
)

// Error says why a call was refused; nothing was changed then. Other errors wrap [store.ErrDown] or a context's.
type Error struct {
	Kind   ErrorKind
	Object Kind   // what the call was about
	ID     string // its SID or unique name, as the caller gave it; may be empty
	Item   string // index or key, if it is about an item
	Reason string // for people: "has 17000 bytes; 16384 are allowed"
}

func (e *Error) Error() string {
	what := string(e.Object)
	if e.ID != "" {
		what += fmt.Sprintf(" %q", e.ID)
	}
	if e.Item != "" {
		what += fmt.Sprintf(", item %q", e.Item)
	}
	return what + ": " + e.Reason
}

// KindOf is the kind of an error of this package, empty for any other.
func KindOf(err error) ErrorKind {
	var e *Error
	if errors.As(err, &e) {
		return e.Kind
	}
	return ""
}

var (
	// ErrStrict means that a publish was refused and the strict switch is on: the device is to be disconnected.
	ErrStrict = errors.New("the publish was refused, and the strict switch is on")
	// ErrClosed is returned after Close.
	ErrClosed = errors.New("the objects are closed")

	errNotDue = errors.New("it has not expired")
)

// down makes an error of the store one that callers can tell: its outcome may be unknown.
func down(doing string, err error) error {
	if errors.Is(err, store.ErrDown) || errors.Is(err, context.Canceled) || errors.Is(err, context.DeadlineExceeded) {
		return fmt.Errorf("%s: %w", doing, err)
	}
	return fmt.Errorf("%s: %w: %w", doing, store.ErrDown, err)
}
