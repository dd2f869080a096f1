// Package onboardtest is a registry, a record of attempts, a vault and virtual devices in memory, for tests of what
// onboards devices. It is used by tests only.
package onboardtest

import (
	"context"
	"errors"
	"fmt"
	"slices"
	"sync"
	"time"

	"gatehouse/gateway/attempt"
	"gatehouse/gateway/credential"
	"gatehouse/gateway/registry"
	"gatehouse/gateway/sid"
	"gatehouse/sim"
)

// Registry keeps devices in memory. Its zero value has no fleet: use NewRegistry.
type Registry struct {
	mu          sync.Mutex
	version     uint64
	fleets      []registry.Fleet
	deployments []registry.Deployment
	devices     []registry.Device
	keys        []registry.Key
	certs       []registry.Certificate
	fail        error
	now         time.Time
}

// NewRegistry has the fleet "default" with its default deployment.
func NewRegistry() *Registry {
	r := &Registry{version: 1, now: time.Date(2026, 5, 4, 9, 30, 0, 0, time.UTC)}
	r.AddFleet("default")
	return r
}

// AddFleet makes a fleet with a default deployment.
func (r *Registry) AddFleet(name string) registry.Fleet {
	r.mu.Lock()
	defer r.mu.Unlock()
	f := registry.Fleet{SID: sid.New(sid.Fleet), UniqueName: name, Created: r.now}
	d := registry.Deployment{SID: sid.New(sid.Deployment), FleetSID: f.SID, FriendlyName: "Default", ServiceSID: sid.New(sid.Service), Created: r.now}
	f.DefaultDeploymentSID = d.SID
	r.fleets, r.deployments = append(r.fleets, f), append(r.deployments, d)
	r.version++
	return f
}

// AddDeployment makes a further deployment.
func (r *Registry) AddDeployment(fleet, name string) registry.Deployment {
	r.mu.Lock()
	defer r.mu.Unlock()
	d := registry.Deployment{SID: sid.New(sid.Deployment), FleetSID: fleet, FriendlyName: name, ServiceSID: sid.New(sid.Service), Created: r.now}
	r.deployments = append(r.deployments, d)
	r.version++
	return d
}

// FailNext makes the next change fail.
func (r *Registry) FailNext(err error) { r.mu.Lock(); r.fail = err; r.mu.Unlock() }

// change locks, and takes the failure that was ordered.
func (r *Registry) change(do func() error) error {
	r.mu.Lock()
	defer r.mu.Unlock()
	if err := r.fail; err != nil {
		r.fail = nil
		return err
	}
	err := do()
	r.version++
	return err
}

func find[T any](r *Registry, list *[]T, is func(T) bool) (T, bool) {
	r.mu.Lock()
	defer r.mu.Unlock()
	if i := slices.IndexFunc(*list, is); i >= 0 {
		return (*list)[i], true
	}
	var none T
	return none, false
}

func all[T any](r *Registry, list *[]T, is func(T) bool) []T {
	r.mu.Lock()
	defer r.mu.Unlock()
	var out []T
	for _, one := range *list {
		if is == nil || is(one) {
			out = append(out, one)
		}
	}
	return out
}

// Version rises with every change.
func (r *Registry) Version() uint64 { r.mu.Lock(); defer r.mu.Unlock(); return r.version }

// Fleets are all fleets.
func (r *Registry) Fleets() []registry.Fleet { return all(r, &r.fleets, nil) }

// Devices are all devices, by creation.
func (r *Registry) Devices() []registry.Device { return all(r, &r.devices, nil) }

// AllKeys are all keys.
func (r *Registry) AllKeys() []registry.Key { return all(r, &r.keys, nil) }

// AllCertificates are all certificates.
func (r *Registry) AllCertificates() []registry.Certificate { return all(r, &r.certs, nil) }

// Fleet finds a fleet.
func (r *Registry) Fleet(s string) (registry.Fleet, bool) {
	return find(r, &r.fleets, func(f registry.Fleet) bool { return f.SID == s })
}

// Device finds a device.
func (r *Registry) Device(s string) (registry.Device, bool) {
	return find(r, &r.devices, func(d registry.Device) bool { return d.SID == s })
}

// DeviceByName finds a device in a fleet.
func (r *Registry) DeviceByName(fleet, name string) (registry.Device, bool) {
	return find(r, &r.devices, func(d registry.Device) bool { return d.FleetSID == fleet && d.UniqueName == name })
}

// Deployments are those of a fleet.
func (r *Registry) Deployments(fleet string) []registry.Deployment {
	return all(r, &r.deployments, func(d registry.Deployment) bool { return d.FleetSID == fleet })
}

// Keys are those of a device.
func (r *Registry) Keys(device string) []registry.Key {
	return all(r, &r.keys, func(k registry.Key) bool { return k.DeviceSID == device })
}

// Certificates are those of a device.
func (r *Registry) Certificates(device string) []registry.Certificate {
	return all(r, &r.certs, func(c registry.Certificate) bool { return c.DeviceSID == device })
}

// CreateDevice implements the registry.
func (r *Registry) CreateDevice(_ context.Context, n registry.NewDevice) (d registry.Device, err error) {
	err = r.change(func() error {
		fleet := r.fleets[0]
		for _, f := range r.fleets {
			if f.SID == n.FleetSID {
				fleet = f
			}
		}
		d = registry.Device{SID: sid.New(sid.Device), FleetSID: fleet.SID, UniqueName: n.UniqueName, FriendlyName: n.FriendlyName, Identity: n.Identity,
			Enabled: !n.Disabled, DeploymentSID: fleet.DefaultDeploymentSID, Created: r.now, Updated: r.now}
		if n.DeploymentSID != nil {
			d.DeploymentSID = *n.DeploymentSID
		}
		r.devices = append(r.devices, d)
		return nil
	})
	return d, err
}

// UpdateDevice implements the registry.
func (r *Registry) UpdateDevice(_ context.Context, s string, c registry.DeviceChange) (d registry.Device, err error) {
	err = r.change(func() error {
		i := slices.IndexFunc(r.devices, func(d registry.Device) bool { return d.SID == s })
		if i < 0 {
			return errGone
		}
		p := &r.devices[i]
		set(&p.FriendlyName, c.FriendlyName)
		set(&p.Identity, c.Identity)
		set(&p.DeploymentSID, c.DeploymentSID)
		if c.Enabled != nil {
			p.Enabled = *c.Enabled
		}
		d = *p
		return nil
	})
	return d, err
}

var errGone = errors.New("it is gone")

func set(to *string, from *string) {
	if from != nil {
		*to = *from
	}
}

// DeleteDevice deletes a device with its credentials.
func (r *Registry) DeleteDevice(_ context.Context, s string) error {
	return r.change(func() error {
		r.devices = slices.DeleteFunc(r.devices, func(d registry.Device) bool { return d.SID == s })
		r.keys = slices.DeleteFunc(r.keys, func(k registry.Key) bool { return k.DeviceSID == s })
		r.certs = slices.DeleteFunc(r.certs, func(c registry.Certificate) bool { return c.DeviceSID == s })
		return nil
	})
}

// CreateKey implements the registry.
func (r *Registry) CreateKey(_ context.Context, fleet, device, name string) (k registry.Key, secret string, err error) {
	err = r.change(func() error {
		secret = credential.NewSecret()
		salt, hash := credential.HashSecret([]byte(secret))
		k = registry.Key{SID: sid.New(sid.Key), FleetSID: fleet, DeviceSID: device, FriendlyName: name, Salt: salt, Hash: hash, Created: r.now}
		r.keys = append(r.keys, k)
		return nil
	})
	return k, secret, err
}

// DeleteKey implements the registry.
func (r *Registry) DeleteKey(_ context.Context, s string) error {
	return r.change(func() error {
		r.keys = slices.DeleteFunc(r.keys, func(k registry.Key) bool { return k.SID == s })
		return nil
	})
}

// ImportCertificate implements the registry.
func (r *Registry) ImportCertificate(_ context.Context, fleet, device, name string, pemOrDER []byte) (c registry.Certificate, err error) {
	err = r.change(func() error {
		parsed, err := credential.ParseCertificate(pemOrDER)
		if err != nil {
			return err
		}
		c = registry.Certificate{SID: sid.New(sid.Certificate), FleetSID: fleet, DeviceSID: device, FriendlyName: name,
			DER: parsed.Raw, Thumbprint: credential.Thumbprint(parsed.Raw), Created: r.now}
		r.certs = append(r.certs, c)
		return nil
	})
	return c, err
}

// DeleteCertificate implements the registry.
func (r *Registry) DeleteCertificate(_ context.Context, s string) error {
	return r.change(func() error {
		r.certs = slices.DeleteFunc(r.certs, func(c registry.Certificate) bool { return c.SID == s })
		return nil
	})
}

// Attempts is a record that tests write.
type Attempts struct {
	mu   sync.Mutex
	list []attempt.Attempt // the oldest first
}

// Add records an attempt and returns its number.
func (l *Attempts) Add(a attempt.Attempt) uint64 {
	l.mu.Lock()
	defer l.mu.Unlock()
	a.ID = uint64(len(l.list) + 1)
	l.list = append(l.list, a)
	return a.ID
}

// Version implements the log.
func (l *Attempts) Version() uint64 { l.mu.Lock(); defer l.mu.Unlock(); return uint64(len(l.list)) + 1 }

// Get implements the log.
func (l *Attempts) Get(id uint64) (attempt.Attempt, bool) {
	l.mu.Lock()
	defer l.mu.Unlock()
	if id == 0 || id > uint64(len(l.list)) {
		return attempt.Attempt{}, false
	}
	return l.list[id-1], true
}

// Query knows AfterID, DeviceSID and Limit.
func (l *Attempts) Query(f attempt.Filter) attempt.Page {
	l.mu.Lock()
	defer l.mu.Unlock()
	var page attempt.Page
	for i := len(l.list) - 1; i >= 0; i-- {
		a := l.list[i]
		if a.ID <= f.AfterID || f.DeviceSID != "" && a.DeviceSID != f.DeviceSID {
			continue
		}
		page.Total++
		if f.Limit == 0 || len(page.Attempts) < f.Limit {
			page.Attempts = append(page.Attempts, a)
		}
	}
	return page
}

// Vault keeps credentials in memory.
type Vault struct {
	mu   sync.Mutex
	kept map[string][]sim.Credential
	Fail error // of Put
}

// Put implements the vault.
func (v *Vault) Put(device string, c sim.Credential) error {
	v.mu.Lock()
	defer v.mu.Unlock()
	if v.Fail != nil {
		return v.Fail
	}
	if v.kept == nil {
		v.kept = map[string][]sim.Credential{}
	}
	v.kept[device] = append(v.kept[device], c)
	return nil
}

// Get implements the vault.
func (v *Vault) Get(device string) []sim.Credential {
	v.mu.Lock()
	defer v.mu.Unlock()
	return slices.Clone(v.kept[device])
}

// Delete implements the vault.
func (v *Vault) Delete(device string) error {
	v.mu.Lock()
	defer v.mu.Unlock()
	delete(v.kept, device)
	return nil
}

// Player is a virtual device that answers what the test wants.
type Player struct {
	mu      sync.Mutex
	Answer  func(sim.Options) sim.Result // nil: accepted
	Refuse  string                       // a filter that cannot be subscribed to
	state   sim.State
	version uint64
	entries []sim.Entry
	granted []sim.Subscription
	last    sim.Options
	closed  bool
	ended   chan struct{} // closed at the end of the connection; nil: there was none
	Raw     [][]byte      // that were sent past all rules
}

// Connect implements the virtual device.
func (p *Player) Connect(_ context.Context, o sim.Options) sim.Result {
	result := sim.Result{Took: 4 * time.Millisecond, TLSVersion: "TLS 1.3", Suite: "TLS_AES_128_GCM_SHA256"}
	if p.Answer != nil {
		result = p.Answer(o)
	}
	p.mu.Lock()
	defer p.mu.Unlock()
	p.last = o
	p.version++
	p.over()
	if result.Err == nil {
		p.ended = make(chan struct{})
	}
	p.state = sim.State{Connected: result.Err == nil, LastResult: result, Attempts: p.state.Attempts + 1, Since: time.Date(2026, 5, 4, 9, 31, 0, 0, time.UTC)}
	return result
}

// Last are the options of the last Connect.
func (p *Player) Last() sim.Options { p.mu.Lock(); defer p.mu.Unlock(); return p.last }

// Closed reports whether it was closed.
func (p *Player) Closed() bool { p.mu.Lock(); defer p.mu.Unlock(); return p.closed }

// Disconnect implements the virtual device.
func (p *Player) Disconnect() {
	p.mu.Lock()
	defer p.mu.Unlock()
	p.version++
	p.state.Connected = false
	p.over()
}

// over ends the connection, if there is one.
func (p *Player) over() {
	if p.ended != nil {
		close(p.ended)
		p.ended = nil
	}
}

// Ended implements the virtual device.
func (p *Player) Ended() <-chan struct{} {
	p.mu.Lock()
	defer p.mu.Unlock()
	if p.ended != nil {
		return p.ended
	}
	over := make(chan struct{})
	close(over)
	return over
}

// SendRaw implements the virtual device.
func (p *Player) SendRaw(b []byte) error {
	p.mu.Lock()
	defer p.mu.Unlock()
	if !p.state.Connected {
		return sim.ErrNotConnected
	}
	p.Raw = append(p.Raw, b)
	return nil
}

// Close implements the virtual device.
func (p *Player) Close() { p.Disconnect(); p.mu.Lock(); p.closed = true; p.mu.Unlock() }

// Log adds an entry to the console.
func (p *Player) Log(e sim.Entry) {
	p.mu.Lock()
	defer p.mu.Unlock()
	e.Seq = uint64(len(p.entries) + 1)
	p.entries = append(p.entries, e)
	p.version++
}

// Publish implements the virtual device.
func (p *Player) Publish(_ context.Context, topic string, payload []byte, qos byte, retain bool) error {
	p.Log(sim.Entry{At: time.Date(2026, 5, 4, 9, 32, 0, 0, time.UTC), Outbound: true, Type: "PUBLISH", Summary: "PUBLISH " + topic, Topic: topic, Payload: payload, QoS: qos, Retain: retain, Bytes: len(payload) + 4})
	return nil
}

// Subscribe implements the virtual device.
func (p *Player) Subscribe(_ context.Context, filter string, qos byte) (byte, error) {
	p.mu.Lock()
	if filter == p.Refuse {
		p.mu.Unlock()
		return 0x80, fmt.Errorf("subscribe %s: %w", filter, sim.ErrRefusedFilter)
	}
	p.granted = append(p.granted, sim.Subscription{Filter: filter, QoS: qos})
	p.mu.Unlock()
	p.Log(sim.Entry{At: time.Date(2026, 5, 4, 9, 32, 1, 0, time.UTC), Outbound: true, Type: "SUBSCRIBE", Summary: "SUBSCRIBE " + filter, Topic: filter, QoS: qos, Bytes: 9})
	return qos, nil
}

// Unsubscribe implements the virtual device.
func (p *Player) Unsubscribe(_ context.Context, filter string) error {
	p.mu.Lock()
	defer p.mu.Unlock()
	p.granted = slices.DeleteFunc(p.granted, func(s sim.Subscription) bool { return s.Filter == filter })
	p.version++
	return nil
}

// Subscriptions implements the virtual device.
func (p *Player) Subscriptions() []sim.Subscription {
	p.mu.Lock()
	defer p.mu.Unlock()
	return slices.Clone(p.granted)
}

// State implements the virtual device.
func (p *Player) State() sim.State { p.mu.Lock(); defer p.mu.Unlock(); return p.state }

// Version implements the virtual device.
func (p *Player) Version() uint64 { p.mu.Lock(); defer p.mu.Unlock(); return p.version }

// Console implements the virtual device.
func (p *Player) Console(after uint64) []sim.Entry {
	p.mu.Lock()
	defer p.mu.Unlock()
	return slices.Clone(p.entries[min(int(after), len(p.entries)):])
}
