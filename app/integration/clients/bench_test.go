//go:build integration

package clients

import (
	"bytes"
	"context"
	"os"
	"os/exec"
	"path/filepath"
	"strconv"
	"sync"
	"testing"
	"time"

	"github.com/stretchr/testify/require"

	"gatehouse/gateway"
	"gatehouse/gateway/attempt"
	"gatehouse/gateway/registry"
)

// patience bounds everything that a test waits for.
const patience = 20 * time.Second

// eventually waits until a claim holds.
func eventually(t *testing.T, what string, holds func() bool) {
	t.Helper()
	require.Eventually(t, holds, patience, 10*time.Millisecond, what)
}

// bench is a gateway that listens on loopback, in a data folder of its own.
type bench struct {
	*testing.T
	gateway *gateway.Gateway
	status  gateway.Status
}

func newBench(t *testing.T) *bench {
	t.Helper()
	g, err := gateway.Open(gateway.Config{DataDir: t.TempDir(), MQTTAddr: "127.0.0.1:0", HTTPAddr: "off"})
	require.NoError(t, err)
	t.Cleanup(func() { require.NoError(t, g.Close()) })
	require.NoError(t, g.Start())
	return &bench{t, g, g.Status()}
}

// device adds a device to the default fleet.
func (b *bench) device(name string) registry.Device {
	b.Helper()
	d, err := b.gateway.Registry().CreateDevice(b.Context(), registry.NewDevice{UniqueName: name})
	require.NoError(b, err)
	return d
}

// key gives a device a key, as the arguments with which mosquitto presents it.
func (b *bench) key(d registry.Device) []string {
	b.Helper()
	key, secret, err := b.gateway.Registry().CreateKey(b.Context(), d.FleetSID, d.SID, "")
	require.NoError(b, err)
	return []string{"-u", key.SID, "-P", secret}
}

// certificate has openssl make a self-signed certificate, enrols it for the device, and returns the arguments with which
// mosquitto presents it.
func (b *bench) certificate(d registry.Device, newkey ...string) []string {
	b.Helper()
	dir := b.TempDir()
	cert, key := filepath.Join(dir, "cert.pem"), filepath.Join(dir, "key.pem")
	args := append([]string{"req", "-x509", "-nodes", "-days", "30", "-subj", "/CN=" + d.UniqueName, "-keyout", key, "-out", cert}, newkey...)
	run(b.T, "openssl", args...).succeeds()
	content, err := os.ReadFile(cert)
	require.NoError(b, err)
	_, err = b.gateway.Registry().ImportCertificate(b.Context(), d.FleetSID, d.SID, "", content)
	require.NoError(b, err)
	return []string{"--cert", cert, "--key", key}
}

// peer is how any client reaches this gateway and trusts it.
func (b *bench) peer() []string {
	return []string{"-h", "localhost", "-p", strconv.Itoa(b.status.Port), "--cafile", b.status.RootPath}
}

// publish runs mosquitto_pub once, with QoS 1, to its end.
func (b *bench) publish(credential []string, more ...string) *program {
	b.Helper()
	args := append(b.peer(), "-V", "mqttv311", "-q", "1", "-t", "greetings", "-m", "hello")
	return run(b.T, "mosquitto_pub", append(append(args, credential...), more...)...)
}

// subscribe starts mosquitto_sub, which lasts until the test ends unless its arguments say otherwise.
func (b *bench) subscribe(credential []string, more ...string) *program {
	b.Helper()
	args := append(b.peer(), "-V", "mqttv311", "-q", "1", "-t", "greetings", "-v")
	return start(b.T, "mosquitto_sub", append(append(args, credential...), more...)...)
}

// newest is the newest decided attempt; ok is false before there is one.
func (b *bench) newest() (a attempt.Attempt, ok bool) {
	page := b.gateway.Attempts().Query(attempt.Filter{Limit: 1})
	if len(page.Attempts) == 0 || page.Attempts[0].Code == attempt.Pending {
		return a, false
	}
	return page.Attempts[0], true
}

// subscribed waits until a device has a subscription.
func (b *bench) subscribed(d registry.Device) {
	b.Helper()
	eventually(b.T, d.UniqueName+" subscribes", func() bool {
		for _, s := range b.gateway.Sessions() {
			if s.DeviceSID == d.SID && s.Connected && len(s.Subscriptions) > 0 {
				return true
			}
		}
		return false
	})
}

// program is another's program that runs or ran.
type program struct {
	t    *testing.T
	name string
	out  output
	done chan struct{}
	err  error // once done is closed
}

// output is what a program printed so far, both streams together.
type output struct {
	mu     sync.Mutex
	buffer bytes.Buffer
}

func (o *output) Write(p []byte) (int, error) {
	o.mu.Lock()
	defer o.mu.Unlock()
	return o.buffer.Write(p)
}

func (o *output) String() string {
	o.mu.Lock()
	defer o.mu.Unlock()
	return o.buffer.String()
}

// start starts a program that is ended with the test.
func start(t *testing.T, name string, args ...string) *program {
	t.Helper()
	ctx, cancel := context.WithCancel(context.Background())
	p := &program{t: t, name: name, done: make(chan struct{})}
	command := exec.CommandContext(ctx, name, args...)
	command.Stdout, command.Stderr = &p.out, &p.out
	require.NoError(t, command.Start(), "is %s installed? `make packages` does it", name)
	go func() { p.err = command.Wait(); close(p.done) }()
	t.Cleanup(func() { cancel(); <-p.done })
	return p
}

// run runs a program to its end.
func run(t *testing.T, name string, args ...string) *program {
	t.Helper()
	p := start(t, name, args...)
	p.wait()
	return p
}

func (p *program) wait() {
	p.t.Helper()
	select {
	case <-p.done:
	case <-time.After(patience):
		p.t.Fatalf("%s does not end; it printed:\n%s", p.name, p.out.String())
	}
}

func (p *program) succeeds() {
	p.t.Helper()
	p.wait()
	require.NoError(p.t, p.err, "%s printed:\n%s", p.name, p.out.String())
}

func (p *program) fails() {
	p.t.Helper()
	p.wait()
	require.Error(p.t, p.err, "%s printed:\n%s", p.name, p.out.String())
}

// prints waits until the program has printed text.
func (p *program) prints(text string) {
	p.t.Helper()
	eventually(p.t, p.name+" prints "+text, func() bool { return bytes.Contains([]byte(p.out.String()), []byte(text)) })
}
