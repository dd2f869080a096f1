package web

import (
	"errors"
	"fmt"
	"net/http"
	"strconv"

	"gatehouse/gateway/credential"
	"gatehouse/gateway/registry"
	"gatehouse/gateway/store"
)

// Codes of errors that are the same in both APIs. Those that the contract does not name are made as its own are: 20 and the
// HTTP status.
const (
	CodeBadParameter     = 20001
	CodeUnauthorized     = 20003
	CodeMethodNotAllowed = 20004
	CodeForbidden        = 20403
	CodeNotFound         = 20404
	CodeConflict         = 20409
	CodeTooLarge         = 20413
	CodeMediaType        = 20415
	CodeMisdirected      = 20421
	CodeRateLimited      = 20429
	CodeInternal         = 20500
	CodeUnavailable      = 20503
)

// moreInfo is where the vendor explains the codes; ours are its own wherever it has one.
const moreInfo = "https://www.twilio.com/docs/errors/"

// Error is an answer that is an error. Message is for people, and holds no secret.
type Error struct {
	Status  int // HTTP status
	Code    int
	Message string
	Header  http.Header // further fields of the answer; may be nil
}

func (e *Error) Error() string { return fmt.Sprintf("%s (%d)", e.Message, e.Code) }

type errorShape struct {
	Code     int    `json:"code"`
	Message  string `json:"message"`
	MoreInfo string `json:"more_info"`
	Status   int    `json:"status"`
}

func (e *Error) shape() errorShape {
	return errorShape{e.Code, e.Message, moreInfo + strconv.Itoa(e.Code), e.Status}
}

// Write answers with the error.
func (e *Error) Write(w http.ResponseWriter) {
	Response{Status: e.Status, Body: e.shape(), Header: e.Header}.Write(w)
}

// BadParameter is 400/20001. The reason goes on after the name: "is longer than 128 characters".
func BadParameter(name, reason string) *Error {
	return &Error{Status: http.StatusBadRequest, Code: CodeBadParameter, Message: "Parameter " + name + " " + reason}
}

// Missing is 400/20001 for a parameter that must be given.
func Missing(name string) *Error { return BadParameter(name, "is required") }

// NotFound is 404/20404 for a path.
func NotFound(path string) *Error {
	return &Error{Status: http.StatusNotFound, Code: CodeNotFound, Message: "The requested resource " + clip(path) + " was not found"}
}

// MethodNotAllowed is 405/20004; allow lists the methods that there are: "GET, HEAD, OPTIONS".
func MethodNotAllowed(method, allow string) *Error {
	return &Error{
		Status: http.StatusMethodNotAllowed, Code: CodeMethodNotAllowed, Message: "Method " + clip(method) + " is not allowed here; allowed: " + allow,
		Header: http.Header{"Allow": {allow}},
	}
}

// Conflict is 409/20409.
func Conflict(message string) *Error {
	return &Error{Status: http.StatusConflict, Code: CodeConflict, Message: message}
}

// Internal is 500/20500; what happened is for the log alone.
func Internal() *Error {
	return &Error{Status: http.StatusInternalServerError, Code: CodeInternal, Message: "Something went wrong inside the gateway; its log says what"}
}

// Unavailable is 503/20503, for a store that takes no writes.
func Unavailable() *Error {
	return &Error{
		Status: http.StatusServiceUnavailable, Code: CodeUnavailable, Message: "The gateway cannot store anything at the moment; try again later",
		Header: http.Header{"Retry-After": {"2"}},
	}
}

// Translate makes the answer of an error: of an [*Error] in it that error; of those of the registry, of certificates and of
// the store what the contract has for them; 500 of anything else. known tells whether it is one of these; what is not
// belongs in the log.
func Translate(err error) (answer *Error, known bool) {
	var (
		ours    *Error
		invalid *registry.InvalidError
		exists  *registry.ExistsError
		refused *credential.ImportError
	)
	switch {
	case errors.As(err, &ours):
		return ours, true
	case errors.As(err, &invalid):
		return BadParameter(invalid.Field, invalid.Reason), true
	case errors.As(err, &exists):
		return Conflict("The " + exists.What + " is already that of " + exists.SID), true
	case errors.As(err, &refused):
		return BadParameter("CertificateData", "is no certificate that can be used: "+refused.Reason+". "+refused.Advice), true
	case errors.Is(err, registry.ErrDefault):
		return Conflict("The default fleet and the default Sync service cannot be deleted"), true
	case errors.Is(err, registry.ErrNotFound):
		return &Error{Status: http.StatusNotFound, Code: CodeNotFound, Message: "The requested resource was not found"}, true
	case errors.Is(err, store.ErrDown), errors.Is(err, store.ErrClosed):
		return Unavailable(), true
	}
	return Internal(), false
}

// clip bounds what of a request is repeated in an answer.
func clip(text string) string {
	const most = 200
	if len(text) > most {
		return text[:most] + "…"
	}
	return text
}
