package listener

import (
	"bytes"
	"crypto/tls"
	"io"
	"net"
	"runtime"
	"sync"
	"testing"

	"gatehouse/gateway/attempt"
	"gatehouse/gateway/wire"
)

func TestAnIdleSessionKeepsOneGoroutine(t *testing.T) {
	const many = 50
	w := newWorld(t, Settings{})
	before := runtime.NumGoroutine()
	for n := range many {
		w.connected(t, w.withKey(string(rune('a'+n))))
	}
	eventually(t, "the handshakes' goroutines are gone", func() bool { return runtime.NumGoroutine() <= before+many })
}

// duplex is a handshake's worth of nothing: it lets a CONNECT be judged without TLS.
type duplex struct {
	net.Conn
	in bytes.Reader
}

func (d *duplex) Read(b []byte) (int, error) { return d.in.Read(b) }

// benchmarkConnects connects, waits for CONNACK and closes, from as many goroutines as there are processors; clients
// and gateway share them.
func benchmarkConnects(b *testing.B, conf func(identity) *tls.Config, make func(*world) identity) {
	w := newWorld(b, Settings{ConnectsPerSecond: -1, Unfinished: -1})
	devices := sync.Pool{New: func() any { i := make(w); return &i }}
	b.ReportAllocs()
	b.ResetTimer()
	b.RunParallel(func(pb *testing.PB) {
		i := devices.Get().(*identity)
		c := conf(*i)
		packet := wire.AppendConnect(nil, i.connect(), false)
		for pb.Next() {
			raw, err := net.Dial("tcp", w.addr)
			if err != nil {
				b.Error(err)
				return
			}
			conn := tls.Client(raw, c)
			connack, err := offer(conn, packet)
			if err != nil || connack[3] != 0 {
				b.Errorf("%x, %v", connack, err)
			}
			_ = raw.(*net.TCPConn).SetLinger(0) // no TIME_WAIT: ports are few
			raw.Close()
		}
	})
	b.ReportMetric(float64(b.N)/b.Elapsed().Seconds(), "connects/s")
}

func BenchmarkConnectsByKey(b *testing.B) {
	benchmarkConnects(b, func(identity) *tls.Config { return config(nil) }, func(w *world) identity { return w.withKey("bench") })
}

func BenchmarkConnectsByCertificate(b *testing.B) {
	benchmarkConnects(b, func(i identity) *tls.Config { return config(&i.cert) }, func(w *world) identity { return w.withCertificate(b, "bench") })
}

func BenchmarkConnectsByCertificateResumed(b *testing.B) {
	benchmarkConnects(b, func(i identity) *tls.Config {
		c := config(&i.cert)
		c.MaxVersion = tls.VersionTLS12 // a 1.3 client has not read its ticket before it closes
		c.ClientSessionCache = tls.NewLRUClientSessionCache(1)
		return c
	}, func(w *world) identity { return w.withCertificate(b, "bench") })
}

func BenchmarkTLSAlone(b *testing.B) {
	ln, err := tls.Listen("tcp", "127.0.0.1:0", authority.Config(Settings{}.TLS, nil))
	if err != nil {
		b.Fatal(err)
	}
	var served sync.WaitGroup
	served.Go(func() {
		for {
			c, err := ln.Accept()
			if err != nil {
				return
			}
			served.Go(func() {
				var packet [16]byte
				_, _ = io.ReadFull(c, packet[:])
				_, _ = c.Write([]byte{0x20, 2, 0, 0})
				_, _ = c.Read(packet[:])
				c.Close()
			})
		}
	})
	b.RunParallel(func(pb *testing.PB) {
		for pb.Next() {
			raw, err := net.Dial("tcp", ln.Addr().String())
			if err != nil {
				b.Error(err)
				return
			}
			if _, err := offer(tls.Client(raw, config(nil)), make([]byte, 16)); err != nil {
				b.Error(err)
			}
			_ = raw.(*net.TCPConn).SetLinger(0)
			raw.Close()
		}
	})
	b.ReportMetric(float64(b.N)/b.Elapsed().Seconds(), "connects/s")
	ln.Close()
	served.Wait()
}

// BenchmarkJudge is what a CONNECT costs beside TLS and the sockets: reading, recording and deciding.
func BenchmarkJudge(b *testing.B) {
	w := newWorld(b, Settings{ConnectsPerSecond: -1})
	i := w.withKey("lamp")
	packet := wire.AppendConnect(nil, i.connect(), false)
	d := &duplex{}
	b.ReportAllocs()
	for b.Loop() {
		d.in.Reset(packet)
		a := &arrival{l: w.Listener, guest: &guest{exempt: true}, rec: w.log.Begin("192.0.2.1:1", "192.0.2.2:8883")}
		header, body, err := wire.ReadConnect(d, 1000)
		if err != nil {
			b.Fatal(err)
		}
		c, err := wire.DecodeConnect(body, len(header))
		if err != nil {
			b.Fatal(err)
		}
		a.recordConnect(header, body, c)
		_, v := a.decide(c)
		a.recordVerdict(c, v)
		if !v.Accepted() {
			b.Fatal(v.Cause)
		}
		a.rec.End("", byDevice, nil)
	}
	if w.log.Query(attempt.Filter{Limit: 1}).Total == 0 {
		b.Fatal("nothing was recorded")
	}
}
