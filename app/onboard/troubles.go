package onboard

import (
	"context"
	"fmt"
	"time"

	"gatehouse/sim"
	"gatehouse/sim/faults"
)

// Troubles are what is wrong with a virtual device: with its network, its client, and its owner. The zero value is a good device on a
// good network. They are not kept over a restart: a fault that nobody remembers costs somebody a day.
type Troubles struct {
	Network         faults.Network
	IgnoreKeepAlive bool
	DropAcks        int // of the next acknowledgements, so many never leave the device
	Duplicates      int // of the next messages of QoS 1, so many are sent twice
	ClockOff        time.Duration
	Storm           time.Duration // it connects anew so often; 0: it does not
	Twin            bool          // a second board uses the same credential
}

// Any reports whether anything is wrong.
func (t Troubles) Any() bool { return t != Troubles{} }

// TroublesOf are what is switched on.
func TroublesOf(s *faults.Switches) (t Troubles) {
	t.Network = s.Network()
	t.DropAcks, t.Duplicates, t.IgnoreKeepAlive = s.Packets.State()
	t.ClockOff = s.ClockOff()
	t.Storm, _ = s.Storming()
	t.Twin, _ = s.Twins()
	return t
}

// Apply switches on what is wrong, and off what is not. Second boards are for whoever runs the devices to run.
func (t Troubles) Apply(s *faults.Switches) {
	s.SetNetwork(t.Network)
	s.Packets.IgnoreKeepAlive(t.IgnoreKeepAlive)
	s.Packets.DropAcks(t.DropAcks)
	s.Packets.DuplicatePublishes(t.Duplicates)
	s.SetClockOff(t.ClockOff)
	s.SetStorm(t.Storm)
	s.SetTwins(t.Twin)
}

// Troubles are what is wrong with a device now.
func (b *Bench) Troubles(deviceSID string) (t Troubles) {
	v, ok := b.played(deviceSID)
	if !ok {
		return t
	}
	t = TroublesOf(v.faults)
	b.mu.Lock()
	defer b.mu.Unlock()
	t.Twin = !v.twin.over()
	return t
}

// Trouble makes what is wrong with a device what it says; all of it counts at once, for the connection that there is as well, apart from the
// clock, which is read at the next handshake. A storm lets a device that is driven by hand connect by itself until it is over. It may take
// half a second, to end a second board.
func (b *Bench) Trouble(deviceSID string, t Troubles) error {
	defer b.changes.Add(1)
	v := b.play(deviceSID)
	v.turn.Lock()
	defer v.turn.Unlock()
	t.Apply(v.faults)
	if !t.Twin {
		b.separate(v)
	} else if err := b.double(deviceSID, v); err != nil {
		return fmt.Errorf("a second board: %w", err)
	}
	b.mu.Lock()
	running, bare := !v.running.over(), v.bare
	b.mu.Unlock()
	switch {
	case t.Storm > 0 && !running:
		if err := b.leave(deviceSID, v, Setup{}, true); err != nil {
			return fmt.Errorf("a reconnect storm: %w", err)
		}
	case t.Storm == 0 && running && bare:
		b.halt(v)
	}
	return nil
}

// Cut ends a device's connection without a word, as when its process is ended; Reset does so with a TCP reset.
func (b *Bench) Cut(deviceSID string) {
	if v, ok := b.played(deviceSID); ok {
		v.faults.Cut()
	}
}

// Reset ends a device's connection with a TCP reset.
func (b *Bench) Reset(deviceSID string) {
	if v, ok := b.played(deviceSID); ok {
		v.faults.Reset()
	}
}

// Break sends a packet that MQTT forbids.
func (b *Bench) Break(_ context.Context, deviceSID string, packet faults.Invalid) error {
	content, err := packet.Bytes()
	if err != nil {
		return err
	}
	v, ok := b.played(deviceSID)
	if !ok {
		return sim.ErrNotConnected
	}
	return v.player.SendRaw(content)
}
