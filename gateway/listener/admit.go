package listener

import (
	"errors"
	"fmt"
	"net"
	"runtime/debug"
	"strconv"
	"time"

	"gatehouse/gateway/admission"
	"gatehouse/gateway/attempt"
	"gatehouse/gateway/broker"
	"gatehouse/gateway/cause"
	"gatehouse/gateway/wire"
)

// patience is how long a new connection waits for the end of the older one, whose socket has been closed. The broker
// needs milliseconds; this only keeps a fault in it from holding up a device for good.
const patience = 5 * time.Second

var errStuck = errors.New("the device's older connection does not end")

// admit gives the device's session to this connection, or refuses it after all.
func (a *arrival) admit(c wire.Connect, v admission.Verdict) {
	a.recordVerdict(c, v)
	again, stopped, err := a.takeSeat(c, v)
	switch {
	case a.handed:
	case err != nil:
		a.end(attempt.NoAnswer, cause.InternalError, byGateway, err)
	case stopped != "":
		a.end(attempt.NoAnswer, stopped, byGateway, nil)
	default:
		a.refuse(c, again, nil)
	}
}

// takeSeat waits for the device's turn, ends the older connection, and hands this one to the broker if the registry
// still agrees. Otherwise it tells the verdict as it is now, or why the connection was stopped meanwhile.
func (a *arrival) takeSeat(c wire.Connect, v admission.Verdict) (again admission.Verdict, stopped cause.ID, err error) {
	d := &a.l.devices
	s := d.enter(v.DeviceSID)
	if !s.take(a.shift.closing) {
		d.leave(v.DeviceSID, s)
		return v, cause.GatewayStopped, nil
	}
	me := &live{
		device: v.DeviceSID, service: v.ServiceSID, credential: v.CredentialSID,
		remote: a.conn.RemoteAddr().String(), clientID: c.ClientID, attempt: a.rec.ID(), rec: a.rec, shift: a.shift, gone: make(chan struct{}),
	}
	defer func() { // also when something below panics
		if !a.handed {
			me.leave(d, s)
		}
		s.give()
	}()
	if !a.takeOver(s, me) {
		return v, "", errStuck
	}
	// From here on Recheck and Disconnect see this connection: a change of the registry before this line shows in the
	// check below, and a later one reaches the connection.
	d.set(s, me)
	if again = a.recheck(v); !again.Accepted() {
		return again, "", nil
	}
	if stopped = me.killed(); stopped != "" {
		return again, stopped, nil
	}
	if err := a.open(c, v, s, me); err != nil {
		a.l.logger.Error("the device's session cannot be stored", "device", v.DeviceSID, "attempt", a.rec.ID(), "error", err)
		again.Code, again.Cause = admission.CodeServerUnavailable, cause.StoreDown
	}
	return again, "", nil
}

// takeOver ends the device's older connection and waits for its end. The caller has the turn.
func (a *arrival) takeOver(s *seat, me *live) bool {
	old := a.l.devices.holder(s)
	if old == nil {
		return true
	}
	began := time.Now()
	old.successor.Store(me)
	old.kill(cause.TakenOver)
	if !old.wait(patience) {
		a.l.logger.Error("the device's older connection does not end", "device", old.device, "attempt", old.attempt)
		return false
	}
	a.rec.Step(attempt.Takeover, attempt.Good, attempt.F("old_remote", old.remote), attempt.F("old_attempt", strconv.FormatUint(old.attempt, 10)),
		attempt.F("old_credential", old.credential), attempt.F("old_client_id", old.clientID),
		attempt.F("waited", time.Since(began).Round(time.Microsecond).String()))
	a.rec.Identify(func(at *attempt.Attempt) { at.TookOver = old.remote })
	return true
}

// recheck is the verdict by the registry as it is now; what was authenticated stays so.
func (a *arrival) recheck(v admission.Verdict) admission.Verdict {
	again := admission.Authorize(v.CredentialSID, a.l.registry)
	if again.Accepted() && (again.DeviceSID != v.DeviceSID || again.ServiceSID != v.ServiceSID) {
		// It belongs to another device or service since. The device tries again and gets the right one.
		again.Code, again.Cause = admission.CodeServerUnavailable, cause.ServiceChanged
	}
	return again
}

// open hands the connection to the broker, which serves it in a goroutine of its own: the stack of this one has grown in
// the handshake, and an idle session shall not keep it. An error means that the broker did not take it.
func (a *arrival) open(c wire.Connect, v admission.Verdict, s *seat, me *live) error {
	l := a.l
	l.traces.apply(v.DeviceSID, a.rec, l.now()) // before its tap has seen enough
	conn, present, pending, err := l.engine.open(a.tls, broker.Hello{
		DeviceSID: v.DeviceSID, ServiceSID: v.ServiceSID, Level: c.Level, Clean: c.Clean, KeepAlive: c.KeepAlive, ClientID: c.ClientID,
		CredentialSID: v.CredentialSID, Remote: me.remote, TLSVersion: a.version, Suite: a.suite, AttemptID: me.attempt, Tap: tap(a.rec),
	})
	if err != nil {
		return err
	}
	a.conn.release()
	_ = a.conn.SetDeadline(time.Time{})
	a.handed = true
	l.lobby.leave(a.guest)
	l.registry.Authenticated(v.DeviceSID, l.now())
	a.rec.Accepted(present, pending)
	a.remark(c)
	rec, raw, shift := a.rec, a.conn.Conn, a.shift
	go func() {
		defer shift.work.Done()
		l.run(conn, rec, raw, me)
		me.leave(&l.devices, s)
	}()
	me.attach(conn) // last: it may have been killed meanwhile
	return nil
}

// run serves a connection to its end.
func (l *Listener) run(conn served, rec *attempt.Recorder, raw net.Conn, me *live) {
	end := broker.End{Cause: cause.InternalError}
	defer func() {
		if r := recover(); r != nil {
			l.logger.Error("connection ended by a panic", "attempt", rec.ID(), "panic", r, "stack", string(debug.Stack()))
			end = broker.End{Cause: cause.InternalError, Err: fmt.Errorf("panic: %v", r)}
		}
		_ = raw.Close()
		var room [usualFacts]attempt.Fact
		rec.End(end.Cause, endedBy(end.Cause), end.Err, endFacts(room[:0], end, me, l.now())...)
	}()
	end = conn.Run()
}

func endedBy(why cause.ID) string {
	switch why {
	case cause.ClientDisconnect, cause.ClientClosed:
		return byDevice
	}
	return byGateway
}

// endFacts appends what more is known of an end.
func endFacts(facts []attempt.Fact, end broker.End, me *live, now time.Time) []attempt.Fact {
	if by := me.successor.Load(); by != nil && end.Cause == cause.TakenOver {
		facts = append(facts, attempt.F("new_remote", by.remote), attempt.F("new_attempt", strconv.FormatUint(by.attempt, 10)),
			attempt.F("new_credential", by.credential), attempt.F("new_client_id", by.clientID))
	}
	facts = trafficFacts(facts, end, now)
	if end.Rule != "" {
		facts = append(facts, attempt.F("offset", strconv.Itoa(end.Offset)), attempt.F("rule", end.Rule))
	}
	if packet := withoutConnect(end.Packet); len(packet) > 0 {
		facts = append(facts, attempt.F("hex", hexOf(packet)))
	}
	return facts
}

// withoutConnect cuts a second CONNECT, which is a fault, down to its first byte: a password may be in it.
func withoutConnect(packet []byte) []byte {
	if len(packet) > 0 && packet[0]>>4 == wire.CONNECT {
		return packet[:1]
	}
	return packet
}

// tap records the first packets of a connection, and CONNACK as a step.
func tap(rec *attempt.Recorder) func(bool, []byte) bool {
	return func(outbound bool, packet []byte) bool {
		if outbound && len(packet) == 4 && packet[0]>>4 == wire.CONNACK {
			rec.Step(attempt.Connack, attempt.Good, attempt.F("code", strconv.Itoa(int(packet[3]))), attempt.F("hex", hexOf(packet)))
		}
		if !outbound {
			return rec.PacketOf(false, withoutConnect(packet), len(packet))
		}
		return rec.Packet(true, packet)
	}
}
