package objects

import (
	"context"
	"fmt"
	"log/slog"
	"sync"
	"sync/atomic"
	"time"

	"gatehouse/gateway/sid"
	"gatehouse/gateway/store"
)

const bucketName = "objects"

// bucket is what the package needs of the store.
type bucket interface {
	All(ctx context.Context) ([]store.Entry, error)
	Apply(ctx context.Context, ops []store.Op) error
}

// openBucket says how durable a write is when it returns: it survives kill -9 at once and a loss of power within a second, or at
// once when the store is told to be always durable.
func openBucket(ctx context.Context, s *store.Store) (bucket, error) {
	return s.RelaxedBucket(ctx, bucketName)
}

// Objects are the Sync objects of all services. All methods may be called from any goroutine.
type Objects struct {
	params   Params
	bucket   bucket
	settings atomic.Pointer[Settings]

	// gate is held for reading by every change, and for writing by what replaces or ends everything. Readers of objects do not
	// need it.
	gate   sync.RWMutex
	closed bool // guarded by gate

	spaces atomic.Pointer[sync.Map] // service SID to *space
	seq    atomic.Uint64            // of the last object that was made

	feed    feed
	history history
	expiry  expiry
	keeper  keeper
}

// Open reads the objects from the store, removes what has expired meanwhile, and from then on removes what expires. Events of
// that are offered to the hook before Open returns.
func Open(ctx context.Context, p Params) (*Objects, error) {
	b, err := openBucket(ctx, p.Store)
	if err != nil {
		return nil, fmt.Errorf("open objects: %w", err)
	}
	o, err := openOn(ctx, b, p)
	if err != nil {
		return nil, err
	}
	p.Store.OnReopen(o.reload)
	return o, nil
}

func openOn(ctx context.Context, b bucket, p Params) (*Objects, error) {
	if p.Now == nil {
		p.Now = time.Now
	}
	if p.Logger == nil {
		p.Logger = slog.New(slog.DiscardHandler)
	}
	if p.NewSID == nil {
		p.NewSID = sid.New
	}
	o := &Objects{params: p, bucket: b}
	o.feed.start(p.Now())
	o.history.init()
	o.expiry.init()
	o.SetSettings(p.Settings)
	if err := o.read(ctx); err != nil {
		return nil, fmt.Errorf("open objects: %w", err)
	}
	if err := o.payOwed(); err != nil {
		return nil, fmt.Errorf("open objects: %w", err)
	}
	for _, t := range o.expiry.due(o.now(), 0) {
		if err := o.expire(ctx, t); err != nil {
			return nil, fmt.Errorf("open objects: %w", err)
		}
	}
	o.keeper.start(o)
	return o, nil
}

// read replaces what is in memory by what is in the store. The caller holds gate, or is openOn.
func (o *Objects) read(ctx context.Context) error {
	entries, err := o.bucket.All(ctx)
	if err != nil {
		return err
	}
	found, err := load(entries, func(service string) bool {
		_, found := o.params.Registry.Service(service)
		return found
	})
	if err != nil {
		return err
	}
	fresh := &sync.Map{}
	o.expiry.clear()
	for service, s := range found.spaces {
		fresh.Store(service, s)
		s.all(func(obj *object) {
			o.seq.Store(max(o.seq.Load(), obj.seq))
			o.plan(obj, nil, obj.state.Load())
		})
	}
	o.spaces.Store(fresh)
	o.keeper.begin(found.left, found.owing)
	return nil
}

// Close ends what runs; nothing can be changed then, and all can still be read.
func (o *Objects) Close() {
	o.gate.Lock()
	closed := o.closed
	o.closed = true
	o.gate.Unlock()
	if !closed {
		o.keeper.stop()
	}
}

// SetSettings applies new settings at once. Bounds that are already exceeded stop what would add to it, no more.
func (o *Objects) SetSettings(s Settings) {
	s = s.withDefaults()
	o.settings.Store(&s)
	o.history.limit(s.History)
}

func (o *Objects) now() time.Time { return o.params.Now().UTC().Round(0) }

// space is that of a service, nil when nothing was ever made in it.
func (o *Objects) space(service string) *space {
	s, found := o.spaces.Load().Load(service)
	if !found {
		return nil
	}
	return s.(*space)
}

// spaceFor is that of a service which exists, made when it is needed. The caller holds gate.
func (o *Objects) spaceFor(service string) *space {
	if s := o.space(service); s != nil {
		return s
	}
	s, _ := o.spaces.Load().LoadOrStore(service, newSpace(service))
	return s.(*space)
}

// DropService removes a Sync service's objects, at once for all who read. The registry no longer has the service when it is
// called; what is stored of it is deleted later, after a restart if need be.
func (o *Objects) DropService(serviceSID string) {
	o.gate.Lock()
	defer o.gate.Unlock()
	s := o.space(serviceSID)
	if s == nil {
		return
	}
	o.spaces.Load().Delete(serviceSID)
	s.all(func(obj *object) {
		st := obj.state.Load()
		o.plan(obj, st, nil)
		o.history.forget(obj.sid)
		o.keeper.sweep(obj.leftover(st))
	})
	o.feed.touch()
}

// leftover is what is stored of an object with this state.
func (obj *object) leftover(s *state) leftover {
	l := leftover{base: obj.storeKey()}
	s.items.each(0, func(_ string, i *item) bool {
		l.parts = append(l.parts, obj.itemKey(i))
		return true
	})
	s.permissions.each(0, func(identity string, _ Permission) bool {
		l.parts = append(l.parts, obj.permissionKey(identity))
		return true
	})
	return l
}
