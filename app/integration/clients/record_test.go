//go:build integration

package clients

import (
	"bytes"
	"os"
	"path/filepath"
	"testing"

	"github.com/stretchr/testify/require"

	"gatehouse/app/commands"
	"gatehouse/gateway"
)

// TestADeviceThatIsMosquittoIsRecordedAndPlayed from the command line: what it subscribes to and publishes, how it is refused, and nothing of its credential.
func TestADeviceThatIsMosquittoIsRecordedAndPlayed(t *testing.T) {
	data := t.TempDir()
	g, err := gateway.Open(gateway.Config{DataDir: data, MQTTAddr: "127.0.0.1:0", HTTPAddr: "127.0.0.1:0"})
	require.NoError(t, err)
	t.Cleanup(func() { require.NoError(t, g.Close()) })
	require.NoError(t, g.Start())
	b := &bench{t, g, g.Status()}
	lamp, phone := b.device("lamp"), b.device("phone")
	key := b.key(lamp)

	file := filepath.Join(t.TempDir(), "lamp.yaml")
	said := make(chan string, 1)
	go func() {
		var out, errs bytes.Buffer
		commands.Run([]string{"sim", "record", "--data", data, "--device", "lamp", "--duration", "4s", "-o", file}, &out, &errs, nil)
		said <- out.String() + errs.String()
	}()
	eventually(t, "it is recorded", func() bool { return g.Traced(lamp.SID) })
	run(t, "mosquitto_pub", append(b.peer(), append(key, "-i", "lamp", "-c", "-q", "2", "-t", "lamp/state", "-m", "on")...)...).succeeds()
	wrong := append([]string{}, key...)
	wrong[len(wrong)-1] = "wrong"
	run(t, "mosquitto_pub", append(b.peer(), append(wrong, "-i", "lamp", "-t", "x", "-m", "y")...)...).fails()
	order := b.subscribe(key, "-i", "lamp", "-c", "-q", "1", "-t", "orders/#", "-C", "1")
	b.subscribed(lamp)
	run(t, "mosquitto_pub", append(b.peer(), append(b.key(phone), "-q", "1", "-t", "orders/1", "-m", "go")...)...).succeeds()
	order.prints("go")

	require.Contains(t, <-said, "events were written")
	text, err := os.ReadFile(file)
	require.NoError(t, err)
	for _, want := range []string{`topic: lamp/state, payload: "on", qos: 2}`, "wrong_secret: true, code: 4", `filter: "orders/#", qos: 1}`, "disconnect: lamp"} {
		require.Contains(t, string(text), want)
	}
	for i := 1; i < len(key); i += 2 { // user name and password
		require.NotContains(t, string(text), key[i])
	}
	require.NotContains(t, string(text), lamp.SID)
	var out bytes.Buffer
	require.Equal(t, commands.ExitOK, commands.Run([]string{"sim", "run", file}, &out, &out, nil), "%s\n%s", text, out.String())
}
