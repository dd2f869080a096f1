package sim

import (
	"sort"
	"sync"
)

// Devices holds the virtual devices of a window or a scenario, by device SID. The zero value is empty and ready.
type Devices struct {
	Params Params // for the devices it makes; set before use

	mu   sync.Mutex
	held map[string]*Device
}

// Device returns the virtual device of this SID, and makes it at the first call.
func (s *Devices) Device(deviceSID string) *Device {
	s.mu.Lock()
	defer s.mu.Unlock()
	d, ok := s.held[deviceSID]
	if !ok {
		if s.held == nil {
			s.held = map[string]*Device{}
		}
		d = NewDevice(s.Params)
		s.held[deviceSID] = d
	}
	return d
}

// Lookup returns the virtual device of this SID, if there is one.
func (s *Devices) Lookup(deviceSID string) (*Device, bool) {
	s.mu.Lock()
	defer s.mu.Unlock()
	d, ok := s.held[deviceSID]
	return d, ok
}

// SIDs returns the SIDs of the devices that are held, sorted.
func (s *Devices) SIDs() []string {
	s.mu.Lock()
	defer s.mu.Unlock()
	list := make([]string, 0, len(s.held))
	for device := range s.held {
		list = append(list, device)
	}
	sort.Strings(list)
	return list
}

// Connected counts the devices that are connected.
func (s *Devices) Connected() int {
	n := 0
	for _, d := range s.all() {
		if d.State().Connected {
			n++
		}
	}
	return n
}

// Remove closes a device and forgets it.
func (s *Devices) Remove(deviceSID string) {
	s.mu.Lock()
	d := s.held[deviceSID]
	delete(s.held, deviceSID)
	s.mu.Unlock()
	if d != nil {
		d.Close()
	}
}

// CloseAll closes all devices at once and forgets them. It takes no longer than one Disconnect.
func (s *Devices) CloseAll() {
	s.mu.Lock()
	held := s.held
	s.held = nil
	s.mu.Unlock()
	var wg sync.WaitGroup
	for _, d := range held {
		wg.Go(d.Close)
	}
	wg.Wait()
}

func (s *Devices) all() []*Device {
	s.mu.Lock()
	defer s.mu.Unlock()
	list := make([]*Device, 0, len(s.held))
	for _, d := range s.held {
		list = append(list, d)
	}
	return list
}
