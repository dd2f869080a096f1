package objects

import (
	"context"
	"sync"
	"time"
)

// keeper does in the background what nobody waits for: it removes what has expired, deletes what is left of what was removed,
// and offers the hook again what it did not take.
type keeper struct {
	cancel context.CancelFunc
	ended  chan struct{}

	mu    sync.Mutex // a leaf
	left  []leftover
	owing map[*object]bool
	wake  chan struct{}
}

const (
	keeperRetry = time.Second // after an error of the store
	keeperNap   = time.Minute // at most, because the clock may be set
)

func (k *keeper) start(o *Objects) {
	ctx, cancel := context.WithCancel(context.Background())
	k.cancel, k.ended = cancel, make(chan struct{})
	go func() {
		defer close(k.ended)
		o.keep(ctx)
	}()
}

func (k *keeper) stop() {
	k.cancel()
	<-k.ended
}

// begin takes over what the store says. Events of objects that were removed are still owed, also when the store was reopened.
func (k *keeper) begin(left []leftover, owing []*object) {
	k.mu.Lock()
	defer k.mu.Unlock()
	k.left = left
	for _, obj := range owing {
		k.owe(obj)
	}
	k.nudge()
}

// sweep has what is left of removed objects deleted.
func (k *keeper) sweep(left ...leftover) {
	k.mu.Lock()
	defer k.mu.Unlock()
	k.left = append(k.left, left...)
	k.nudge()
}

// remind has the hook asked again about an object's events.
func (k *keeper) remind(obj *object) {
	k.mu.Lock()
	defer k.mu.Unlock()
	k.owe(obj)
}

func (k *keeper) owe(obj *object) {
	if k.owing == nil {
		k.owing = map[*object]bool{}
	}
	k.owing[obj] = true
}

func (k *keeper) nudge() {
	if k.wake == nil {
		k.wake = make(chan struct{}, 1)
	}
	select {
	case k.wake <- struct{}{}:
	default:
	}
}

func (k *keeper) woken() <-chan struct{} {
	k.mu.Lock()
	defer k.mu.Unlock()
	if k.wake == nil {
		k.wake = make(chan struct{}, 1)
	}
	return k.wake
}

func (o *Objects) keep(ctx context.Context) {
	nap := time.NewTimer(0)
	defer nap.Stop()
	for {
		select {
		case <-ctx.Done():
			return
		case <-nap.C:
		case <-o.expiry.wake:
		case <-o.keeper.woken():
		}
		again, err := o.keepOnce(ctx)
		switch {
		case ctx.Err() != nil:
			return
		case err != nil:
			o.params.Logger.Debug("objects are kept later", "error", err)
			again = keeperRetry
		}
		nap.Reset(again)
	}
}

// keepOnce does what is due and says when to look again.
func (o *Objects) keepOnce(ctx context.Context) (time.Duration, error) {
	for _, targets := range o.expiry.due(o.now(), 16*batch) {
		if err := o.expire(ctx, targets); err != nil {
			return 0, err
		}
	}
	if err := o.sweepOnce(ctx); err != nil {
		return 0, err
	}
	if err := o.payOwed(); err != nil {
		return 0, err
	}
	o.keeper.mu.Lock()
	more := len(o.keeper.left) > 0
	o.keeper.mu.Unlock()
	next := o.expiry.next()
	switch {
	case more:
		return 0, nil
	case next.IsZero():
		return keeperNap, nil
	}
	return min(keeperNap, max(0, next.Sub(o.now()))), nil
}

// sweepOnce deletes some of what is left over; the record of the object goes last, so that a restart in between finds the rest.
func (o *Objects) sweepOnce(ctx context.Context) error {
	k := &o.keeper
	k.mu.Lock()
	if len(k.left) == 0 {
		k.mu.Unlock()
		return nil
	}
	l := k.left[0]
	k.mu.Unlock()
	now := l
	now.parts = l.parts[:min(batch, len(l.parts))]
	ops := now.deletes()
	last := len(now.parts) == len(l.parts)
	if !last {
		ops = ops[:len(now.parts)]
	}
	if err := o.bucket.Apply(ctx, ops); err != nil {
		return down("delete what is left of "+l.base, err)
	}
	k.mu.Lock()
	defer k.mu.Unlock()
	if len(k.left) > 0 && k.left[0].base == l.base { // else the store was reopened
		if last {
			k.left = k.left[1:]
		} else {
			k.left[0].parts = l.parts[len(now.parts):]
		}
	}
	return nil
}

func (o *Objects) payOwed() error {
	k := &o.keeper
	k.mu.Lock()
	owing := k.owing
	k.owing = nil
	k.mu.Unlock()
	var failed error
	for obj := range owing {
		if err := o.payNow(obj); err != nil {
			failed = err // it has reminded us again
		}
	}
	return failed
}

func (o *Objects) payNow(obj *object) error {
	o.gate.RLock()
	defer o.gate.RUnlock()
	obj.mu.Lock()
	defer obj.mu.Unlock()
	return o.pay(obj)
}
