// Package attempts serves the record of connection attempts below /gatehouse/v1: those that match, one with everything, and
// what they show together. It is our own and not the original's; all that it changes is which devices are traced.
package attempts

import (
	"log/slog"
	"net/http"
	"slices"
	"strconv"
	"strings"
	"time"

	"gatehouse/gateway/attempt"
	"gatehouse/gateway/cause"
	"gatehouse/gateway/finding"
	"gatehouse/gateway/rest/web"
)

// Base is what the paths begin with that New answers.
const Base = "/gatehouse/v1"

// Bounds of a page, in attempts.
const (
	defaultLimit = 50
	maxLimit     = 1000
	maxChoices   = 64 // codes, or causes, of one request
)

// Params of the API. Attempts and Findings are required.
type Params struct {
	Attempts *attempt.Log
	Findings *finding.Log
	// Diagnose is what else the gateway makes of an attempt, as names and values that can be written as JSON; nil: nothing.
	Diagnose func(attempt.Attempt) map[string]any
	Tracing  *Tracing     // nil: no device can be traced
	Logger   *slog.Logger // told of errors that nobody foresaw; nil: discards
}

type api struct{ Params }

// New is the API, for the paths below [Base] that [Serves] names.
func New(p Params) http.Handler {
	a := &api{p}
	t := &web.Table{Logger: p.Logger}
	t.Handle("GET", Base+"/Attempts", a.list)
	t.Handle("GET", Base+"/Attempts/{id}", a.one(func(found attempt.Attempt) any { return found }))
	t.Handle("GET", Base+"/Attempts/{id}/Diagnosis", a.one(a.diagnosis))
	t.Handle("GET", Base+"/Findings", a.findings)
	a.handleTraces(t)
	return t
}

// Serves reports whether a path, percent-encoded as it was sent, is one of New's.
func Serves(path string) bool {
	rest, found := strings.CutPrefix(path, Base+"/")
	first, _, _ := strings.Cut(rest, "/")
	return found && (first == "Attempts" || first == "Findings" || first == "Traces")
}

type page struct {
	Attempts []attempt.Attempt `json:"attempts"`
	Total    int               `json:"total"`
	Meta     meta              `json:"meta"`
	Record   record            `json:"record"`
}

// record is how what is kept stands.
type record struct {
	Kept    int    `json:"kept"`
	Lost    uint64 `json:"lost"`    // attempts that could not be written before they had to go
	Damaged int    `json:"damaged"` // places in the files that could not be read when the gateway was opened
	// Unwritable says that nothing can be written at the moment; why is in the log.
	Unwritable bool `json:"unwritable"`
}

type meta struct {
	Next *string `json:"next_page_url"`
}

// list answers the attempts that match, newest first, without their steps and packets.
func (a *api) list(r *web.Request) (web.Response, error) {
	f := r.Form()
	filter := attempt.Filter{
		Codes: codes(f), DeviceSID: f.TextOr("device", ""), CredentialSID: f.TextOr("credential", ""), Remote: f.TextOr("remote", ""),
		ServerName: f.TextOr("server_name", ""), Thumbprint: f.TextOr("thumbprint", ""), Server: f.TextOr("server", ""), Text: f.TextOr("text", ""),
		Since: instant(f, "since"), Until: instant(f, "until"), BeforeID: before(f), Limit: defaultLimit,
	}
	for _, one := range choices(f, "cause") {
		filter.Causes = append(filter.Causes, cause.ID(one))
	}
	if live := f.Bool("live"); live != nil && *live {
		filter.OnlyLive = true
	}
	if limit := f.Int("limit", 1, 1<<31-1); limit != nil {
		filter.Limit = min(*limit, maxLimit)
	}
	if err := f.Err(); err != nil {
		return web.Response{}, err
	}
	found := a.Attempts.Query(filter)
	kept := a.Attempts.Record()
	body := page{Attempts: found.Attempts, Total: found.Total, Record: record{kept.Kept, kept.Lost, kept.Damaged, kept.Err != nil}}
	if body.Attempts == nil {
		body.Attempts = []attempt.Attempt{}
	}
	if n := len(body.Attempts); n > 0 && n < found.Total {
		q := r.URL.Query()
		q.Set("before", strconv.FormatUint(body.Attempts[n-1].ID, 10))
		next := r.Absolute(strings.Split(strings.TrimPrefix(Base, "/"), "/")...) + "/Attempts?" + q.Encode()
		body.Meta.Next = &next
	}
	return web.OK(body), nil
}

// codeNames are the ends without a CONNACK, as metrics call them too.
var codeNames = map[string]attempt.Code{"none": attempt.NoAnswer, "tls": attempt.TLS, "tcp": attempt.TCP, "pending": attempt.Pending}

func codes(f *web.Form) (all []attempt.Code) {
	for _, one := range choices(f, "code") {
		code, named := codeNames[one]
		if !named {
			n, err := strconv.Atoi(one)
			if code = attempt.Code(n); err != nil || code < attempt.TCP || code > 5 {
				f.Refuse("code", "is a list of return codes from 0 to 5, none, tls, tcp and pending")
				return nil
			}
		}
		all = append(all, code)
	}
	return all
}

// choices are what a parameter lists with commas between.
func choices(f *web.Form, name string) []string {
	text := f.TextOr(name, "")
	if text == "" {
		return nil
	}
	all := strings.Split(text, ",")
	if len(all) > maxChoices {
		f.Refuse(name, "lists more than "+strconv.Itoa(maxChoices))
		return nil
	}
	for i := range all {
		all[i] = strings.TrimSpace(all[i])
	}
	return slices.DeleteFunc(all, func(one string) bool { return one == "" })
}

func instant(f *web.Form, name string) time.Time {
	text := f.TextOr(name, "")
	if text == "" {
		return time.Time{}
	}
	at, err := time.Parse(time.RFC3339, text)
	if err != nil {
		f.Refuse(name, "is not a time such as 2017-08-14T19:19:30Z")
	}
	return at
}

func before(f *web.Form) uint64 {
	text := f.TextOr("before", "")
	if text == "" {
		return 0
	}
	id, err := strconv.ParseUint(text, 10, 64)
	if err != nil || id == 0 {
		f.Refuse("before", "is not the id of an attempt")
	}
	return id
}

// one finds the attempt of the path and answers what is shown of it.
func (a *api) one(show func(attempt.Attempt) any) web.Handler {
	return func(r *web.Request) (web.Response, error) {
		id, err := strconv.ParseUint(r.Path("id"), 10, 64)
		if err != nil {
			return web.Response{}, r.NotFound()
		}
		found, kept := a.Attempts.Get(id)
		if !kept {
			return web.Response{}, r.NotFound()
		}
		return web.OK(show(found)), nil
	}
}

// diagnosis is what the gateway makes of an attempt now.
func (a *api) diagnosis(of attempt.Attempt) any {
	body := map[string]any{}
	if a.Diagnose != nil {
		body = a.Diagnose(of)
	}
	about := []finding.Finding{}
	for _, f := range a.Findings.All() {
		if slices.Contains(f.Attempts, of.ID) {
			about = append(about, f)
		}
	}
	body["findings"] = about
	return body
}

func (a *api) findings(*web.Request) (web.Response, error) {
	return web.OK(map[string]any{"findings": a.Findings.All()}), nil
}
