package objects

import (
	"strconv"
	"strings"
	"testing"
	"time"

	"github.com/stretchr/testify/require"

	"gatehouse/gateway/registry"
	"gatehouse/gateway/sid"
)

// The claims here are the contract's, section 6, one by one.

func TestPublishOnADocumentReplacesIt(t *testing.T) {
	w := newWorld(t)
	w.publish("sync/docs/boiler", `{"t": 20}`)
	w.publish("sync/docs/boiler", ` {"t": 21.50} `)
	doc := w.must(Document, "boiler")
	require.Equal(t, `{"t":21.50}`, string(doc.Data), "compact, digits as sent, no envelope")
	require.Equal(t, "1", doc.Revision)
	w.publish("sync/docs/"+doc.SID, `{}`)
	require.Equal(t, "{}", string(w.must(Document, "boiler").Data), "by SID too")
}

func TestAMissingNameIsCreatedAndAMissingSIDFails(t *testing.T) {
	w := newWorld(t)
	for kind, topics := range map[Kind][2]string{
		Document: {"sync/docs/new", "sync/docs/" + absent(PrefixDocument)},
		List:     {"sync/lists/new", "sync/lists/" + absent(PrefixList)},
		Map:      {"sync/maps/new/key", "sync/maps/" + absent(PrefixMap) + "/key"},
		Stream:   {"sync/streams/new", "sync/streams/" + absent(PrefixStream)},
	} {
		w.publish(topics[0], "{}")
		obj := w.must(kind, "new")
		require.True(t, sid.Valid(kind.Prefix(), obj.SID))
		require.Equal(t, "pump", obj.CreatedBy)
		w.says()
		w.refused(NotFound, topics[1], "{}")
	}
	w.refused(NotFound, "sync/docs/"+w.must(List, "new").SID, "{}")
}

func TestCreatedByIsTheIdentityElseTheSIDElseSystem(t *testing.T) {
	w := newWorld(t)
	w.publish("sync/docs/a", "1")
	require.NoError(t, w.Publish(plant, valve, "sync/docs/b", []byte("1"), 1))
	w.create(Document, "c")
	require.Equal(t, "pump", w.must(Document, "a").CreatedBy)
	require.Equal(t, valve, w.must(Document, "b").CreatedBy)
	require.Equal(t, "system", w.must(Document, "c").CreatedBy)
	w.publish("sync/docs/c", "1")
	require.Equal(t, "system", w.must(Document, "c").CreatedBy, "who creates it, not who changes it")
}

func TestSubscribersOfADocumentGetEveryNewStateByNameAndBySID(t *testing.T) {
	w := newWorld(t)
	w.publish("sync/docs/boiler", "1")
	w.publish("sync/docs/boiler", "2")
	s := w.must(Document, "boiler").SID
	require.Equal(t, []string{
		"sync/docs/boiler>sync/docs/boiler 1", "sync/docs/" + s + ">sync/docs/" + s + " 1",
		"sync/docs/boiler>sync/docs/boiler 2", "sync/docs/" + s + ">sync/docs/" + s + " 2",
	}, w.says())
}

func TestPublishOnAListAppends(t *testing.T) {
	w := newWorld(t)
	w.publish("sync/lists/log", `"a"`)
	w.publish("sync/lists/log", `"b"`)
	s := "sync/lists/" + w.must(List, "log").SID
	require.Equal(t, []string{
		`sync/lists/log>sync/lists/log "a"`, `sync/lists/log/0>sync/lists/log/0 "a"`, s + ">" + s + ` "a"`, s + "/0>" + s + `/0 "a"`,
		`sync/lists/log>sync/lists/log "b"`, `sync/lists/log/1>sync/lists/log/1 "b"`, s + ">" + s + ` "b"`, s + "/1>" + s + `/1 "b"`,
	}, w.says(), "items come on the list's topic, and on the item's for those who subscribe to it")
	require.Equal(t, []string{`sync/lists/log "a"`, `sync/lists/log "b"`}, w.snapshot("sync/lists/log"), "in order")
	require.Equal(t, []string{`sync/lists/log/1 "b"`}, w.snapshot("sync/lists/log/1"))
}

func TestPublishOnAnIndexUpdatesAnExistingItem(t *testing.T) {
	w := newWorld(t)
	w.publish("sync/lists/log", `"a"`)
	w.says()
	w.publish("sync/lists/log/0", `"A"`)
	require.Contains(t, w.says(), `sync/lists/log>sync/lists/log "A"`)
	i, err := w.Item(plant, List, "log", "0")
	require.NoError(t, err)
	require.Equal(t, "1", i.Revision)
	w.refused(ItemNotFound, "sync/lists/log/1", "{}")
	w.refused(NotFound, "sync/lists/none/0", "{}")
	for _, index := range []string{"x", "-1", "+1", "01", "1.0", "99999999999999999999", ""} {
		w.refused(BadTopic, "sync/lists/log/"+index, "{}")
	}
}

func TestPublishOnAMapsKeySetsTheItem(t *testing.T) {
	w := newWorld(t)
	w.publish("sync/maps/rooms/hall/floor 1", "1")
	w.publish("sync/maps/rooms/hall/floor 1", "2")
	s := "sync/maps/" + w.must(Map, "rooms").SID
	require.Equal(t, []string{
		"sync/maps/rooms>sync/maps/rooms/hall/floor 1 1", "sync/maps/rooms/hall/floor 1>sync/maps/rooms/hall/floor 1 1",
		s + ">" + s + "/hall/floor 1 1", s + "/hall/floor 1>" + s + "/hall/floor 1 1",
		"sync/maps/rooms>sync/maps/rooms/hall/floor 1 2", "sync/maps/rooms/hall/floor 1>sync/maps/rooms/hall/floor 1 2",
		s + ">" + s + "/hall/floor 1 2", s + "/hall/floor 1>" + s + "/hall/floor 1 2",
	}, w.says(), "the key is all that follows")
	i, err := w.Item(plant, Map, "rooms", "hall/floor 1")
	require.NoError(t, err)
	require.Equal(t, "1", i.Revision)
	w.publish("sync/maps/rooms/attic", "3")
	require.Equal(t, []string{"sync/maps/rooms/attic 3", "sync/maps/rooms/hall/floor 1 2"}, w.snapshot("sync/maps/rooms"), "each item on its own topic")
	require.Equal(t, []string{s + "/attic 3"}, w.snapshot(s+"/attic"), "with the SID as subscribed")
	w.refused(BadTopic, "sync/maps/rooms", "{}")
	w.refused(BadTopic, "sync/maps/rooms/", "{}")
	w.refused(BadKey, "sync/maps/rooms/"+strings.Repeat("k", MaxKey+1), "{}")
}

func TestStreamsAreEphemeralAndLimited(t *testing.T) {
	w := newWorld(t)
	for i := range MessagesPerSecond {
		w.publish("sync/streams/cam", strconv.Itoa(i))
	}
	require.Len(t, w.says(), 2*MessagesPerSecond)
	require.Len(t, w.bucket.keys(), 1, "the stream, no message")
	require.Empty(t, w.snapshot("sync/streams/cam"))
	w.refused(RateLimited, "sync/streams/cam", "30")
	_, err := w.Send(t.Context(), System(), plant, "cam", []byte("30"))
	kindIs(t, RateLimited, err)
	w.publish("sync/streams/second", "its own limit")
	w.pass(time.Second)
	for range MessagesPerSecond {
		w.publish("sync/streams/cam", "{}")
	}
	w.says()
	w.refused(RateLimited, "sync/streams/cam", "{}")
	w.pass(time.Second)
	m, err := w.Send(t.Context(), System(), plant, "cam", []byte(` { } `))
	require.NoError(t, err)
	require.True(t, sid.Valid(PrefixMessage, m.SID))
	require.Equal(t, "{}", string(m.Data))
}

func TestSizeLimitsHoldForTheCompactForm(t *testing.T) {
	w := newWorld(t)
	w.publish("sync/docs/d", text(MaxData)+strings.Repeat(" ", 1000))
	w.publish("sync/lists/l", text(MaxData))
	w.publish("sync/maps/m/k", text(MaxData))
	w.publish("sync/streams/s", text(MaxMessage))
	w.says()
	w.refused(TooLarge, "sync/docs/d", text(MaxData+1))
	w.refused(TooLarge, "sync/docs/new", text(MaxData+1))
	w.refused(TooLarge, "sync/lists/l", text(MaxData+1))
	w.refused(TooLarge, "sync/lists/l/0", text(MaxData+1))
	w.refused(TooLarge, "sync/maps/m/k", text(MaxData+1))
	w.refused(TooLarge, "sync/streams/s", text(MaxMessage+1))
}

func TestOneTrailingNULIsToleratedAndAnyJSONValueIsData(t *testing.T) {
	w := newWorld(t)
	for _, sent := range []string{"{}\x00", "23.5", `"on"`, "null", "[1]", "true"} {
		w.publish("sync/docs/d", sent)
		require.Equal(t, strings.TrimSuffix(sent, "\x00"), string(w.must(Document, "d").Data))
	}
	w.says()
	for _, sent := range []string{"", "\x00", "{}\x00\x00", "{", `{"a":1,"a":2}`, "\"\xff\"", "on"} {
		for _, topic := range []string{"sync/docs/d", "sync/docs/new", "sync/lists/new", "sync/maps/new/k", "sync/streams/new"} {
			w.refused(InvalidJSON, topic, sent)
		}
	}
	w.publish("sync/lists/l", "1")
	w.says()
	w.refused(InvalidJSON, "sync/lists/l/0", "")
}

func TestUniqueNamesHave1To256CharactersAndAreNoSIDs(t *testing.T) {
	w := newWorld(t)
	w.publish("sync/docs/"+strings.Repeat("é", 256), "1")
	w.says()
	w.refused(BadName, "sync/docs/"+strings.Repeat("é", 257), "1")
	w.refused(BadTopic, "sync/docs/", "1")
	w.refused(NotFound, "sync/docs/XY"+strings.Repeat("0", 32), "1")
	w.publish("sync/docs/XY"+strings.Repeat("0", 31), "1")
	_, err := w.Create(t.Context(), System(), plant, Map, NewObject{UniqueName: absent("XY")})
	kindIs(t, BadName, err)
	_, err = w.Create(t.Context(), System(), plant, Map, NewObject{UniqueName: strings.Repeat("x", 257)})
	kindIs(t, BadName, err)
	_, err = w.Create(t.Context(), System(), plant, Map, NewObject{UniqueName: "\xff"})
	kindIs(t, BadName, err)
	require.Empty(t, w.create(Map, "").UniqueName, "and over HTTP none at all")
	w.create(Map, "same")
	w.create(List, "same")
	_, err = w.Create(t.Context(), System(), plant, Map, NewObject{UniqueName: "same"})
	kindIs(t, Exists, err)
}

func TestOtherTopicsBelowSyncAreRefused(t *testing.T) {
	w := newWorld(t)
	w.publish("sync/docs/d", "1")
	w.publish("sync/streams/s", "1")
	w.says()
	for _, topic := range []string{"sync", "sync/", "sync/docs", "sync/things/x", "sync/docs/d/e", "sync/docs/d/", "sync/streams/s/x", "sync/doc/d", "Sync/docs/d", "sync//docs/d", "docs/d"} {
		w.refused(BadTopic, topic, "1")
		require.False(t, w.MaySubscribe(plant, pump, topic), topic)
	}
	for _, filter := range []string{"sync/#", "sync/docs/+", "sync/+/d", "sync/docs/#", "sync/maps/m/#", "sync/docs/d\x00"} {
		require.False(t, w.MaySubscribe(plant, pump, filter), "wildcards below sync/ get 0x80")
	}
}

func TestSubscribingToWhatDoesNotExistFails(t *testing.T) {
	w := newWorld(t)
	for _, topic := range []string{"sync/docs/x", "sync/lists/x", "sync/lists/x/0", "sync/maps/x", "sync/maps/x/k", "sync/streams/x", "sync/docs/" + absent(PrefixDocument)} {
		seq := w.LastChange()
		require.False(t, w.MaySubscribe(plant, pump, topic), topic)
		all := w.Refusals(seq)
		require.Len(t, all, 1)
		require.Equal(t, NotFound, all[0].Kind)
		require.True(t, all[0].Subscribe)
	}
	w.create(Document, "x")
	w.create(List, "x")
	w.create(Map, "x")
	w.create(Stream, "x")
	for _, topic := range []string{"sync/docs/x", "sync/lists/x", "sync/maps/x", "sync/streams/x", "sync/docs/" + w.must(Document, "x").SID} {
		require.True(t, w.MaySubscribe(plant, pump, topic), topic)
	}
	require.True(t, w.MaySubscribe(plant, pump, "sync/lists/x/7"), "the object exists; its item may come")
	require.True(t, w.MaySubscribe(plant, pump, "sync/maps/x/k"))
	require.Empty(t, w.snapshot("sync/maps/x/k"))
	require.False(t, w.MaySubscribe(plant, pump, "sync/lists/x/first"))
}

func TestSnapshotsAreTheCurrentState(t *testing.T) {
	w := newWorld(t)
	w.publish("sync/docs/d", "1")
	w.publish("sync/docs/d", "2")
	require.Equal(t, []string{"sync/docs/d 2"}, w.snapshot("sync/docs/d"))
	s := w.must(Document, "d").SID
	require.Equal(t, []string{"sync/docs/" + s + " 2"}, w.snapshot("sync/docs/"+s))
	for i := range 300 {
		w.publish("sync/lists/l", strconv.Itoa(i))
	}
	all := w.snapshot("sync/lists/l")
	require.Len(t, all, 300)
	for i, said := range all {
		require.Equal(t, "sync/lists/l "+strconv.Itoa(i), said)
	}
	count := 0
	w.Snapshot(plant, pump, "sync/lists/l", func(string, []byte) bool { count++; return count < 10 })
	require.Equal(t, 10, count, "it ends when the reader has enough")
}

func TestNamesThatMQTTCannotReachAreDeliveredBySIDAlone(t *testing.T) {
	w := newWorld(t)
	for _, name := range []string{"a+b", "a#b", "a/b", "a\x00b"} {
		doc := w.create(Document, name)
		require.Equal(t, []string{"sync/docs/" + doc.SID + ">sync/docs/" + doc.SID + " {}"}, w.says())
	}
	m := w.create(Map, "m")
	for _, key := range []string{"a+b", "a#b", "a\x00b", strings.Repeat("é", 320) + "", strings.Repeat("/", 70)} {
		_, err := w.AddItem(t.Context(), System(), plant, Map, "m", NewItem{Key: key, Data: []byte("1")})
		require.NoError(t, err)
	}
	for _, said := range w.says() {
		require.Contains(t, said, strings.Repeat("é", 320), "the others are in no topic")
	}
	require.Len(t, w.snapshot("sync/maps/"+m.SID), 1)
}

func TestNothingCrossesFromOneServiceToAnother(t *testing.T) {
	w := newWorld(t)
	w.publish("sync/docs/d", `"plant"`)
	s := w.must(Document, "d").SID
	require.False(t, w.MaySubscribe(other, pump, "sync/docs/d"))
	require.False(t, w.MaySubscribe(other, pump, "sync/docs/"+s))
	require.NoError(t, w.Publish(other, pump, "sync/docs/"+s, []byte("1"), 1))
	require.NoError(t, w.Publish(other, pump, "sync/docs/d", []byte(`"other"`), 1))
	require.Equal(t, `"plant"`, string(w.must(Document, "d").Data))
	there, err := w.Get(other, Document, "d")
	require.NoError(t, err)
	require.NotEqual(t, s, there.SID)
	require.Empty(t, w.History(other, s))
	for _, u := range w.updates {
		for _, r := range u.Routes {
			require.Equal(t, u.ServiceSID == plant, string(u.Payload) == `"plant"`, r.Topic)
		}
	}
	page := w.Query(Filter{ServiceSID: other})
	require.Len(t, page.Rows, 1)
	require.Equal(t, there.SID, page.Rows[0].SID)
}

func TestARefusedPublishIsAcknowledgedAndExplained(t *testing.T) {
	w := newWorld(t)
	w.publish("sync/docs/d", "1")
	s := w.must(Document, "d").SID
	w.says()
	var told []Refusal
	w.Objects.params.Refused = func(r Refusal) { told = append(told, r) }
	r := w.refused(InvalidJSON, "sync/docs/d", "{")
	require.Equal(t, Refusal{
		Seq: r.Seq, At: w.now, ServiceSID: plant, DeviceSID: pump, AttemptID: 1, Topic: "sync/docs/d", Kind: InvalidJSON, ObjectSID: s,
		Reason: "the data is not valid JSON: expected a name, found the end at byte 1",
	}, r)
	require.Equal(t, []Refusal{r}, told)
	past := w.History(plant, s)
	require.Len(t, past, 2)
	require.Equal(t, Created, past[0].Action)
	require.True(t, past[1].Refused)
	require.Equal(t, "pump", past[1].By)
	require.Equal(t, r.Reason, past[1].Reason)
}

func TestTheStrictSwitchDisconnectsInstead(t *testing.T) {
	w := newWorld(t)
	w.SetSettings(Settings{Strict: true})
	seq := w.LastChange()
	require.ErrorIs(t, w.Publish(plant, pump, "sync/docs/d", []byte("{"), 7), ErrStrict)
	require.Len(t, w.Refusals(seq), 1, "and it is still explained")
	w.SetSettings(Settings{})
	require.NoError(t, w.Publish(plant, pump, "sync/docs/d", []byte("{"), 7))
}

func TestPermissionsCountOnlyWhileTheServiceSaysSo(t *testing.T) {
	w := newWorld(t)
	w.publish("sync/docs/d", "1")
	_, err := w.SetPermission(t.Context(), System(), plant, Document, "d", Permission{Identity: "pump", Read: true})
	require.NoError(t, err)
	_, err = w.SetPermission(t.Context(), System(), plant, Document, "d", Permission{Identity: valve, Write: true})
	require.NoError(t, err)
	require.True(t, w.MaySubscribe(plant, valve, "sync/docs/d"))
	w.publish("sync/docs/d", "2")

	w.people.setService(plant, func(s *registry.Service) { s.ACLEnabled = true })
	w.says()
	require.True(t, w.MaySubscribe(plant, pump, "sync/docs/d"), "its identity may read")
	w.refused(Forbidden, "sync/docs/d", "3")
	require.False(t, w.MaySubscribe(plant, valve, "sync/docs/d"), "without an identity the SID is what permissions name")
	require.NoError(t, w.Publish(plant, valve, "sync/docs/d", []byte("4"), 1))
	require.Equal(t, "4", string(w.must(Document, "d").Data))
	w.says()
	w.refused(Forbidden, "sync/docs/new", "1")
	_, err = w.Update(t.Context(), System(), plant, Document, "d", ObjectChange{Data: []byte("5")})
	require.NoError(t, err, "the HTTP API may do everything")
}

func TestReadIsCheckedAgainAtDelivery(t *testing.T) {
	w := newWorld(t)
	w.people.setService(plant, func(s *registry.Service) { s.ACLEnabled = true })
	w.create(Document, "d")
	w.create(Map, "m")
	for _, kind := range []Kind{Document, Map} {
		id := string(kind[0])
		_, err := w.SetPermission(t.Context(), System(), plant, kind, id, Permission{Identity: "pump", Read: true, Write: true})
		require.NoError(t, err)
	}
	w.says()
	w.publish("sync/docs/d", "1")
	w.publish("sync/maps/m/k", "1")
	for i, kind := range []Kind{Document, Map} {
		u := w.updates[i]
		require.True(t, u.May(pump))
		require.False(t, u.May(valve))
		require.NoError(t, w.DeletePermission(t.Context(), System(), plant, kind, string(kind[0]), "pump"))
		require.False(t, u.May(pump), "the permission went after the update was queued")
		require.Empty(t, w.snapshot("sync/docs/d"))
	}
	w.people.setService(plant, func(s *registry.Service) { s.ACLEnabled = false })
	require.True(t, w.updates[0].May(valve))
}

func TestThePublisherGetsItsOwnUpdateAsAllOthersDo(t *testing.T) {
	w := newWorld(t)
	w.publish("sync/docs/d", "1")
	require.True(t, w.updates[0].May(pump))
}
