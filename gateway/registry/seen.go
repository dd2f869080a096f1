package registry

import (
	"context"
	"fmt"
	"sync"
	"time"
)

// seen gathers the times of accepted connects until they are written.
type seen struct {
	mu     sync.Mutex
	at     map[string]time.Time
	timer  *time.Timer
	closed bool
}

// Authenticated notes an accepted connect of a device. It is in memory at once, and written within AuthenticatedEvery and
// by Close; it does not count as a change.
func (r *Registry) Authenticated(deviceSID string, at time.Time) {
	at = at.UTC().Round(0)
	r.mu.Lock()
	d, found := r.memory.devices[deviceSID]
	if found = found && at.After(d.Authenticated); found {
		d.Authenticated = at
		r.memory.devices[deviceSID] = d
		r.version++
	}
	r.mu.Unlock()
	if !found {
		return
	}
	r.seen.mu.Lock()
	defer r.seen.mu.Unlock()
	r.seen.at[deviceSID] = at
	r.seen.schedule(r)
}

// schedule has what was gathered written later. The caller holds mu.
func (s *seen) schedule(r *Registry) {
	if s.timer != nil || s.closed {
		return
	}
	s.timer = time.AfterFunc(r.params.AuthenticatedEvery, func() {
		if err := r.flushSeen(context.Background()); err != nil {
			r.params.Logger.Warn("the times of accepted connects could not be written", "error", err)
		}
	})
}

func (r *Registry) flushSeen(ctx context.Context) error {
	r.seen.mu.Lock()
	gathered := r.seen.at
	r.seen.at = map[string]time.Time{}
	r.seen.timer = nil
	r.seen.mu.Unlock()
	if len(gathered) == 0 {
		return nil
	}
	r.writing.Lock()
	defer r.writing.Unlock()
	t := r.transaction()
	r.mu.RLock()
	for deviceSID := range gathered {
		if d, found := r.memory.devices[deviceSID]; found {
			t.put(KindDevice+"."+d.SID, d, func(*memory) {}) // memory has it, or something newer, already
		}
	}
	r.mu.RUnlock()
	err := t.commit(ctx)
	if err == nil {
		return nil
	}
	r.seen.mu.Lock()
	defer r.seen.mu.Unlock()
	for deviceSID, at := range gathered {
		if at.After(r.seen.at[deviceSID]) {
			r.seen.at[deviceSID] = at
		}
	}
	r.seen.schedule(r)
	return fmt.Errorf("write times of connects: %w", err)
}
