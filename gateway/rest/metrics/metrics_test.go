package metrics

import (
	"io"
	"log/slog"
	"net/http/httptest"
	"strings"
	"sync"
	"testing"
	"testing/synctest"
	"time"

	"github.com/stretchr/testify/require"

	"gatehouse/gateway/attempt"
	"gatehouse/gateway/cause"
)

func scrape(t *testing.T, m *Metrics) string {
	t.Helper()
	w := httptest.NewRecorder()
	m.Handler(slog.New(slog.DiscardHandler)).ServeHTTP(w, httptest.NewRequest("GET", "/metrics", nil))
	require.Equal(t, 200, w.Code)
	body, err := io.ReadAll(w.Body)
	require.NoError(t, err)
	return string(body)
}

func shows(t *testing.T, text string, lines ...string) {
	t.Helper()
	for _, line := range lines {
		require.Contains(t, text, "\n"+line+"\n")
	}
}

func TestAttemptsAreCountedByCodeAndCause(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		m := New()
		log := attempt.NewLog(attempt.Params{})
		log.OnDecided(m.Attempt)
		for _, c := range []struct {
			code attempt.Code
			why  cause.ID
		}{{0, cause.Accepted}, {4, cause.UnknownKey}, {4, cause.UnknownKey}, {5, cause.DeviceDisabled}} {
			r := log.Begin("192.0.2.1:1", "127.0.0.1:8883")
			time.Sleep(time.Second) // a peer that takes its time before it says anything
			r.Step(attempt.ClientHello, attempt.Good)
			time.Sleep(3 * time.Millisecond)
			r.Step(attempt.Handshake, attempt.Good)
			r.Identify(func(a *attempt.Attempt) { a.DeviceSID, a.ClientID = "TH0123456789abcdef0123456789abcdef", "client" })
			r.Decide(c.code, c.why)
			if c.code == 0 {
				r.Accepted(false, 0)
			}
			r.End(cause.ClientClosed, "device", nil)
		}
		for _, c := range []struct {
			code attempt.Code
			why  cause.ID
		}{{attempt.NoAnswer, cause.ConnectTimeout}, {attempt.TLS, cause.UntrustedRoot}, {attempt.TCP, cause.Plaintext}} {
			r := log.Begin("192.0.2.1:1", "127.0.0.1:8883")
			r.Decide(c.code, c.why)
			r.End(c.why, "gateway", nil)
		}
		text := scrape(t, m)
		shows(t, text,
			`gatehouse_connects_total{cause="accepted",code="0"} 1`, `gatehouse_connects_total{cause="unknown_key",code="4"} 2`,
			`gatehouse_connects_total{cause="device_disabled",code="5"} 1`, `gatehouse_connects_total{cause="connect_timeout",code="none"} 1`,
			`gatehouse_connects_total{cause="untrusted_root",code="tls"} 1`, `gatehouse_connects_total{cause="plaintext",code="tcp"} 1`,
			`gatehouse_handshake_seconds_count 4`, `gatehouse_handshake_seconds_bucket{le="0.005"} 4`, `gatehouse_handshake_seconds_bucket{le="0.0025"} 0`,
		)
		for _, secret := range []string{"TH0123", "client", "192.0.2.1"} {
			require.NotContains(t, text, secret)
		}
	})
}

func TestWritesRequestsAndTrafficAreShown(t *testing.T) {
	m := New()
	m.Traffic(func() Traffic {
		return Traffic{
			Connected: 1, Sessions: 2, MessagesIn: 3, MessagesOut: 4, BytesIn: 5, BytesOut: 6, Dropped: 7, Lost: 8, Held: 9, Retained: 10, Outbox: 11, OutboxBytes: 12,
		}
	})
	m.Write("log", 300*time.Microsecond)
	m.Write("bucket", 20*time.Millisecond)
	m.Request("/v1/Services/{service}", 200)
	m.Request("", 404)
	shows(t, scrape(t, m),
		"gatehouse_sessions_connected 1", "gatehouse_sessions 2", "gatehouse_messages_in_total 3", "gatehouse_messages_out_total 4", "gatehouse_bytes_in_total 5",
		"gatehouse_bytes_out_total 6", "gatehouse_messages_dropped_total 7", "gatehouse_messages_lost_total 8", "gatehouse_publishes_held_total 9",
		"gatehouse_retained_messages 10", "gatehouse_outbox_messages 11", "gatehouse_outbox_bytes 12",
		`gatehouse_store_write_seconds_count{kind="log"} 1`, `gatehouse_store_write_seconds_bucket{kind="log",le="0.0005"} 1`,
		`gatehouse_store_write_seconds_bucket{kind="log",le="0.00025"} 0`, `gatehouse_store_write_seconds_count{kind="bucket"} 1`,
		`gatehouse_http_requests_total{route="/v1/Services/{service}",status="200"} 1`, `gatehouse_http_requests_total{route="none",status="404"} 1`,
	)
}

func TestTheRecordOfAttemptsIsShown(t *testing.T) {
	m := New()
	m.Record(func() Record {
		return Record{Kept: 12, Lost: 3, Damaged: 2, Findings: map[cause.ID]int{cause.TakeoverFight: 2, cause.WeakKey: 1}}
	})
	shows(t, scrape(t, m), "gatehouse_attempts_kept 12", "gatehouse_attempts_lost_total 3", "gatehouse_attempts_damaged 2",
		`gatehouse_findings_active{kind="takeover_fight"} 2`, `gatehouse_findings_active{kind="weak_key"} 1`)
}

func TestNoMetricsGatherNothing(t *testing.T) {
	var m *Metrics
	m.Attempt(attempt.Attempt{})
	m.Write("log", time.Second)
	m.Request("/", 200)
	m.Traffic(nil)
	m.Record(nil)
}

func TestScrapesAndCountsMeet(t *testing.T) {
	m := New()
	m.Traffic(func() Traffic { return Traffic{} })
	var wg sync.WaitGroup
	for range 8 {
		wg.Go(func() {
			for range 100 {
				m.Attempt(attempt.Attempt{Cause: cause.Accepted})
				m.Write("log", time.Millisecond)
				m.Request("/", 200)
			}
		})
	}
	require.True(t, strings.Contains(scrape(t, m), "gatehouse_sessions 0"))
	wg.Wait()
	shows(t, scrape(t, m), `gatehouse_connects_total{cause="accepted",code="0"} 800`)
}
