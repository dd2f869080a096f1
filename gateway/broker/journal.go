package broker

import "sync/atomic"

// Journal keeps what must survive a restart. Only Append may wait; it is called without locks. The other methods take
// effect in the order of the calls, now or later.
type Journal interface {
	// Append returns when m is safe for the devices named; it is called before the publisher's PUBACK or PUBREC is
	// written. Position is above 0 and names the message in the calls below. An error ends the publisher's connection
	// without an acknowledgement, so that the device sends again.
	Append(m *Message, devices []string) (position uint64, err error)
	// Release says that the device has received a QoS 2 message: from now on only PUBREL may follow.
	Release(device string, position uint64)
	// Done says that the device has acknowledged a message for good.
	Done(device string, position uint64)
	// Received says that a QoS 2 message with this identifier came from the device and must not be routed again.
	Received(device string, id uint16)
	// Forgotten says that the device has released that identifier.
	Forgotten(device string, id uint16)
	// Discard says that the device's session is no more. It is called with the hub locked.
	Discard(device string)
}

// memory is the journal of a gateway that keeps nothing across restarts: the outboxes hold the messages.
type memory struct{ position atomic.Uint64 }

func (m *memory) Append(*Message, []string) (uint64, error) { return m.position.Add(1), nil }
func (*memory) Release(string, uint64)                      {}
func (*memory) Done(string, uint64)                         {}
func (*memory) Received(string, uint16)                     {}
func (*memory) Forgotten(string, uint16)                    {}
func (*memory) Discard(string)                              {}
