package onboard

import (
	"context"
	"errors"
	"fmt"
	"sync"
	"time"

	"gatehouse/gateway/registry"
	"gatehouse/sim"
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
	Close() // disconnects for good
}

// BenchParams are what a Bench needs.
type BenchParams struct {
	Registry Registry
	Vault    Vault
	Endpoint func() Endpoint
	// NewPlayer makes a virtual device that is not connected.
	NewPlayer func() Player
	Now       func() time.Time // nil: the wall clock
}

// Bench is the virtual devices of this computer. A device is virtual when its credential lies in the vault. All methods
// may be called from any goroutine.
type Bench struct {
	p BenchParams

	mu      sync.Mutex
	players map[string]Player
	options map[string]Options // the last ones used
}

// NewBench starts with no device playing.
func NewBench(p BenchParams) *Bench {
	if p.Now == nil {
		p.Now = time.Now
	}
	return &Bench{p: p, players: map[string]Player{}, options: map[string]Options{}}
}

// Options are how a virtual device connects.
type Options struct {
	Protocol  int           // 3 (MQTT 3.1), 4 (3.1.1) or 5
	Clean     bool          // Clean Session
	KeepAlive time.Duration // whole seconds, at most MaxKeepAlive; 0 sends none
	ClientID  string
	Will      *sim.Will
	// Credential counts in the device's Credentials; 0 is the first.
	Credential  int
	WrongSecret bool // on purpose, to see what the gateway says
}

// DefaultOptions are what the contract advises: MQTT 3.1.1, and a session that is kept.
func DefaultOptions(device registry.Device) Options {
	return Options{Protocol: 4, KeepAlive: 60 * time.Second, ClientID: device.Name()}
}

// MaxKeepAlive is the longest keepalive that fits into CONNECT.
const MaxKeepAlive = 65535 * time.Second

// ErrNoCredential is returned when a virtual device has nothing to prove who it is with.
var ErrNoCredential = errors.New("this device has no credential on this computer")

// Virtual reports whether this computer can play the device.
func (b *Bench) Virtual(deviceSID string) bool { return len(b.p.Vault.Get(deviceSID)) > 0 }

// Credentials are those that this computer holds for a device, the newest first.
func (b *Bench) Credentials(deviceSID string) []sim.Credential {
	kept := b.p.Vault.Get(deviceSID)
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

// Connect connects a device as this computer plays it; a device that is connected is disconnected first. It waits for
// the answer.
func (b *Bench) Connect(ctx context.Context, deviceSID string, o Options) sim.Result {
	credentials := b.Credentials(deviceSID)
	if len(credentials) == 0 {
		return sim.Result{Code: -1, Err: ErrNoCredential}
	}
	chosen := credentials[min(max(o.Credential, 0), len(credentials)-1)]
	at := b.p.Endpoint()
	b.mu.Lock()
	player := b.players[deviceSID]
	if player == nil {
		player = b.p.NewPlayer()
		b.players[deviceSID] = player
	}
	b.options[deviceSID] = o
	b.mu.Unlock()
	if player.State().Connected {
		player.Disconnect()
	}
	keepAlive := o.KeepAlive
	if keepAlive <= 0 {
		keepAlive = sim.NoKeepAlive
	}
	return player.Connect(ctx, sim.Options{
		// This computer reaches its own gateway by loopback, whatever name the network knows it by.
		URL: "mqtts://" + at.hostPort("localhost"), RootPEM: at.RootPEM,
		Protocol: o.Protocol, Clean: o.Clean, KeepAlive: keepAlive, ClientID: o.ClientID, Will: o.Will,
		Credential: chosen, WrongSecret: o.WrongSecret,
	})
}

// LastOptions are those that a device last connected with, or the default ones.
func (b *Bench) LastOptions(device registry.Device) Options {
	b.mu.Lock()
	defer b.mu.Unlock()
	if o, used := b.options[device.SID]; used {
		return o
	}
	return DefaultOptions(device)
}

// Player is the virtual device, if it has ever been connected since the program started.
func (b *Bench) Player(deviceSID string) (Player, bool) {
	b.mu.Lock()
	defer b.mu.Unlock()
	player, ok := b.players[deviceSID]
	return player, ok
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
	sum := uint64(len(b.players))
	for _, player := range b.players {
		sum += player.Version()
	}
	return sum
}

// Disconnect ends a virtual device's connection properly, if it has one.
func (b *Bench) Disconnect(deviceSID string) {
	if player, ok := b.Player(deviceSID); ok {
		player.Disconnect()
	}
}

// Remove disconnects a virtual device and deletes its credentials from this computer. It writes to disk.
func (b *Bench) Remove(deviceSID string) error {
	b.mu.Lock()
	player, played := b.players[deviceSID]
	delete(b.players, deviceSID)
	delete(b.options, deviceSID)
	b.mu.Unlock()
	if played {
		player.Close()
	}
	if len(b.p.Vault.Get(deviceSID)) == 0 {
		return nil
	}
	if err := b.p.Vault.Delete(deviceSID); err != nil {
		return fmt.Errorf("deleting the virtual device's credentials: %w", err)
	}
	return nil
}

// Close disconnects every virtual device for good.
func (b *Bench) Close() {
	b.mu.Lock()
	players := b.players
	b.players = map[string]Player{}
	b.mu.Unlock()
	for _, player := range players {
		player.Close()
	}
}
