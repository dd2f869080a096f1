package sync

import (
	"cmp"
	"encoding/json"
	"math"
	"slices"
	"strconv"

	"gatehouse/gateway/objects"
	"gatehouse/gateway/registry"
	"gatehouse/gateway/rest/web"
)

type itemBody struct {
	Index      *int            `json:"index,omitempty"` // of a list
	Key        *string         `json:"key,omitempty"`   // of a map
	AccountSID string          `json:"account_sid"`
	ServiceSID string          `json:"service_sid"`
	ListSID    string          `json:"list_sid,omitempty"`
	MapSID     string          `json:"map_sid,omitempty"`
	URL        string          `json:"url"`
	Revision   string          `json:"revision"`
	Data       json.RawMessage `json:"data"`
	Expires    *string         `json:"date_expires"`
	Created    *string         `json:"date_created"`
	Updated    *string         `json:"date_updated"`
	CreatedBy  string          `json:"created_by"`
}

// nameOf is an item's index or key, as paths have it.
func nameOf(i objects.Item) string {
	if i.Kind == objects.List {
		return strconv.Itoa(i.Index)
	}
	return i.Key
}

func (a *api) showItem(r *web.Request, s registry.Service, i objects.Item) itemBody {
	body := itemBody{
		AccountSID: a.registry.Account().SID, ServiceSID: s.SID, Revision: i.Revision, Data: i.Data,
		URL:     r.Absolute(Base, "Services", s.SID, collectionOf(i.Kind).path, i.ObjectSID, "Items", nameOf(i)),
		Expires: web.Date(i.Expires), Created: web.Date(i.Created), Updated: web.Date(i.Updated), CreatedBy: i.CreatedBy,
	}
	if i.Kind == objects.List {
		body.Index, body.ListSID = &i.Index, i.ObjectSID
	} else {
		body.Key, body.MapSID = &i.Key, i.ObjectSID
	}
	return body
}

func (a *api) answerItem(r *web.Request, answer func(any) web.Response, s registry.Service, i objects.Item) web.Response {
	return answer(a.showItem(r, s, i)).With("ETag", i.Revision)
}

// span is the part of a list or map that a request is about, in the order that it wants.
type span struct {
	items      func(objects.ItemRange) ([]objects.Item, bool, error)
	from       *string
	exclusive  bool
	descending bool
	kind       objects.Kind
}

// holds reports whether an item is in the span.
func (s span) holds(i objects.Item) bool {
	if s.from == nil {
		return true
	}
	var c int
	if s.kind == objects.List {
		from, _ := strconv.Atoi(*s.from)
		c = cmp.Compare(i.Index, from)
	} else {
		c = cmp.Compare(i.Key, *s.from)
	}
	if s.descending {
		c = -c
	}
	return c > 0 || c == 0 && !s.exclusive
}

// back are up to limit items of the span before a name, the nearest first, and whether there are more.
func (s span) back(name string, limit int) ([]objects.Item, bool, error) {
	items, more, err := s.items(objects.ItemRange{From: &name, Exclusive: true, Descending: !s.descending, Limit: limit})
	if err != nil {
		return nil, false, err
	}
	for n, i := range items {
		if !s.holds(i) {
			return items[:n], false, nil
		}
	}
	if more { // the next one may be outside
		next, _, err := s.items(objects.ItemRange{From: &name, Exclusive: true, Descending: !s.descending, Offset: limit, Limit: 1})
		if err != nil {
			return nil, false, err
		}
		more = len(next) > 0 && s.holds(next[0])
	}
	return items, more, nil
}

// page takes a page out of the span, without a look at the rest.
func (s span) page(p web.Paging) (web.Page[objects.Item], error) {
	page := web.Page[objects.Item]{First: p.After, Last: p.Before}
	var err error
	switch {
	case p.Before != "":
		if page.Records, page.Earlier, err = s.back(p.Before, p.Size); err != nil {
			return page, err
		}
		slices.Reverse(page.Records)
		var here []objects.Item
		here, _, err = s.items(objects.ItemRange{From: &p.Before, Descending: s.descending, Limit: 1})
		page.Later = len(here) > 0
	case p.After != "":
		page.Records, page.Later, err = s.items(objects.ItemRange{From: &p.After, Exclusive: true, Descending: s.descending, Limit: p.Size})
	case p.Number > math.MaxInt32/p.Size: // beyond any list
	default:
		page.Records, page.Later, err = s.items(objects.ItemRange{
			From: s.from, Exclusive: s.exclusive, Descending: s.descending, Offset: p.Number * p.Size, Limit: p.Size,
		})
	}
	if err != nil {
		return page, err
	}
	if n := len(page.Records); n > 0 {
		page.First, page.Last = nameOf(page.Records[0]), nameOf(page.Records[n-1])
	}
	if p.Before == "" && page.First != "" {
		var before []objects.Item
		before, _, err = s.back(page.First, 1)
		page.Earlier = len(before) > 0
	}
	return page, err
}

func (a *api) listItems(r *web.Request, s registry.Service, c *collection) (web.Response, error) {
	o, err := a.objects.Get(s.SID, c.kind, r.Path("id"))
	if err != nil {
		return web.Response{}, err
	}
	f := r.Form()
	order, bounds := f.Choice("Order", "asc", "desc"), f.Choice("Bounds", "inclusive", "exclusive")
	part := span{
		items: func(of objects.ItemRange) ([]objects.Item, bool, error) {
			return a.objects.Items(s.SID, c.kind, o.SID, of)
		},
		exclusive: bounds != nil && *bounds == "exclusive", descending: order != nil && *order == "desc", kind: c.kind,
	}
	if from := f.Text("From"); from != nil && *from != "" {
		part.from = from
		if c.kind == objects.List {
			if index := f.Int("From", 0, math.MaxInt32); index != nil {
				part.from = new(strconv.Itoa(*index)) // "007" is 7
			}
		}
	}
	p, err := r.Paging("Order", "From", "Bounds")
	if err != nil {
		return web.Response{}, err
	}
	if c.kind == objects.List && !(isIndex(p.After) && isIndex(p.Before)) {
		return web.Response{}, web.BadParameter("PageToken", "is not one that was given out for this list")
	}
	page, err := part.page(p)
	if err != nil {
		return web.Response{}, err
	}
	at := r.Absolute(Base, "Services", s.SID, c.path, o.SID, "Items")
	return web.OK(web.List(p, at, "items", page, func(i objects.Item) any { return a.showItem(r, s, i) })), nil
}

// isIndex accepts a list's index, and none.
func isIndex(text string) bool {
	n, err := strconv.Atoi(text)
	return text == "" || err == nil && n >= 0 && strconv.Itoa(n) == text
}

func (a *api) createItem(r *web.Request, s registry.Service, c *collection) (web.Response, error) {
	n := objects.NewItem{Data: data(r)}
	if c.kind == objects.Map {
		n.Key = r.Form().TextOr("Key", "")
	}
	if n.Data == nil {
		r.Form().Refuse("Data", "is required")
	}
	if err := r.Form().Err(); err != nil {
		return web.Response{}, err
	}
	var err error
	if n.TTL, err = ttl(r, "ItemTtl", "Ttl"); err != nil {
		return web.Response{}, err
	}
	if n.CollectionTTL, err = ttl(r, "CollectionTtl"); err != nil {
		return web.Response{}, err
	}
	i, err := a.objects.AddItem(r.Context(), objects.System(), s.SID, c.kind, r.Path("id"), n)
	if err != nil {
		return web.Response{}, err
	}
	return a.answerItem(r, web.Created, s, i), nil
}

func (a *api) readItem(r *web.Request, s registry.Service, c *collection) (web.Response, error) {
	i, err := a.objects.Item(s.SID, c.kind, r.Path("id"), r.Path("item"))
	if err != nil {
		return web.Response{}, err
	}
	return a.answerItem(r, web.OK, s, i), nil
}

func (a *api) updateItem(r *web.Request, s registry.Service, c *collection) (web.Response, error) {
	change := objects.ItemChange{Data: data(r)}
	if err := r.Form().Err(); err != nil {
		return web.Response{}, err
	}
	var err error
	if change.TTL, err = ttl(r, "ItemTtl", "Ttl"); err != nil {
		return web.Response{}, err
	}
	if change.CollectionTTL, err = ttl(r, "CollectionTtl"); err != nil {
		return web.Response{}, err
	}
	if change.Expect, err = expected(r); err != nil {
		return web.Response{}, err
	}
	i, err := a.objects.UpdateItem(r.Context(), objects.System(), s.SID, c.kind, r.Path("id"), r.Path("item"), change)
	if err != nil {
		return web.Response{}, err
	}
	return a.answerItem(r, web.OK, s, i), nil
}

func (a *api) deleteItem(r *web.Request, s registry.Service, c *collection) (web.Response, error) {
	expect, err := expected(r)
	if err != nil {
		return web.Response{}, err
	}
	return done(a.objects.DeleteItem(r.Context(), objects.System(), s.SID, c.kind, r.Path("id"), r.Path("item"), expect))
}
