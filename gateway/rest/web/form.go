package web

import (
	"errors"
	"fmt"
	"io"
	"mime"
	"net/http"
	"net/url"
	"slices"
	"strconv"
	"strings"
	"unicode/utf8"

	"gatehouse/gateway/sid"
)

// Bounds of a form.
const (
	MaxBody       = 1 << 20 // bytes, as sent
	maxParameters = 1000
)

// Form holds the parameters of a request. Unknown ones are ignored, of one that is given several times the first counts, as
// with the original. A getter that cannot do with what was given notes it and returns nil; Err tells of the first.
type Form struct {
	values url.Values
	err    *Error
}

// NewForm is a form of these values.
func NewForm(values url.Values) *Form { return &Form{values: values} }

// Err is 400/20001 for the first parameter that a getter could not do with, nil when there was none.
func (f *Form) Err() error {
	if f.err != nil {
		return f.err
	}
	return nil
}

// Refuse notes that something is wrong with a parameter, as the getters do.
func (f *Form) Refuse(name, reason string) {
	if f.err == nil {
		f.err = BadParameter(name, reason)
	}
}

// Has reports whether a parameter was given, be it empty.
func (f *Form) Has(name string) bool { return len(f.values[name]) > 0 }

// Text is a parameter as it was given, nil when it was not. It is UTF-8.
func (f *Form) Text(name string) *string {
	values := f.values[name]
	if len(values) == 0 {
		return nil
	}
	if !utf8.ValidString(values[0]) {
		f.Refuse(name, "is not UTF-8")
		return nil
	}
	return &values[0]
}

// TextOr is Text, or another text when it was not given.
func (f *Form) TextOr(name, otherwise string) string {
	if text := f.Text(name); text != nil {
		return *text
	}
	return otherwise
}

// Required is a parameter that must be given and not be empty; it is empty when it was not.
func (f *Form) Required(name string) string {
	text := f.Text(name)
	if text == nil || *text == "" {
		f.Refuse(name, "is required")
		return ""
	}
	return *text
}

// Bool is true or false in any case of letters, nil when the parameter was not given.
func (f *Form) Bool(name string) *bool {
	text := f.Text(name)
	if text == nil {
		return nil
	}
	switch strings.ToLower(*text) {
	case "true":
		return new(true)
	case "false":
		return new(false)
	}
	f.Refuse(name, "is neither true nor false")
	return nil
}

// Int is a decimal number within bounds, nil when the parameter was not given.
func (f *Form) Int(name string, least, most int) *int {
	text := f.Text(name)
	if text == nil {
		return nil
	}
	n, err := strconv.Atoi(*text)
	switch {
	case errors.Is(err, strconv.ErrRange), err == nil && (n < least || n > most):
		f.Refuse(name, fmt.Sprintf("must be from %d to %d", least, most))
		return nil
	case err != nil:
		f.Refuse(name, "is not a whole number")
		return nil
	}
	return &n
}

// Choice is one of several words, exactly as they are written, nil when the parameter was not given.
func (f *Form) Choice(name string, words ...string) *string {
	text := f.Text(name)
	if text == nil || slices.Contains(words, *text) {
		return text
	}
	f.Refuse(name, "must be one of "+strings.Join(words, ", "))
	return nil
}

// SID is a SID of a kind, or an empty text, which stands for none; nil when the parameter was not given. Whether there is
// such a thing is not looked at.
func (f *Form) SID(name string, prefix sid.Prefix) *string {
	text := f.Text(name)
	if text == nil || *text == "" || sid.Valid(prefix, *text) {
		return text
	}
	f.Refuse(name, "is not a SID that begins with "+string(prefix))
	return nil
}

// readForm reads the parameters of a request within bounds.
func readForm(w http.ResponseWriter, r *http.Request) (*Form, error) {
	if r.Method != http.MethodPost {
		values, err := parse(r.URL.RawQuery, "query")
		if err != nil {
			return nil, err
		}
		return NewForm(values), nil
	}
	if r.ContentLength > MaxBody {
		return nil, tooLarge()
	}
	body, err := io.ReadAll(http.MaxBytesReader(w, r.Body, MaxBody))
	if err != nil {
		if _, over := errors.AsType[*http.MaxBytesError](err); over {
			return nil, tooLarge()
		}
		return nil, &Error{Status: http.StatusBadRequest, Code: CodeBadParameter, Message: "The body of the request ended early"}
	}
	if len(body) == 0 {
		return NewForm(nil), nil // of whatever type
	}
	if err := checkType(r.Header); err != nil {
		return nil, err
	}
	values, err := parse(string(body), "body")
	if err != nil {
		return nil, err
	}
	return NewForm(values), nil
}

func tooLarge() *Error {
	return &Error{
		Status: http.StatusRequestEntityTooLarge, Code: CodeTooLarge, Message: fmt.Sprintf("The body of the request is larger than %d bytes", MaxBody),
		Header: http.Header{"Connection": {"close"}}, // what is still to come is not read
	}
}

func checkType(header http.Header) error {
	given := header.Get("Content-Type")
	kind, parameters, err := mime.ParseMediaType(given)
	charset := strings.ToLower(parameters["charset"])
	encoding := strings.ToLower(header.Get("Content-Encoding"))
	if err == nil && kind == "application/x-www-form-urlencoded" && (charset == "" || charset == "utf-8") && (encoding == "" || encoding == "identity") {
		return nil
	}
	is := "it is of type " + quoted(given)
	if encoding != "" && encoding != "identity" {
		is = "its Content-Encoding is " + quoted(encoding)
	}
	return &Error{Status: http.StatusUnsupportedMediaType, Code: CodeMediaType, Message: "The body must be application/x-www-form-urlencoded, in UTF-8 and not compressed; " + is}
}

func quoted(text string) string { return strconv.QuoteToASCII(clip(text)) }

func parse(text, where string) (url.Values, error) {
	if strings.Count(text, "&") >= maxParameters {
		return nil, &Error{Status: http.StatusBadRequest, Code: CodeBadParameter, Message: fmt.Sprintf("The %s has more than %d parameters", where, maxParameters)}
	}
	values, err := url.ParseQuery(text)
	if err != nil {
		return nil, &Error{Status: http.StatusBadRequest, Code: CodeBadParameter, Message: "The " + where + " is not form-encoded"}
	}
	return values, nil
}
