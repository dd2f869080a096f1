package sync

import (
	"strings"
	"testing"
	"time"

	"github.com/stretchr/testify/require"

	"gatehouse/gateway/objects"
	"gatehouse/gateway/registry"
	"gatehouse/gateway/store"
)

func TestADocumentHasTheFieldsOfTheContract(t *testing.T) {
	w := newWorld(t)
	got := w.must(201, "POST", byName+"/Documents", "UniqueName", "BoardLED", "Data", `{ "led" : true, "n": 1.10 }`)
	sid := got.text("sid")
	require.Regexp(t, "^ET[0-9a-f]{32}$", sid)
	at := host + services + "/" + w.service + "/Documents/" + sid
	want := object{
		"sid": sid, "unique_name": "BoardLED", "account_sid": w.registry.Account().SID, "service_sid": w.service, "url": at,
		"links": map[string]any{"permissions": at + "/Permissions"}, "revision": "0", "data": map[string]any{"led": true, "n": 1.10},
		"date_expires": nil, "date_created": anything, "date_updated": anything, "created_by": "system",
	}
	same(t, want, got)
	for _, id := range []string{sid, "BoardLED"} {
		answer := w.raw("GET", byName+"/Documents/"+id)
		require.Equal(t, "0", answer.Header().Get("ETag"))
		require.Contains(t, answer.Body.String(), `"data":{"led":true,"n":1.10}`, "digits stay as they were sent")
		same(t, want, w.must(200, "GET", byName+"/Documents/"+id))
	}
	require.Equal(t, map[string]any{}, w.must(201, "POST", byName+"/Documents")["data"], "without Data it is {}")
	require.Nil(t, w.must(201, "POST", byName+"/Documents", "UniqueName", "")["unique_name"])
}

func TestListsMapsAndStreamsHaveTheFieldsOfTheContract(t *testing.T) {
	w := newWorld(t)
	for _, c := range []struct {
		path, prefix string
		links        []string
		revision     bool
	}{
		{"Lists", "ES", []string{"items", "permissions"}, true}, {"Maps", "MP", []string{"items", "permissions"}, true}, {"Streams", "TO", []string{"messages"}, false},
	} {
		got := w.must(201, "POST", byName+"/"+c.path, "UniqueName", "x")
		sid := got.text("sid")
		require.Regexp(t, "^"+c.prefix+"[0-9a-f]{32}$", sid)
		at := host + services + "/" + w.service + "/" + c.path + "/" + sid
		links := map[string]any{}
		for _, link := range c.links {
			links[link] = at + "/" + strings.ToUpper(link[:1]) + link[1:]
		}
		want := object{
			"sid": sid, "unique_name": "x", "account_sid": w.registry.Account().SID, "service_sid": w.service, "url": at, "links": links,
			"date_expires": nil, "date_created": anything, "date_updated": anything, "created_by": "system",
		}
		if c.revision {
			want["revision"] = "0"
		}
		same(t, want, got)
		same(t, want, w.must(200, "GET", byName+"/"+c.path+"/x"))
		same(t, want, w.must(200, "POST", byName+"/"+c.path+"/x"))
		w.must(204, "DELETE", byName+"/"+c.path+"/x")
		w.refused(404, 54300, "GET", byName+"/"+c.path+"/x")
	}
}

func TestAStaleRevisionIsNotOverwritten(t *testing.T) {
	w := newWorld(t)
	document, item := byName+"/Documents/d", byName+"/Lists/l/Items/0"
	w.must(201, "POST", byName+"/Documents", "UniqueName", "d")
	w.must(201, "POST", byName+"/Lists", "UniqueName", "l")
	w.must(201, "POST", byName+"/Lists/l/Items", "Data", "0")
	w.must(201, "POST", byName+"/Maps", "UniqueName", "m")
	w.must(201, "POST", byName+"/Maps/m/Items", "Key", "k", "Data", "0")
	for path, code := range map[string]int{document: 54103, item: 54155, byName + "/Maps/m/Items/k": 54205} {
		require.Equal(t, "1", w.must(200, "POST", path, "Data", "1", "@If-Match", "0").text("revision"), path)
		w.refused(412, code, "POST", path, "Data", "2", "@If-Match", "0")
		w.refused(412, code, "DELETE", path, "@If-Match", "0")
		for _, malformed := range []string{"", "x", "01", "-1", "A", "1, 2", `"`, "1ffffffffffffffffff"} {
			w.refused(400, 54003, "POST", path, "Data", "2", "@If-Match", malformed)
			w.refused(400, 54003, "DELETE", path, "@If-Match", malformed)
		}
		require.Equal(t, "1", w.must(200, "GET", path).text("revision"))
		for n := 2; n < 11; n++ {
			w.must(200, "POST", path, "Data", "2", "@If-Match", "*")
		}
		answer := w.raw("POST", path, "Data", "3", "@If-Match", `"a"`)
		require.Equal(t, 200, answer.Code)
		require.Equal(t, "b", answer.Header().Get("ETag"))
		require.Equal(t, "b", w.must(200, "POST", path, "Ttl", "0").text("revision"), "without Data nothing is new")
		w.must(204, "DELETE", path, "@If-Match", "b")
	}
	w.refused(404, 54300, "POST", document, "Data", "1", "@If-Match", "0")
	w.must(204, "DELETE", byName+"/Lists/l", "@If-Match", "ff")
}

func TestObjectsThatAreNotThere(t *testing.T) {
	w := newWorld(t)
	for path, c := range map[string]struct {
		prefix string
		code   int
	}{"Documents": {"ET", 54100}, "Lists": {"ES", 54150}, "Maps": {"MP", 54200}, "Streams": {"TO", 54250}} {
		sid := c.prefix + "0123456789abcdef0123456789abcdef"
		for _, method := range []string{"GET", "POST", "DELETE"} {
			w.refused(404, c.code, method, byName+"/"+path+"/"+sid)
			w.refused(404, 54300, method, byName+"/"+path+"/nowhere")
		}
		if path != "Streams" {
			w.refused(404, c.code, "GET", byName+"/"+path+"/"+sid+"/Permissions")
			w.refused(404, c.code, "POST", byName+"/"+path+"/"+sid+"/Permissions/lamp", "Read", "true")
		}
	}
	for _, path := range []string{"Lists", "Maps"} {
		code := map[string]int{"Lists": 54151, "Maps": 54201}[path]
		w.refused(404, 54300, "GET", byName+"/"+path+"/x/Items")
		w.refused(404, 54300, "POST", byName+"/"+path+"/x/Items", "Key", "k", "Data", "1")
		w.must(201, "POST", byName+"/"+path, "UniqueName", "x")
		for _, method := range []string{"GET", "POST", "DELETE"} {
			w.refused(404, code, method, byName+"/"+path+"/x/Items/7")
		}
	}
	w.refused(404, 54151, "GET", byName+"/Lists/x/Items/first")
	w.refused(404, 54300, "POST", byName+"/Streams/x/Messages", "Data", "1")
}

func TestNamesAreTakenOnceAndNotOfTheFormOfASID(t *testing.T) {
	w := newWorld(t)
	for _, path := range []string{"Documents", "Lists", "Maps", "Streams"} {
		w.must(201, "POST", byName+"/"+path, "UniqueName", "né/w +#")
		w.refused(409, 54301, "POST", byName+"/"+path, "UniqueName", "né/w +#")
		w.must(200, "GET", byName+"/"+path+"/n%C3%A9%2Fw%20+%23")
		w.refused(400, 54302, "POST", byName+"/"+path, "UniqueName", "ET0123456789abcdef0123456789abcdef")
		w.refused(400, 54302, "POST", byName+"/"+path, "UniqueName", strings.Repeat("x", 257))
		w.must(201, "POST", byName+"/"+path, "UniqueName", strings.Repeat("é", 256))
	}
}

func TestDataMustBeJSONWithinBounds(t *testing.T) {
	w := newWorld(t)
	for _, path := range []string{"Documents", "Lists", "Maps", "Streams"} {
		w.must(201, "POST", byName+"/"+path, "UniqueName", "x")
	}
	most := `"` + strings.Repeat("x", 16<<10-2) + `"`
	w.must(201, "POST", byName+"/Documents", "Data", most)
	for _, path := range []string{"/Documents", "/Documents/x", "/Lists/x/Items", "/Maps/x/Items", "/Streams/x/Messages"} {
		for _, data := range []string{"", "{", "led", `{"a":1,"a":2}`, "1 2", "01"} {
			w.refused(400, 54008, "POST", byName+path, "Data", data, "Key", "k")
		}
		w.refused(413, 54006, "POST", byName+path, "Data", most[:1]+"x"+most[1:], "Key", "k")
	}
	for _, path := range []string{"/Lists/x/Items", "/Maps/x/Items", "/Streams/x/Messages"} {
		require.Contains(t, w.refused(400, 20001, "POST", byName+path, "Key", "k"), "Data")
	}
	w.refused(413, 54006, "POST", byName+"/Streams/x/Messages", "Data", `"`+strings.Repeat("x", 4<<10)+`"`)
}

func TestTimesToLive(t *testing.T) {
	w := newWorld(t)
	expires := func(o object) time.Duration {
		at, err := time.Parse(time.RFC3339, o.text("date_expires"))
		require.NoError(t, err, "%v", o)
		return time.Until(at).Round(time.Minute)
	}
	for _, c := range []struct {
		path, first, second string // the second goes before the first
	}{{"Documents", "", "Ttl"}, {"Lists", "Ttl", "CollectionTtl"}, {"Maps", "Ttl", "CollectionTtl"}, {"Streams", "", "Ttl"}} {
		all := byName + "/" + c.path
		require.Equal(t, time.Hour, expires(w.must(201, "POST", all, "UniqueName", "x", c.second, "3600")))
		require.Equal(t, 2*time.Hour, expires(w.must(200, "POST", all+"/x", c.second, "7200")))
		require.Equal(t, 2*time.Hour, expires(w.must(200, "POST", all+"/x")))
		if c.first != "" {
			require.Equal(t, 3*time.Hour, expires(w.must(200, "POST", all+"/x", c.first, "10800")))
			require.Equal(t, time.Hour, expires(w.must(200, "POST", all+"/x", c.first, "7200", c.second, "3600")))
		}
		require.Nil(t, w.must(200, "POST", all+"/x", c.second, "0")["date_expires"])
		for _, wrong := range []string{"-1", "31536001", "soon", "", "1.5", "99999999999999999999"} {
			w.refused(400, 54011, "POST", all, c.second, wrong)
			w.refused(400, 54011, "POST", all+"/x", c.second, wrong)
		}
		w.must(201, "POST", all, c.second, "31536000")
	}
	for _, items := range []string{byName + "/Lists/x/Items", byName + "/Maps/x/Items"} {
		object := strings.TrimSuffix(items, "/Items")
		item := items + "/0"
		require.Equal(t, time.Hour, expires(w.must(201, "POST", items, "Key", "0", "Data", "1", "ItemTtl", "3600", "CollectionTtl", "7200")))
		require.Equal(t, 2*time.Hour, expires(w.must(200, "GET", object)))
		require.Equal(t, 3*time.Hour, expires(w.must(200, "POST", item, "Ttl", "10800", "CollectionTtl", "0")))
		require.Nil(t, w.must(200, "GET", object)["date_expires"])
		require.Equal(t, time.Hour, expires(w.must(200, "POST", item, "Ttl", "10800", "ItemTtl", "3600")))
		for _, name := range []string{"Ttl", "ItemTtl", "CollectionTtl"} {
			w.refused(400, 54011, "POST", items, "Key", "1", "Data", "1", name, "-1")
			w.refused(400, 54011, "POST", item, name, "x")
		}
	}
}

func TestAMessageOnAStreamIsAnsweredWithItsSID(t *testing.T) {
	w := newWorld(t)
	w.must(201, "POST", byName+"/Streams", "UniqueName", "s")
	got := w.must(201, "POST", byName+"/Streams/s/Messages", "Data", `{"a":[1]}`)
	require.Regexp(t, "^TZ[0-9a-f]{32}$", got.text("sid"))
	same(t, object{"sid": anything, "data": map[string]any{"a": []any{1.0}}}, got)
	for range 60 {
		if status, body := w.do("POST", byName+"/Streams/s/Messages", "Data", "1"); status != 201 {
			require.Equal(t, 429, status)
			require.EqualValues(t, 54009, body["code"])
			return
		}
	}
	t.Error("61 messages at once were not too many")
}

func TestObjectsArePagedInBothDirections(t *testing.T) {
	w := newWorld(t)
	for path, key := range map[string]string{"Documents": "documents", "Lists": "lists", "Maps": "maps", "Streams": "streams"} {
		var want []string
		for _, name := range strings.Split("qwertzuiop", "") {
			w.must(201, "POST", byName+"/"+path, "UniqueName", name)
			want = append(want, name)
		}
		show := func(o object) string { return o.text("unique_name") }
		require.Equal(t, want, w.walk(byName+"/"+path+"?PageSize=3", key, show))
		require.Equal(t, want, w.walk(byName+"/"+path+"?PageSize=5", key, show))
		require.Equal(t, want, w.walk(byName+"/"+path, key, show))
	}
}

func TestPermissionsAreSetReadListedAndRemoved(t *testing.T) {
	w := newWorld(t)
	for path, field := range map[string]string{"Documents": "document_sid", "Lists": "list_sid", "Maps": "map_sid"} {
		sid := w.must(201, "POST", byName+"/"+path, "UniqueName", "x").text("sid")
		all := byName + "/" + path + "/x/Permissions"
		got := w.must(200, "POST", all+"/lamp%2F1%20%C3%A9", "Read", "true", "Write", "False")
		want := object{
			"account_sid": w.registry.Account().SID, "service_sid": w.service, field: sid, "identity": "lamp/1 é", "read": true, "write": false, "manage": false,
			"url": host + services + "/" + w.service + "/" + path + "/" + sid + "/Permissions/lamp%2F1%20%C3%A9",
		}
		same(t, want, got)
		same(t, want, w.must(200, "GET", got.text("url")))
		want["manage"] = true
		same(t, want, w.must(200, "POST", got.text("url"), "Manage", "true"))
		for _, identity := range []string{"a", "b", "c", "d"} {
			w.must(200, "POST", all+"/"+identity, "Read", "true", "Write", "true", "Manage", "true")
		}
		require.Equal(t, []string{"a", "b", "c", "d", "lamp/1 é"}, w.walk(all+"?PageSize=2", "permissions", func(o object) string { return o.text("identity") }))
		w.refused(400, 20001, "POST", all+"/a", "Read", "perhaps")
		w.refused(400, 20001, "POST", all+"/"+strings.Repeat("x", 257), "Read", "true")
		w.must(204, "DELETE", all+"/a")
		w.refused(404, 20404, "GET", all+"/a")
		w.refused(404, 20404, "DELETE", all+"/a")
	}
}

func TestWebhooksFireForWritesOfTheAPIOnlyWhenTheServiceSaysSo(t *testing.T) {
	w := newWorld(t)
	w.must(200, "POST", byName, "WebhookUrl", "http://127.0.0.1:1/")
	w.must(201, "POST", byName+"/Documents", "UniqueName", "quiet")
	require.Empty(t, w.hooked.types())
	w.must(200, "POST", byName, "WebhooksFromRestEnabled", "true")
	w.must(201, "POST", byName+"/Documents", "UniqueName", "d")
	w.must(200, "POST", byName+"/Documents/d", "Data", "1")
	w.must(204, "DELETE", byName+"/Documents/d")
	for _, path := range []string{byName + "/Lists", byName + "/Maps"} {
		w.must(201, "POST", path, "UniqueName", "x")
		w.must(201, "POST", path+"/x/Items", "Key", "0", "Data", "1")
		w.must(200, "POST", path+"/x/Items/0", "Data", "2")
		w.must(204, "DELETE", path+"/x/Items/0")
		w.must(204, "DELETE", path+"/x")
	}
	require.Equal(t, []objects.EventType{
		objects.DocumentCreated, objects.DocumentUpdated, objects.DocumentRemoved,
		objects.ListCreated, objects.ListItemAdded, objects.ListItemUpdated, objects.ListItemRemoved, objects.ListRemoved,
		objects.MapCreated, objects.MapItemAdded, objects.MapItemUpdated, objects.MapItemRemoved, objects.MapRemoved,
	}, w.hooked.types())
	require.Equal(t, "system", w.hooked.events[0].Identity)
}

func TestWhatADeviceMadeIsShownAsItsOwn(t *testing.T) {
	w := newWorld(t)
	fleet := w.registry.Fleets()[0]
	device, err := w.registry.CreateDevice(t.Context(), registry.NewDevice{FleetSID: fleet.SID, UniqueName: "lamp", Identity: "alice"})
	require.NoError(t, err)
	require.NoError(t, w.objects.Publish(w.service, device.SID, "sync/docs/state", []byte(`{"on":true}`), 1))
	require.Equal(t, "alice", w.must(200, "GET", byName+"/Documents/state").text("created_by"))
}

func TestAStoreThatIsDownIs503(t *testing.T) {
	w := newWorld(t)
	require.NoError(t, w.store.Close())
	w.refused(503, 20503, "POST", byName+"/Documents", "UniqueName", "d")
	w.refused(503, 20503, "POST", services)
	w.must(200, "GET", byName+"/Documents")
	require.ErrorIs(t, w.store.Err(), store.ErrClosed)
}
