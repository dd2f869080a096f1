package sim

import (
	"context"
	"errors"
	"fmt"
	"log/slog"
	"sort"
	"sync"
	"sync/atomic"
	"time"

	mqtt "github.com/eclipse/paho.mqtt.golang"
)

// Params is what a device is given. The zero value works.
type Params struct {
	Now    func() time.Time // for times that are shown; time.Now
	Logger *slog.Logger     // nothing is logged when nil; never a secret
	// Received is told each message as it comes, in order, and must not block: its acknowledgement waits. May be nil.
	Received func(Message)
}

// Device is one virtual device. All its methods may be called from any goroutine. It has at most one connection at a time.
type Device struct {
	now     func() time.Time
	log     *slog.Logger
	console console
	version atomic.Uint64
	turn    chan struct{} // holds a token while one Connect is at work
	flash   *mqtt.OrderedMemoryStore

	pingTimeout time.Duration // for a PINGRESP
	received    func(Message)

	mu      sync.Mutex // guards what follows; never held while waiting or calling out
	state   State
	session session
	link    *link              // of session
	cancel  context.CancelFunc // of the Connect at work
	closed  bool
	granted map[string]byte
	view    *flashView // of the latest session
}

// Message is one that the server sent.
type Message struct {
	Topic     string
	Payload   []byte
	QoS       byte
	Retain    bool // it was retained before the subscription
	Duplicate bool
}

// EndKind says how a connection ended.
type EndKind string

// The ends of a connection.
const (
	EndByUser    EndKind = "disconnected"   // Disconnect
	EndReplaced  EndKind = "replaced"       // this device connected anew
	EndByServer  EndKind = "server_closed"  // the gateway closed it
	EndKeepAlive EndKind = "no_pingresp"    // the gateway did not answer a ping
	EndViolation EndKind = "server_invalid" // the gateway sent what it may not send
	EndFailure   EndKind = "failed"         // the network failed
)

// State is a device at one moment.
type State struct {
	Connected  bool
	Connecting bool
	Since      time.Time // of being connected, connecting, or neither
	Attempts   int       // connection attempts so far
	LastResult Result    // of the last attempt that ended; its Code is -1 and Took 0 before the first

	End       EndKind // how the last connection ended; empty while it lasts, and before the first
	EndReason string  // the same as a sentence, with its time
	EndedAt   time.Time
}

// Subscription is one that the server granted on this session.
type Subscription struct {
	Filter string
	QoS    byte
}

// NewDevice makes a device that is not connected.
func NewDevice(p Params) *Device {
	d := &Device{now: p.Now, log: p.Logger, turn: make(chan struct{}, 1), flash: mqtt.NewOrderedMemoryStore(), granted: map[string]byte{}, pingTimeout: 10 * time.Second, received: p.Received}
	if d.received == nil {
		d.received = func(Message) {}
	}
	if d.now == nil {
		d.now = time.Now
	}
	if d.log == nil {
		d.log = slog.New(slog.DiscardHandler)
	}
	d.console.changed = func() { d.version.Add(1) }
	d.state.LastResult.Code = -1
	d.state.Since = d.now()
	return d
}

// Connect makes one attempt and returns what came of it, at the latest after Options.Timeout. A connection that this device has is ended
// first. A call while another is at work waits for its turn.
func (d *Device) Connect(ctx context.Context, o Options) Result {
	began := time.Now()
	select {
	case d.turn <- struct{}{}:
		defer func() { <-d.turn }()
	case <-ctx.Done():
		return failed(canceled(ctx.Err()), began)
	}
	d.leave(EndReplaced)
	t, err := o.resolve()
	if err != nil {
		return d.attempted(failed(err, began))
	}
	ctx, cancel := context.WithTimeout(ctx, t.timeout)
	defer cancel()
	if !d.begin(cancel) {
		return failed(errClosed, began)
	}
	d.console.hide(o.Credential.Secret, t.secret)
	r := d.attempt(ctx, o, t)
	r.Took = time.Since(began)
	return d.attempted(r)
}

func failed(err error, began time.Time) Result {
	r := Result{Code: -1, Err: err, Took: time.Since(began)}
	r.Advice = adviceOf(r)
	return r
}

var errClosed = &ConnectError{Failure: FailureClosed, What: "could not connect", Why: "the device was closed", Todo: "make another device", Err: errors.New("closed")}

func canceled(err error) error {
	return &ConnectError{Failure: FailureCanceled, What: "could not connect", Why: "it was called off", Todo: "connect again when wanted", Err: err}
}

func adviceOf(r Result) Advice {
	var ce *ConnectError
	switch {
	case errors.As(r.Err, &ce) && ce.Failure.Lasting():
		return AdviceFixSetup
	case r.V5:
		return advice5(r.Code)
	}
	return AdviceFor(r.Code)
}

// begin notes that an attempt is at work; false when the device was closed.
func (d *Device) begin(cancel context.CancelFunc) bool {
	d.mu.Lock()
	defer d.mu.Unlock()
	if d.closed {
		return false
	}
	d.cancel = cancel
	d.state.Connecting, d.state.Since = true, d.now()
	d.state.End, d.state.EndReason, d.state.EndedAt = "", "", time.Time{}
	d.version.Add(1)
	return true
}

// attempted keeps the result of an attempt.
func (d *Device) attempted(r Result) Result {
	d.mu.Lock()
	d.cancel = nil
	d.state.Attempts++
	if d.state.Connecting {
		d.state.Connecting, d.state.Since = false, d.now()
	}
	d.state.LastResult = r
	d.mu.Unlock()
	if r.Err != nil {
		d.note("%v", r.Err)
	}
	d.version.Add(1)
	d.log.Debug("connect", "code", r.Code, "took", r.Took, "err", r.Err)
	return r
}

func (d *Device) attempt(ctx context.Context, o Options, t target) Result {
	r := Result{Code: -1}
	l, answer, err := d.greet(ctx, o, t, &r)
	switch {
	case err != nil:
		r.Err = err
	case answer.code != 0:
		r.Code, r.V5, r.Err = answer.code, answer.v5, &RefusedError{Code: answer.code, V5: answer.v5}
	default:
		r.Code, r.V5, r.SessionPresent = 0, answer.v5, answer.present
		r.Err = d.adopt(ctx, l, answer, o, t)
	}
	r.Advice = adviceOf(r)
	return r
}

// adopt makes an accepted connection the device's, then starts it.
func (d *Device) adopt(ctx context.Context, l *link, answer connack, o Options, t target) error {
	var s session
	view := &flashView{store: d.flash}
	report := func(kind EndKind, err error) { d.ended(s, kind, err) }
	if t.level == level5 {
		five, err := newSession5(l, answer, time.Duration(t.keepAlive)*time.Second, d.pingTimeout, d.received, newEnding(report))
		if err != nil {
			_ = l.Close()
			return explain(ctx, stageConnack, t.address, t, err)
		}
		s = five
	} else {
		s = newPahoSession(l, answer, o, t, view, d.pingTimeout, d.received, report)
	}
	d.mu.Lock()
	if ctx.Err() != nil || d.closed {
		d.mu.Unlock()
		_ = l.Close()
		return canceled(context.Cause(ctx))
	}
	if d.view != nil {
		d.view.Close()
	}
	d.session, d.view, d.link = s, view, l
	d.state.Connected, d.state.Connecting, d.state.Since = true, false, d.now()
	if !answer.present {
		clear(d.granted)
	}
	d.mu.Unlock()
	if err := s.start(ctx); err != nil {
		s.disconnect(EndFailure)
		return explain(ctx, stageConnack, t.address, t, err)
	}
	return nil
}

// ended notes the end of a session; an older one's end is no news.
func (d *Device) ended(s session, kind EndKind, err error) {
	now := d.now()
	d.mu.Lock()
	current := d.session == s
	if current {
		d.session, d.link = nil, nil
		d.state.Connected, d.state.Since = false, now
		d.state.End, d.state.EndedAt = kind, now
		d.state.EndReason = fmt.Sprintf("%s at %s", endSentence(kind, err), now.Format(time.TimeOnly))
	}
	d.mu.Unlock()
	if current {
		d.note("%s", endSentence(kind, err))
	}
}

func endSentence(kind EndKind, err error) string {
	switch kind {
	case EndByUser:
		return "this device disconnected"
	case EndReplaced:
		return "this device connected anew"
	case EndByServer:
		if isAny(err, errnoReset) {
			return "the gateway reset the connection"
		}
		return "the gateway closed the connection"
	case EndKeepAlive:
		return "the gateway did not answer a keepalive ping"
	case EndViolation:
		return fmt.Sprintf("this device closed the connection: %v", err)
	}
	if err == nil {
		return "the connection failed"
	}
	return fmt.Sprintf("the connection failed: %v", err)
}

// Disconnect ends the connection as a device should, with DISCONNECT, and calls off an attempt that is at work. It takes at most about half
// a second, whatever the server does.
func (d *Device) Disconnect() {
	d.mu.Lock()
	if d.cancel != nil {
		d.cancel()
	}
	d.mu.Unlock()
	d.leave(EndByUser)
}

func (d *Device) leave(kind EndKind) {
	d.mu.Lock()
	s := d.session
	d.mu.Unlock()
	if s != nil {
		s.disconnect(kind)
	}
}

// Close disconnects for good: later calls of Connect fail.
func (d *Device) Close() {
	d.mu.Lock()
	d.closed = true
	d.mu.Unlock()
	d.Disconnect()
}

// Ended is closed when the connection that the device has now is over; closed already when it has none.
func (d *Device) Ended() <-chan struct{} {
	if s, err := d.connection(); err == nil {
		return s.over()
	}
	return closedChannel
}

var closedChannel = func() chan struct{} {
	c := make(chan struct{})
	close(c)
	return c
}()

func (d *Device) connection() (session, error) {
	d.mu.Lock()
	defer d.mu.Unlock()
	if d.session == nil {
		return nil, ErrNotConnected
	}
	return d.session, nil
}

// Publish sends a message and, for QoS 1 and 2, waits for its acknowledgement. What ctx or a lost connection leaves unacknowledged is sent
// again after the next connect with Clean Session 0, but for MQTT 5.
func (d *Device) Publish(ctx context.Context, topic string, payload []byte, qos byte, retain bool) error {
	s, err := d.connection()
	if err == nil {
		err = checkTopic(topic, qos)
	}
	if err == nil {
		err = s.publish(ctx, topic, payload, qos, retain)
	}
	if err != nil {
		return fmt.Errorf("publish %s: %w", clip(topic), err)
	}
	return nil
}

// Subscribe asks for a filter and returns the QoS that the server granted; 0x80 and ErrRefusedFilter when it refused.
func (d *Device) Subscribe(ctx context.Context, filter string, qos byte) (granted byte, err error) {
	s, err := d.connection()
	if err == nil {
		err = checkTopic(filter, qos)
	}
	if err == nil {
		granted, err = s.subscribe(ctx, filter, qos)
	}
	if err == nil && granted >= 0x80 {
		err = ErrRefusedFilter
	}
	if err != nil {
		return granted, fmt.Errorf("subscribe %s: %w", clip(filter), err)
	}
	d.mu.Lock()
	d.granted[filter] = granted
	d.mu.Unlock()
	d.version.Add(1)
	return granted, nil
}

// SendRaw sends bytes as they are, whatever MQTT says about them: to see what a server does.
func (d *Device) SendRaw(b []byte) error {
	d.mu.Lock()
	l := d.link
	if d.session == nil {
		l = nil
	}
	d.mu.Unlock()
	switch {
	case l == nil:
		return fmt.Errorf("send bytes: %w", ErrNotConnected)
	case len(b) == 0:
		return errors.New("send bytes: there are none")
	}
	if err := l.sendRaw(b); err != nil {
		return fmt.Errorf("send bytes: %w", err)
	}
	return nil
}

// Unsubscribe gives up a filter.
func (d *Device) Unsubscribe(ctx context.Context, filter string) error {
	s, err := d.connection()
	if err == nil {
		err = s.unsubscribe(ctx, filter)
	}
	if err != nil {
		return fmt.Errorf("unsubscribe %s: %w", clip(filter), err)
	}
	d.mu.Lock()
	delete(d.granted, filter)
	d.mu.Unlock()
	d.version.Add(1)
	return nil
}

func checkTopic(topic string, qos byte) error {
	switch {
	case qos > 2:
		return fmt.Errorf("QoS %d does not exist", qos)
	case topic == "":
		return errors.New("the topic is empty")
	case len(topic) > maxString:
		return fmt.Errorf("the topic has %d bytes, and MQTT has room for %d", len(topic), maxString)
	}
	return nil
}

// Subscriptions are those that this session was granted, by filter. They outlast a connection as the server's session does.
func (d *Device) Subscriptions() []Subscription {
	d.mu.Lock()
	defer d.mu.Unlock()
	list := make([]Subscription, 0, len(d.granted))
	for filter, qos := range d.granted {
		list = append(list, Subscription{filter, qos})
	}
	sort.Slice(list, func(i, j int) bool { return list[i].Filter < list[j].Filter })
	return list
}

// State is the device as it is now.
func (d *Device) State() State {
	d.mu.Lock()
	defer d.mu.Unlock()
	return d.state
}

// Version rises with every change of State, Subscriptions and Console.
func (d *Device) Version() uint64 { return d.version.Load() }

// Console returns the entries after the one with this Seq (0: all that are kept), oldest first.
func (d *Device) Console(after uint64) []Entry { return d.console.since(after) }

func (d *Device) note(format string, a ...any) {
	d.console.add(Entry{At: d.now(), Type: TypeNote, Summary: fmt.Sprintf(format, a...)})
}

func (d *Device) packet(outbound bool, packet []byte, level byte) {
	e := describe(packet, level)
	e.At, e.Outbound = d.now(), outbound
	d.console.add(e)
}
