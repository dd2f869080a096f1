package sync

import (
	"errors"
	"net/http"
	"strconv"

	"gatehouse/gateway/objects"
	"gatehouse/gateway/rest/web"
	"gatehouse/gateway/sid"
)

// Codes of the contract that do not depend on the kind of object; those that do are in [collections].
const (
	codeBadIfMatch   = 54003
	codeTooLarge     = 54006
	codeForbidden    = 54007
	codeInvalidJSON  = 54008
	codeRateLimited  = 54009
	codeTTL          = 54011
	codeNoService    = 54050
	codeItemExists   = 54208
	codeKey          = 54209
	codeNameNotFound = 54300
	codeNameExists   = 54301
	codeBadName      = 54302
)

// translate makes the answer of an error of the objects; nil of any other.
func translate(err error) *web.Error {
	var e *objects.Error
	if !errors.As(err, &e) {
		return nil
	}
	c := collectionOf(e.Object)
	status, code := http.StatusBadRequest, 0
	switch e.Kind {
	case objects.NoService:
		status, code = http.StatusNotFound, codeNoService
	case objects.NotFound:
		status, code = http.StatusNotFound, codeNameNotFound
		if sid.Valid(e.Object.Prefix(), e.ID) {
			code = c.notFound
		}
	case objects.ItemNotFound:
		status, code = http.StatusNotFound, c.noItem
	case objects.NoPermission:
		status, code = http.StatusNotFound, web.CodeNotFound
	case objects.Exists:
		status, code = http.StatusConflict, codeNameExists
	case objects.ItemExists:
		status, code = http.StatusConflict, codeItemExists
	case objects.RevisionDiffers:
		status, code = http.StatusPreconditionFailed, c.differs
	case objects.TooLarge, objects.Full:
		status, code = http.StatusRequestEntityTooLarge, codeTooLarge
	case objects.Forbidden:
		status, code = http.StatusForbidden, codeForbidden
	case objects.RateLimited:
		return &web.Error{Status: http.StatusTooManyRequests, Code: codeRateLimited, Message: message(e), Header: http.Header{"Retry-After": {"1"}}}
	case objects.BadKey:
		code = codeKey
		if e.Object == objects.List { // an index that is no number: there is no such item
			status, code = http.StatusNotFound, c.noItem
		}
	case objects.BadRevision:
		code = codeBadIfMatch
	case objects.InvalidJSON:
		code = codeInvalidJSON
	case objects.BadTTL:
		code = codeTTL
	case objects.BadName:
		code = codeBadName
	case objects.BadIdentity:
		code = web.CodeBadParameter
	default:
		return nil
	}
	return &web.Error{Status: status, Code: code, Message: message(e)}
}

// message is the error for people: "Map \"rooms\", item \"attic\": there is no such item".
func message(e *objects.Error) string {
	text := map[objects.Kind]string{objects.Document: "Document", objects.List: "List", objects.Map: "Map", objects.Stream: "Stream"}[e.Object]
	if e.ID != "" {
		text += " " + strconv.Quote(clip(e.ID))
	}
	if e.Item != "" {
		text += ", item " + strconv.Quote(clip(e.Item))
	}
	return text + ": " + e.Reason
}

// ttl reads a time to live in seconds: the first of the names that is given. Whether it is in bounds is for the objects to
// say.
func ttl(r *web.Request, names ...string) (*int, error) {
	for _, name := range names {
		text := r.Form().Text(name)
		if text == nil {
			continue
		}
		seconds, err := strconv.Atoi(*text)
		if err != nil {
			return nil, &web.Error{
				Status: http.StatusBadRequest, Code: codeTTL,
				Message: "Parameter " + name + " must be a whole number of seconds from 0 to " + strconv.Itoa(objects.MaxTTL),
			}
		}
		return &seconds, nil
	}
	return nil, nil
}

// expected is the revision that If-Match names, empty for any.
func expected(r *web.Request) (string, error) {
	tag, named := r.IfMatch()
	switch {
	case !named, tag == "*":
		return "", nil
	case tag == "":
		return "", &web.Error{Status: http.StatusBadRequest, Code: codeBadIfMatch, Message: "The header If-Match is empty; give it a revision"}
	}
	return tag, nil
}
