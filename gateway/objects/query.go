package objects

import (
	"cmp"
	"slices"
	"strings"
)

// Filter picks objects for a table.
type Filter struct {
	ServiceSID string // empty: all services
	Kind       Kind   // empty: all kinds
	Text       string // in the unique name, SID or created_by, in any case; empty: all
	Sort       string // "name" (default), "updated", "created", "kind", "items", "bytes"
	Descending bool
	Offset     int
	Limit      int // 0: 100
}

// Page is a part of a table.
type Page struct {
	Rows    []Object
	Total   int    // rows that match
	Version uint64 // of [Objects.Version], from before the rows were read
}

// Query is a page of objects as the filter says. It never waits for a change.
func (o *Objects) Query(f Filter) Page {
	page := Page{Version: o.Version()}
	text := strings.ToLower(f.Text)
	var rows []Object
	o.spaces.Load().Range(func(service, s any) bool {
		if f.ServiceSID == "" || f.ServiceSID == service {
			s.(*space).all(func(obj *object) {
				if f.Kind != "" && f.Kind != obj.kind || !obj.matches(text) {
					return
				}
				if s := obj.state.Load(); s != nil {
					rows = append(rows, obj.view(s))
				}
			})
		}
		return true
	})
	slices.SortFunc(rows, func(a, b Object) int {
		order := cmp.Or(compare(f.Sort, a, b), cmp.Compare(a.SID, b.SID))
		if f.Descending {
			return -order
		}
		return order
	})
	limit := f.Limit
	if limit <= 0 {
		limit = 100
	}
	page.Total = len(rows)
	first := min(max(f.Offset, 0), len(rows))
	page.Rows = slices.Clone(rows[first:min(first+limit, len(rows))])
	return page
}

// matches reports whether a lower-case text is in the name, the SID or who made it.
func (obj *object) matches(text string) bool {
	return text == "" || strings.Contains(strings.ToLower(obj.name), text) || strings.Contains(strings.ToLower(obj.createdBy), text) ||
		strings.Contains(obj.sid[2:], text) || len(text) <= len(obj.sid) && strings.EqualFold(obj.sid[:len(text)], text)
}

func compare(by string, a, b Object) int {
	switch by {
	case "updated":
		return a.Updated.Compare(b.Updated)
	case "created":
		return a.Created.Compare(b.Created)
	case "kind":
		return cmp.Or(slices.Index(Kinds, a.Kind)-slices.Index(Kinds, b.Kind), cmp.Compare(a.UniqueName, b.UniqueName))
	case "items":
		return cmp.Compare(a.Items, b.Items)
	case "bytes":
		return cmp.Compare(a.Bytes, b.Bytes)
	}
	return cmp.Or(cmp.Compare(strings.ToLower(a.UniqueName), strings.ToLower(b.UniqueName)), cmp.Compare(a.UniqueName, b.UniqueName))
}
