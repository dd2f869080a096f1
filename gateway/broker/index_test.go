package broker

import (
	"maps"
	"slices"
	"strings"
	"testing"

	"github.com/stretchr/testify/assert"
	"github.com/stretchr/testify/require"
	"pgregory.net/rapid"

	"gatehouse/gateway/wire"
)

// matches is the standard's rule, and ours that only a filter which begins with sync/ matches the objects' topics.
func matches(filter, topic string) bool {
	return wire.Matches(filter, topic) && (!strings.HasPrefix(topic, syncPrefix) || strings.HasPrefix(filter, syncPrefix))
}

// some topics and filters over few levels, so that they often meet.
var (
	topics  = rapid.Custom(func(t *rapid.T) string { return joined(t, []string{"a", "b", "", "sync", "$x"}) })
	filters = rapid.Custom(func(t *rapid.T) string {
		f := joined(t, []string{"a", "b", "", "+", "sync", "$x"})
		if rapid.Bool().Draw(t, "all") {
			f += "/#"
		}
		return f
	})
)

func joined(t *rapid.T, levels []string) string {
	s := strings.Join(rapid.SliceOfN(rapid.SampledFrom(levels), 1, 4).Draw(t, "levels"), "/")
	if s == "" {
		return "a"
	}
	return s
}

func TestTheIndexFindsWhomTheStandardSays(t *testing.T) {
	rapid.Check(t, func(t *rapid.T) {
		var x index
		subscribed := map[*session]map[string]byte{}
		sessions := []*session{{}, {}, {}}
		for range rapid.IntRange(1, 30).Draw(t, "steps") {
			s, f := rapid.SampledFrom(sessions).Draw(t, "session"), filters.Draw(t, "filter")
			if subscribed[s] == nil {
				subscribed[s] = map[string]byte{}
			}
			if _, there := subscribed[s][f]; there && rapid.Bool().Draw(t, "away") {
				x.unsubscribe(f, s)
				delete(subscribed[s], f)
			} else {
				qos := byte(rapid.IntRange(0, 2).Draw(t, "qos"))
				x.subscribe(f, s, qos)
				subscribed[s][f] = qos
			}
			topic := topics.Draw(t, "topic")
			want, got := map[*session]byte{}, map[*session]byte{}
			for s, filters := range subscribed {
				for f, qos := range filters {
					if matches(f, topic) {
						want[s] = max(want[s], qos)
					}
				}
			}
			for _, found := range x.match(topic) {
				got[found.session] = found.qos
			}
			require.Equal(t, want, got, topic)
		}
		for s, filters := range subscribed {
			for f := range filters {
				x.unsubscribe(f, s)
			}
		}
		require.Empty(t, x.root.next, "nothing is left behind")
	})
}

func TestTheRetainedTrieFindsWhatTheStandardSays(t *testing.T) {
	rapid.Check(t, func(t *rapid.T) {
		r := retained{maxMessages: 10, maxBytes: 10 * (messageOverhead + 20)}
		kept := map[string]bool{}
		for range rapid.IntRange(1, 40).Draw(t, "steps") {
			m := &Message{Topic: topics.Draw(t, "topic"), Payload: make([]byte, rapid.IntRange(0, 3).Draw(t, "bytes"))}
			if strings.HasPrefix(m.Topic, syncPrefix) || m.Topic[0] == '$' {
				continue // never retained
			}
			delete(kept, m.Topic)
			fits := len(kept) < 10
			require.Equal(t, fits || len(m.Payload) == 0, r.set(m))
			if fits && len(m.Payload) > 0 {
				kept[m.Topic] = true
			}
			require.Equal(t, len(kept), r.messages)
			f := filters.Draw(t, "filter")
			want, got := []string(nil), []string(nil)
			for topic := range kept {
				if wire.Matches(f, topic) {
					want = append(want, topic)
				}
			}
			r.match(f, func(m *Message) { got = append(got, m.Topic) })
			require.ElementsMatch(t, want, got, f)
		}
		for _, topic := range slices.Collect(maps.Keys(kept)) {
			r.set(&Message{Topic: topic})
		}
		require.Zero(t, r.messages+r.bytes)
		require.Empty(t, r.root.next, "nothing is left behind")
	})
}

func TestWithoutRoomATopicRetainsNothingRatherThanAnOldState(t *testing.T) {
	r := retained{maxMessages: 10, maxBytes: messageOverhead + 10}
	require.True(t, r.set(&Message{Topic: "t", Payload: []byte("old")}))
	require.False(t, r.set(&Message{Topic: "t", Payload: make([]byte, 100)}))
	assert.Zero(t, r.messages)
	assert.Zero(t, r.bytes)
}
