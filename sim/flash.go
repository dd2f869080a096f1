package sim

import (
	"sync/atomic"

	mqtt "github.com/eclipse/paho.mqtt.golang"
	"github.com/eclipse/paho.mqtt.golang/packets"
)

// flashView is one connection's access to what the device keeps of its session, as a board keeps it in flash. Once closed it is dead: a
// client that is slow to end cannot spoil the next one's state.
type flashView struct {
	store *mqtt.OrderedMemoryStore
	dead  atomic.Bool
}

// Open is part of Paho's Store.
func (v *flashView) Open() { v.store.Open() }

// Close ends this view; what is stored stays.
func (v *flashView) Close() { v.dead.Store(true) }

// Put keeps a packet until it is acknowledged.
func (v *flashView) Put(key string, packet packets.ControlPacket) {
	if !v.dead.Load() {
		v.store.Put(key, packet)
	}
}

// Get returns a packet that is kept; nil when there is none.
func (v *flashView) Get(key string) packets.ControlPacket {
	if v.dead.Load() {
		return nil
	}
	return v.store.Get(key)
}

// All returns the keys of what is kept, oldest first.
func (v *flashView) All() []string {
	if v.dead.Load() {
		return nil
	}
	return v.store.All()
}

// Del forgets a packet.
func (v *flashView) Del(key string) {
	if !v.dead.Load() {
		v.store.Del(key)
	}
}

// Reset forgets all: Clean Session 1.
func (v *flashView) Reset() {
	if !v.dead.Load() {
		v.store.Reset()
	}
}
