package registry

import (
	"context"
	"encoding/json"
	"maps"
	"slices"
	"strings"

	"gatehouse/gateway/store"
)

// The kinds of records that a [Change] is about. KindAll is told after the store was reopened: anything may be different.
const (
	KindDevice      = "device"
	KindFleet       = "fleet"
	KindDeployment  = "deployment"
	KindService     = "service"
	KindKey         = "key"
	KindCertificate = "certificate"
	KindAccount     = "account"
	KindAll         = "all"
)

// Keys in the store are "account", "grave.<slot>" and "<kind>.<SID>".
const (
	keyAccount = "account"
	keyGrave   = "grave"
)

func cutKey(key string) (kind, name string, found bool) { return strings.Cut(key, ".") }

// Change tells of one record that was created, updated or deleted.
type Change struct {
	Kind    string
	SID     string
	Deleted bool
	// Affected are the devices whose admission may have changed: whose live connection may rest on nothing now.
	Affected []string
}

// OnChange has fn called after each change, when reads already tell of it, by the goroutine that made the change and without
// any lock held. Changes that are made at the same time may be told in either order. fn must not block.
func (r *Registry) OnChange(fn func(Change)) (cancel func()) {
	r.listening.Lock()
	defer r.listening.Unlock()
	id := r.nextID
	r.nextID++
	r.listeners[id] = fn
	return func() {
		r.listening.Lock()
		defer r.listening.Unlock()
		delete(r.listeners, id)
	}
}

func (r *Registry) tell(changes []Change) {
	if len(changes) == 0 {
		return
	}
	r.listening.Lock()
	ids := slices.Sorted(maps.Keys(r.listeners))
	listeners := make([]func(Change), 0, len(ids))
	for _, id := range ids {
		listeners = append(listeners, r.listeners[id])
	}
	r.listening.Unlock()
	for _, change := range changes {
		for _, fn := range listeners {
			fn(change)
		}
	}
}

// transaction gathers what one write changes: all of it is stored, or nothing.
type transaction struct {
	r       *Registry
	ops     []store.Op
	effects []func(*memory)
	changes []Change
	graves  []grave
	err     error
}

// transaction begins a write. The caller holds writing until commit has returned.
func (r *Registry) transaction() *transaction { return &transaction{r: r} }

// write runs a write: check and gather in build, store, take effect, tell.
func (r *Registry) write(ctx context.Context, build func(*transaction) error) error {
	r.writing.Lock()
	t := r.transaction()
	r.mu.RLock() // against Authenticated, which does not take writing
	err := build(t)
	r.mu.RUnlock()
	if err == nil {
		err = t.commit(ctx)
	}
	r.writing.Unlock()
	if err != nil {
		return err
	}
	r.tell(t.changes)
	return nil
}

func (t *transaction) commit(ctx context.Context) error {
	t.bury()
	if t.err != nil {
		return t.err
	}
	if err := t.r.bucket.Apply(ctx, t.ops); err != nil {
		return err
	}
	t.r.mu.Lock()
	defer t.r.mu.Unlock()
	for _, effect := range t.effects {
		effect(t.r.memory)
	}
	t.r.version++
	return nil
}

// bury adds the tombstones; of more than fit only the newest.
func (t *transaction) bury() {
	for i := range t.graves {
		t.graves[i].Number = t.r.memory.graves.next + uint64(i)
	}
	if extra := len(t.graves) - maxGraves; extra > 0 {
		t.graves = t.graves[extra:]
	}
	for _, g := range t.graves {
		t.put(g.key(), g, func(m *memory) { m.addGrave(g) })
	}
}

func (t *transaction) put(key string, record any, effect func(*memory)) {
	value, err := json.Marshal(record)
	if err != nil && t.err == nil {
		t.err = err
	}
	t.ops = append(t.ops, store.Op{Key: key, Value: value})
	t.effects = append(t.effects, effect)
}

func (t *transaction) remove(kind, sid string, effect func(*memory)) {
	t.ops = append(t.ops, store.Op{Key: kind + "." + sid, Delete: true})
	t.effects = append(t.effects, effect)
}

func (t *transaction) changed(kind, sid string, deleted bool, affected ...string) {
	affected = slices.DeleteFunc(affected, func(device string) bool { return device == "" })
	slices.Sort(affected)
	t.changes = append(t.changes, Change{Kind: kind, SID: sid, Deleted: deleted, Affected: slices.Compact(affected)})
}

// storedAccount is an account with its token, for the store alone.
type storedAccount struct {
	SID       string `json:"sid"`
	AuthToken string `json:"auth_token"`
}

func (t *transaction) putAccount(a Account) {
	t.put(keyAccount, storedAccount(a), func(m *memory) { m.account = a })
	t.changed(KindAccount, a.SID, false)
}

func (t *transaction) putFleet(f Fleet) {
	t.put(KindFleet+"."+f.SID, f, func(m *memory) { m.addFleet(f) })
}

func (t *transaction) putDevice(d Device) {
	t.put(KindDevice+"."+d.SID, d, func(m *memory) { m.addDevice(d) })
}

func (t *transaction) putDeployment(d Deployment) {
	t.put(KindDeployment+"."+d.SID, d, func(m *memory) { m.addDeployment(d) })
}

func (t *transaction) putService(s Service) {
	t.put(KindService+"."+s.SID, s, func(m *memory) { m.addService(s) })
}

func (t *transaction) putKey(k Key) { t.put(KindKey+"."+k.SID, k, func(m *memory) { m.addKey(k) }) }

func (t *transaction) putCertificate(c Certificate) {
	t.put(KindCertificate+"."+c.SID, c, func(m *memory) { m.addCertificate(c) })
}
