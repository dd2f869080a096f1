package desktop

import (
	"cmp"
	"context"
	"crypto/tls"
	"errors"
	"fmt"
	"net"
	"strconv"
	"strings"
	"sync/atomic"
	"time"

	"gatehouse/app/desktop/frame"
	"gatehouse/app/desktop/meter"
	"gatehouse/app/desktop/settings"
	"gatehouse/app/onboard"
	"gatehouse/app/remedy"
	"gatehouse/app/report"
	"gatehouse/app/words"
	"gatehouse/gateway"
	"gatehouse/gateway/attempt"
	"gatehouse/gateway/listener"
	"gatehouse/gateway/pki"
	"gatehouse/gateway/registry"
)

// What the record of attempts is bounded by unless the user says otherwise.
const (
	usualAttempts     = 10_000
	usualAttemptBytes = 64 << 20
)

// lately is how long the status bar counts a refusal.
const lately = 5 * time.Minute

// adapter is the gateway as the frame and the screens ask for it.
type adapter struct {
	*gateway.Gateway
	fixed   bool   // the address was given on the command line
	durable bool   // every write was on the disk before it was acknowledged since the gateway was opened
	version string // of the program
	now     func() time.Time
	last    atomic.Pointer[gateway.Status] // so that fixes need not look at the machine's network each time
}

func newAdapter(g *gateway.Gateway, fixed bool) *adapter {
	a := &adapter{Gateway: g, fixed: fixed, durable: g.Settings().Durable == gateway.DurableAlways, now: time.Now}
	a.seen()
	return a
}

// seen asks for the status, and keeps it.
func (a *adapter) seen() gateway.Status {
	s := a.Gateway.Status()
	a.last.Store(&s)
	return s
}

// Status implements frame.Gateway.
func (a *adapter) Status() frame.Status {
	s := a.seen()
	status := frame.Status{URL: s.URL, Port: s.Port, Network: s.Network, Fixed: a.fixed, LeafNotAfter: s.LeafNotAfter, TLS: "TLS 1.2, 1.3"}
	switch s.State {
	case gateway.Listening:
		status.State = frame.Listening
	case gateway.Failed:
		status.State = frame.Failed
	}
	if s.Problem != nil {
		a.explain(&status, s)
	}
	return status
}

// explain says what is wrong, and what to do about it.
func (a *adapter) explain(status *frame.Status, s gateway.Status) {
	var taken *listener.PortTakenError
	switch {
	case errors.As(s.Problem, &taken):
		by := "another program"
		if taken.Holder != "" {
			by = taken.Holder
		}
		status.Problem = fmt.Sprintf("Port %d is taken by %s, so no device can connect.", s.Port, by)
		status.Advice = "Stop that program and try again."
		if a.fixed {
			return
		}
		if _, port, err := net.SplitHostPort(taken.Free); err == nil {
			status.OtherPort, _ = strconv.Atoi(port)
			status.Advice = "Stop that program and try again, or let devices use another port."
		}
	case s.State == gateway.Listening:
		status.Problem = "Something does not work: " + s.Problem.Error() + "."
		status.Advice = "Devices are being served."
	default:
		status.Problem = "The gateway is not listening: " + s.Problem.Error() + "."
	}
}

// Tally implements frame.Gateway.
func (a *adapter) Tally() frame.Tally {
	stats, log := a.Stats(), a.Attempts()
	sample := meter.Sample{
		Connected: stats.Connected, MessagesIn: stats.MessagesIn, MessagesOut: stats.MessagesOut,
		BytesIn: stats.BytesIn, BytesOut: stats.BytesOut, Dropped: stats.Dropped,
	}
	if series := log.Series(2); len(series) == 2 { // the last whole second
		sample.Connects, sample.Refusals = float32(series[0].Accepted), float32(series[0].Refused)
	}
	return frame.Tally{Sample: sample, Refused: log.Counts(a.now().Add(-lately)).Refused, Findings: findingsOf{a}.count()}
}

// SetPort implements frame.Gateway.
func (a *adapter) SetPort(port int) error {
	s := a.Settings()
	s.Port = port
	return a.SetSettings(s)
}

// remedy is the fix of an attempt.
func (a *adapter) remedy(of attempt.Attempt) (remedy.Remedy, bool) {
	return a.remedies().For(of)
}

// remedies are what fixes are made from.
func (a *adapter) remedies() remedy.Source {
	return remedy.Source{Registry: a.Registry(), Settings: a.Gateway, Address: a.last.Load().URL}
}

// trials are what "What if…" offers for an attempt.
func (a *adapter) trials(of attempt.Attempt) []remedy.Trial { return a.remedies().Trials(of) }

// reportOf is what a report of an attempt is made of.
func (a *adapter) reportOf(of attempt.Attempt, payloads bool) report.Source {
	now := a.WouldPass(of)
	return report.Source{
		Attempt: of, Comparison: a.Compare(of), Now: &now, Payloads: payloads, Findings: report.ProvedBy(of.ID, a.Findings().All()),
		Gateway: report.Gateway{Version: a.version, TLS: "TLS 1.2 and 1.3", ServerNames: a.last.Load().Names},
	}
}

// Devices is for the overview.
func (a *adapter) Devices() []registry.Device { return a.Registry().Devices() }

// DeviceName is for the sessions.
func (a *adapter) DeviceName(sid string) string {
	if d, found := a.Registry().Device(sid); found {
		return d.Name()
	}
	return sid
}

// connected are the devices that are connected now.
func (a *adapter) connected() map[string]bool {
	live := map[string]bool{}
	for _, s := range a.Sessions() {
		if s.Connected {
			live[s.DeviceSID] = true
		}
	}
	return live
}

// endpoint is where devices connect to.
func (a *adapter) endpoint() onboard.Endpoint {
	s := a.last.Load()
	return onboard.Endpoint{
		Listening: s.State == gateway.Listening, Host: s.Host, Port: s.Port, RootPath: s.RootPath, RootPEM: a.RootPEM(),
	}
}

var (
	_ frame.Gateway    = (*adapter)(nil)
	_ settings.Gateway = settingsOf{}
)

// settingsOf is the gateway as the settings ask for it.
type settingsOf struct{ *adapter }

// View implements settings.Gateway.
func (a settingsOf) View() settings.View {
	s, kept, record := a.last.Load(), a.Settings(), a.Attempts().Record()
	return settings.View{
		Settings: settings.Settings{
			Port: s.Port, Network: s.Network, Names: kept.Names, SyncTopicsOnly: kept.SyncTopicsOnly,
			StrictPublishes: kept.StrictPublishes, DurableAlways: kept.Durable == gateway.DurableAlways,
			KeepAttempts: cmp.Or(kept.Attempts.Count, usualAttempts), KeepBytes: cmp.Or(kept.Attempts.Bytes, usualAttemptBytes),
		},
		Kept: record.Kept, Lacks: words.RecordLacks(record.Damaged, record.Lost, record.Err != nil), DurableNow: a.durable,
		Fixed: a.fixed, Address: s.MQTTAddr, URL: s.URL, HTTPURL: s.HTTPURL, CertNames: s.Names, NotAfter: s.LeafNotAfter,
		RootPath: s.RootPath, DataDir: s.DataDir, SetAside: s.SetAside, Account: a.Registry().Account().SID,
	}
}

// Set implements settings.Gateway.
func (a settingsOf) Set(s settings.Settings) error {
	next := a.Settings()
	if !a.fixed {
		next.Port, next.Network = s.Port, s.Network
		if s.Port == gateway.DefaultPort {
			next.Port = 0
		}
	}
	next.Names, next.SyncTopicsOnly, next.StrictPublishes = s.Names, s.SyncTopicsOnly, s.StrictPublishes
	next.Durable = ""
	if s.DurableAlways {
		next.Durable = gateway.DurableAlways
	}
	next.Attempts = gateway.Retention{Count: s.KeepAttempts, Bytes: s.KeepBytes}
	if s.KeepAttempts == usualAttempts {
		next.Attempts.Count = 0
	}
	if s.KeepBytes == usualAttemptBytes {
		next.Attempts.Bytes = 0
	}
	err := a.SetSettings(next)
	a.seen()
	return err
}

// Token implements settings.Gateway.
func (a settingsOf) Token() string { return a.Registry().Account().AuthToken }

// RotateToken implements settings.Gateway.
func (a settingsOf) RotateToken(ctx context.Context) error {
	_, err := a.adapter.RotateToken(ctx)
	return err
}

// Suites implements settings.Gateway.
func (a settingsOf) Suites() []settings.Suite {
	var all []settings.Suite
	for _, s := range pki.Suites {
		if s.Legacy {
			continue // off, and there is no switch
		}
		all = append(all, settings.Suite{Version: tls.VersionName(s.Version), Name: s.OpenSSL, Key: string(s.Leaf)})
	}
	return all
}

// stopped closes a gateway within a bound, whatever devices and disks do.
func stopped(ctx context.Context, g *gateway.Gateway) error {
	done := make(chan error, 1)
	go func() { done <- g.Close() }()
	select {
	case err := <-done:
		return err
	case <-ctx.Done():
		return fmt.Errorf("closing the gateway: %w", ctx.Err())
	}
}

// holds reports whether a text holds every word of a query.
func holds(text string, query []string) bool {
	text = strings.ToLower(text)
	for _, word := range query {
		if !strings.Contains(text, word) {
			return false
		}
	}
	return true
}
