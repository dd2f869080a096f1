package finding

import (
	"fmt"
	"testing"
	"time"

	"github.com/stretchr/testify/require"

	"gatehouse/gateway/cause"
)

func TestAClockThatIsSetBackMakesNoStorm(t *testing.T) {
	w := newWorld(t, Params{})
	w.log.Observe(w.attempt(0, cause.Accepted, "192.0.2.1:1", "TH1", "KY1", "a"))
	w.after(-2 * time.Hour)
	for range 20 {
		w.log.Observe(w.attempt(0, cause.Accepted, "192.0.2.1:1", "TH1", "KY1", "a"))
		w.after(2 * time.Minute)
	}
	require.Empty(t, w.log.All())
}

func TestClientIDsMadeUpForEachConnectionAreNotTwoBoards(t *testing.T) {
	w := newWorld(t, Params{})
	old := w.attempt(0, cause.Accepted, "192.0.2.1:1", "TH1", "KY1", "auto-0")
	for n := range 8 {
		w.after(time.Second)
		next := w.takeover(w.attempt(0, cause.Accepted, fmt.Sprintf("192.0.2.1:%d", n+2), "TH1", "KY1", fmt.Sprint("auto-", n+1)), old)
		w.log.Observe(next)
		old = next
	}
	require.Equal(t, LikelyReconnect, w.only(cause.TakeoverFight).Fact("likely"))
}

func TestAFindingFromBeforeTheClockWasSetBackIsOverAndComesBackWhenItIsSeenAgain(t *testing.T) {
	w := newWorld(t, Params{})
	refuse := func() {
		for range 5 {
			w.after(time.Second)
			w.log.Observe(w.attempt(4, cause.UnknownKey, "192.0.2.1:1", "", "KY1", "a"))
		}
	}
	refuse()
	require.True(t, w.only(cause.IgnoresCode).Active)
	w.after(-2 * time.Hour)
	require.False(t, w.only(cause.IgnoresCode).Active)
	refuse()
	require.True(t, w.only(cause.IgnoresCode).Active)
	w.after(11 * time.Minute)
	require.False(t, w.only(cause.IgnoresCode).Active)
}
