package integration

import (
	"encoding/json"
	"fmt"
	"io"
	"net/http"
	"net/url"
	"slices"
	"strings"
	"testing"

	"gatehouse/gateway"
	"gatehouse/gateway/attempt"
	"gatehouse/gateway/cause"
	"gatehouse/sim"
)

// openHTTP is open with the HTTP APIs.
func openHTTP(t *testing.T, dir string) *gateway.Gateway {
	t.Helper()
	g, err := gateway.Open(gateway.Config{DataDir: dir, MQTTAddr: "127.0.0.1:0", HTTPAddr: "127.0.0.1:0"})
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() { _ = g.Close() })
	if err := g.Start(); err != nil {
		t.Fatal(err)
	}
	return g
}

// ask calls the HTTP APIs as the account.
func ask(t *testing.T, g *gateway.Gateway, method, path string, form url.Values, want int) map[string]any {
	t.Helper()
	request, err := http.NewRequestWithContext(t.Context(), method, g.Status().HTTPURL+path, strings.NewReader(form.Encode()))
	if err != nil {
		t.Fatal(err)
	}
	account := g.Registry().Account()
	request.SetBasicAuth(account.SID, account.AuthToken)
	request.Header.Set("Content-Type", "application/x-www-form-urlencoded")
	answer, err := http.DefaultClient.Do(request)
	if err != nil {
		t.Fatal(err)
	}
	defer func() { _ = answer.Body.Close() }()
	content, err := io.ReadAll(answer.Body)
	if err != nil {
		t.Fatal(err)
	}
	if answer.StatusCode != want {
		t.Fatalf("%s %s: %s %s", method, path, answer.Status, content)
	}
	var body map[string]any
	if len(content) > 0 {
		if err := json.Unmarshal(content, &body); err != nil {
			t.Fatalf("%s %s: %v", method, path, err)
		}
	}
	return body
}

// heard are the payloads that came to a virtual device on a topic, with RETAIN shown, in order.
func heard(d *sim.Device, topic string) (payloads []string) {
	for _, e := range d.Console(0) {
		if !e.Outbound && e.Type == "PUBLISH" && e.Topic == topic {
			payloads = append(payloads, string(e.Payload))
		}
	}
	return payloads
}

// TestAnObjectIsOneWhoeverChangesIt: a document over MQTT and HTTP, one device away in between, the gateway restarted.
func TestAnObjectIsOneWhoeverChangesIt(t *testing.T) {
	dir := t.TempDir()
	g := openHTTP(t, dir)
	_, board, o := device(t, g, "board")
	writer, other, p := device(t, g, "other")
	for twin, options := range map[*sim.Device]sim.Options{board: o, other: p} {
		if r := twin.Connect(t.Context(), options); r.Code != 0 {
			t.Fatal(r.Err)
		}
	}
	const topic, document = "sync/docs/BoardLED", "/v1/Services/default/Documents/BoardLED"
	if _, err := board.Subscribe(t.Context(), topic, 1); err == nil {
		t.Fatal("a document that does not exist could be subscribed to")
	}
	if err := other.Publish(t.Context(), topic, []byte(`{ "led": true, "n": 1.10 }`), 1, false); err != nil {
		t.Fatal(err)
	}
	made := ask(t, g, "GET", document, nil, 200)
	if made["created_by"] != writer.SID || made["revision"] != "0" {
		t.Fatalf("%v", made)
	}
	if granted, err := board.Subscribe(t.Context(), topic, 1); err != nil || granted != 1 {
		t.Fatal(granted, err)
	}
	want := []string{`{"led":true,"n":1.10}`}
	gets := func(d *sim.Device) func() bool { return func() bool { return slices.Equal(heard(d, topic), want) } }
	eventually(t, "the snapshot", gets(board))
	ask(t, g, "POST", document, url.Values{"Data": {`{"led":false}`}}, 200)
	want = append(want, `{"led":false}`)
	eventually(t, "a change over HTTP reaches the device", gets(board))
	eventually(t, "both are acknowledged, else the last would rightly come again", func() bool {
		acknowledged := 0
		for _, e := range board.Console(0) {
			if e.Outbound && e.Type == "PUBACK" {
				acknowledged++
			}
		}
		return acknowledged == len(want)
	})

	board.Disconnect()
	if err := other.Publish(t.Context(), topic, []byte(`{"led":1}`), 1, false); err != nil {
		t.Fatal(err)
	}
	ask(t, g, "POST", document, url.Values{"Data": {`{"led":2}`}}, 200)
	if err := g.Close(); err != nil {
		t.Fatal(err)
	}
	g = openHTTP(t, dir)
	o.URL = g.Status().URL
	if r := board.Connect(t.Context(), o); r.Code != 0 || !r.SessionPresent {
		t.Fatalf("%+v", r)
	}
	want = append(want, `{"led":1}`, `{"led":2}`)
	eventually(t, "what changed while the device was away, in order", gets(board))
	if now := ask(t, g, "GET", document, nil, 200); fmt.Sprint(now["data"]) != "map[led:2]" || now["revision"] != "3" {
		t.Fatalf("%v", now)
	}
}

// TestARefusedMessageIsAcknowledgedAndStandsOnTheTimeline, and disconnects when the strict switch is on.
func TestARefusedMessageIsAcknowledgedAndStandsOnTheTimeline(t *testing.T) {
	g := openHTTP(t, t.TempDir())
	_, board, o := device(t, g, "board")
	expect(t, g, board, o, 0, cause.Accepted)
	if err := board.Publish(t.Context(), "sync/docs/BoardLED", []byte(`{"led":`), 1, false); err != nil {
		t.Fatalf("a refused message was not acknowledged: %v", err)
	}
	if _, err := board.Subscribe(t.Context(), "sync/lists/none", 1); err == nil {
		t.Fatal("a list that does not exist could be subscribed to")
	}
	eventually(t, "both stand on the timeline", func() bool {
		a := last(t, g)
		return slices.Contains(a.Warnings, cause.MessageRefused) && slices.Contains(a.Warnings, cause.SubscribeRefused)
	})
	for _, s := range last(t, g).Steps {
		if s.Fact("cause") == string(cause.MessageRefused) && (s.Fact("topic") != "sync/docs/BoardLED" || s.Fact("reason") == "") {
			t.Errorf("%+v", s)
		}
	}
	ask(t, g, "GET", "/v1/Services/default/Documents/BoardLED", nil, 404)

	s := g.Settings()
	s.StrictPublishes = true
	if err := g.SetSettings(s); err != nil {
		t.Fatal(err)
	}
	_ = board.Publish(t.Context(), "sync/docs/BoardLED", []byte(`{"led":`), 1, false) // its connection ends
	eventually(t, "the device is disconnected", func() bool { return !board.State().Connected })
	eventually(t, "with the cause", func() bool { a := last(t, g); return a.Done && a.End == cause.PublishRefused })
}

// TestADeviceMadeOverHTTPIsThereAtOnce, for who polls the registry as the window does, and may connect.
func TestADeviceMadeOverHTTPIsThereAtOnce(t *testing.T) {
	g := openHTTP(t, t.TempDir())
	before := g.Registry().Version()
	made := ask(t, g, "POST", "/DeployedDevices/Fleets/default/Devices", url.Values{"UniqueName": {"lamp"}}, 201)
	sid := made["sid"].(string)
	if d, found := g.Registry().Device(sid); !found || d.UniqueName != "lamp" || g.Registry().Version() == before {
		t.Fatal("the window would not see it")
	}
	key := ask(t, g, "POST", "/DeployedDevices/Fleets/default/Keys", url.Values{"DeviceSid": {sid}}, 201)
	twin := sim.NewDevice(sim.Params{})
	t.Cleanup(twin.Close)
	o := sim.Options{URL: g.Status().URL, RootPEM: g.RootPEM(), ClientID: "lamp", Credential: sim.Credential{KeySID: key["sid"].(string), Secret: key["secret"].(string)}}
	expect(t, g, twin, o, 0, cause.Accepted)
	ask(t, g, "POST", "/DeployedDevices/Fleets/default/Devices/lamp", url.Values{"Enabled": {"false"}}, 200)
	eventually(t, "disabling it over HTTP drops the connection", func() bool { return !twin.State().Connected })
	expect(t, g, twin, o, 5, cause.DeviceDisabled)
	ask(t, g, "DELETE", "/DeployedDevices/Fleets/default/Devices/lamp", nil, 204)
	expect(t, g, twin, o, 4, cause.DeviceDeleted)
}

// TestADiscardedSessionSaysWhatItLost: more waits for an absent device than a session may hold.
func TestADiscardedSessionSaysWhatItLost(t *testing.T) {
	dir := t.TempDir()
	g := openHTTP(t, dir)
	s := g.Settings()
	s.Limits.SessionMessages = 10
	if err := g.SetSettings(s); err != nil {
		t.Fatal(err)
	}
	if err := g.Close(); err != nil { // limits take effect at the next start
		t.Fatal(err)
	}
	g = openHTTP(t, dir)
	d, away, o := device(t, g, "away")
	_, talker, p := device(t, g, "talker")
	expect(t, g, away, o, 0, cause.Accepted)
	if _, err := away.Subscribe(t.Context(), "news", 1); err != nil {
		t.Fatal(err)
	}
	away.Disconnect()
	expect(t, g, talker, p, 0, cause.Accepted)
	for range 12 {
		if err := talker.Publish(t.Context(), "news", []byte("x"), 1, false); err != nil {
			t.Fatal(err)
		}
	}
	eventually(t, "the loss stands on the timeline of the device's last connection", func() bool {
		page := g.Attempts().Query(attempt.Filter{DeviceSID: d.SID, Limit: 1, Whole: true})
		if len(page.Attempts) == 0 {
			return false
		}
		return slices.ContainsFunc(page.Attempts[0].Steps, func(s attempt.Step) bool {
			return s.Fact("cause") == string(cause.SessionDiscarded) && s.Fact("lost") == "11"
		})
	})
	if r := away.Connect(t.Context(), o); r.Code != 0 || r.SessionPresent {
		t.Errorf("the device does not learn of it: %+v", r)
	}
	if lost := g.Stats().Lost; lost != 11 {
		t.Errorf("%d messages were counted as lost", lost)
	}
}
