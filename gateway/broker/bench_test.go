package broker

import (
	"bufio"
	"fmt"
	"io"
	"net"
	"runtime"
	"syscall"
	"testing"
	"time"

	"github.com/stretchr/testify/require"

	"gatehouse/gateway/wire"
)

// Figures over loopback; devices and gateway share the process, so that cpu-µs/msg is of both.
// Run: go test -run=^$ -bench=. -benchtime=2s ./gateway/broker

const benchPayload = 64

// cpuTime is what the process has used so far.
func cpuTime() time.Duration {
	var u syscall.Rusage
	if err := syscall.Getrusage(syscall.RUSAGE_SELF, &u); err != nil {
		return 0
	}
	return time.Duration(u.Utime.Nano() + u.Stime.Nano())
}

// measured reports the rate and the CPU time per message of what runs between.
func measured(b *testing.B, messages int, run func()) {
	b.ReportAllocs()
	b.ResetTimer()
	at, cpu := time.Now(), cpuTime()
	run()
	b.StopTimer()
	b.ReportMetric(float64(messages)/time.Since(at).Seconds(), "msg/s")
	b.ReportMetric(float64((cpuTime()-cpu).Nanoseconds())/1e3/float64(messages), "cpu-µs/msg")
}

// drain reads n packets of a fixed length.
func drain(b *testing.B, r io.Reader, n, length int) {
	br := bufio.NewReaderSize(r, 64<<10)
	for range n {
		if _, err := br.Discard(length); err != nil {
			b.Error(err)
			return
		}
	}
}

// publishedLength is a PUBLISH of the benchmarks' payload to the topic "bench".
func publishedLength(qos byte) int { return len(benchPublish(qos, 1)) }

func benchPublish(qos byte, id uint16) []byte {
	return wire.AppendPublish(nil, wire.Message{Topic: "bench", Payload: make([]byte, benchPayload), QoS: qos, ID: id})
}

// BenchmarkQoS0 is one publisher and one subscriber, 100 messages to a write.
func BenchmarkQoS0(b *testing.B) {
	g := serve(b, withSettings(Settings{QoS0Bytes: 1 << 30}))
	sub, _ := g.connect("sub", true)
	sub.subscribe(1, "bench", 0)
	pub, _ := g.connect("pub", true)
	var batch []byte
	for range 100 {
		batch = append(batch, benchPublish(0, 0)...)
	}
	one := len(batch) / 100
	_ = sub.SetReadDeadline(time.Time{})
	measured(b, b.N, func() {
		go func() {
			for sent := 0; sent < b.N; sent += 100 {
				pub.send(batch[:one*min(100, b.N-sent)])
			}
		}()
		drain(b, sub.Conn, b.N, publishedLength(0))
	})
}

// BenchmarkConnects is connects one after the other, TLS handshake included.
func BenchmarkConnects(b *testing.B) {
	for _, clean := range []bool{true, false} {
		b.Run(fmt.Sprint("clean=", clean), func(b *testing.B) {
			_, l := storeLog(b, b.TempDir(), false)
			g := serve(b, withTLS, withLog(l))
			measured(b, b.N, func() {
				for i := range b.N {
					c, _ := g.connect(fmt.Sprint("d", i%100), clean)
					_ = c.Close()
				}
			})
		})
	}
}

// BenchmarkQoS1 keeps a window of messages unacknowledged by the gateway; the subscriber acknowledges each.
func BenchmarkQoS1(b *testing.B) {
	for _, c := range []struct {
		window        int
		stored, inTLS bool
	}{{100, false, false}, {1, false, false}, {100, true, false}, {1, true, false}, {100, false, true}, {1, false, true}, {100, true, true}, {1, true, true}} {
		window := c.window
		b.Run(fmt.Sprintf("window=%d/stored=%v/tls=%v", window, c.stored, c.inTLS), func(b *testing.B) {
			var options []option
			if c.stored {
				_, l := storeLog(b, b.TempDir(), false)
				options = append(options, withLog(l))
			}
			if c.inTLS {
				options = append(options, withTLS)
			}
			g := serve(b, options...)
			sub, _ := g.connect("sub", !c.stored)
			sub.subscribe(1, "bench", 1)
			pub, _ := g.connect("pub", true)
			done := make(chan struct{})
			_ = pub.SetDeadline(time.Time{})
			measured(b, b.N, func() {
				go func() {
					defer close(done)
					acknowledgeAll(b, sub.Conn, b.N)
				}()
				sent, acknowledged := 0, 0 // messages, and bytes of PUBACKs, which have four each
				packet := make([]byte, 0, 200*window)
				var buf [4096]byte
				for acknowledged < 4*b.N {
					packet = packet[:0]
					for ; sent < b.N && sent-acknowledged/4 < window; sent++ {
						packet = append(packet, benchPublish(1, uint16(sent%65535)+1)...)
					}
					if len(packet) > 0 {
						_, _ = pub.Write(packet)
					}
					n, err := pub.Conn.Read(buf[:])
					if err != nil {
						b.Errorf("%v, %+v", err, g.ended("pub", 0))
						return
					}
					acknowledged += n
				}
				<-done
			})
		})
	}
}

// acknowledgeAll answers n QoS 1 messages, as many in one write as have come in one read.
func acknowledgeAll(b *testing.B, nc net.Conn, n int) {
	_ = nc.SetDeadline(time.Time{})
	length := publishedLength(1)
	at := 2 + 2 + len("bench") // of the identifier
	buf, acks := make([]byte, 64<<10), []byte(nil)
	for have := 0; n > 0; {
		k, err := nc.Read(buf[have:])
		if err != nil {
			b.Error(err)
			return
		}
		have += k
		acks = acks[:0]
		used := 0
		for ; have-used >= length; used += length {
			p := buf[used+at:]
			acks = append(acks, wire.PUBACK<<4, 2, p[0], p[1])
			n--
		}
		have = copy(buf, buf[used:have])
		_, _ = nc.Write(acks)
	}
}

// BenchmarkFanOut is one publisher to 100 subscribers at QoS 0; a message is one delivery.
func BenchmarkFanOut(b *testing.B) {
	const subscribers = 100
	g := serve(b, withSettings(Settings{QoS0Bytes: 1 << 30}))
	var subs []*client
	for i := range subscribers {
		c, _ := g.connect(fmt.Sprint("sub", i), true)
		c.subscribe(1, "bench", 0)
		_ = c.SetReadDeadline(time.Time{})
		subs = append(subs, c)
	}
	pub, _ := g.connect("pub", true)
	published := (b.N + subscribers - 1) / subscribers
	var batch []byte
	for range 100 {
		batch = append(batch, benchPublish(0, 0)...)
	}
	one := len(batch) / 100
	measured(b, published*subscribers, func() {
		done := make(chan struct{}, subscribers)
		for _, c := range subs {
			go func() { drain(b, c.Conn, published, publishedLength(0)); done <- struct{}{} }()
		}
		for sent := 0; sent < published; sent += 100 {
			pub.send(batch[:one*min(100, published-sent)])
		}
		for range subs {
			<-done
		}
	})
}

// BenchmarkIdleSession measures what the gateway holds for one connected session that is idle: heap and stacks, without
// what the device's end and the kernel take.
func BenchmarkIdleSession(b *testing.B) {
	const sessions = 3000
	for range b.N {
		g := serve(b)
		near := make([]net.Conn, 0, sessions)
		before := held()
		for i := range sessions {
			a, d := net.Pipe()
			c, _, _, _ := g.hub.Open(a, Hello{DeviceSID: fmt.Sprint("d", i), ServiceSID: "IS1", Level: 4, KeepAlive: 60})
			near = append(near, d)
			go c.Run()
			_, err := io.ReadFull(d, make([]byte, 4))
			require.NoError(b, err)
		}
		b.ReportMetric(float64(held()-before)/sessions, "B/session")
		for _, c := range near {
			_ = c.Close()
		}
		g.until("all have ended", func() bool { return g.hub.Stats().Connected == 0 })
	}
}

func held() uint64 {
	runtime.GC()
	runtime.GC()
	var m runtime.MemStats
	runtime.ReadMemStats(&m)
	return m.HeapAlloc + m.StackInuse
}
