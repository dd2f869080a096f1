package broker

import (
	"sync"
)

// documents are the least that can stand behind sync/: each topic holds a state, which a publish replaces.
type documents struct {
	mu      sync.Mutex
	hub     *Hub
	states  map[string]string
	refuse  func(p ObjectPublish) error
	forbid  func(topic string) bool
	publish int
}

func withDocuments(d *documents) option {
	return func(g *gate, p *Params) {
		if d.states == nil {
			d.states = map[string]string{}
		}
		p.Objects = d
		g.opened = append(g.opened, func(h *Hub) { d.hub = h })
	}
}

func (d *documents) Publish(p ObjectPublish) error {
	d.mu.Lock()
	d.publish++
	if d.refuse != nil {
		if err := d.refuse(p); err != nil {
			d.mu.Unlock()
			return err
		}
	}
	stored := make(chan error, 1)
	d.states[p.ServiceSID+p.Topic] = string(p.Payload)
	d.hub.Update(Update{ServiceSID: p.ServiceSID, Routes: []Route{{p.Topic, p.Topic}}, Payload: []byte(string(p.Payload))}, func(err error) { stored <- err })
	d.mu.Unlock()
	return <-stored
}

func (d *documents) MaySubscribe(_, _, topic string) bool {
	return d.forbid == nil || !d.forbid(topic)
}

func (d *documents) Snapshot(service, _, topic string, yield func(string, []byte) bool) {
	d.mu.Lock()
	defer d.mu.Unlock()
	if state, there := d.states[service+topic]; there {
		yield(topic, []byte(state))
	}
}
