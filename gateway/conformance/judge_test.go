package conformance

import (
	"fmt"
	"slices"
)

// judge holds what comes to one device to what the standard asks of order, identifiers and DUP, whatever another broker
// does. A nil judge finds nothing.
type judge struct {
	again  []debt         // what must be sent again next, in this order [MQTT-4.4.0-1] [MQTT-4.6.0-1]
	newest map[string]int // by topic and QoS, the message that was published last of those that came [MQTT-4.6.0-6]
}

func newJudge() *judge { return &judge{newest: map[string]int{}} }

// connected begins a connection; owed are the messages that the device has not acknowledged for good.
func (j *judge) connected(present bool, owed []debt) {
	if j == nil {
		return
	}
	j.again = slices.Clone(owed)
	if !present {
		clear(j.newest)
	}
}

func (j *judge) message(s seen, id uint16) error {
	if j == nil {
		return nil
	}
	if len(j.again) > 0 && s.qos > 0 {
		want := j.again[0]
		j.again = j.again[1:]
		if want.received || want.id != id || want.key != s.topic+"="+s.payload || !s.dup {
			return fmt.Errorf("%v under %d comes where %+v is to be sent again", s, id, want)
		}
		return nil
	}
	if s.dup {
		return fmt.Errorf("%v is sent for the first time", s)
	}
	var step, place int
	if _, err := fmt.Sscanf(s.payload, "m%d.%d", &step, &place); err != nil || s.retain {
		return nil // empty, or retained
	}
	topic, number := fmt.Sprint(s.topic, "@", s.qos), step*1000+place
	if number <= j.newest[topic] {
		return fmt.Errorf("%v comes after a message that was published later", s)
	}
	j.newest[topic] = number
	return nil
}

// release judges a PUBREL that follows no PUBREC of this connection.
func (j *judge) release(id uint16) error {
	if j == nil {
		return nil
	}
	if len(j.again) == 0 || j.again[0].id != id || !j.again[0].received {
		return fmt.Errorf("PUBREL for %d comes where %+v are to be sent again", id, j.again)
	}
	j.again = j.again[1:]
	return nil
}

// settled says that everything has come.
func (j *judge) settled() error {
	if j != nil && len(j.again) > 0 {
		return fmt.Errorf("%+v were not sent again", j.again)
	}
	return nil
}
