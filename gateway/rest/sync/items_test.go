package sync

import (
	"fmt"
	"strings"
	"testing"

	"github.com/stretchr/testify/require"
)

func TestItemsHaveTheFieldsOfTheContract(t *testing.T) {
	w := newWorld(t)
	list := w.must(201, "POST", byName+"/Lists", "UniqueName", "l").text("sid")
	at := host + services + "/" + w.service + "/Lists/" + list + "/Items/0"
	want := object{
		"index": 0.0, "account_sid": w.registry.Account().SID, "service_sid": w.service, "list_sid": list, "url": at, "revision": "0", "data": map[string]any{"a": 1.0},
		"date_expires": nil, "date_created": anything, "date_updated": anything, "created_by": "system",
	}
	same(t, want, w.must(201, "POST", byName+"/Lists/l/Items", "Data", `{"a":1}`, "Key", "ignored"))
	same(t, want, w.must(200, "GET", at))
	want["revision"], want["data"] = "1", []any{}
	same(t, want, w.must(200, "POST", at, "Data", `[]`))
	require.Equal(t, "2", w.must(200, "GET", byName+"/Lists/l").text("revision"), "each item's change is one of the list")

	sid := w.must(201, "POST", byName+"/Maps", "UniqueName", "m").text("sid")
	at = host + services + "/" + w.service + "/Maps/" + sid + "/Items/k"
	want = object{
		"key": "k", "account_sid": w.registry.Account().SID, "service_sid": w.service, "map_sid": sid, "url": at, "revision": "0", "data": nil,
		"date_expires": nil, "date_created": anything, "date_updated": anything, "created_by": "system",
	}
	same(t, want, w.must(201, "POST", byName+"/Maps/m/Items", "Key", "k", "Data", "null"))
	answer := w.raw("GET", at)
	require.Equal(t, "0", answer.Header().Get("ETag"))
	w.refused(409, 54208, "POST", byName+"/Maps/m/Items", "Key", "k", "Data", "1")
	w.must(204, "DELETE", at)
	w.refused(404, 54201, "GET", at)
}

func TestIndexesAreNeverReused(t *testing.T) {
	w := newWorld(t)
	w.must(201, "POST", byName+"/Lists", "UniqueName", "l")
	for n := range 3 {
		require.EqualValues(t, n, w.must(201, "POST", byName+"/Lists/l/Items", "Data", "1")["index"])
	}
	w.must(204, "DELETE", byName+"/Lists/l/Items/2")
	require.EqualValues(t, 3, w.must(201, "POST", byName+"/Lists/l/Items", "Data", "1")["index"])
}

func TestAMapKeyIsOnePercentEncodedSegment(t *testing.T) {
	w := newWorld(t)
	w.must(201, "POST", byName+"/Maps", "UniqueName", "m")
	for key, segment := range map[string]string{
		"a/b": "a%2Fb", "ключ 🔑": "%D0%BA%D0%BB%D1%8E%D1%87%20%F0%9F%94%91", "50%": "50%25", "?&#+": "%3F&%23+", "..": "%2E%2E", "a%2Fb": "a%252Fb",
		"/": "%2F", "<\">": "%3C%22%3E",
	} {
		made := w.must(201, "POST", byName+"/Maps/m/Items", "Key", key, "Data", "1")
		require.Equal(t, key, made["key"])
		require.True(t, strings.HasSuffix(made.text("url"), "/Items/"+segment), "%s", made["url"])
		require.Equal(t, key, w.must(200, "GET", made.text("url"))["key"])
		require.Equal(t, key, w.must(200, "POST", byName+"/Maps/m/Items/"+segment, "Data", "2")["key"])
		w.must(204, "DELETE", byName+"/Maps/m/Items/"+segment)
	}
	long := strings.Repeat("é", 320)
	w.must(201, "POST", byName+"/Maps/m/Items", "Key", long, "Data", "1")
	w.refused(400, 54209, "POST", byName+"/Maps/m/Items", "Key", long+"x", "Data", "1")
	w.refused(400, 54209, "GET", byName+"/Maps/m/Items/"+strings.Repeat("x", 321))
	w.refused(400, 54209, "POST", byName+"/Maps/m/Items", "Key", "", "Data", "1")
	w.refused(400, 54209, "POST", byName+"/Maps/m/Items", "Data", "1")
	w.refused(404, 20404, "GET", byName+"/Maps/m/Items/%FF")
}

// The items are 0 to 11 without 5 in a list, and a to l without f in a map.
func TestItemsAreListedByOrderFromAndBoundsPageByPage(t *testing.T) {
	w := newWorld(t)
	w.must(201, "POST", byName+"/Lists", "UniqueName", "x")
	w.must(201, "POST", byName+"/Maps", "UniqueName", "x")
	const letters = "abcdefghijkl"
	for n := range len(letters) {
		w.must(201, "POST", byName+"/Lists/x/Items", "Data", fmt.Sprint(n))
		w.must(201, "POST", byName+"/Maps/x/Items", "Data", fmt.Sprint(n), "Key", letters[n:n+1])
	}
	w.must(204, "DELETE", byName+"/Lists/x/Items/5")
	w.must(204, "DELETE", byName+"/Maps/x/Items/f")
	index := func(o object) string { return fmt.Sprint(o["index"]) }
	key := func(o object) string { return o.text("key") }
	for _, c := range []struct{ list, mapped, want string }{
		{"", "", "0 1 2 3 4 6 7 8 9 10 11"},
		{"&Order=asc&Bounds=exclusive", "&Order=asc&Bounds=exclusive", "0 1 2 3 4 6 7 8 9 10 11"},
		{"&Order=desc", "&Order=desc", "11 10 9 8 7 6 4 3 2 1 0"},
		{"&From=4", "&From=e", "4 6 7 8 9 10 11"},
		{"&From=4&Bounds=inclusive", "&From=e&Bounds=inclusive", "4 6 7 8 9 10 11"},
		{"&From=04&Bounds=exclusive", "&From=e&Bounds=exclusive", "6 7 8 9 10 11"},
		{"&From=5", "&From=f", "6 7 8 9 10 11"},
		{"&From=5&Bounds=exclusive", "&From=f&Bounds=exclusive", "6 7 8 9 10 11"},
		{"&From=4&Order=desc", "&From=e&Order=desc", "4 3 2 1 0"},
		{"&From=4&Order=desc&Bounds=exclusive", "&From=e&Order=desc&Bounds=exclusive", "3 2 1 0"},
		{"&From=5&Order=desc", "&From=f&Order=desc", "4 3 2 1 0"},
		{"&From=11", "&From=l", "11"},
		{"&From=11&Bounds=exclusive", "&From=l&Bounds=exclusive", ""},
		{"&From=99", "&From=z", ""},
		{"&From=99&Order=desc", "&From=z&Order=desc", "11 10 9 8 7 6 4 3 2 1 0"},
		{"&From=0&Order=desc&Bounds=exclusive", "&From=a&Order=desc&Bounds=exclusive", ""},
		{"&From=", "&From=", "0 1 2 3 4 6 7 8 9 10 11"},
	} {
		want := strings.Fields(c.want)
		var keys []string
		for _, n := range want {
			var at int
			_, err := fmt.Sscan(n, &at)
			require.NoError(t, err)
			keys = append(keys, letters[at:at+1])
		}
		for _, size := range []int{1, 2, 3, 4, 5, 50} {
			page := fmt.Sprintf("/Items?PageSize=%d", size)
			require.Equal(t, want, append([]string{}, w.walk(byName+"/Lists/x"+page+c.list, "items", index)...), "%s size %d", c.list, size)
			require.Equal(t, keys, w.walk(byName+"/Maps/x"+page+c.mapped, "items", key), "%s size %d", c.mapped, size)
		}
	}
	page := w.must(200, "GET", byName+"/Lists/x/Items?PageSize=2&Page=2&From=3&Order=asc")
	require.Equal(t, []string{"8", "9"}, []string{index(page.records("items")[0]), index(page.records("items")[1])})
	require.Contains(t, page.meta().text("next_page_url"), "From=3")
	require.Empty(t, w.must(200, "GET", byName+"/Lists/x/Items?Page=1000000&PageSize=1000").records("items"))
	for _, wrong := range []string{"Order=up", "Bounds=none", "From=first", "From=-1", "PageSize=x", "PageToken=PAeA"} {
		w.refused(400, 20001, "GET", byName+"/Lists/x/Items?"+wrong)
	}
}

func TestPagesStayTrueWhileItemsComeAndGo(t *testing.T) {
	w := newWorld(t)
	w.must(201, "POST", byName+"/Lists", "UniqueName", "l")
	for range 6 {
		w.must(201, "POST", byName+"/Lists/l/Items", "Data", "1")
	}
	first := w.must(200, "GET", byName+"/Lists/l/Items?PageSize=2")
	w.must(204, "DELETE", byName+"/Lists/l/Items/0")
	w.must(204, "DELETE", byName+"/Lists/l/Items/1")
	second := w.must(200, "GET", first.meta().text("next_page_url"))
	require.EqualValues(t, 2, second.records("items")[0]["index"])
	require.Nil(t, second.meta()["previous_page_url"], "nothing is before it any more")
	w.must(204, "DELETE", byName+"/Lists/l/Items/4")
	w.must(204, "DELETE", byName+"/Lists/l/Items/5")
	third := w.must(200, "GET", second.meta().text("next_page_url"))
	require.Empty(t, third.records("items"))
	require.EqualValues(t, 2, w.must(200, "GET", third.meta().text("previous_page_url")).records("items")[0]["index"])
}
