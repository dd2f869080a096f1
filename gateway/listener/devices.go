package listener

import (
	"sync"
	"sync/atomic"
	"time"

	"gatehouse/gateway/admission"
	"gatehouse/gateway/attempt"
	"gatehouse/gateway/cause"
)

// devices holds the live connection of each device, and lets newcomers take their turn.
type devices struct {
	mu    sync.Mutex
	seats map[string]*seat // by device SID
}

// seat is a device's place. There is one while somebody has it or wants it.
type seat struct {
	turn   chan struct{} // holds one token: whoever has put it in may change the holder
	users  int           // guarded by devices.mu
	holder *live         // guarded by devices.mu
}

// take waits for the turn, first come first served; false when the gateway stops meanwhile.
func (s *seat) take(closing <-chan struct{}) bool {
	select {
	case s.turn <- struct{}{}:
		return true
	case <-closing:
		return false
	}
}

func (s *seat) give() { <-s.turn }

// enter finds or makes the seat of a device; leave follows.
func (d *devices) enter(device string) *seat {
	d.mu.Lock()
	defer d.mu.Unlock()
	if d.seats == nil {
		d.seats = map[string]*seat{}
	}
	s := d.seats[device]
	if s == nil {
		s = &seat{turn: make(chan struct{}, 1)}
		d.seats[device] = s
	}
	s.users++
	return s
}

func (d *devices) leave(device string, s *seat) {
	d.mu.Lock()
	if s.users--; s.users == 0 {
		delete(d.seats, device)
	}
	d.mu.Unlock()
}

func (d *devices) holder(s *seat) *live {
	d.mu.Lock()
	defer d.mu.Unlock()
	return s.holder
}

func (d *devices) set(s *seat, v *live) {
	d.mu.Lock()
	s.holder = v
	d.mu.Unlock()
}

// unset lets go of the seat, if it is still this connection's.
func (d *devices) unset(s *seat, v *live) {
	d.mu.Lock()
	if s.holder == v {
		s.holder = nil
	}
	d.mu.Unlock()
}

// of is the live connection of a device, nil when there is none.
func (d *devices) of(device string) *live {
	d.mu.Lock()
	defer d.mu.Unlock()
	if s := d.seats[device]; s != nil {
		return s.holder
	}
	return nil
}

// all are the live connections that match.
func (d *devices) all(match func(*live) bool) []*live {
	d.mu.Lock()
	defer d.mu.Unlock()
	var found []*live
	for _, s := range d.seats {
		if s.holder != nil && match(s.holder) {
			found = append(found, s.holder)
		}
	}
	return found
}

func (d *devices) killAll(s *shift, why cause.ID) {
	for _, v := range d.all(func(v *live) bool { return v.shift == s }) {
		v.kill(why)
	}
}

// live is a connection that has its device's session, or is about to.
type live struct {
	device, service, credential string
	remote, clientID            string
	attempt                     uint64
	rec                         *attempt.Recorder
	shift                       *shift
	gone                        chan struct{} // closed once the broker has let go of it

	successor atomic.Pointer[live] // the connection that takes over

	mu   sync.Mutex
	conn served   // nil until the broker has it
	why  cause.ID // it was killed, or shall be once there is something to kill
}

// kill ends the connection; the first cause wins.
func (v *live) kill(why cause.ID) {
	v.mu.Lock()
	if v.why == "" {
		v.why = why
	}
	conn := v.conn
	why = v.why
	v.mu.Unlock()
	if conn != nil {
		conn.Kill(why)
	}
}

// attach gives it the broker's connection, and kills that if it should have been killed before.
func (v *live) attach(conn served) {
	v.mu.Lock()
	v.conn = conn
	why := v.why
	v.mu.Unlock()
	if why != "" {
		conn.Kill(why)
	}
}

// leave gives up the seat and says so. It is called once.
func (v *live) leave(d *devices, s *seat) {
	d.unset(s, v)
	close(v.gone)
	d.leave(v.device, s)
}

func (v *live) killed() cause.ID {
	v.mu.Lock()
	defer v.mu.Unlock()
	return v.why
}

// wait reports whether the connection ended within d.
func (v *live) wait(d time.Duration) bool {
	timer := time.NewTimer(d)
	defer timer.Stop()
	select {
	case <-v.gone:
		return true
	case <-timer.C:
		return false
	}
}

// untilGone is how long Disconnect and Recheck wait for connections whose sockets they have closed.
const untilGone = time.Second

// Disconnect ends the live connection of a device and waits until it is gone, for a second at most. It reports whether
// there was one. The device may connect again.
func (l *Listener) Disconnect(deviceSID string, why cause.ID) bool {
	v := l.devices.of(deviceSID)
	if v == nil {
		return false
	}
	endAll(map[*live]cause.ID{v: why})
	return true
}

// DisconnectCredential ends the live connection that rests on a credential, and waits likewise.
func (l *Listener) DisconnectCredential(credentialSID string, why cause.ID) {
	ends := map[*live]cause.ID{}
	for _, v := range l.devices.all(func(v *live) bool { return v.credential == credentialSID }) {
		ends[v] = why
	}
	endAll(ends)
}

// Recheck decides anew on the live connections of these devices, by the registry as it is now, and ends those that no
// longer stand: with the cause that would refuse them, or with service_changed. It waits likewise.
func (l *Listener) Recheck(deviceSIDs []string) {
	ends := map[*live]cause.ID{}
	for _, device := range deviceSIDs {
		if v := l.devices.of(device); v != nil {
			if why := l.stands(v); why != "" {
				ends[v] = why
			}
		}
	}
	endAll(ends)
}

// stands is why a live connection may not go on, empty when it may.
func (l *Listener) stands(v *live) cause.ID {
	verdict := admission.Authorize(v.credential, l.registry)
	switch {
	case !verdict.Accepted():
		return verdict.Cause
	case verdict.DeviceSID != v.device:
		return cause.CredentialUnassigned
	case verdict.ServiceSID != v.service:
		return cause.ServiceChanged
	}
	return ""
}

// endAll closes all sockets first and then waits for all ends together.
func endAll(ends map[*live]cause.ID) {
	for v, why := range ends {
		v.kill(why)
	}
	deadline := time.Now().Add(untilGone)
	for v := range ends {
		v.wait(time.Until(deadline))
	}
}
