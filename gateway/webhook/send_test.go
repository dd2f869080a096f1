package webhook

import (
	"crypto/hmac"
	"crypto/sha1"
	"encoding/base64"
	"errors"
	"net/http"
	"net/url"
	"strings"
	"testing"
	"time"

	"gatehouse/gateway/objects"
)

func TestParametersAreThoseOfTheContract(t *testing.T) {
	common := "AccountSid=AC1&ServiceSid=IS1&"
	for _, c := range []struct {
		name  string
		event objects.Event
		want  string
	}{
		{"a document of the HTTP API", objects.Event{
			Type: objects.DocumentCreated, ServiceSID: "IS1", Identity: "system", Kind: objects.Document, ObjectSID: "ET1", UniqueName: "a b", Revision: "0", Data: []byte(`{"a":"é"}`),
		}, common + `DocumentSid=ET1&DocumentUniqueName=a b&DocumentRevision=0&DocumentData={"a":"é"}&EventType=document_created&Identity=system`},
		{"a document that a device removed", objects.Event{
			Type: objects.DocumentRemoved, ServiceSID: "IS1", Identity: "lamp", EndpointID: "TH1", Kind: objects.Document, ObjectSID: "ET1", Revision: "a", Data: []byte(`1`),
		}, common + `DocumentSid=ET1&DocumentRevision=a&EventType=document_removed&Identity=lamp&EndpointId=TH1`},
		{"a list", objects.Event{
			Type: objects.ListCreated, ServiceSID: "IS1", Identity: "system", Kind: objects.List, ObjectSID: "ES1", UniqueName: "log", Revision: "0",
		}, common + `ListSid=ES1&ListUniqueName=log&ListRevision=0&EventType=list_created&Identity=system`},
		{"a list item", objects.Event{
			Type: objects.ListItemAdded, ServiceSID: "IS1", Identity: "lamp", EndpointID: "TH1", Kind: objects.List, ObjectSID: "ES1", UniqueName: "log", Revision: "1",
			HasItem: true, ItemIndex: 0, ItemData: []byte(`1`), ItemRevision: "0",
		}, common + `ListSid=ES1&ListUniqueName=log&ListRevision=1&ItemIndex=0&ItemData=1&ItemRevision=0&EventType=list_item_added&Identity=lamp&EndpointId=TH1`},
		{"a map item", objects.Event{
			Type: objects.MapItemUpdated, ServiceSID: "IS1", Identity: "system", Kind: objects.Map, ObjectSID: "MP1", UniqueName: "rooms", Revision: "2",
			HasItem: true, ItemKey: "attic/1", ItemData: []byte(`{}`), ItemRevision: "1",
		}, common + `MapSid=MP1&MapUniqueName=rooms&MapRevision=2&ItemKey=attic/1&ItemData={}&ItemRevision=1&EventType=map_item_updated&Identity=system`},
		{"a map item that was removed", objects.Event{
			Type: objects.MapItemRemoved, ServiceSID: "IS1", Identity: "system", Kind: objects.Map, ObjectSID: "MP1", Revision: "3",
			HasItem: true, ItemKey: "attic", ItemData: []byte(`{}`), ItemRevision: "1",
		}, common + `MapSid=MP1&MapRevision=3&ItemKey=attic&ItemRevision=1&EventType=map_item_removed&Identity=system`},
	} {
		want := url.Values{}
		for pair := range strings.SplitSeq(c.want, "&") {
			name, value, _ := strings.Cut(pair, "=")
			want.Set(name, value)
		}
		stored, err := newRecord(c.event, time.Unix(1, 0)).encode()
		if err != nil {
			t.Fatal(err)
		}
		r, err := decode(stored)
		if err != nil {
			t.Fatal(err)
		}
		if got := r.parameters("AC1").Encode(); got != want.Encode() {
			t.Errorf("%s:\n got %s\nwant %s", c.name, got, want.Encode())
		}
	}
}

func TestRequestsAreSignedAsTheVendorsLibrariesVerify(t *testing.T) {
	// The example of the vendor's own documentation of request validation.
	address, err := url.Parse("https://mycompany.com/myapp.php?foo=1&bar=2")
	if err != nil {
		t.Fatal(err)
	}
	form := url.Values{
		"CallSid": {"CA1234567890ABCDE"}, "Caller": {"+14158675309"}, "Digits": {"1234"}, "From": {"+14158675309"}, "To": {"+18005551212"},
	}
	if got, want := signature("12345", address, form), "RSOYDt4T1cUTdK1PDd93/VVr8B8="; got != want {
		t.Errorf("got %s, want %s", got, want)
	}

	r := newReceiver(t, nil)
	withPassword := strings.Replace(r.URL, "http://", "http://user:word@", 1) + "/hook?q=a%20b"
	w := newWorld(t, withPassword, quick())
	w.enqueue(w.update("ET1", 1))
	within(t, "delivered", func() bool { return w.status().Delivered == 1 })
	got := r.first()
	text := r.URL + "/hook?q=a%20b"
	for _, name := range []string{"AccountSid", "DocumentData", "DocumentRevision", "DocumentSid", "DocumentUniqueName", "EndpointId", "EventType", "Identity", "ServiceSid"} {
		text += name + got.form.Get(name)
	}
	mac := hmac.New(sha1.New, []byte(w.registry.Account().AuthToken))
	mac.Write([]byte(text))
	if want := base64.StdEncoding.EncodeToString(mac.Sum(nil)); got.header.Get("X-Twilio-Signature") != want {
		t.Errorf("signed %s, want %s of %s", got.header.Get("X-Twilio-Signature"), want, text)
	}
	if user, word, ok := (&http.Request{Header: got.header}).BasicAuth(); !ok || user != "user" || word != "word" {
		t.Error("no basic authentication from the address")
	}
	if s := w.status(); s.URL != r.URL+"/hook" {
		t.Errorf("shown as %s", s.URL)
	}
}

func TestLinkLocalAddressesAreRefusedWhateverTheNameSays(t *testing.T) {
	for address, allowed := range map[string]bool{
		"127.0.0.1:80": true, "[::1]:80": true, "192.168.1.7:80": true, "10.0.0.1:443": true, "[fd00::1]:80": true, "93.184.216.34:80": true,
		"169.254.169.254:80": false, "169.254.0.1:80": false, "[fe80::1]:80": false, "[fe80::1%eth0]:80": false,
		"[::ffff:169.254.169.254]:80": false, "[64:ff9b::a9fe:a9fe]:80": false, "224.0.0.1:80": false, "[ff02::1]:80": false,
	} {
		err := refuseAddress("tcp", address, nil)
		if (err == nil) != allowed || err != nil && !errors.Is(err, ErrRefusedAddress) {
			t.Errorf("%s: %v", address, err)
		}
	}
	w := newWorld(t, "http://[64:ff9b::a9fe:a9fe]/latest", quick())
	w.enqueue(w.update("ET1", 1))
	within(t, "it failed", func() bool { return w.status().Failed > 0 })
	if s := w.status(); !strings.Contains(s.LastError, ErrRefusedAddress.Error()) || s.Delivered != 0 {
		t.Errorf("%+v", s)
	}
}

func TestErrorsDoNotShowTheAddress(t *testing.T) {
	w := newWorld(t, "http://user:pass@127.0.0.1:1/?token=confidential", quick())
	w.enqueue(w.update("ET1", 1))
	within(t, "it failed", func() bool { return w.status().Failed > 0 })
	if s := w.status(); strings.Contains(s.LastError, "confidential") || strings.Contains(s.LastError, "pass") || strings.Contains(s.URL, "confidential") {
		t.Errorf("%+v", s)
	}
}

func TestRetryAfterIsReadInBothForms(t *testing.T) {
	now := time.Date(2026, 1, 2, 3, 4, 5, 0, time.UTC)
	for text, want := range map[string]time.Duration{
		"": 0, "7": 7 * time.Second, "-7": 0, "soon": 0, "Fri, 02 Jan 2026 03:05:05 GMT": time.Minute, "Fri, 02 Jan 2026 03:00:00 GMT": 0,
	} {
		if got := retryAfter(text, now); got != want {
			t.Errorf("%q: %v, want %v", text, got, want)
		}
	}
}

func TestPausesGrowUpToABoundAndVary(t *testing.T) {
	w := &Webhooks{settings: Settings{}.withDefaults()}
	for n, full := range map[int]time.Duration{1: time.Second, 2: 2 * time.Second, 5: 16 * time.Second, 10: 512 * time.Second, 11: 10 * time.Minute, 64: 10 * time.Minute, 100000: 10 * time.Minute} {
		seen := map[time.Duration]bool{}
		for range 20 {
			got := w.backoff(n)
			seen[got] = true
			if got < full/2 || got > full {
				t.Errorf("retry %d after %v", n, got)
			}
		}
		if len(seen) < 2 {
			t.Errorf("retry %d is always after the same time", n)
		}
	}
}
