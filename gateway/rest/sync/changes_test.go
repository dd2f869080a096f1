package sync

import (
	"context"
	"encoding/json"
	"fmt"
	"net/http/httptest"
	"testing"
	"time"

	"github.com/stretchr/testify/require"

	"gatehouse/gateway/rest/web"
)

const changes = "/gatehouse/v1/Services/default/Changes"

func TestChangesTellWhatHappenedAfterAPoint(t *testing.T) {
	w := newWorld(t)
	start := fmt.Sprintf("%.0f", w.must(200, "GET", changes)["after"])
	w.must(201, "POST", byName+"/Documents", "UniqueName", "d", "Data", `{"n":1.0}`)
	list := w.must(201, "POST", byName+"/Lists", "UniqueName", "l").text("sid")
	w.must(201, "POST", byName+"/Lists/l/Items", "Data", "1")
	w.must(204, "DELETE", byName+"/Lists/l/Items/0")
	other := w.must(201, "POST", services).text("sid")
	w.must(201, "POST", services+"/"+other+"/Documents", "UniqueName", "elsewhere")
	got := w.must(200, "GET", changes, "after", start)
	var said []string
	for _, c := range got.records("changes") {
		said = append(said, fmt.Sprint(c["kind"], " ", c["action"], " ", c["unique_name"], " ", c["data"]))
	}
	require.Equal(t, []string{"document created d map[n:1]", "list created l <nil>", "list item_added l 1", "list item_removed l <nil>"}, said)
	same(t, object{
		"date": anything, "action": "item_added", "kind": "list", "service_sid": w.service, "object_sid": list, "unique_name": "l", "revision": "0",
		"index": 0.0, "data": 1.0, "created_by": "system", "device_sid": nil,
	}, got.records("changes")[2])
	for _, id := range []string{list, "l"} {
		require.Len(t, w.must(200, "GET", changes, "after", start, "object", id).records("changes"), 3)
	}
	require.Empty(t, w.must(200, "GET", changes, "after", fmt.Sprintf("%.0f", got["after"])).records("changes"))
	require.Len(t, w.must(200, "GET", changes, "after", "0").records("changes"), 4)
	require.Empty(t, w.must(200, "GET", changes).records("changes"), "from now on")
	for _, wrong := range [][2]string{{"after", "x"}, {"after", "-1"}, {"wait", "61"}, {"wait", "x"}} {
		w.refused(400, 20001, "GET", changes, wrong[0], wrong[1])
	}
	w.refused(404, 54050, "GET", "/gatehouse/v1/Services/nowhere/Changes")
}

func TestChangesComeInPortions(t *testing.T) {
	w := newWorld(t)
	w.must(201, "POST", byName+"/Maps", "UniqueName", "m")
	for n := range maxChanges {
		w.must(201, "POST", byName+"/Maps/m/Items", "Key", fmt.Sprint(n), "Data", "1")
	}
	first := w.must(200, "GET", changes, "after", "0")
	require.Len(t, first.records("changes"), maxChanges)
	require.Len(t, w.must(200, "GET", changes, "after", fmt.Sprintf("%.0f", first["after"])).records("changes"), 1)
}

func TestARequestForChangesWaitsUntilThereIsOne(t *testing.T) {
	w := newWorld(t)
	w.must(201, "POST", byName+"/Documents", "UniqueName", "d")
	answered := make(chan *httptest.ResponseRecorder, 1)
	go func() { answered <- w.raw("GET", changes, "wait", "30", "object", "d") }()
	// Until the request has begun to wait a change may come before its "from now on".
	for deadline := time.Now().Add(10 * time.Second); time.Now().Before(deadline); {
		w.must(200, "POST", byName+"/Documents/d", "Data", "1")
		select {
		case answer := <-answered:
			var body object
			require.NoError(t, json.Unmarshal(answer.Body.Bytes(), &body))
			require.NotEmpty(t, body.records("changes"))
			require.Equal(t, "updated", body.records("changes")[0]["action"])
			return
		case <-time.After(5 * time.Millisecond):
		}
	}
	t.Fatal("no answer")
}

func TestARequestForChangesEndsWhenItHasWaitedOrTheServerCloses(t *testing.T) {
	w := newWorld(t)
	begun := time.Now()
	require.Empty(t, w.must(200, "GET", changes, "wait", "1").records("changes"))
	require.GreaterOrEqual(t, time.Since(begun), time.Second)
	closing := make(chan struct{})
	close(closing)
	gone, cancel := context.WithCancel(t.Context())
	cancel()
	for _, ctx := range []context.Context{web.WithClosing(t.Context(), closing), gone} {
		begun = time.Now()
		answer := httptest.NewRecorder()
		w.api.ServeHTTP(answer, httptest.NewRequestWithContext(ctx, "GET", host+changes+"?wait=30", nil))
		require.Equal(t, 200, answer.Code)
		require.Less(t, time.Since(begun), 10*time.Second)
	}
}
