// Package registry knows what may connect: the account, its fleets, devices, deployments, Sync services, certificates and
// keys (contract, section 5). Every read is from memory and allocates little; every write is in the store before it is
// in memory, and is told to whoever asked for changes. It knows nothing of connections, of return codes or of HTTP.
//
// What it returns are copies, except for byte slices, which must not be changed.
package registry

import (
	"context"
	"crypto/rand"
	"encoding/hex"
	"encoding/json"
	"errors"
	"fmt"
	"log/slog"
	"sync"
	"time"

	"gatehouse/gateway/cause"
	"gatehouse/gateway/sid"
	"gatehouse/gateway/store"
)

const bucketName = "registry"

// Params of a registry. Store is required, the rest has defaults.
type Params struct {
	Store  *store.Store
	Now    func() time.Time        // nil: time.Now
	Logger *slog.Logger            // nil: nothing is logged
	NewSID func(sid.Prefix) string // nil: sid.New

	// AuthenticatedEvery is how long the times of accepted connects are gathered before they are written: what kill -9
	// may lose of them. Default 10 s.
	AuthenticatedEvery time.Duration
}

// bucket is what the registry needs of the store.
type bucket interface {
	All(ctx context.Context) ([]store.Entry, error)
	Apply(ctx context.Context, ops []store.Op) error
}

// Registry is safe for use by any number of goroutines.
type Registry struct {
	params Params
	bucket bucket

	// writing is held by one write from its checks to its effect in memory; reads do not wait for it. Lock order: writing,
	// then mu.
	writing sync.Mutex
	stamped time.Time // guarded by writing: the last time that was given to a record

	mu      sync.RWMutex
	memory  *memory
	version uint64

	listening sync.Mutex
	listeners map[int]func(Change)
	nextID    int

	seen seen
}

// Open reads the registry from the store. The first time it makes the account, the fleet "default", its default deployment
// and the default Sync service that this is linked to.
func Open(ctx context.Context, p Params) (*Registry, error) {
	b, err := p.Store.Bucket(ctx, bucketName)
	if err != nil {
		return nil, fmt.Errorf("open registry: %w", err)
	}
	r, err := openOn(ctx, b, p)
	if err != nil {
		return nil, err
	}
	p.Store.OnReopen(r.reload)
	return r, nil
}

func openOn(ctx context.Context, b bucket, p Params) (*Registry, error) {
	if p.Now == nil {
		p.Now = time.Now
	}
	if p.Logger == nil {
		p.Logger = slog.New(slog.DiscardHandler)
	}
	if p.NewSID == nil {
		p.NewSID = sid.New
	}
	if p.AuthenticatedEvery <= 0 {
		p.AuthenticatedEvery = 10 * time.Second
	}
	r := &Registry{params: p, bucket: b, memory: newMemory(), listeners: map[int]func(Change){}}
	r.seen.at = map[string]time.Time{}
	entries, err := b.All(ctx)
	if err != nil {
		return nil, fmt.Errorf("open registry: %w", err)
	}
	if len(entries) == 0 {
		if err := r.begin(ctx); err != nil {
			return nil, fmt.Errorf("open registry: %w", err)
		}
		return r, nil
	}
	if r.memory, err = readAll(entries); err != nil {
		return nil, fmt.Errorf("open registry: %w", err)
	}
	return r, nil
}

// begin makes what every account starts with.
func (r *Registry) begin(ctx context.Context) error {
	now := r.stamp()
	account := Account{SID: r.params.NewSID(sid.Account), AuthToken: newToken()}
	service := Service{SID: r.params.NewSID(sid.Service), UniqueName: "default", FriendlyName: "Default Sync service", Created: now, Updated: now}
	fleet := Fleet{SID: r.params.NewSID(sid.Fleet), UniqueName: "default", FriendlyName: "Default fleet", Created: now, Updated: now}
	deployment := Deployment{SID: r.params.NewSID(sid.Deployment), FleetSID: fleet.SID, FriendlyName: "Default deployment", ServiceSID: service.SID, Created: now, Updated: now}
	fleet.DefaultDeploymentSID = deployment.SID
	t := r.transaction()
	t.putAccount(account)
	t.putService(service)
	t.putDeployment(deployment)
	t.putFleet(fleet)
	return t.commit(ctx)
}

func newToken() string {
	var b [16]byte
	_, _ = rand.Read(b[:]) // crypto/rand never fails: it ends the process instead
	return hex.EncodeToString(b[:])
}

// reload reads everything again after the store was reopened: a write that failed may have been kept after all.
func (r *Registry) reload(ctx context.Context) error {
	r.writing.Lock()
	entries, err := r.bucket.All(ctx)
	if err != nil {
		r.writing.Unlock()
		return fmt.Errorf("reload registry: %w", err)
	}
	fresh, err := readAll(entries)
	if err != nil {
		r.writing.Unlock()
		return fmt.Errorf("reload registry: %w", err)
	}
	r.mu.Lock()
	affected := map[string]bool{}
	for device := range r.memory.devices {
		affected[device] = true
	}
	for device := range fresh.devices {
		affected[device] = true
	}
	r.memory = fresh
	r.version++
	r.mu.Unlock()
	r.writing.Unlock()
	r.tell([]Change{{Kind: KindAll, Affected: sortedKeys(affected)}})
	return nil
}

// readAll decodes what the store holds.
func readAll(entries []store.Entry) (*memory, error) {
	m := newMemory()
	for _, entry := range entries {
		if err := m.decode(entry.Key, entry.Value); err != nil {
			return nil, fmt.Errorf("%s: %w", entry.Key, err)
		}
	}
	if m.account.SID == "" {
		return nil, errors.New("the account is missing")
	}
	return m, nil
}

// Close writes what was gathered by Authenticated. The registry can still be read then.
func (r *Registry) Close(ctx context.Context) error {
	r.seen.mu.Lock()
	r.seen.closed = true
	if r.seen.timer != nil {
		r.seen.timer.Stop()
	}
	r.seen.mu.Unlock()
	return r.flushSeen(ctx)
}

// stamp is the time for a new record: of two records the later one has the later time, even when the clock stands. The
// caller holds writing.
func (r *Registry) stamp() time.Time {
	now := r.params.Now().UTC().Round(0)
	if !now.After(r.stamped) && r.stamped.Sub(now) < time.Second {
		now = r.stamped.Add(1)
	}
	r.stamped = now
	return now
}

// Version rises with every change.
func (r *Registry) Version() uint64 {
	r.mu.RLock()
	defer r.mu.RUnlock()
	return r.version
}

// Account is the one that owns everything.
func (r *Registry) Account() Account {
	r.mu.RLock()
	defer r.mu.RUnlock()
	return r.memory.account
}

// RotateToken gives the account a new token; the old one ends at once.
func (r *Registry) RotateToken(ctx context.Context) (Account, error) {
	r.writing.Lock()
	defer r.writing.Unlock()
	account := r.Account()
	account.AuthToken = newToken()
	t := r.transaction()
	t.putAccount(account)
	if err := t.commit(ctx); err != nil {
		return Account{}, fmt.Errorf("rotate token: %w", err)
	}
	return account, nil
}

// EffectiveService is the Sync service that a device's deployment links it to, or why there is none: [cause.NotDeployed]
// or [cause.NoService].
func (r *Registry) EffectiveService(d Device) (serviceSID string, why cause.ID) {
	r.mu.RLock()
	defer r.mu.RUnlock()
	deployment, found := r.memory.deployments[d.DeploymentSID]
	if !found {
		return "", cause.NotDeployed
	}
	if _, found := r.memory.services[deployment.ServiceSID]; !found {
		return "", cause.NoService
	}
	return deployment.ServiceSID, ""
}

func (m *memory) decode(key string, value []byte) error {
	kind, name, _ := cutKey(key)
	var err error
	switch kind {
	case keyAccount:
		var a storedAccount
		err = json.Unmarshal(value, &a)
		m.account = Account(a)
	case KindFleet:
		err = decodeInto(value, m.addFleet)
	case KindDevice:
		err = decodeInto(value, m.addDevice)
	case KindDeployment:
		err = decodeInto(value, m.addDeployment)
	case KindService:
		err = decodeInto(value, m.addService)
	case KindKey:
		err = decodeInto(value, m.addKey)
	case KindCertificate:
		err = decodeInto(value, m.addCertificate)
	case keyGrave:
		err = decodeInto(value, m.addGrave)
	default:
		err = fmt.Errorf("unknown kind of record %q", name)
	}
	return err
}

func decodeInto[T any](value []byte, add func(T)) error {
	var record T
	if err := json.Unmarshal(value, &record); err != nil {
		return err
	}
	add(record)
	return nil
}
