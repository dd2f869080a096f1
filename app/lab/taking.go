package lab

import (
	"sync"
	"time"

	"gatehouse/gateway"
	"gatehouse/gateway/attempt"
	"gatehouse/gateway/objects"
	"gatehouse/gateway/wire"
	"gatehouse/sim/record"
)

// taking is a recording that goes on.
type taking struct {
	id       string
	sid      string
	began    time.Time
	wasTaken bool // traced by somebody else before
	stop     chan struct{}
	done     chan struct{}

	mu       sync.Mutex
	tape     *record.Tape
	observer *Observer // of what the gateway sees
	console  *listener // in its place, of a device that connects elsewhere; nil: it does not
	version  uint64    // of the attempts that were looked at
	looked   time.Time // when they were
	name     string
	result   Kept
	err      error
}

// subscriptions are those of a device's session.
func subscriptions(g *gateway.Gateway, deviceSID string) (all []wire.Subscription) {
	for _, s := range g.Sessions() {
		if s.DeviceSID == deviceSID {
			for _, one := range s.Subscriptions {
				all = append(all, wire.Subscription{Filter: one.Filter, QoS: one.QoS})
			}
		}
	}
	return all
}

// documents are what is in those that events use. One that is too long, or gone, is left out.
func documents(g *gateway.Gateway, serviceSID string, events []record.Event) map[string]string {
	names, _ := record.DocumentsOf(events)
	all := map[string]string{}
	for _, name := range names {
		o, err := g.Objects().Get(serviceSID, objects.Document, name)
		if err == nil && len(o.Data) <= record.MostDocumentBytes && len(all) < record.MostDocuments {
			all[name] = string(o.Data)
		}
	}
	return all
}

// take records until it is stopped or full, or the device is deleted.
func (r *Recordings) take(t *taking) {
	defer close(t.done)
	tick := time.NewTicker(lookEvery)
	defer tick.Stop()
	saved, savedEvents := r.params.Now(), 0
	deleted := false
	for on := true; on; {
		select {
		case <-t.stop:
			on = false
		case <-r.ending:
			on = false
		case <-tick.C:
		}
		g := r.params.Gateway
		if _, there := g.Registry().Device(t.sid); !there {
			on = on && !deleted // not at once: how its connection was ended belongs to the recording
			deleted = true
		}
		if on && !deleted && t.console == nil && !g.Traced(t.sid) { // an hour has passed, or somebody ended it
			g.Trace(t.sid, true)
		}
		t.mu.Lock()
		events := t.tape.Len()
		if !t.look(r.params) {
			on = false
		}
		changed := t.tape.Len() != events
		t.mu.Unlock()
		if changed {
			r.version.Add(1)
		}
		if now := r.params.Now(); on && now.Sub(saved) >= saveEvery {
			if saved = now; t.tape.Len() != savedEvents {
				savedEvents = t.tape.Len()
				if _, err := r.save(t); err != nil {
					r.params.Logger.Error("a recording that goes on cannot be saved", "err", err)
				}
			}
		}
	}
	r.finish(t)
}

// look reads what is new. The lock is held.
func (t *taking) look(p Params) (more bool) {
	now, log := p.Now(), p.Gateway.Attempts()
	if t.console != nil {
		return t.console.take(now)
	}
	version, first := log.Version(), t.looked.IsZero()
	if !first && version == t.version && now.Sub(t.looked) < patience {
		return t.tape.Wait(now)
	}
	t.version, t.looked = version, now
	if first { // how it is connected, if it is
		t.observer.Take(log.Query(attempt.Filter{DeviceSID: t.sid, OnlyLive: true, Whole: true}).Attempts, now)
	}
	return t.observer.Take(log.Query(attempt.Filter{DeviceSID: t.sid, Since: t.observer.Since(now), Whole: true}).Attempts, now)
}

// finish keeps a recording that is over.
func (r *Recordings) finish(t *taking) {
	if !t.wasTaken && t.console == nil {
		r.params.Gateway.Trace(t.sid, false)
	}
	kept, err := r.save(t)
	if err != nil {
		r.params.Logger.Error("a recording cannot be saved", "err", err)
	}
	t.mu.Lock()
	t.result, t.err = kept, err
	t.mu.Unlock()
	r.mu.Lock()
	delete(r.live, t.sid)
	if err == nil {
		r.keep(kept)
	} else {
		r.trouble = err
	}
	r.mu.Unlock()
	r.version.Add(1)
}

func (r *Recordings) save(t *taking) (Kept, error) {
	t.mu.Lock()
	recording := t.tape.Recording(r.params.Now())
	recording.Name = t.name
	service := t.observer.Service
	t.mu.Unlock()
	recording.Documents = documents(r.params.Gateway, service, recording.Events)
	return summary(t.id, recording), r.write(t.id, recording)
}
