package engine

import (
	"context"
	"testing"
	"time"

	"github.com/stretchr/testify/require"

	"gatehouse/app/check"
	"gatehouse/gateway/attempt"
	"gatehouse/gateway/cause"
)

// checked is an attempt of a check whose answer has been sent, and of which nothing more is recorded yet.
func checked(log *attempt.Log) *attempt.Recorder {
	rec := log.Begin("127.0.0.1:51842", "127.0.0.1:8883")
	rec.Identify(func(a *attempt.Attempt) { a.ClientID, a.Thumbprint = check.DefaultClientID, "AB" })
	return rec
}

func TestWhyItWasRefusedIsSaidAlsoWhenItIsRecordedAfterTheAnswer(t *testing.T) {
	log := attempt.NewLog(attempt.Params{})
	t.Cleanup(log.Close)
	rec := checked(log)
	go func() {
		time.Sleep(100 * time.Millisecond) // as long as a slow machine may take
		rec.Decide(4, cause.UnknownCertificate)
		rec.End(cause.UnknownCertificate, "gateway", nil)
	}()
	seen := Seen(t.Context(), log, time.Now(), "ab", "")
	require.Equal(t, rec.ID(), seen.Attempt)
	require.Contains(t, seen.Said, "not enrolled")
}

func TestACheckThatWasGivenUpWaitsForNoRecord(t *testing.T) {
	log := attempt.NewLog(attempt.Params{})
	t.Cleanup(log.Close)
	rec := checked(log)
	ctx, cancel := context.WithCancel(t.Context())
	cancel()
	require.Equal(t, rec.ID(), Seen(ctx, log, time.Now(), "ab", "").Attempt)
}
