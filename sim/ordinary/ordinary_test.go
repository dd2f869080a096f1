package ordinary

import (
	"fmt"
	"io"
	"log/slog"
	"net"
	"strings"
	"sync"
	"testing"
	"time"

	"github.com/stretchr/testify/assert"
	"github.com/stretchr/testify/require"

	"gatehouse/sim"
	"gatehouse/sim/simtest"
)

// TestMain finds what the tests leave running; Paho may hold on to a publish for two seconds after its connection has ended.
func TestMain(m *testing.M) {
	simtest.Main(m)
}

func start(t *testing.T, change func(*Params)) *Broker {
	t.Helper()
	config, _ := simtest.Server()
	p := Params{TLS: config}
	if change != nil {
		change(&p)
	}
	b, err := Start(p)
	require.NoError(t, err)
	t.Cleanup(func() { require.NoError(t, b.Close()) })
	return b
}

func connect(t *testing.T, b *Broker, change func(*sim.Options)) (*sim.Device, sim.Result) {
	t.Helper()
	_, root := simtest.Server()
	d := sim.NewDevice(sim.Params{})
	t.Cleanup(d.Close)
	o := sim.Options{URL: b.URL(), RootPEM: root, ClientID: "board", Timeout: 5 * time.Second}
	if change != nil {
		change(&o)
	}
	return d, d.Connect(t.Context(), o)
}

func count(d *sim.Device, kind string, outbound bool) (n int) {
	for _, e := range d.Console(0) {
		if e.Type == kind && e.Outbound == outbound {
			n++
		}
	}
	return n
}

func TestItServesDevicesOfEveryProtocol(t *testing.T) {
	b := start(t, nil)
	for _, protocol := range []int{sim.MQTT31, sim.MQTT311, sim.MQTT5} {
		t.Run(fmt.Sprint("level ", protocol), func(t *testing.T) {
			change := func(o *sim.Options) { o.Protocol, o.ClientID = protocol, fmt.Sprint("board-", protocol) }
			d, r := connect(t, b, change)
			require.NoError(t, r.Err)
			for qos, acknowledgement := range []string{"PUBLISH", "PUBACK", "PUBCOMP"} {
				_, err := d.Subscribe(t.Context(), fmt.Sprint("t/", qos), byte(qos))
				require.NoError(t, err)
				require.NoError(t, d.Publish(t.Context(), fmt.Sprint("t/", qos), []byte("x"), byte(qos), false))
				// Its acknowledgement goes out first: this broker has one space of packet ids for both directions.
				simtest.Eventually(t, "it came back and was acknowledged", func() bool {
					return count(d, "PUBLISH", false) == qos+1 && count(d, acknowledgement, true) > 0
				})
			}
			assert.Positive(t, b.Stats().Received)
			d.Disconnect()
			assert.Equal(t, sim.EndByUser, d.State().End)
			again, r := connect(t, b, change)
			require.NoError(t, r.Err)
			assert.True(t, r.SessionPresent, "its session was kept")
			again.Disconnect()
		})
	}
}

func TestAWillIsPublishedWhenADeviceVanishes(t *testing.T) {
	b := start(t, nil)
	watcher, r := connect(t, b, func(o *sim.Options) { o.ClientID = "watcher" })
	require.NoError(t, r.Err)
	_, err := watcher.Subscribe(t.Context(), "wills/#", 1)
	require.NoError(t, err)
	simtest.Eventually(t, "one is connected", func() bool { return b.Stats().Clients == 1 })
	leaves := func(o *sim.Options) { o.Will = &sim.Will{Topic: "wills/board", Payload: []byte("gone")} }
	d, r := connect(t, b, leaves)
	require.NoError(t, r.Err)
	d.Disconnect()
	simtest.Eventually(t, "it left", func() bool { return b.Stats().Clients == 1 })
	require.Zero(t, count(watcher, "PUBLISH", false), "who says goodbye leaves no will")
	d, r = connect(t, b, leaves)
	require.NoError(t, r.Err)
	require.NoError(t, d.SendRaw([]byte{0xf0, 0x00})) // a malformed packet ends the connection without DISCONNECT
	simtest.Eventually(t, "the will came", func() bool { return count(watcher, "PUBLISH", false) == 1 })
}

func TestAPasswordIsAskedForWhenThereIsOne(t *testing.T) {
	b := start(t, func(p *Params) { p.User, p.Password = "user", "correct horse" })
	// The server of this broker answers 5, where MQTT has 4 for a wrong password.
	_, r := connect(t, b, nil)
	assert.Equal(t, 5, r.Code)
	_, r = connect(t, b, func(o *sim.Options) { o.Credential = sim.Credential{KeySID: "user", Secret: "wrong"} })
	assert.Equal(t, 5, r.Code)
	_, r = connect(t, b, func(o *sim.Options) { o.Credential = sim.Credential{KeySID: "user", Secret: "correct horse"} })
	assert.NoError(t, r.Err)
}

func TestWithoutAPasswordOnlyThisMachineCanConnect(t *testing.T) {
	config, _ := simtest.Server()
	for _, addr := range []string{":0", "0.0.0.0:0", "[::]:0", "192.0.2.1:8883", "example.com:8883"} {
		_, err := Start(Params{Addr: addr, TLS: config})
		require.ErrorIs(t, err, ErrOpenToAll, addr)
	}
	b := start(t, func(p *Params) { p.Addr, p.Password = "0.0.0.0:0", "x" })
	assert.NotEmpty(t, b.URL())
	_, err := Start(Params{})
	require.Error(t, err, "without a certificate")
	_, err = Start(Params{TLS: config, Addr: b.Addr()})
	require.Error(t, err, "the port is taken")
}

func TestADeviceWithAShortKeepaliveIsNoNews(t *testing.T) {
	var log safeBuffer
	b := start(t, func(p *Params) { p.Logger = slog.New(slog.NewTextHandler(&log, nil)) })
	_, r := connect(t, b, func(o *sim.Options) { o.KeepAlive = time.Second })
	require.NoError(t, r.Err)
	assert.Empty(t, log.String())
}

// A truncated SUBSCRIBE of MQTT 5 makes the decoder of the server panic.
func TestAPacketThatMakesTheServerPanicEndsItsConnectionOnly(t *testing.T) {
	var log safeBuffer
	b := start(t, func(p *Params) { p.Logger = slog.New(slog.NewTextHandler(&log, nil)) })
	d, r := connect(t, b, func(o *sim.Options) { o.Protocol, o.ClientID = sim.MQTT5, "rude" })
	require.NoError(t, r.Err)
	require.NoError(t, d.SendRaw([]byte{0x82, 0x06, 0x00, 0x01, 0x00, 0x00, 0x01, 'a'}))
	simtest.Eventually(t, "it is over", func() bool { return !d.State().Connected })
	simtest.Eventually(t, "it was a panic", func() bool { return strings.Contains(log.String(), "ended by a panic") })
	_, r = connect(t, b, nil)
	require.NoError(t, r.Err)
}

// safeBuffer is a log that several goroutines write.
type safeBuffer struct {
	mu sync.Mutex
	b  strings.Builder
}

func (s *safeBuffer) Write(p []byte) (int, error) {
	s.mu.Lock()
	defer s.mu.Unlock()
	return s.b.Write(p)
}

func (s *safeBuffer) String() string {
	s.mu.Lock()
	defer s.mu.Unlock()
	return s.b.String()
}

func TestClosingEndsConnectionsAlsoThoseThatNeverSaidAnything(t *testing.T) {
	config, _ := simtest.Server()
	b, err := Start(Params{TLS: config, MaxClients: 2})
	require.NoError(t, err)
	var silent []net.Conn
	for range 2 {
		c, err := net.Dial("tcp", b.Addr())
		require.NoError(t, err)
		silent = append(silent, c)
	}
	simtest.Eventually(t, "both are taken", func() bool { return len(b.port.room) == 2 })
	third, err := net.Dial("tcp", b.Addr())
	require.NoError(t, err)
	require.NoError(t, third.SetReadDeadline(time.Now().Add(5*time.Second)))
	_, err = third.Read(make([]byte, 1))
	require.ErrorIs(t, err, io.EOF, "there is no room for more")
	_ = third.Close()
	done := make(chan error, 1)
	go func() { done <- b.Close() }()
	select {
	case err := <-done:
		require.NoError(t, err)
	case <-time.After(5 * time.Second):
		t.Fatal("closing hangs")
	}
	for _, c := range silent {
		_ = c.Close()
	}
	require.NoError(t, b.Close(), "twice does no harm")
}
