package kill

import (
	"errors"
	"net"
	"strconv"
	"testing"
	"time"

	"gatehouse/gateway"
)

// TestFourHundredTakeoversLoseNothing has a device connect again and again while its older connection is still open and
// messages of QoS 1 and 2 flow to it.
func TestFourHundredTakeoversLoseNothing(t *testing.T) {
	const takeovers = 400
	data := t.TempDir()
	devices := enrol(t, data, map[string]string{"near": "load/#"}, "near", "p1", "p2")
	s, publishers := devices[0], devices[1:]
	g, err := gateway.Open(gateway.Config{DataDir: data, MQTTAddr: "127.0.0.1:0", HTTPAddr: "off"})
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() { _ = g.Close() })
	if err := g.Start(); err != nil {
		t.Fatal(err)
	}
	address := net.JoinHostPort("127.0.0.1", strconv.Itoa(g.Status().Port))
	for _, d := range devices {
		if err := d.connect(address); err != nil {
			t.Fatal(err)
		}
		if d == s {
			waitFor(t, 5*time.Second, "the subscription", func() bool { s.mu.Lock(); defer s.mu.Unlock(); return s.subscribed })
		}
	}
	for i := range takeovers {
		if err := s.connect(address); err != nil {
			t.Fatalf("takeover %d: %v", i, err)
		}
	}
	for _, d := range publishers {
		d.rest()
		waitFor(t, 20*time.Second, d.name+" is through", d.idle)
	}
	waitFor(t, 20*time.Second, "everything has come", func() bool { return complete(s, publishers) == nil })
	s.cut()
	if err := errors.Join(complete(s, publishers), inOrder(s), once(s)); err != nil {
		t.Error(err)
	}
	if s.present != takeovers || s.fresh != 1 {
		t.Errorf("%d connections resumed the session, %d did not", s.present, s.fresh)
	}
	t.Logf("%d messages were acknowledged over %d takeovers", len(publishers[0].acked)+len(publishers[1].acked), takeovers)
}
