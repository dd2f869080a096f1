package client

import (
	"context"
	"encoding/json"
	"fmt"
	"iter"
	"net/http"
	"net/url"
	"strconv"
)

const pageSize = 100

// all yields every record of a collection, page by page. key is the name of the array in the answer. It ends with an error
// as its last element when a page cannot be had.
func all[T any](ctx context.Context, c *Client, path string, query url.Values, key string) iter.Seq2[T, error] {
	return func(yield func(T, error) bool) {
		var none T
		first := url.Values{"PageSize": {strconv.Itoa(pageSize)}}
		for name, values := range query {
			first[name] = values
		}
		next := ""
		for page := 0; ; page++ {
			got, err := c.page(ctx, path, first, next, key)
			if err != nil {
				yield(none, err)
				return
			}
			var records []T
			if err := json.Unmarshal(got.records, &records); err != nil {
				yield(none, fmt.Errorf("%s does not answer as a gateway does: %w; check the address", c.base.Host, err))
				return
			}
			for _, record := range records {
				if !yield(record, nil) {
					return
				}
			}
			if got.next == "" || len(records) == 0 {
				return
			}
			next = got.next
		}
	}
}

type page struct {
	records json.RawMessage
	next    string // path and query of the next page, empty for none
}

// page gets the first page, or the one at next.
func (c *Client) page(ctx context.Context, path string, first url.Values, next, key string) (page, error) {
	var body map[string]json.RawMessage
	r := request{method: http.MethodGet, path: path, query: first}
	if next != "" {
		r.path, r.query = next, nil
	}
	if err := c.call(ctx, r, &body); err != nil {
		return page{}, err
	}
	var meta struct {
		Next string `json:"next_page_url"`
	}
	records, found := body[key]
	if !found {
		return page{}, fmt.Errorf("%s does not answer as a gateway does: its answer lacks %q", c.base.Host, key)
	}
	if err := json.Unmarshal(body["meta"], &meta); err != nil {
		return page{}, fmt.Errorf("%s does not answer as a gateway does: its answer lacks \"meta\"", c.base.Host)
	}
	got := page{records: records}
	if meta.Next != "" {
		link, err := url.Parse(meta.Next)
		if err != nil {
			return page{}, fmt.Errorf("%s does not answer as a gateway does: its link to the next page is none", c.base.Host)
		}
		// Only path and query are taken: the token goes to the gateway that was named and to no other.
		got.next = link.EscapedPath() + "?" + link.RawQuery
	}
	return got, nil
}
