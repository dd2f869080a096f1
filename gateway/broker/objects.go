package broker

import "errors"

// ErrStrict is returned by Objects.Publish for a refused publish while the strict switch is on: the device is
// disconnected (contract, section 6).
var ErrStrict = errors.New("the publish is refused, and strict is on")

// Objects are the Sync objects (contract, section 6); the broker knows them by topic only.
type Objects interface {
	// Publish changes an object. It returns when the change is stored and its deliveries were handed to Hub.Update, or when
	// it was refused and reported: nil either way. ErrStrict disconnects the device; with any other error the store is down,
	// and the connection ends without an acknowledgement.
	Publish(p ObjectPublish) error
	// MaySubscribe decides on a filter below sync/ without wildcards. It never waits. False is SUBACK 0x80, which Objects
	// reports.
	MaySubscribe(serviceSID, deviceSID, topic string) bool
	// Snapshot yields the object's current state in order until yield returns false. It never waits. It shows every change
	// whose Update was handed over before the call.
	Snapshot(serviceSID, deviceSID, topic string, yield func(topic string, payload []byte) bool)
}

// ObjectPublish is a publish on a topic below sync/.
type ObjectPublish struct {
	ServiceSID, DeviceSID, Topic string
	Payload                      []byte // valid until Publish returns
	AttemptID                    uint64
}

// Update is a change of an object on its way to its subscribers.
type Update struct {
	ServiceSID string
	Routes     []Route
	Payload    []byte                      // must not be changed afterwards
	May        func(deviceSID string) bool // who may see it; nil: all. Never waits
}

// Route says that the subscribers of exactly Filter get the update on Topic. A session gets one message per Topic.
type Route struct{ Filter, Topic string }
