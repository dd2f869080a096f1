package onboard

import (
	"context"
	"errors"
	"fmt"
	"sync"
	"sync/atomic"
	"time"

	"gatehouse/gateway/registry"
	"gatehouse/sim"
	"gatehouse/sim/agent"
	"gatehouse/sim/faults"
)

// Player is one virtual device as sim plays it.
type Player interface {
	Connect(ctx context.Context, o sim.Options) sim.Result
	Disconnect()
	Publish(ctx context.Context, topic string, payload []byte, qos byte, retain bool) error
	Subscribe(ctx context.Context, filter string, qos byte) (granted byte, err error)
	Unsubscribe(ctx context.Context, filter string) error
	Subscriptions() []sim.Subscription
	State() sim.State
	Version() uint64
	Console(after uint64) []sim.Entry
	SendRaw(b []byte) error // whatever MQTT says about it
	Ended() <-chan struct{} // closed when the connection that it has now is over
	Close()                 // disconnects for good
}

// BenchParams are what a Bench needs.
type BenchParams struct {
	Registry Registry
	Vault    Vault // nil: devices are only lent
	// Setups keeps how the devices are played; nil keeps it in memory only.
	Setups   Setups
	Endpoint func() Endpoint
	// NewPlayer makes a virtual device that is not connected. received takes each message that it gets, and does not block.
	NewPlayer func(received func(sim.Message)) Player
	Now       func() time.Time // nil: the wall clock
}

// Bench is the virtual devices of this computer. A device is virtual when its credential lies in the vault, or
// was lent. It is driven by hand, or left to itself:
// either way it is the same Player, with one connection and one console. All methods may be called from any goroutine.
type Bench struct {
	p       BenchParams
	changes atomic.Uint64 // of what no player knows of

	editing sync.Mutex // held by Change

	mu      sync.Mutex
	virtual map[string]*virtual
	lent    map[string][]sim.Credential // of devices that nothing is written of; see Lend
}

// virtual is one device that is played.
type virtual struct {
	player Player
	faults *faults.Switches
	inbox  atomic.Pointer[agent.Agent] // who takes its messages; nil: nobody
	turn   sync.Mutex                  // held while it is started or stopped, which waits; taken before Bench.mu

	// Guarded by Bench.mu.
	last    *agent.Agent             // kept after its end, for what it has sent
	hidden  map[string]bool          // values of last that are computed and not sent
	byHand  map[string][]agent.Point // numbers that a person has sent
	running *run                     // nil: it is driven by hand
	bare    bool                     // running does nothing but storm
	twin    *run                     // the second board; nil: there is none
}

// run is an agent at work.
type run struct {
	cancel context.CancelFunc
	ended  chan struct{}
}

func (r *run) over() bool {
	if r == nil {
		return true
	}
	select {
	case <-r.ended:
		return true
	default:
		return false
	}
}

// stop ends it and waits, about half a second at most; r may be nil.
func (r *run) stop() {
	if r != nil {
		r.cancel()
		<-r.ended
	}
}

// NewBench starts with no device playing.
func NewBench(p BenchParams) *Bench {
	if p.Now == nil {
		p.Now = time.Now
	}
	if p.Vault == nil {
		p.Vault = noVault{}
	}
	if p.Setups == nil {
		p.Setups = &memory{}
	}
	return &Bench{p: p, virtual: map[string]*virtual{}}
}

// MaxKeepAlive is the longest keepalive that fits into CONNECT.
const MaxKeepAlive = 65535 * time.Second

// ErrNoCredential is returned when a virtual device has nothing to prove who it is with.
var ErrNoCredential = errors.New("this device has no credential on this computer")

// Virtual reports whether this computer can play the device.
func (b *Bench) Virtual(deviceSID string) bool { return len(b.held(deviceSID)) > 0 }

// Credentials are those that this computer holds for a device, the newest first.
func (b *Bench) Credentials(deviceSID string) []sim.Credential {
	kept := b.held(deviceSID)
	newest := make([]sim.Credential, 0, len(kept))
	for i := len(kept) - 1; i >= 0; i-- {
		newest = append(newest, kept[i])
	}
	return newest
}

// Keep puts a credential where this computer plays the device from. It writes to disk.
func (b *Bench) Keep(deviceSID string, m Material) error {
	if !m.Holds() {
		return ErrNoCredential
	}
	if b.keepLent(deviceSID, m.simulated()) {
		return nil
	}
	if err := b.p.Vault.Put(deviceSID, m.simulated()); err != nil {
		return fmt.Errorf("keeping the virtual device's credential: %w", err)
	}
	return nil
}

// Equip gives a device a further credential, made here, that this computer plays it with. It writes to disk.
func (b *Bench) Equip(ctx context.Context, deviceSID string, how Method) error {
	m, err := NewMaterial(ctx, b.p.Registry, b.p.Now(), deviceSID, how, "virtual device", nil)
	if err != nil {
		return err
	}
	defer m.Forget()
	if err := b.Keep(deviceSID, m); err != nil {
		return errors.Join(err, removeCredential(ctx, b.p.Registry, m)) // a secret that nobody holds is of no use
	}
	return nil
}

// Connect connects a device as this computer plays it, driven by hand; a device that is connected or left to itself is disconnected first. It
// waits for the answer. The options are remembered, and written to disk by SetUp only.
func (b *Bench) Connect(ctx context.Context, deviceSID string, o Options) sim.Result {
	if len(b.Credentials(deviceSID)) == 0 {
		return sim.Result{Code: -1, Err: ErrNoCredential}
	}
	s := b.Setup(deviceSID)
	s.Options = o
	b.p.Setups.Remember(deviceSID, b.named(deviceSID, s))
	v := b.play(deviceSID)
	v.turn.Lock()
	b.halt(v)
	v.turn.Unlock()
	if v.player.State().Connected {
		v.player.Disconnect()
	}
	return b.dial(ctx, deviceSID, v.player, v.faults)
}

// dial makes one attempt with the options that the device has now.
func (b *Bench) dial(ctx context.Context, deviceSID string, player Player, wrong *faults.Switches) sim.Result {
	o, err := b.connection(deviceSID)
	if err != nil {
		return sim.Result{Code: -1, Err: err}
	}
	o.Faults = wrong
	return player.Connect(ctx, o)
}

// connection is the device's options as sim takes them.
func (b *Bench) connection(deviceSID string) (sim.Options, error) {
	credentials := b.Credentials(deviceSID)
	if len(credentials) == 0 {
		return sim.Options{}, ErrNoCredential
	}
	o, at := b.Setup(deviceSID).Options, b.p.Endpoint()
	to := sim.Options{
		URL: o.Target, RootPEM: at.RootPEM,
		Protocol: o.Protocol, Clean: o.Clean, KeepAlive: o.KeepAlive, ClientID: o.ClientID, Will: o.Will,
		Credential: credentials[min(max(o.Credential, 0), len(credentials)-1)], WrongSecret: o.WrongSecret,
	}
	if to.KeepAlive <= 0 {
		to.KeepAlive = sim.NoKeepAlive
	}
	if o.Target == "" { // this computer reaches its own gateway by loopback, whatever name the network knows it by
		to.URL = "mqtts://" + at.hostPort("localhost")
	}
	switch o.Trust {
	case TrustSystem:
		to.RootPEM = nil
	case TrustFile:
		to.RootPEM = o.TrustPEM
	case TrustEverybody:
		to.TrustEverybody = true
	}
	return to, nil
}

// play is the device's part, which is made at the first call.
func (b *Bench) play(deviceSID string) *virtual {
	b.mu.Lock()
	defer b.mu.Unlock()
	v := b.virtual[deviceSID]
	if v == nil {
		v = &virtual{faults: new(faults.Switches)}
		v.player = b.p.NewPlayer(func(m sim.Message) {
			if a := v.inbox.Load(); a != nil {
				a.Received(m)
			}
		})
		b.virtual[deviceSID] = v
	}
	return v
}

func (b *Bench) played(deviceSID string) (*virtual, bool) {
	b.mu.Lock()
	defer b.mu.Unlock()
	v, ok := b.virtual[deviceSID]
	return v, ok
}

// LastOptions are those that a device last connected with, or the default ones.
func (b *Bench) LastOptions(device registry.Device) Options { return b.setup(device).Options }

// Player is the virtual device, if it has ever been connected since the program started.
func (b *Bench) Player(deviceSID string) (Player, bool) {
	v, ok := b.played(deviceSID)
	if !ok {
		return nil, false
	}
	return v.player, true
}

// Connected reports whether a virtual device is connected, as far as it knows itself.
func (b *Bench) Connected(deviceSID string) bool {
	player, ok := b.Player(deviceSID)
	return ok && player.State().Connected
}

// Version rises with every change of any virtual device.
func (b *Bench) Version() uint64 {
	b.mu.Lock()
	defer b.mu.Unlock()
	sum := uint64(len(b.virtual)) + b.changes.Load()
	for _, v := range b.virtual {
		sum += v.player.Version()
		if v.last != nil {
			c := v.last.Counts()
			sum += c.Sent + c.Received + c.Skipped + uint64(c.Attempts)
		}
	}
	return sum
}

// Disconnect ends a virtual device's connection properly, if it has one, and stops it when it is left to itself.
func (b *Bench) Disconnect(deviceSID string) {
	if v, ok := b.played(deviceSID); ok {
		v.turn.Lock()
		defer v.turn.Unlock()
		b.halt(v)
		v.player.Disconnect()
	}
}

// Remove disconnects a virtual device and deletes its credentials and its setup from this computer. It writes to disk.
func (b *Bench) Remove(deviceSID string) error {
	b.mu.Lock()
	v, played := b.virtual[deviceSID]
	delete(b.virtual, deviceSID)
	delete(b.lent, deviceSID)
	b.mu.Unlock()
	if played {
		b.end(v)
	}
	if err := b.p.Setups.Delete(deviceSID); err != nil {
		return fmt.Errorf("deleting how the virtual device is played: %w", err)
	}
	if len(b.p.Vault.Get(deviceSID)) == 0 {
		return nil
	}
	if err := b.p.Vault.Delete(deviceSID); err != nil {
		return fmt.Errorf("deleting the virtual device's credentials: %w", err)
	}
	return nil
}

// Close disconnects every virtual device for good, all at once.
func (b *Bench) Close() {
	b.mu.Lock()
	all := b.virtual
	b.virtual = map[string]*virtual{}
	b.mu.Unlock()
	var wg sync.WaitGroup
	for _, v := range all {
		wg.Go(func() { b.end(v) })
	}
	wg.Wait()
}

// end ends all that a device does.
func (b *Bench) end(v *virtual) {
	v.turn.Lock()
	defer v.turn.Unlock()
	b.separate(v)
	b.halt(v)
	v.player.Close()
}
