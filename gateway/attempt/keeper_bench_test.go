package attempt

import (
	"fmt"
	"strconv"
	"testing"
	"time"

	"gatehouse/gateway/cause"
)

func BenchmarkOpen(b *testing.B) {
	dir := b.TempDir()
	l := ready(dir, Params{})
	for range 10_000 {
		r := l.Begin("192.0.2.7:47110", "192.0.2.1:8883")
		a := usual()
		for _, s := range a.Steps[1:] {
			r.Step(s.Kind, s.State, s.Facts...)
		}
		r.Decide(4, cause.WrongSecret)
		r.End(cause.WrongSecret, "gateway", nil)
	}
	size := l.bytes.Load()
	l.Close()
	opened, restored := time.Duration(0), time.Duration(0)
	for b.Loop() {
		began := time.Now()
		l := Open(Params{Dir: dir})
		opened += time.Since(began)
		<-l.Restored()
		restored += time.Since(began)
		if l.Len() != 10_000 {
			b.Fatal(l.Len())
		}
		b.ReportMetric(float64(l.Record().OnDisk)/(1<<20), "MiB")
		l.Close()
	}
	b.ReportMetric(float64(size)/(1<<20), "MiB-in-memory")
	b.ReportMetric(float64(opened.Microseconds())/float64(b.N)/1000, "ms-to-open")
	b.ReportMetric(float64(restored.Microseconds())/float64(b.N)/1000, "ms-to-restore")
}

// BenchmarkQuery looks through 10 000 attempts.
func BenchmarkQuery(b *testing.B) {
	l := NewLog(Params{})
	for i := range 10_000 {
		r := l.Begin(fmt.Sprintf("192.0.2.7:%d", i), "192.0.2.1:8883")
		r.Identify(func(a *Attempt) { a.DeviceName, a.ServerName = "lamp-"+strconv.Itoa(i%100), "gateway.local" })
		r.Decide(4, cause.WrongSecret)
		r.End(cause.WrongSecret, "gateway", nil)
	}
	for name, f := range map[string]Filter{
		"code": {Codes: []Code{5}, Limit: 100}, "server name": {ServerName: "other.local"}, "text": {Text: "lamp-77 "}, "live": {OnlyLive: true},
		"until": {Until: time.Unix(0, 0)}, "all of them": {Limit: 100},
	} {
		b.Run(name, func(b *testing.B) {
			for b.Loop() {
				l.Query(f)
			}
		})
	}
}

// BenchmarkKeepAnAttempt records attempts as they are in earnest: on the disk as well.
func BenchmarkKeepAnAttempt(b *testing.B) {
	l := ready(b.TempDir(), Params{Each: func(Attempt) {}})
	steps := usual().Steps[1:]
	b.ReportAllocs()
	for b.Loop() {
		r := l.Begin("192.0.2.7:47110", "192.0.2.1:8883")
		for _, s := range steps[:5] {
			r.Step(s.Kind, s.State, s.Facts...)
		}
		r.Packet(false, make([]byte, 90))
		r.Identify(func(a *Attempt) { a.DeviceSID, a.DeviceName, a.ClientID = "TH1", "lamp", "lamp" })
		r.Step(Lookup, Good, steps[5].Facts...)
		r.Decide(0, cause.Accepted)
		r.Packet(true, []byte{0x20, 2, 0, 0})
		r.Step(Connack, Good, F("code", "0"), F("hex", "20 02 00 00"))
		r.Accepted(false, 0)
		r.End(cause.ClientClosed, "device", nil)
	}
	l.Close()
	if r := l.Record(); r.Err != nil {
		b.Error(r.Err)
	}
}
