package sim

import (
	"fmt"
	"io"
	"log/slog"
	"testing"
	"time"

	broker "github.com/mochi-mqtt/server/v2"
	"github.com/mochi-mqtt/server/v2/listeners"
	"github.com/mochi-mqtt/server/v2/packets"
	"github.com/stretchr/testify/assert"
	"github.com/stretchr/testify/require"
)

// allowAll lets every client do everything.
type allowAll struct{ broker.HookBase }

func (*allowAll) ID() string { return "allow-all" }

func (*allowAll) Provides(b byte) bool {
	return b == broker.OnConnectAuthenticate || b == broker.OnACLCheck
}

func (*allowAll) OnConnectAuthenticate(*broker.Client, packets.Packet) bool { return true }

func (*allowAll) OnACLCheck(*broker.Client, string, bool) bool { return true }

func TestAnOrdinaryBrokerServesTheDevice(t *testing.T) {
	b := broker.New(&broker.Options{Logger: slog.New(slog.NewTextHandler(io.Discard, nil))})
	require.NoError(t, b.AddHook(new(allowAll), nil))
	l := listeners.NewTCP(listeners.Config{ID: "tls", Address: "127.0.0.1:0", TLSConfig: serverConfig("127.0.0.1")})
	require.NoError(t, b.AddListener(l))
	require.NoError(t, b.Serve())
	t.Cleanup(func() { _ = b.Close() })
	for _, protocol := range []int{MQTT31, MQTT311, MQTT5} {
		t.Run(fmt.Sprint("level ", protocol), func(t *testing.T) {
			d := newTestDevice(t)
			o := Options{URL: "mqtts://" + l.Address(), RootPEM: trusted().rootPEM, Protocol: protocol, ClientID: fmt.Sprint("board-", protocol), Timeout: 5 * time.Second}
			require.NoError(t, d.Connect(t.Context(), o).Err)
			if protocol != MQTT5 {
				for qos, acknowledgement := range []string{"PUBLISH", "PUBACK", "PUBCOMP"} {
					qos := byte(qos)
					_, err := d.Subscribe(t.Context(), fmt.Sprint("t/", qos), qos)
					require.NoError(t, err)
					require.NoError(t, d.Publish(t.Context(), fmt.Sprint("t/", qos), []byte("x"), qos, false))
					// Its acknowledgement goes out first: this broker has one space of packet ids for both directions.
					eventually(t, "it came back and was acknowledged", func() bool {
						return len(summaries(d, "PUBLISH", false)) == int(qos)+1 && len(summaries(d, acknowledgement, true)) > 0
					})
				}
			}
			d.Disconnect()
			assert.Equal(t, EndByUser, d.State().End)
			again := d.Connect(t.Context(), o)
			require.NoError(t, again.Err)
			if protocol != MQTT5 {
				assert.Len(t, d.Subscriptions(), map[bool]int{true: 3, false: 0}[again.SessionPresent])
			}
			d.Disconnect()
		})
	}
}
