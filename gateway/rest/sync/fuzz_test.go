package sync

import (
	"encoding/json"
	"net/http"
	"net/http/httptest"
	"strings"
	"testing"

	"github.com/stretchr/testify/require"

	"gatehouse/gateway/objects"
)

// Whatever a path and a form hold: the API answers JSON, never with 500, and what it takes is within the contract's bounds.
func FuzzSyncForms(f *testing.F) {
	f.Add(uint8(0), "d", "Data=%7B%22a%22%3A1.10%7D&Ttl=60", "0")
	f.Add(uint8(1), "l/Items/0", "", "\"0\"")
	f.Add(uint8(1), "l/Items", "Order=desc&From=1&Bounds=exclusive&PageSize=1&PageToken=PBMA", "")
	f.Add(uint8(0), "m/Items/%2F%F0%9F%94%91", "Data=[1]&ItemTtl=0&CollectionTtl=31536000", "*")
	f.Add(uint8(1), "m/Items", "From=%2F&Order=asc&PageToken=PAYQ&Page=3", "")
	f.Add(uint8(0), "m/Items", "Key=%2E%2E&Data=null", "")
	f.Add(uint8(0), "s/Messages", "Data=%22%22", "")
	f.Add(uint8(0), "d/Permissions/lamp%00", "Read=TRUE&Write=false&Manage=", "")
	f.Add(uint8(2), "m/Items/k", "", "W/\"ff\"")
	f.Add(uint8(1), "d/Permissions", "PageSize=1000&PageToken=PAAA", "")
	w := newWorld(f)
	paths := map[string]string{"d": "Documents", "l": "Lists", "m": "Maps", "s": "Streams"}
	for name, path := range paths {
		require.Equal(f, 201, w.raw("POST", byName+"/"+path, "UniqueName", name).Code)
	}
	f.Fuzz(func(t *testing.T, method uint8, rest, form, ifMatch string) {
		verb := []string{"POST", "GET", "DELETE"}[int(method)%3]
		name, _, _ := strings.Cut(rest, "/")
		path, known := paths[name]
		if !known || verb == "DELETE" && rest == name {
			path = "Documents" // what the others need stays
			rest = "x" + rest
		}
		r := httptest.NewRequest(verb, host, strings.NewReader(form))
		u, err := r.URL.Parse(byName + "/" + path + "/" + rest)
		if err != nil {
			return
		}
		if verb != "POST" {
			u.RawQuery = form
		}
		r.URL = u
		r.Header.Set("Content-Type", "application/x-www-form-urlencoded")
		if ifMatch != "" {
			r.Header.Set("If-Match", ifMatch)
		}
		answer := httptest.NewRecorder()
		w.api.ServeHTTP(answer, r)
		switch answer.Code {
		case http.StatusNoContent:
			return
		case 200, 201, 400, 404, 405, 409, 412, 413, 429:
		default:
			t.Fatalf("%s %s with %q, If-Match %q: %d %s", verb, u, form, ifMatch, answer.Code, answer.Body)
		}
		var body struct {
			Status int             `json:"status"`
			Code   int             `json:"code"`
			Data   json.RawMessage `json:"data"`
		}
		if err := json.Unmarshal(answer.Body.Bytes(), &body); err != nil {
			t.Fatalf("%d is no JSON: %q", answer.Code, answer.Body)
		}
		if answer.Code >= 400 && (body.Status != answer.Code || body.Code == 0) || len(body.Data) > objects.MaxData {
			t.Fatalf("%s %s with %q: %d %s", verb, u, form, answer.Code, answer.Body)
		}
	})
}
