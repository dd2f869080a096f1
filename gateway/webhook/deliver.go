package webhook

import (
	"context"
	"errors"
	"math/rand/v2"
	"time"

	"gatehouse/gateway/registry"
	"gatehouse/gateway/store"
)

// service is that of a SID, made if it is missing. The caller holds mu.
func (w *Webhooks) service(sid string) *service {
	s := w.services[sid]
	if s == nil {
		s = newService(sid)
		w.services[sid] = s
		w.look(s)
	}
	return s
}

// look reads where the service's events go to, and whether they still go anywhere.
func (w *Webhooks) look(s *service) (found bool) {
	r, found := w.params.Registry.Service(s.sid)
	s.url = r.WebhookURL
	return found
}

// pumpService begins what can be begun, after something has changed for one service. The caller holds mu.
func (w *Webhooks) pumpService(s *service) {
	if s.turn == nil && s.ready.Len() > 0 && !s.paused {
		s.turn = w.turns.PushBack(s)
	}
	w.pump()
}

// pump begins requests, one of each service in turn, until there are as many as may be. The caller holds mu.
func (w *Webhooks) pump() {
	for !w.closed && w.flying < w.settings.Workers && w.turns.Len() > 0 {
		s := w.turns.Remove(w.turns.Front()).(*service)
		s.turn = nil
		e := s.take(w.settings.PerService)
		if e == nil {
			continue
		}
		if s.ready.Len() > 0 {
			s.turn = w.turns.PushBack(s)
		}
		w.flying++
		w.version++
		w.requests.Add(1)
		go w.deliver(s, e, s.url)
	}
}

// deliver sends one event, once.
func (w *Webhooks) deliver(s *service, e *record, url string) {
	defer w.requests.Done()
	got := w.send(w.ctx, url, e)
	w.mu.Lock()
	defer w.mu.Unlock()
	w.flying--
	w.version++
	s.land(e)
	if e.element != nil && (!w.closed || got.outcome == accepted) { // it may have been dropped meanwhile
		w.settle(s, e, url, got)
	}
	w.pumpService(s)
}

// settle decides what becomes of an event that was sent. The caller holds mu.
func (w *Webhooks) settle(s *service, e *record, url string, got result) {
	now := w.params.Now()
	switch got.outcome {
	case accepted:
		s.tally.Delivered++
		s.tally.LastDelivered = now
		w.forget(s, e)
		if s.failures > 0 {
			w.params.Logger.Info("the receiver of webhooks answers again", "service", s.sid, "queued", s.count)
			s.hurry()
		}
		return
	case refused:
		s.failures = 0 // it is there
		e.refusals++
	}
	s.tally.failed(now, got)
	switch {
	case s.url != url:
		s.makeReady(e.lane) // what was wrong with the old address does not matter
	case e.refusals >= w.settings.MaxRefusals:
		s.tally.DroppedRefused++
		w.params.Logger.Warn("a webhook is given up: its receiver keeps refusing it", "service", s.sid, "object", e.ObjectSID, "answer", got.why)
		w.forget(s, e)
	case got.outcome == refused:
		w.retryLane(s, e)
	default:
		s.makeReady(e.lane)
		w.pause(s, got)
	}
	w.dropExpired(s, now)
}

// retryLane has an event sent again after a pause; the events of other objects go on.
func (w *Webhooks) retryLane(s *service, e *record) {
	l := e.lane
	l.wait = time.AfterFunc(w.backoff(e.refusals), func() {
		w.mu.Lock()
		defer w.mu.Unlock()
		if l.wait == nil || w.closed || len(l.events) == 0 || l.events[0] != e {
			return
		}
		l.wait = nil
		s.makeReady(l)
		w.pumpService(s)
	})
}

// pause keeps a service from sending, since its receiver cannot be reached.
func (w *Webhooks) pause(s *service, got result) {
	if s.paused { // by another request, which was under way at the same time
		return
	}
	s.failures++
	wait := max(w.backoff(s.failures), min(got.retryAfter, w.settings.BackoffMax))
	if s.failures == 1 {
		w.params.Logger.Warn("the receiver of webhooks cannot be reached", "service", s.sid, "cause", got.why)
	}
	s.paused, s.until = true, w.params.Now().Add(wait)
	var timer *time.Timer
	timer = time.AfterFunc(wait, func() {
		w.mu.Lock()
		defer w.mu.Unlock()
		if s.resume != timer || w.closed {
			return
		}
		s.paused, s.resume, s.until = false, nil, time.Time{}
		w.pumpService(s)
	})
	s.resume = timer
}

// backoff is the pause before the retry number n, from 1.
func (w *Webhooks) backoff(n int) time.Duration {
	d := w.settings.BackoffMax
	if shift := n - 1; shift < 32 && w.settings.BackoffMin<<shift>>shift == w.settings.BackoffMin {
		d = min(d, w.settings.BackoffMin<<shift)
	}
	return d/2 + rand.N(d/2+1)
}

// forget removes an event for good. The caller holds mu.
func (w *Webhooks) forget(s *service, e *record) {
	s.remove(e)
	w.owe(e.slot)
	w.version++
}

// makeRoom drops the oldest events, if it must, so that one more fits.
func (w *Webhooks) makeRoom(s *service, e *record) {
	for s.count+1 > w.settings.MaxEvents || s.bytes+int64(e.size) > w.settings.MaxBytes {
		oldest := s.oldest()
		if oldest == nil {
			return
		}
		if s.tally.DroppedFull == 0 {
			w.params.Logger.Warn("webhooks are dropped: too many are queued for a receiver", "service", s.sid, "queued", s.count, "bytes", s.bytes)
		}
		s.tally.DroppedFull++
		w.forget(s, oldest)
	}
}

// dropExpired drops the events that are too old.
func (w *Webhooks) dropExpired(s *service, now time.Time) {
	before := s.tally.DroppedExpired
	for e := s.oldest(); e != nil && now.Sub(e.Queued) > w.settings.MaxAge; e = s.oldest() {
		s.tally.DroppedExpired++
		w.forget(s, e)
	}
	if dropped := s.tally.DroppedExpired - before; dropped > 0 {
		w.params.Logger.Warn("webhooks are given up: their receiver could not be reached for too long", "service", s.sid, "dropped", dropped)
	}
}

// changed follows the registry. It must not block, and does not.
func (w *Webhooks) changed(c registry.Change) {
	if c.Kind != registry.KindService && c.Kind != registry.KindAll {
		return
	}
	w.mu.Lock()
	defer w.mu.Unlock()
	if w.closed {
		return
	}
	for sid := range w.services {
		if c.Kind == registry.KindAll || c.SID == sid {
			w.refresh(sid)
		}
	}
	w.pump()
}

// refresh applies a service's address to what is queued: to another one it is sent at once, without one it is dropped.
func (w *Webhooks) refresh(sid string) {
	s, before := w.services[sid], w.services[sid].url
	found := w.look(s)
	if s.url == "" {
		dropped := uint64(s.events.Len())
		for s.events.Len() > 0 {
			w.forget(s, s.events.Front().Value.(*record))
		}
		s.hurry()
		if s.tally.DroppedRemoved += dropped; dropped > 0 {
			w.params.Logger.Info("webhooks are dropped: their service has no address for them any more", "service", sid, "dropped", dropped)
		}
	} else if s.url != before {
		s.hurry()
	}
	if !found {
		delete(w.services, sid)
	}
	if s.turn == nil && s.ready.Len() > 0 {
		s.turn = w.turns.PushBack(s)
	}
}

// owe has a slot swept. The caller holds mu.
func (w *Webhooks) owe(n slot) {
	w.slots.owed = append(w.slots.owed, n)
	select {
	case w.sweepings <- struct{}{}:
	default: // it is awake
	}
}

// sweepAgain is how long the sweeper waits after the store has failed.
const sweepAgain = time.Second

// sweep deletes what need not be sent any more, until Close.
func (w *Webhooks) sweep() {
	defer close(w.swept)
	for open := true; open; {
		var again <-chan time.Time
		if err := w.sweepAll(); err != nil {
			again = time.After(sweepAgain)
		}
		select {
		case _, open = <-w.sweepings:
		case <-again:
		}
	}
	_ = w.sweepAll() // what is left is sent again
}

func (w *Webhooks) sweepAll() error {
	for {
		w.mu.Lock()
		n, found := w.slots.debt()
		w.mu.Unlock()
		if !found {
			return nil
		}
		err := w.bucket.Delete(context.Background(), n.key())
		if errors.Is(err, store.ErrNotFound) {
			err = nil
		}
		w.mu.Lock()
		if err != nil {
			w.slots.owed = append(w.slots.owed, n)
		} else {
			w.slots.free = append(w.slots.free, n)
		}
		w.mu.Unlock()
		if err != nil {
			return err
		}
	}
}
