package faults

import (
	"bytes"
	"errors"
	"io"
	"net"
	"os"
	"syscall"
	"testing"
	"time"

	"github.com/stretchr/testify/assert"
	"github.com/stretchr/testify/require"
	"go.uber.org/goleak"
)

func TestMain(m *testing.M) { goleak.VerifyTestMain(m) }

// pair is a device's wrapped end and the server's end of one TCP connection.
func pair(t *testing.T, s *Switches) (device, server net.Conn) {
	t.Helper()
	l, err := net.Listen("tcp", "127.0.0.1:0")
	require.NoError(t, err)
	defer func() { _ = l.Close() }()
	raw, err := net.Dial("tcp", l.Addr().String())
	require.NoError(t, err)
	server, err = l.Accept()
	require.NoError(t, err)
	device = s.Wrap(raw)
	t.Cleanup(func() { _, _ = device.Close(), server.Close() })
	for _, c := range []net.Conn{device, server} {
		require.NoError(t, c.SetDeadline(time.Now().Add(10*time.Second)))
	}
	return device, server
}

// arrives reads n bytes and tells how long that took.
func arrives(t *testing.T, c net.Conn, n int) ([]byte, time.Duration) {
	t.Helper()
	began := time.Now()
	b := make([]byte, n)
	_, err := io.ReadFull(c, b)
	require.NoError(t, err)
	return b, time.Since(began)
}

func write(t *testing.T, c net.Conn, b []byte) {
	t.Helper()
	n, err := c.Write(b)
	require.NoError(t, err)
	require.Equal(t, len(b), n)
}

func TestAGoodNetworkCarriesBothWays(t *testing.T) {
	device, server := pair(t, new(Switches))
	write(t, device, []byte("up"))
	up, _ := arrives(t, server, 2)
	assert.Equal(t, "up", string(up))
	write(t, server, []byte("down"))
	down, _ := arrives(t, device, 4)
	assert.Equal(t, "down", string(down))
}

func TestLatencyDelaysBothWaysWithoutHoldingUpTheWriter(t *testing.T) {
	var s Switches
	device, server := pair(t, &s)
	s.SetNetwork(Network{Latency: 150 * time.Millisecond})
	began := time.Now()
	for range 10 {
		write(t, device, []byte("x"))
	}
	assert.Less(t, time.Since(began), 100*time.Millisecond, "the writer went on")
	_, _ = arrives(t, server, 10)
	took := time.Since(began)
	assert.GreaterOrEqual(t, took, 150*time.Millisecond)
	assert.Less(t, took, time.Second, "the delays do not add up")
	write(t, server, []byte("y"))
	_, took = arrives(t, device, 1)
	assert.GreaterOrEqual(t, took, 140*time.Millisecond)
}

func TestLatencyReachesAReaderThatWaitsAlready(t *testing.T) {
	var s Switches
	device, server := pair(t, &s)
	arrived := make(chan time.Time, 1)
	go func() {
		_, _ = device.Read(make([]byte, 1))
		arrived <- time.Now()
	}()
	write(t, device, []byte("x")) // so that the reader has surely begun by the time the answer comes
	_, _ = arrives(t, server, 1)
	time.Sleep(10 * time.Millisecond)
	s.SetNetwork(Network{Latency: 100 * time.Millisecond})
	began := time.Now()
	write(t, server, []byte("y"))
	assert.GreaterOrEqual(t, (<-arrived).Sub(began), 95*time.Millisecond)
}

func TestJitterKeepsTheOrderOfBytes(t *testing.T) {
	var s Switches
	device, server := pair(t, &s)
	s.SetNetwork(Network{Jitter: 20 * time.Millisecond})
	var want []byte
	for i := range 50 {
		want = append(want, byte(i))
		write(t, device, []byte{byte(i)})
	}
	got, _ := arrives(t, server, len(want))
	assert.Equal(t, want, got)
}

func TestWhatArrivesIsLaterByTheLatencyAndNotByMore(t *testing.T) {
	var s Switches
	device, server := pair(t, &s)
	s.SetNetwork(Network{Latency: 200 * time.Millisecond})
	arrived := make(chan time.Duration, 5)
	began := time.Now()
	go func() {
		b := make([]byte, 1)
		for range 5 {
			if _, err := device.Read(b); err != nil {
				return
			}
			arrived <- time.Since(began)
		}
	}()
	for range 5 { // while the first is still on its way
		write(t, server, []byte("x"))
		time.Sleep(20 * time.Millisecond) // apart from each other
	}
	for i := range 5 {
		at := <-arrived
		assert.GreaterOrEqual(t, at, 200*time.Millisecond+time.Duration(i)*20*time.Millisecond)
		assert.Less(t, at, 450*time.Millisecond+time.Duration(i)*20*time.Millisecond, "message %d does not wait for the ones before it", i)
	}
}

func TestJitterMakesTheDelaysDiffer(t *testing.T) {
	var s Switches
	device, server := pair(t, &s)
	s.SetNetwork(Network{Jitter: 100 * time.Millisecond})
	for way, ends := range map[string][2]net.Conn{"to the server": {device, server}, "to the device": {server, device}} {
		least, most := time.Hour, time.Duration(0)
		for range 10 {
			began := time.Now()
			write(t, ends[0], []byte("x"))
			_, _ = arrives(t, ends[1], 1)
			took := time.Since(began)
			least, most = min(least, took), max(most, took)
		}
		assert.Greater(t, most-least, 15*time.Millisecond, way)
	}
}

func TestWhoReadsAheadEndsWithTheConnectionAndTellsWhatCameBefore(t *testing.T) {
	var s Switches
	device, server := pair(t, &s)
	s.SetNetwork(Network{Latency: 30 * time.Millisecond})
	write(t, server, []byte("last words"))
	_ = server.Close()
	got, err := io.ReadAll(device)
	require.NoError(t, err)
	assert.Equal(t, "last words", string(got))
}

func TestAReadDeadlineHoldsWhileSomebodyReadsAhead(t *testing.T) {
	var s Switches
	device, server := pair(t, &s)
	s.SetNetwork(Network{Latency: 20 * time.Millisecond})
	write(t, server, []byte("x"))
	_, _ = arrives(t, device, 1)
	require.NoError(t, device.SetReadDeadline(time.Now().Add(50*time.Millisecond)))
	_, err := device.Read(make([]byte, 1))
	require.ErrorIs(t, err, os.ErrDeadlineExceeded)
	require.NoError(t, device.SetReadDeadline(time.Now().Add(5*time.Second)))
	write(t, server, []byte("y"))
	got, _ := arrives(t, device, 1)
	assert.Equal(t, "y", string(got), "nothing is lost")
	woken := make(chan error, 1)
	go func() {
		_, err := device.Read(make([]byte, 1))
		woken <- err
	}()
	require.NoError(t, device.SetReadDeadline(time.Unix(1, 0)))
	require.ErrorIs(t, <-woken, os.ErrDeadlineExceeded)
}

func TestSlowReadsFillTheServersBuffersWithLatencyToo(t *testing.T) {
	var s Switches
	device, server := pair(t, &s)
	s.SetNetwork(Network{Latency: time.Millisecond, ReadBytesPerSecond: 1000})
	stopped := make(chan struct{})
	go func() {
		defer close(stopped)
		b := make([]byte, 64)
		for {
			if _, err := device.Read(b); err != nil {
				return
			}
		}
	}()
	_ = server.(*net.TCPConn).SetWriteBuffer(4096)
	require.NoError(t, server.SetWriteDeadline(time.Now().Add(300*time.Millisecond)))
	_, err := server.Write(make([]byte, 32<<20))
	require.ErrorIs(t, err, os.ErrDeadlineExceeded)
	_ = device.Close()
	<-stopped
}

func TestBandwidthBoundsEachDirection(t *testing.T) {
	var s Switches
	device, server := pair(t, &s)
	s.SetNetwork(Network{BytesPerSecond: 40_000})
	sent := bytes.Repeat([]byte("x"), 12_000)
	for i := 0; i < len(sent); i += 1000 {
		write(t, device, sent[i:i+1000])
	}
	_, took := arrives(t, server, len(sent))
	assert.GreaterOrEqual(t, took, 250*time.Millisecond)
	assert.Less(t, took, 3*time.Second)
	go func() { _, _ = server.Write(sent) }()
	_, took = arrives(t, device, len(sent))
	assert.GreaterOrEqual(t, took, 250*time.Millisecond)
}

func TestSlowReadsFillTheServersBuffers(t *testing.T) {
	var s Switches
	device, server := pair(t, &s)
	s.SetNetwork(Network{ReadBytesPerSecond: 1000})
	stopped := make(chan struct{})
	go func() {
		defer close(stopped)
		b := make([]byte, 64)
		for {
			if _, err := device.Read(b); err != nil {
				return
			}
		}
	}()
	_ = server.(*net.TCPConn).SetWriteBuffer(4096)
	require.NoError(t, server.SetWriteDeadline(time.Now().Add(300*time.Millisecond)))
	_, err := server.Write(make([]byte, 32<<20))
	require.ErrorIs(t, err, os.ErrDeadlineExceeded, "the server cannot get rid of it")
	_ = device.Close()
	<-stopped
}

func TestAHalfOpenConnectionIsSilentInBothDirectionsUntilTheNetworkIsBack(t *testing.T) {
	var s Switches
	device, server := pair(t, &s)
	s.SetNetwork(Network{HalfOpen: true})
	write(t, device, []byte("lost?")) // the device is told nothing
	write(t, server, []byte("hello"))
	require.NoError(t, device.SetReadDeadline(time.Now().Add(100*time.Millisecond)))
	_, err := device.Read(make([]byte, 5))
	require.ErrorIs(t, err, os.ErrDeadlineExceeded)
	require.NoError(t, server.SetReadDeadline(time.Now().Add(100*time.Millisecond)))
	_, err = server.Read(make([]byte, 5))
	require.ErrorIs(t, err, os.ErrDeadlineExceeded)
	s.SetNetwork(Network{})
	for _, c := range []net.Conn{device, server} {
		require.NoError(t, c.SetReadDeadline(time.Now().Add(5*time.Second)))
	}
	up, _ := arrives(t, server, 5)
	assert.Equal(t, "lost?", string(up))
	down, _ := arrives(t, device, 5)
	assert.Equal(t, "hello", string(down))
}

func TestAReaderThatWaitsOnAHalfOpenConnectionEndsWithIt(t *testing.T) {
	var s Switches
	device, _ := pair(t, &s)
	s.SetNetwork(Network{HalfOpen: true})
	ended := make(chan error, 1)
	go func() {
		_, err := device.Read(make([]byte, 1))
		ended <- err
	}()
	_ = device.Close()
	select {
	case err := <-ended:
		require.ErrorIs(t, err, net.ErrClosed)
	case <-time.After(5 * time.Second):
		t.Fatal("the reader still waits")
	}
}

func TestAFullHalfOpenConnectionHoldsTheWriterUpToItsDeadline(t *testing.T) {
	var s Switches
	device, server := pair(t, &s)
	s.SetNetwork(Network{HalfOpen: true})
	write(t, device, make([]byte, maxHeld))
	require.NoError(t, device.SetWriteDeadline(time.Now().Add(100*time.Millisecond)))
	_, err := device.Write([]byte("x"))
	require.ErrorIs(t, err, os.ErrDeadlineExceeded)
	s.SetNetwork(Network{})
	_, _ = arrives(t, server, maxHeld)
}

func TestFragmentsArriveAsPieces(t *testing.T) {
	var s Switches
	device, server := pair(t, &s)
	s.SetNetwork(Network{Fragment: 3})
	go func() { _, _ = device.Write([]byte("abcdefgh")) }()
	var reads []int
	b := make([]byte, 64)
	for total := 0; total < 8; {
		n, err := server.Read(b)
		require.NoError(t, err)
		reads = append(reads, n)
		total += n
	}
	assert.GreaterOrEqual(t, len(reads), 2, "it did not come at once: %v", reads)
}

func TestACutIsAnEndAndAResetIsAReset(t *testing.T) {
	var s Switches
	device, server := pair(t, &s)
	write(t, device, []byte("x"))
	s.Cut()
	_, _ = arrives(t, server, 1)
	_, err := server.Read(make([]byte, 1))
	require.ErrorIs(t, err, io.EOF)
	_, err = device.Write([]byte("y"))
	require.Error(t, err)

	_, server = pair(t, &s)
	s.Reset()
	_, err = server.Read(make([]byte, 1))
	require.True(t, errors.Is(err, syscall.ECONNRESET), "%v", err)
	assert.Empty(t, s.all(), "what has ended is forgotten")
}

func TestALateWriteThatFailsIsToldToTheNext(t *testing.T) {
	var s Switches
	device, server := pair(t, &s)
	s.SetNetwork(Network{Latency: 20 * time.Millisecond})
	require.NoError(t, server.(*net.TCPConn).SetLinger(0))
	_ = server.Close()
	deadline := time.Now().Add(5 * time.Second)
	for {
		if _, err := device.Write([]byte("x")); err != nil {
			return
		}
		require.True(t, time.Now().Before(deadline), "no write ever failed")
		time.Sleep(5 * time.Millisecond) // between tries
	}
}

func BenchmarkWrite(b *testing.B) {
	l, err := net.Listen("tcp", "127.0.0.1:0")
	if err != nil {
		b.Fatal(err)
	}
	defer func() { _ = l.Close() }()
	go func() {
		if c, err := l.Accept(); err == nil {
			_, _ = io.Copy(io.Discard, c)
			_ = c.Close()
		}
	}()
	raw, err := net.Dial("tcp", l.Addr().String())
	if err != nil {
		b.Fatal(err)
	}
	defer func() { _ = raw.Close() }()
	packet := make([]byte, 100)
	for name, c := range map[string]net.Conn{"bare": raw, "wrapped": new(Switches).Wrap(raw)} {
		b.Run(name, func(b *testing.B) {
			for range b.N {
				_, _ = c.Write(packet)
			}
		})
	}
}
