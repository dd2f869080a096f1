// Package kill ends a real gateway with kill -9 under load, again and again, and counts what its devices got.
package kill

import (
	"bufio"
	"bytes"
	"encoding/json"
	"errors"
	"fmt"
	"math/rand/v2"
	"net/url"
	"os"
	"os/exec"
	"testing"
	"time"

	"gatehouse/app/commands"
	"gatehouse/gateway"
	"gatehouse/gateway/registry"
)

// The test binary is the program itself when this is set.
const beGatehouse = "GATEHOUSE_TEST_PROGRAM"

func TestMain(m *testing.M) {
	if os.Getenv(beGatehouse) != "" {
		os.Exit(commands.Run(os.Args[1:], os.Stdout, os.Stderr, nil))
	}
	os.Exit(m.Run())
}

// rounds is how often the gateway is killed.
const rounds = 50

// process is a running `gatehouse serve`.
type process struct {
	cmd     *exec.Cmd
	address string
	errors  bytes.Buffer
}

func start(t *testing.T, data string) *process {
	t.Helper()
	p := &process{cmd: exec.Command(os.Args[0], "serve", "--json", "--data", data, "--mqtt", "127.0.0.1:0", "--http", "off")}
	p.cmd.Env = append(os.Environ(), beGatehouse+"=1")
	p.cmd.Stderr = &p.errors
	out, err := p.cmd.StdoutPipe()
	if err != nil {
		t.Fatal(err)
	}
	if err := p.cmd.Start(); err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() { _ = p.cmd.Process.Kill() })
	lines := bufio.NewScanner(out)
	if !lines.Scan() {
		_ = p.cmd.Wait()
		t.Fatalf("the gateway did not start: %s", p.errors.String())
	}
	var ready struct{ Event, URL string }
	if err := json.Unmarshal(lines.Bytes(), &ready); err != nil || ready.Event != "ready" {
		t.Fatalf("first line %q: %v", lines.Text(), err)
	}
	u, err := url.Parse(ready.URL)
	if err != nil {
		t.Fatal(err)
	}
	p.address = "127.0.0.1:" + u.Port()
	go func() { // so that the pipe never fills
		for lines.Scan() {
		}
	}()
	return p
}

// kill ends the process as kill -9 does, and waits until the kernel has.
func (p *process) kill(t *testing.T) {
	t.Helper()
	if err := p.cmd.Process.Kill(); err != nil {
		t.Fatal(err)
	}
	_ = p.cmd.Wait() // it was killed: that is no success
}

// enrol makes devices with keys in a new data folder.
func enrol(t *testing.T, data string, subscribe map[string]string, names ...string) []*device {
	t.Helper()
	g, err := gateway.Open(gateway.Config{DataDir: data, MQTTAddr: "127.0.0.1:0", HTTPAddr: "off"})
	if err != nil {
		t.Fatal(err)
	}
	var devices []*device
	for _, name := range names {
		d, err := g.Registry().CreateDevice(t.Context(), registry.NewDevice{UniqueName: name})
		if err != nil {
			t.Fatal(err)
		}
		key, secret, err := g.Registry().CreateKey(t.Context(), d.FleetSID, d.SID, name)
		if err != nil {
			t.Fatal(err)
		}
		devices = append(devices, newDevice(name, key.SID, secret, subscribe[name]))
	}
	if err := g.Close(); err != nil {
		t.Fatal(err)
	}
	return devices
}

func connectAll(t *testing.T, p *process, devices []*device) {
	t.Helper()
	for _, d := range devices {
		if err := d.connect(p.address); err != nil {
			t.Fatalf("%s: %v; the gateway says: %s", d.name, err, p.errors.String())
		}
	}
}

func waitFor(t *testing.T, limit time.Duration, what string, is func() bool) {
	t.Helper()
	deadline := time.Now().Add(limit)
	for !is() {
		if time.Now().After(deadline) {
			t.Fatalf("not within %v: %s", limit, what)
		}
		time.Sleep(10 * time.Millisecond)
	}
}

// TestNothingAcknowledgedIsLostWhenTheGatewayIsKilled publishes at QoS 1 and 2 from several devices to two that are there
// most of the time and one that is mostly away, kills the gateway at random moments, and lets all of them resume.
func TestNothingAcknowledgedIsLostWhenTheGatewayIsKilled(t *testing.T) {
	data := t.TempDir()
	everything := map[string]string{"near": "load/#", "flaky": "load/+", "away": "load/#"}
	devices := enrol(t, data, everything, "near", "flaky", "away", "p1", "p2", "p3", "p4")
	subscribers, publishers := devices[:3], devices[3:]
	random := rand.New(rand.NewPCG(1, uint64(time.Now().UnixNano())))

	p := start(t, data)
	connectAll(t, p, subscribers)
	for _, s := range subscribers {
		waitFor(t, 5*time.Second, s.name+" is subscribed", func() bool { s.mu.Lock(); defer s.mu.Unlock(); return s.subscribed })
	}
	subscribers[2].cut() // away, but for every tenth round
	connectAll(t, p, publishers)
	for round := 1; round <= rounds; round++ {
		moment := time.Duration(20+random.IntN(180)) * time.Millisecond
		time.Sleep(moment / 2)
		subscribers[1].cut() // flaky leaves in the midst of it
		time.Sleep(moment / 2)
		p.kill(t)
		for _, d := range devices {
			d.cut()
		}
		p = start(t, data)
		connectAll(t, p, subscribers[:2])
		if round%10 == 0 {
			connectAll(t, p, subscribers[2:])
		}
		connectAll(t, p, publishers)
	}
	for _, d := range publishers {
		d.rest()
	}
	for _, d := range publishers {
		waitFor(t, 20*time.Second, d.name+" is through", d.idle)
	}
	subscribers[2].cut() // it may be there: it resumes once more
	connectAll(t, p, subscribers[2:])
	acknowledged := 0
	for _, d := range publishers {
		acknowledged += len(d.acked)
	}
	for _, s := range subscribers {
		deadline := time.Now().Add(20 * time.Second)
		for complete(s, publishers) != nil && time.Now().Before(deadline) {
			time.Sleep(50 * time.Millisecond)
		}
	}
	for _, s := range subscribers {
		s.cut()
		if err := errors.Join(complete(s, publishers), inOrder(s), once(s)); err != nil {
			t.Errorf("%s: %v", s.name, err)
		}
	}
	for _, d := range devices {
		if d.fresh != 1 {
			t.Errorf("%s: %d connections found no session, only the first should", d.name, d.fresh)
		}
	}
	t.Logf("%d messages were acknowledged over %d kills", acknowledged, rounds)
}

// complete says whether a subscriber has all that was acknowledged.
func complete(s *device, publishers []*device) error {
	s.mu.Lock()
	defer s.mu.Unlock()
	got := map[delivery]bool{}
	for _, m := range s.got {
		got[delivery{from: m.from, number: m.number}] = true
	}
	missing := 0
	for _, d := range publishers {
		for number := range d.acked {
			if !got[delivery{from: "load/" + d.name, number: number}] {
				missing++
			}
		}
	}
	if missing > 0 {
		return fmt.Errorf("%d acknowledged messages are missing", missing)
	}
	return nil
}

// inOrder says whether the first delivery of each message came in the order of publishing.
func inOrder(s *device) error {
	last, seen := map[string]int{}, map[delivery]bool{}
	for i, m := range s.got {
		key := delivery{from: m.from, number: m.number}
		if !seen[key] && m.number < last[m.from] {
			return fmt.Errorf("delivery %d: %s %d (QoS %d, DUP %v) came after %d", i, m.from, m.number, m.qos, m.dup, last[m.from])
		}
		seen[key] = true
		last[m.from] = max(last[m.from], m.number)
	}
	return nil
}

// once says whether every QoS 2 message came once.
func once(s *device) error {
	times := map[delivery]int{}
	for _, m := range s.got {
		if m.qos == 2 {
			times[delivery{from: m.from, number: m.number}]++
		}
	}
	for m, n := range times {
		if n > 1 {
			return fmt.Errorf("%s %d came %d times at QoS 2", m.from, m.number, n)
		}
	}
	return nil
}
