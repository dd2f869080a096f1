package web

import (
	"encoding/json"
	"fmt"
	"net/http/httptest"
	"net/url"
	"slices"
	"strconv"
	"testing"

	"github.com/stretchr/testify/require"
	"pgregory.net/rapid"
)

type listBody struct {
	Things []string `json:"things"`
	Meta   Meta     `json:"meta"`
}

// listing serves a list of texts, which are their own keys.
type listing struct{ all []string }

func (l *listing) get(t interface {
	require.TestingT
	Helper()
}, target string) listBody {
	t.Helper()
	table := &Table{}
	table.Handle("GET", "/things", func(r *Request) (Response, error) {
		paging, err := r.Paging("Filter")
		if err != nil {
			return Response{}, err
		}
		page := Select(paging, l.all, func(s string) string { return s })
		return OK(List(paging, r.Absolute("things"), "things", page, func(s string) any { return s })), nil
	})
	w := do(table, "GET", target, "")
	require.Equal(t, 200, w.Code, "%s: %s", target, w.Body)
	var body listBody
	require.NoError(t, json.Unmarshal(w.Body.Bytes(), &body))
	return body
}

func numbered(n int) *listing {
	l := &listing{}
	for i := range n {
		l.all = append(l.all, fmt.Sprintf("%04d", i))
	}
	return l
}

func TestPagesLeadThereAndBackAgain(t *testing.T) {
	l := numbered(120)
	var there, back []string
	page := l.get(t, "http://board.lan:8080/things?PageSize=50&Filter=a%26b")
	require.Equal(t, "things", page.Meta.Key)
	require.Equal(t, 0, page.Meta.Page)
	require.Equal(t, 50, page.Meta.PageSize)
	require.Equal(t, "http://board.lan:8080/things?Filter=a%26b&Page=0&PageSize=50", page.Meta.URL)
	require.Equal(t, page.Meta.URL, page.Meta.First)
	require.Nil(t, page.Meta.Previous)
	last := page
	for {
		there = append(there, page.Things...)
		last = page
		if page.Meta.Next == nil {
			break
		}
		page = l.get(t, *page.Meta.Next)
		require.Equal(t, last.Meta.Page+1, page.Meta.Page)
		require.Equal(t, *last.Meta.Next, page.Meta.URL)
	}
	require.Equal(t, l.all, there)
	require.Equal(t, 2, last.Meta.Page)
	require.Len(t, last.Things, 20)
	for page = last; ; page = l.get(t, *page.Meta.Previous) {
		back = append(slices.Clone(page.Things), back...)
		if page.Meta.Previous == nil {
			break
		}
	}
	require.Equal(t, l.all, back)
	require.Equal(t, 0, page.Meta.Page)
	require.Len(t, page.Things, 50)
}

func TestPageSizesHaveBounds(t *testing.T) {
	l := numbered(1200)
	for size, want := range map[string]int{"": 50, "1": 1, "1000": 1000, "1001": 1000, "2147483647": 1000} {
		target := "/things"
		if size != "" {
			target += "?PageSize=" + size
		}
		page := l.get(t, target)
		require.Len(t, page.Things, want)
		require.Equal(t, want, page.Meta.PageSize)
	}
	table := accepting()
	table.Handle("GET", "/things", func(r *Request) (Response, error) {
		_, err := r.Paging()
		return OK(nil), err
	})
	for name, values := range map[string][]string{
		"PageSize":  {"0", "-1", "x", "", "1.5", "99999999999999999999"},
		"Page":      {"-1", "x", "", "99999999999999999999"},
		"PageToken": {"x", "PA", "PC" + "eA", "PA!", "PB===", "eA"},
	} {
		for _, value := range values {
			w := do(table, "GET", "/things?"+url.Values{name: {value}}.Encode(), "")
			require.Contains(t, refused(t, w, 400, 20001), "Parameter "+name+" ")
		}
	}
}

func TestAPageCanBeNamedByItsNumber(t *testing.T) {
	l := numbered(120)
	page := l.get(t, "/things?PageSize=50&Page=2")
	require.Equal(t, l.all[100:], page.Things)
	require.Nil(t, page.Meta.Next)
	page = l.get(t, *page.Meta.Previous)
	require.Equal(t, l.all[50:100], page.Things)
	page = l.get(t, "/things?PageSize=50&Page=3")
	require.Empty(t, page.Things)
	require.Nil(t, page.Meta.Next)
	page = l.get(t, *page.Meta.Previous)
	require.Equal(t, l.all[70:], page.Things)
	require.Empty(t, l.get(t, "/things?PageSize=1000&Page=1073741824").Things)
}

func TestAPageWhoseNeighboursAreGoneLeadsOn(t *testing.T) {
	l := numbered(10)
	next := *l.get(t, "/things?PageSize=5").Meta.Next
	l.all = l.all[:3]
	page := l.get(t, next)
	require.Empty(t, page.Things)
	require.NotNil(t, page.Things, "an empty list, not null")
	require.Nil(t, page.Meta.Next)
	require.Equal(t, l.all, l.get(t, *page.Meta.Previous).Things)

	l = numbered(10)
	previous := *l.get(t, next).Meta.Previous
	l.all = l.all[5:]
	page = l.get(t, previous)
	require.Empty(t, page.Things)
	require.Nil(t, page.Meta.Previous)
	require.Equal(t, l.all, l.get(t, *page.Meta.Next).Things)
}

// Whoever walks through a list that changes meanwhile sees each record that stays exactly once, in order, whichever way
// the walk turns.
func TestPagesAreStableWhileTheListChanges(t *testing.T) {
	rapid.Check(t, func(t *rapid.T) {
		l := numbered(rapid.IntRange(1, 40).Draw(t, "records"))
		size := rapid.IntRange(1, 7).Draw(t, "size")
		stays := map[string]bool{}
		for _, s := range l.all {
			stays[s] = true
		}
		change := func() {
			for range rapid.IntRange(0, 3).Draw(t, "changes") {
				if rapid.Bool().Draw(t, "insert") {
					s := fmt.Sprintf("%04d", rapid.IntRange(0, 50).Draw(t, "number")) + rapid.StringMatching(`[a-z]{1,2}`).Draw(t, "suffix")
					if at, there := slices.BinarySearch(l.all, s); !there {
						l.all = slices.Insert(slices.Clone(l.all), at, s)
					}
				} else if len(l.all) > 0 {
					at := rapid.IntRange(0, len(l.all)-1).Draw(t, "at")
					delete(stays, l.all[at])
					l.all = slices.Delete(slices.Clone(l.all), at, at+1)
				}
			}
		}
		var seen []string
		page := l.get(t, "/things?PageSize="+strconv.Itoa(size))
		for steps := 0; ; steps++ {
			if steps > 500 {
				t.Fatalf("the walk does not end")
			}
			seen = append(seen, page.Things...)
			change()
			if page.Meta.Next == nil {
				break
			}
			page = l.get(t, *page.Meta.Next)
		}
		if !slices.IsSorted(seen) || len(slices.Compact(slices.Clone(seen))) != len(seen) {
			t.Fatalf("out of order or twice: %v", seen)
		}
		for s := range stays {
			if !slices.Contains(seen, s) {
				t.Fatalf("%s was left out: %v", s, seen)
			}
		}
		// And back: from any page the ones before it hold all that lies before it. It is asked for anew, as it tells of its neighbours
		// what was so when it was made.
		page = l.get(t, page.Meta.URL)
		var before []string
		stop := ""
		if len(page.Things) > 0 {
			stop = page.Things[0]
		}
		whole := slices.Clone(l.all)
		for steps := 0; page.Meta.Previous != nil; steps++ {
			if steps > 500 {
				t.Fatalf("the way back does not end")
			}
			page = l.get(t, *page.Meta.Previous)
			before = append(slices.Clone(page.Things), before...)
		}
		if stop != "" {
			at, _ := slices.BinarySearch(whole, stop)
			if !slices.Equal(before, whole[:at]) {
				t.Fatalf("back from %s: %v, want %v", stop, before, whole[:at])
			}
		}
	})
}

func TestAPagingOfARequestKeepsOnlyTheListsOwnParameters(t *testing.T) {
	r := httptest.NewRequest("GET", "/things?PageSize=2&Filter=x&Other=y", nil)
	values, err := parse(r.URL.RawQuery, "query")
	require.NoError(t, err)
	paging, err := (&Request{Request: r, form: NewForm(values)}).Paging("Filter", "Absent")
	require.NoError(t, err)
	require.Equal(t, "?Filter=x&Page=0&PageSize=2", paging.query(0, ""))
}
