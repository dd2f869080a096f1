package objects

import (
	"slices"
	"strconv"
	"strings"
	"testing"
	"time"

	"github.com/stretchr/testify/require"
)

func TestWhoWatchesGetsEveryChangeInOrder(t *testing.T) {
	w := newWorld(t)
	after, version := w.LastChange(), w.Version()
	changed := w.Changed()
	w.publish("sync/docs/d", "1")
	<-changed
	require.Greater(t, w.Version(), version)
	w.publish("sync/lists/l", "1")
	w.publish("sync/streams/s", `"live"`)
	_, err := w.AddItem(t.Context(), System(), plant, Map, w.create(Map, "m").SID, NewItem{Key: "k", Data: []byte("1")})
	require.NoError(t, err)
	var actions []Action
	seq := after
	for _, c := range w.Changes(after, 0) {
		seq++
		require.Equal(t, seq, c.Seq)
		actions = append(actions, c.Action)
	}
	require.Equal(t, []Action{Created, Created, ItemAdded, Created, Sent, Created, ItemAdded}, actions)
	all := w.Changes(after+2, 2)
	require.Len(t, all, 2)
	require.Equal(t, Change{
		Seq: after + 3, At: w.now, Action: ItemAdded, ServiceSID: plant, Kind: List, ObjectSID: w.must(List, "l").SID, UniqueName: "l", Revision: "0",
		HasItem: true, Data: []byte("1"), By: "pump", DeviceSID: pump,
	}, all[0])
	require.Empty(t, w.Changes(w.LastChange(), 0))
	last := w.LastChange()
	w.pass(time.Minute)
	w.reopen()
	require.Greater(t, w.LastChange(), last, "numbers rise over a restart")
}

func TestWhatIsRememberedForWatchersIsBounded(t *testing.T) {
	var f feed
	for i := range feedChanges + 100 {
		f.add(Change{Index: i})
	}
	require.Len(t, f.changes, feedChanges)
	require.Equal(t, 100, f.changes[0].Index)
	big := make([]byte, MaxData)
	for range feedBytes/MaxData + 100 {
		f.add(Change{Data: big})
	}
	require.LessOrEqual(t, f.bytes, feedBytes)
	sum := 0
	for _, c := range f.changes {
		sum += len(c.Data)
	}
	require.Equal(t, sum, f.bytes)
	for range refusals + 10 {
		f.refuse(Refusal{})
	}
	require.Len(t, f.refused, refusals)
}

func TestHistoryKeepsTheLastRevisionsWithWhoMadeThem(t *testing.T) {
	w := newWorld(t)
	w.SetSettings(Settings{History: 5})
	for i := range 20 {
		w.publish("sync/docs/d", strconv.Itoa(i))
	}
	sid := w.must(Document, "d").SID
	for range 50 {
		w.publish("sync/docs/d", "{")
	}
	_, err := w.Update(t.Context(), System(), plant, Document, "d", ObjectChange{Data: []byte("20")})
	require.NoError(t, err)
	past := w.History(plant, sid)
	require.Len(t, past, 10, "refused publishes do not push revisions out")
	require.True(t, slices.IsSortedFunc(past, func(a, b Revision) int { return int(a.Seq) - int(b.Seq) }))
	require.Equal(t, "16", string(past[0].Data))
	require.Equal(t, "20", string(past[9].Data))
	require.Equal(t, "system", past[9].By)
	require.Equal(t, "14", past[9].Revision)
	require.NoError(t, w.Delete(t.Context(), System(), plant, Document, "d", ""))
	past = w.History(plant, sid)
	require.Equal(t, Removed, past[len(past)-1].Action)
	w.SetSettings(Settings{History: 1})
	require.Len(t, w.History(plant, sid), 2)
}

func TestHistoriesAreForgottenWhenTheyAreTooMuch(t *testing.T) {
	var h history
	h.init()
	h.most = 20
	big := make([]byte, MaxData)
	for i := range 3 * historyBytes / MaxData / 10 {
		for range 10 {
			h.add(Change{ObjectSID: strconv.Itoa(i), Data: big})
		}
	}
	require.LessOrEqual(t, h.bytes, historyBytes)
	require.NotContains(t, h.objects, "0")
	for h.resting.Len() > 0 {
		h.drop(h.resting.Back())
	}
	require.Zero(t, h.bytes)
}

func TestObjectsCanBeFilteredSortedAndPaged(t *testing.T) {
	w := newWorld(t)
	for i := range 30 {
		w.publish("sync/docs/Pump "+strconv.Itoa(i), text(2+i))
		w.pass(time.Second)
	}
	for i := range 3 {
		w.publish("sync/lists/log", strconv.Itoa(i))
	}
	w.create(Map, "pumps")
	names := func(f Filter) (all []string) {
		for _, row := range w.Query(f).Rows {
			all = append(all, row.UniqueName)
		}
		return all
	}
	require.Equal(t, 32, w.Query(Filter{}).Total)
	require.Equal(t, w.Version(), w.Query(Filter{}).Version)
	require.Equal(t, []string{"log"}, names(Filter{Kind: List}))
	require.Len(t, names(Filter{Text: "PUMP"}), 32, "also by who made it")
	require.Equal(t, []string{"Pump 13"}, names(Filter{Text: "p 13"}))
	require.Equal(t, []string{"pumps"}, names(Filter{Text: w.must(Map, "pumps").SID}))
	require.Equal(t, []string{"Pump 29", "Pump 28"}, names(Filter{Kind: Document, Sort: "bytes", Descending: true, Limit: 2}))
	require.Equal(t, []string{"Pump 2", "Pump 3"}, names(Filter{Kind: Document, Sort: "updated", Offset: 2, Limit: 2}))
	require.Equal(t, []string{"log"}, names(Filter{Sort: "items", Descending: true, Limit: 1}))
	require.Equal(t, []string{"log", "Pump 0"}, names(Filter{Limit: 2}), "by name, in any case")
	require.True(t, strings.HasPrefix(names(Filter{Sort: "kind", Limit: 1})[0], "Pump"))
	require.Empty(t, names(Filter{Offset: 100}))
	require.Empty(t, names(Filter{ServiceSID: other}))
}
