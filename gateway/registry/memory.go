package registry

import (
	"cmp"
	"maps"
	"slices"
	"strings"
	"time"
)

// memory is all of the registry with its indexes. It is guarded by Registry.mu.
type memory struct {
	account      Account
	fleets       map[string]Fleet
	devices      map[string]Device
	deployments  map[string]Deployment
	services     map[string]Service
	keys         map[string]Key
	certificates map[string]Certificate

	names       map[fleetName]string       // of devices
	thumbprints map[string]string          // to certificates
	keysOf      map[string]map[string]bool // by device
	certsOf     map[string]map[string]bool // by device
	graves      graves

	deviceOrder []string // SIDs in the order of creation; nil: to be made when it is needed
}

type fleetName struct{ fleet, name string }

func newMemory() *memory {
	return &memory{
		fleets: map[string]Fleet{}, devices: map[string]Device{}, deployments: map[string]Deployment{}, services: map[string]Service{},
		keys: map[string]Key{}, certificates: map[string]Certificate{},
		names: map[fleetName]string{}, thumbprints: map[string]string{}, keysOf: map[string]map[string]bool{}, certsOf: map[string]map[string]bool{},
		graves: newGraves(),
	}
}

func (m *memory) addFleet(f Fleet)           { m.fleets[f.SID] = f }
func (m *memory) addDeployment(d Deployment) { m.deployments[d.SID] = d }
func (m *memory) addService(s Service)       { m.services[s.SID] = s }

func (m *memory) addDevice(d Device) {
	if old := m.devices[d.SID]; old.Authenticated.After(d.Authenticated) {
		d.Authenticated = old.Authenticated // it connected while the change was written
	}
	if _, known := m.devices[d.SID]; !known {
		m.deviceOrder = nil
	}
	m.devices[d.SID] = d
	if d.UniqueName != "" {
		m.names[fleetName{d.FleetSID, d.UniqueName}] = d.SID
	}
}

func (m *memory) removeDevice(sid string) {
	d := m.devices[sid]
	delete(m.devices, sid)
	m.deviceOrder = nil
	delete(m.names, fleetName{d.FleetSID, d.UniqueName})
}

func (m *memory) addKey(k Key) {
	m.removeKey(k.SID)
	m.keys[k.SID] = k
	link(m.keysOf, k.DeviceSID, k.SID)
}

func (m *memory) removeKey(sid string) {
	unlink(m.keysOf, m.keys[sid].DeviceSID, sid)
	delete(m.keys, sid)
}

func (m *memory) addCertificate(c Certificate) {
	m.removeCertificate(c.SID)
	m.certificates[c.SID] = c
	m.thumbprints[c.Thumbprint] = c.SID
	link(m.certsOf, c.DeviceSID, c.SID)
}

func (m *memory) removeCertificate(sid string) {
	c, found := m.certificates[sid]
	if !found {
		return
	}
	unlink(m.certsOf, c.DeviceSID, sid)
	delete(m.certificates, sid)
	delete(m.thumbprints, c.Thumbprint)
}

func link(index map[string]map[string]bool, device, credential string) {
	if device == "" {
		return
	}
	if index[device] == nil {
		index[device] = map[string]bool{}
	}
	index[device][credential] = true
}

func unlink(index map[string]map[string]bool, device, credential string) {
	delete(index[device], credential)
	if len(index[device]) == 0 {
		delete(index, device)
	}
}

// Fleets are all fleets, in the order of their creation.
func (r *Registry) Fleets() []Fleet {
	return list(r, func(m *memory) map[string]Fleet { return m.fleets }, nil, func(f Fleet) (time.Time, string) { return f.Created, f.SID })
}

// Devices are all devices, in the order of their creation.
func (r *Registry) Devices() []Device {
	r.mu.RLock()
	defer r.mu.RUnlock()
	for r.memory.deviceOrder == nil && len(r.memory.devices) > 0 {
		r.mu.RUnlock()
		r.mu.Lock()
		r.memory.sortDevices()
		r.mu.Unlock()
		r.mu.RLock()
	}
	all := make([]Device, 0, len(r.memory.devices))
	for _, sid := range r.memory.deviceOrder {
		all = append(all, r.memory.devices[sid])
	}
	return all
}

func (m *memory) sortDevices() {
	all := slices.Collect(maps.Values(m.devices))
	sortBy(all, func(d Device) (time.Time, string) { return d.Created, d.SID })
	order := make([]string, 0, len(all))
	for _, d := range all {
		order = append(order, d.SID)
	}
	m.deviceOrder = order
}

// Deployments are those of a fleet, all when fleetSID is empty, in the order of their creation.
func (r *Registry) Deployments(fleetSID string) []Deployment {
	return list(r, func(m *memory) map[string]Deployment { return m.deployments }, func(d Deployment) bool { return fleetSID == "" || d.FleetSID == fleetSID },
		func(d Deployment) (time.Time, string) { return d.Created, d.SID })
}

// Services are all Sync services, in the order of their creation.
func (r *Registry) Services() []Service {
	return list(r, func(m *memory) map[string]Service { return m.services }, nil, func(s Service) (time.Time, string) { return s.Created, s.SID })
}

// AllKeys are the keys of all fleets, assigned or not, in the order of their creation.
func (r *Registry) AllKeys() []Key {
	return list(r, func(m *memory) map[string]Key { return m.keys }, nil, keyOrder)
}

// AllCertificates are the certificates of all fleets, assigned or not, in the order of their creation.
func (r *Registry) AllCertificates() []Certificate {
	return list(r, func(m *memory) map[string]Certificate { return m.certificates }, nil, certificateOrder)
}

// Keys are those of a device, in the order of their creation.
func (r *Registry) Keys(deviceSID string) []Key {
	r.mu.RLock()
	defer r.mu.RUnlock()
	return pick(r.memory.keys, r.memory.keysOf[deviceSID], keyOrder)
}

// Certificates are those of a device, in the order of their creation.
func (r *Registry) Certificates(deviceSID string) []Certificate {
	r.mu.RLock()
	defer r.mu.RUnlock()
	return pick(r.memory.certificates, r.memory.certsOf[deviceSID], certificateOrder)
}

func keyOrder(k Key) (time.Time, string)                 { return k.Created, k.SID }
func certificateOrder(c Certificate) (time.Time, string) { return c.Created, c.SID }

func list[T any](r *Registry, of func(*memory) map[string]T, keep func(T) bool, order func(T) (time.Time, string)) []T {
	r.mu.RLock()
	all := of(r.memory)
	found := make([]T, 0, len(all))
	for _, record := range all {
		if keep == nil || keep(record) {
			found = append(found, record)
		}
	}
	r.mu.RUnlock()
	sortBy(found, order)
	return found
}

func pick[T any](all map[string]T, sids map[string]bool, order func(T) (time.Time, string)) []T {
	found := make([]T, 0, len(sids))
	for sid := range sids {
		found = append(found, all[sid])
	}
	sortBy(found, order)
	return found
}

func sortBy[T any](records []T, order func(T) (time.Time, string)) {
	slices.SortFunc(records, func(a, b T) int {
		at, as := order(a)
		bt, bs := order(b)
		return cmp.Or(at.Compare(bt), strings.Compare(as, bs))
	})
}

func sortedKeys(set map[string]bool) []string { return slices.Sorted(maps.Keys(set)) }

// Fleet finds a fleet by its SID.
func (r *Registry) Fleet(sid string) (Fleet, bool) {
	r.mu.RLock()
	defer r.mu.RUnlock()
	f, found := r.memory.fleets[sid]
	return f, found
}

// FleetByName finds a fleet by its unique name.
func (r *Registry) FleetByName(unique string) (Fleet, bool) {
	r.mu.RLock()
	defer r.mu.RUnlock()
	return r.memory.fleetByName(unique)
}

func (m *memory) fleetByName(unique string) (Fleet, bool) {
	for _, f := range m.fleets {
		if f.UniqueName == unique && unique != "" {
			return f, true
		}
	}
	return Fleet{}, false
}

// Device finds a device by its SID.
func (r *Registry) Device(sid string) (Device, bool) {
	r.mu.RLock()
	defer r.mu.RUnlock()
	d, found := r.memory.devices[sid]
	return d, found
}

// DeviceByName finds a device of a fleet by its unique name; an empty fleetSID is the fleet "default".
func (r *Registry) DeviceByName(fleetSID, unique string) (Device, bool) {
	r.mu.RLock()
	defer r.mu.RUnlock()
	if fleetSID == "" {
		f, _ := r.memory.fleetByName(defaultName)
		fleetSID = f.SID
	}
	d, found := r.memory.devices[r.memory.names[fleetName{fleetSID, unique}]]
	return d, found
}

// Deployment finds a deployment by its SID.
func (r *Registry) Deployment(sid string) (Deployment, bool) {
	r.mu.RLock()
	defer r.mu.RUnlock()
	d, found := r.memory.deployments[sid]
	return d, found
}

// Service finds a Sync service by its SID.
func (r *Registry) Service(sid string) (Service, bool) {
	r.mu.RLock()
	defer r.mu.RUnlock()
	s, found := r.memory.services[sid]
	return s, found
}

// Key finds a device key by its SID.
func (r *Registry) Key(sid string) (Key, bool) {
	r.mu.RLock()
	defer r.mu.RUnlock()
	k, found := r.memory.keys[sid]
	return k, found
}

// Certificate finds an enrolled certificate by its SID.
func (r *Registry) Certificate(sid string) (Certificate, bool) {
	r.mu.RLock()
	defer r.mu.RUnlock()
	c, found := r.memory.certificates[sid]
	return c, found
}

// CertificateByThumbprint finds an enrolled certificate by the SHA-256 of its DER in lower-case hex.
func (r *Registry) CertificateByThumbprint(thumbprint string) (Certificate, bool) {
	r.mu.RLock()
	defer r.mu.RUnlock()
	c, found := r.memory.certificates[r.memory.thumbprints[thumbprint]]
	return c, found
}

// Tombstone tells of a removed credential, by its SID or thumbprint. The latest 10 000 are remembered.
func (r *Registry) Tombstone(credentialSIDorThumbprint string) (Tombstone, bool) {
	r.mu.RLock()
	defer r.mu.RUnlock()
	return r.memory.graves.find(credentialSIDorThumbprint)
}
