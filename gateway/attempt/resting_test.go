package attempt

import (
	"reflect"
	"strings"
	"testing"
	"time"

	"gatehouse/gateway/cause"
)

// rested is a log with one attempt that is over, and that attempt as it was made.
func rested(t *testing.T) (*Log, *Recorder, Attempt) {
	t.Helper()
	l := NewLog(Params{})
	l.keeper = &keeper{log: l, wake: make(chan struct{}, 1)} // one that does not run
	r := l.Begin("192.0.2.7:47110", "192.0.2.1:8883")
	r.Step(ClientHello, Good, F("sni", "Gateway.local"))
	r.Identify(func(a *Attempt) {
		a.DeviceSID, a.DeviceName, a.CredentialSID, a.Thumbprint, a.ClientID, a.ServerName = "TH1", "Lamp", "CR1", "ab12", "lamp", "Gateway.local"
		a.Server, a.Inputs = "expired", &Inputs{ProtocolName: "MQTT", KeyHash: "k", HasUser: true}
	})
	r.Packet(false, []byte("connect"))
	r.Warn(cause.WeakKey, F("key", "RSA 1024"))
	r.Decide(5, cause.DeviceDisabled, cause.NotDeployed)
	r.Packet(true, []byte{0x20, 2, 0, 5})
	made, _ := l.Get(r.ID())
	if r.record.attempt == nil {
		t.Fatal("it rests before it is over")
	}
	r.End(cause.DeviceDisabled, "gateway", nil)
	if r.record.attempt != nil || r.record.body != nil || r.record.draft != nil {
		t.Fatal("it does not rest once it is over")
	}
	over, _ := l.Get(r.ID())
	made.At = made.At.Round(0) // without the reading of the other clock
	made.Done, made.Total, made.Steps = true, over.Total, append(made.Steps, over.Steps[len(over.Steps)-1])
	if made.Total == 0 || made.Steps[len(made.Steps)-1].Kind != Ended {
		t.Fatalf("%+v", over)
	}
	l.keeper.write([]uint64{r.ID()}, true)
	return l, r, made
}

func TestAnAttemptThatRestsIsReadAndFoundAsBefore(t *testing.T) {
	l, r, before := rested(t)
	if after, _ := l.Get(r.ID()); !reflect.DeepEqual(after, before) {
		t.Errorf("%+v became %+v", before, after)
	}
	for name, f := range map[string]Filter{
		"all": {}, "code": {Codes: []Code{5}}, "refused": {Refused: true}, "cause": {Causes: []cause.ID{cause.DeviceDisabled}}, "warning": {Causes: []cause.ID{cause.WeakKey}},
		"device": {DeviceSID: "TH1"}, "credential": {CredentialSID: "CR1"}, "remote": {Remote: "192.0.2.7"}, "server": {Server: "expired"},
		"server name": {ServerName: "gateway.LOCAL"}, "thumbprint": {Thumbprint: "AB12"}, "text": {Text: "lamp"}, "since": {Since: before.At}, "until": {Until: before.At.Add(1)},
	} {
		page := l.Query(f)
		if page.Total != 1 || page.Attempts[0].Steps != nil || page.Attempts[0].DeviceName != "Lamp" {
			t.Errorf("by %s: %+v", name, page)
		}
	}
	for name, f := range map[string]Filter{
		"code": {Codes: []Code{4}}, "cause": {Causes: []cause.ID{cause.TakenOver}}, "device": {DeviceSID: "TH"}, "credential": {CredentialSID: "CR2"}, "remote": {Remote: "192.0.2.8"},
		"server": {Server: "other"}, "server name": {ServerName: "gateway"}, "thumbprint": {Thumbprint: "ab"}, "text": {Text: "no such"}, "live": {OnlyLive: true},
		"since": {Since: before.At.Add(1)}, "until": {Until: before.At},
	} {
		if page := l.Query(f); page.Total != 0 {
			t.Errorf("by another %s: %+v", name, page)
		}
	}
}

func TestAnAttemptThatRestsTakesAWarningAndIsWrittenAgain(t *testing.T) {
	l, r, before := rested(t)
	if !l.Warn(r.ID(), cause.KeepaliveShort) {
		t.Fatal("it was not found")
	}
	if r.record.due != soon {
		t.Error("it is not to be written again")
	}
	l.keeper.write([]uint64{r.ID()}, true)
	after, _ := l.Get(r.ID())
	if len(after.Steps) != len(before.Steps)+1 || !reflect.DeepEqual(after.Steps[:len(before.Steps)], before.Steps) || !reflect.DeepEqual(after.Packets, before.Packets) {
		t.Errorf("%+v became %+v", before, after)
	}
	if len(after.Warnings) != 2 || !l.Query(Filter{Causes: []cause.ID{cause.KeepaliveShort}, Since: before.At, Until: before.At.Add(time.Second)}).found(1) {
		t.Errorf("%+v", after)
	}
	if got, want := l.bytes.Load(), r.record.weigh(); got != want {
		t.Errorf("%d bytes are counted, %d kept", got, want)
	}
}

// A connection may go on writing into an attempt that was evicted while it rested.
func TestAnAttemptThatWasEvictedWhileItRestedIsGone(t *testing.T) {
	l, r, _ := rested(t)
	l.mu.Lock()
	l.evictOldest()
	l.mu.Unlock()
	r.Warn(cause.WeakKey, F("text", strings.Repeat("x", 1000)))
	r.Identify(func(a *Attempt) { a.ClientID = "late" })
	r.Decide(4, cause.WrongSecret)
	r.End(cause.ClientClosed, "device", nil)
	if _, kept := l.Get(r.ID()); kept || l.bytes.Load() != 0 || l.Query(Filter{Text: "late"}).Total != 0 {
		t.Errorf("%d bytes are left", l.bytes.Load())
	}
}

func (p Page) found(n int) bool { return p.Total == n }
