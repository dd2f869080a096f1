package attempts

import (
	"encoding/json"
	"errors"
	"fmt"
	"net/http/httptest"
	"net/url"
	"strings"
	"testing"
	"time"

	"github.com/stretchr/testify/require"

	"gatehouse/gateway/attempt"
	"gatehouse/gateway/cause"
	"gatehouse/gateway/finding"
)

// world is the API on a record of its own.
type world struct {
	t        *testing.T
	log      *attempt.Log
	findings *finding.Log
	now      time.Time
}

func newWorld(t *testing.T) *world {
	w := &world{t: t, now: time.Date(2026, 3, 1, 12, 0, 0, 0, time.UTC)}
	clock := func() time.Time { return w.now }
	w.log, w.findings = attempt.NewLog(attempt.Params{Now: clock}), finding.New(finding.Params{Now: clock})
	w.log.OnDecided(w.findings.Observe)
	return w
}

// refused records an attempt that was refused with a code.
func (w *world) refused(code attempt.Code, why cause.ID, name string) uint64 {
	w.now = w.now.Add(time.Second)
	r := w.log.Begin("192.0.2.7:4711", "127.0.0.1:8883")
	r.Identify(func(a *attempt.Attempt) {
		a.DeviceSID, a.CredentialSID, a.ServerName, a.Thumbprint = "TH"+name, "KY"+name, name+".local", "AB"+name
	})
	r.Decide(code, why)
	r.End(why, "gateway", nil)
	return r.ID()
}

func (w *world) get(path string, into any) int {
	w.t.Helper()
	recorder := httptest.NewRecorder()
	New(Params{Attempts: w.log, Findings: w.findings, Diagnose: func(attempt.Attempt) map[string]any { return map[string]any{"now": "would"} }}).
		ServeHTTP(recorder, httptest.NewRequestWithContext(w.t.Context(), "GET", path, nil))
	if recorder.Code == 200 {
		require.NoError(w.t, json.Unmarshal(recorder.Body.Bytes(), into), recorder.Body)
	}
	return recorder.Code
}

func (w *world) ids(query string) (ids []uint64) {
	w.t.Helper()
	var body page
	require.Equal(w.t, 200, w.get(Base+"/Attempts?"+query, &body), query)
	for _, a := range body.Attempts {
		require.Empty(w.t, a.Steps, "the list is without steps")
		ids = append(ids, a.ID)
	}
	return ids
}

func TestEachParameterNarrowsTheListDown(t *testing.T) {
	w := newWorld(t)
	w.refused(4, cause.WrongSecret, "lamp")
	second := w.now.Add(500 * time.Millisecond)
	w.refused(5, cause.DeviceDisabled, "door")
	live := w.log.Begin("198.51.100.1:1", "127.0.0.1:8883")
	live.Decide(0, cause.Accepted)
	live.Accepted(false, 0)
	at := url.QueryEscape(second.Format(time.RFC3339Nano))
	for query, want := range map[string][]uint64{
		"": {3, 2, 1}, "code=4": {1}, "code=4,5": {2, 1}, "code=0": {3}, "cause=wrong_secret": {1}, "cause=wrong_secret,+device_disabled": {2, 1},
		"device=THdoor": {2}, "credential=KYlamp": {1}, "remote=198.51.100.1": {3}, "server_name=LAMP.local": {1}, "thumbprint=abdoor": {2}, "text=door": {2},
		"since=" + at: {3, 2}, "until=" + at: {1}, "live=true": {3}, "live=false": {3, 2, 1}, "limit=2": {3, 2}, "before=3": {2, 1}, "code=tls": nil, "code=-3": nil, "server=expired": nil,
	} {
		require.Equal(t, want, w.ids(query), query)
	}
}

func TestTheListIsPagedWithoutGaps(t *testing.T) {
	w := newWorld(t)
	for i := range 25 {
		w.refused(4, cause.WrongSecret, fmt.Sprint(i))
	}
	var seen []uint64
	next := Base + "/Attempts?limit=10&code=4"
	for range 4 {
		var body page
		require.Equal(t, 200, w.get(strings.TrimPrefix(next, "http://example.com"), &body))
		for _, a := range body.Attempts {
			seen = append(seen, a.ID)
		}
		if body.Meta.Next == nil {
			break
		}
		next = *body.Meta.Next
		w.refused(4, cause.WrongSecret, "newcomer") // shifts nothing
	}
	require.Len(t, seen, 25)
	for i, id := range seen {
		require.EqualValues(t, 25-i, id)
	}
}

func TestNobodyGetsMoreThanAPageHolds(t *testing.T) {
	w := newWorld(t)
	for range maxLimit + 5 {
		w.refused(4, cause.WrongSecret, "x")
	}
	require.Len(t, w.ids("limit=100000"), maxLimit)
	require.Len(t, w.ids(""), defaultLimit)
}

func TestWhatMakesNoSenseIsRefused(t *testing.T) {
	w := newWorld(t)
	for _, query := range []string{"code=6", "code=x", "since=yesterday", "until=1", "limit=0", "limit=x", "before=0", "before=x", "live=maybe", "cause=" + strings.Repeat("a,", 100)} {
		require.Equal(t, 400, w.get(Base+"/Attempts?"+query, nil), query)
	}
	for _, path := range []string{"/Attempts/1", "/Attempts/x", "/Attempts/1/Diagnosis", "/Attempts/", "/Findings/1"} {
		require.Equal(t, 404, w.get(Base+path, nil), path)
	}
}

func TestOneAttemptComesWithEverything(t *testing.T) {
	w := newWorld(t)
	r := w.log.Begin("192.0.2.7:4711", "127.0.0.1:8883")
	r.Packet(false, []byte{0x10, 0})
	r.Decide(attempt.NoAnswer, cause.MalformedConnect)
	r.End(cause.MalformedConnect, "gateway", errors.New("cut"))
	var got attempt.Attempt
	require.Equal(t, 200, w.get(fmt.Sprintf("%s/Attempts/%d", Base, r.ID()), &got))
	want, _ := w.log.Get(r.ID())
	want.At = got.At // the zone alone differs
	require.Equal(t, want, got)
}

func TestFindingsAndTheDiagnosisOfTheirEvidence(t *testing.T) {
	w := newWorld(t)
	var last uint64
	for range 4 {
		last = w.refused(4, cause.WrongSecret, "lamp")
	}
	other := w.refused(5, cause.DeviceDisabled, "door")
	var all struct{ Findings []finding.Finding }
	require.Equal(t, 200, w.get(Base+"/Findings", &all))
	require.Len(t, all.Findings, 1)
	require.Equal(t, cause.IgnoresCode, all.Findings[0].Kind)
	require.True(t, all.Findings[0].Active)
	for id, n := range map[uint64]int{last: 1, other: 0} {
		var diagnosis struct {
			Now      string
			Findings []finding.Finding
		}
		require.Equal(t, 200, w.get(fmt.Sprintf("%s/Attempts/%d/Diagnosis", Base, id), &diagnosis))
		require.Equal(t, "would", diagnosis.Now)
		require.Len(t, diagnosis.Findings, n)
	}
}

func TestOnlyItsOwnPathsAreServed(t *testing.T) {
	for path, want := range map[string]bool{
		"/gatehouse/v1/Attempts": true, "/gatehouse/v1/Attempts/7": true, "/gatehouse/v1/Findings": true, "/gatehouse/v1/Services/x/Changes": false,
		"/gatehouse/v1/AttemptsX": false, "/v1/Attempts": false, "/gatehouse/v1": false,
	} {
		require.Equal(t, want, Serves(path), path)
	}
}
