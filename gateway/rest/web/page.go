package web

import (
	"encoding/base64"
	"net/url"
	"slices"
	"strconv"
	"strings"
)

// Bounds of a page, in records.
const (
	DefaultPageSize = 50
	MaxPageSize     = 1000
)

const maxPage = 1 << 30

// Paging is which page of a list a request wants. Every record of a list has a key, a text that orders the list byte by byte
// and never changes; pages begin after one key or end before one, so records that are inserted or deleted elsewhere never
// make another one appear twice or not at all.
type Paging struct {
	Size   int // 1 to MaxPageSize
	Number int // of the page, 0 for the first; with After or Before it is but a label
	// After and Before are the keys that the page begins after, or ends before. At most one is set; both empty is the page
	// of this number from the start.
	After, Before string

	filters url.Values
}

// Tokens begin with what they are.
const (
	afterMark  = "PA"
	beforeMark = "PB"
)

// Paging reads PageSize, Page and PageToken. A PageSize of more than [MaxPageSize] means that many, since libraries send what
// their callers want in all; anything else that is wrong is 400/20001. filters are the names of the list's own
// parameters, which its URLs repeat.
func (r *Request) Paging(filters ...string) (Paging, error) {
	p := Paging{Size: DefaultPageSize, filters: url.Values{}}
	f := r.Form()
	if size := f.Int("PageSize", 1, 1<<31-1); size != nil {
		p.Size = min(*size, MaxPageSize)
	}
	if number := f.Int("Page", 0, maxPage); number != nil {
		p.Number = *number
	}
	if token := f.Text("PageToken"); token != nil && *token != "" {
		if !p.at(*token) {
			f.Refuse("PageToken", "is not one that was given out; begin with the first page")
		}
	}
	for _, name := range filters {
		if text := f.Text(name); text != nil {
			p.filters.Set(name, *text)
		}
	}
	return p, f.Err()
}

func (p *Paging) at(token string) bool {
	if len(token) < len(afterMark) {
		return false
	}
	key, err := base64.RawURLEncoding.DecodeString(token[len(afterMark):])
	if err != nil || len(key) == 0 {
		return false
	}
	switch token[:len(afterMark)] {
	case afterMark:
		p.After = string(key)
	case beforeMark:
		p.Before = string(key)
	default:
		return false
	}
	return true
}

// Page is a page of a list: its records in order, the keys of the first and the last, and whether there are records before
// and after them. A page without records has as both keys the one that it was asked for with.
type Page[T any] struct {
	Records        []T
	First, Last    string
	Earlier, Later bool
}

// Select takes a page out of a whole list, which is sorted by key.
func Select[T any](p Paging, all []T, key func(T) string) Page[T] {
	at := func(k string) int { // the first record whose key is k or greater
		i, _ := slices.BinarySearchFunc(all, k, func(record T, k string) int { return strings.Compare(key(record), k) })
		return i
	}
	var from, to int
	switch {
	case p.After != "":
		from = at(p.After + "\x00")
		to = min(from+p.Size, len(all))
	case p.Before != "":
		to = at(p.Before)
		from = max(to-p.Size, 0)
	default:
		from = len(all)
		if p.Number <= len(all)/p.Size {
			from = p.Number * p.Size
		}
		to = min(from+p.Size, len(all))
	}
	page := Page[T]{Records: all[from:to:to], Earlier: from > 0, Later: to < len(all), First: p.After, Last: p.Before}
	switch {
	case from < to:
		page.First, page.Last = key(all[from]), key(all[to-1])
	case from > 0: // past the end
		page.First = key(all[from-1]) + "\x00"
	}
	return page
}

// Meta says what a page is, and where its neighbours are.
type Meta struct {
	Key      string  `json:"key"`
	Page     int     `json:"page"`
	PageSize int     `json:"page_size"`
	URL      string  `json:"url"`
	First    string  `json:"first_page_url"`
	Previous *string `json:"previous_page_url"`
	Next     *string `json:"next_page_url"`
}

// List is the body of a page: {"<key>": […], "meta": {…}}. at is the list's URL without a query; show makes the body of a
// record.
func List[T any](p Paging, at, key string, page Page[T], show func(T) any) map[string]any {
	records := make([]any, 0, len(page.Records))
	for _, record := range page.Records {
		records = append(records, show(record))
	}
	meta := Meta{Key: key, Page: p.Number, PageSize: p.Size, URL: at + p.query(p.Number, p.token()), First: at + p.query(0, "")}
	if page.Earlier {
		previous := at + p.query(max(p.Number-1, 0), token(beforeMark, page.First))
		meta.Previous = &previous
	}
	if page.Later {
		next := at + p.query(p.Number+1, token(afterMark, page.Last))
		if len(page.Records) == 0 { // nothing is left before the key that was asked for: what follows is the beginning
			next = meta.First
		}
		meta.Next = &next
	}
	return map[string]any{key: records, "meta": meta}
}

func token(mark, key string) string { return mark + base64.RawURLEncoding.EncodeToString([]byte(key)) }

// token is the one that this page was asked for with.
func (p Paging) token() string {
	switch {
	case p.After != "":
		return token(afterMark, p.After)
	case p.Before != "":
		return token(beforeMark, p.Before)
	}
	return ""
}

func (p Paging) query(number int, token string) string {
	q := url.Values{"PageSize": {strconv.Itoa(p.Size)}, "Page": {strconv.Itoa(number)}}
	for name, values := range p.filters {
		q[name] = values
	}
	if token != "" {
		q.Set("PageToken", token)
	}
	return "?" + q.Encode()
}
