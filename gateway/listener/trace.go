package listener

import (
	"sync"
	"time"

	"gatehouse/gateway/attempt"
)

// Bounds of tracing: a trace that was forgotten ends by itself, and no more devices are traced at once.
const (
	longestTrace = time.Hour
	mostTraces   = 1000
)

// traces are the devices whose packets are recorded beyond the first of each connection. Nothing here is on the way of a
// packet: the connection's own switch is.
type traces struct {
	mu    sync.Mutex
	until map[string]time.Time // by device SID
}

// set starts or ends a trace; false when too many devices are traced.
func (t *traces) set(device string, on bool, now time.Time) (until time.Time, ok bool) {
	t.mu.Lock()
	defer t.mu.Unlock()
	delete(t.until, device)
	if !on {
		return time.Time{}, true
	}
	for other, end := range t.until {
		if !now.Before(end) {
			delete(t.until, other)
		}
	}
	if len(t.until) >= mostTraces {
		return time.Time{}, false
	}
	if t.until == nil {
		t.until = map[string]time.Time{}
	}
	until = now.Add(longestTrace)
	t.until[device] = until
	return until, true
}

// of is until when a device is traced; the zero time when it is not.
func (t *traces) of(device string, now time.Time) time.Time {
	t.mu.Lock()
	defer t.mu.Unlock()
	if until := t.until[device]; now.Before(until) {
		return until
	}
	return time.Time{}
}

// apply has the connection of a traced device keep its packets.
func (t *traces) apply(device string, rec *attempt.Recorder, now time.Time) {
	if until := t.of(device, now); !until.IsZero() {
		rec.Trace(until)
	}
}

// Trace records all packets of a device, within 10 000 and 4 MiB for each connection, from now on until it is switched off
// or an hour has passed, over all its connections; switched on again the hour begins anew. It reports whether that is done:
// not when a thousand devices are traced.
func (l *Listener) Trace(deviceSID string, on bool) bool {
	until, ok := l.traces.set(deviceSID, on, l.now())
	if v := l.devices.of(deviceSID); v != nil && ok {
		v.rec.Trace(until)
		v.follow()
	}
	return ok
}

// Traced reports whether the packets of a device are recorded.
func (l *Listener) Traced(deviceSID string) bool {
	return !l.traces.of(deviceSID, l.now()).IsZero()
}

// follow has the broker show packets again, to be kept or not. One that the broker does not have yet has shown none, and
// will show the first in any case.
func (v *live) follow() {
	v.mu.Lock()
	conn := v.conn
	v.mu.Unlock()
	if conn != nil {
		conn.Follow()
	}
}
