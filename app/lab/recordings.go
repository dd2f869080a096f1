package lab

import (
	"errors"
	"fmt"
	"path/filepath"
	"slices"
	"sync"
	"sync/atomic"
	"time"

	"gatehouse/sim/record"
)

// Bounds of what is recorded and kept.
const (
	MostLive = 16 // devices that are recorded at once
	MostKept = 200

	recordingsFolder = "recordings"
	recordingEnding  = ".recording"
	damagedEnding    = ".damaged"

	lookEvery = 250 * time.Millisecond
	saveEvery = 15 * time.Second // of a recording that goes on, so that a power cut takes no more of it
)

// Errors of Recordings.
var (
	ErrRecording    = errors.New("this device is being recorded already")
	ErrNotRecording = errors.New("this device is not being recorded")
	ErrNoDevice     = errors.New("there is no such device")
	ErrTooMany      = errors.New("too many recordings")
	ErrNoRecording  = errors.New("there is no such recording")
)

// Live is a recording that goes on.
type Live struct {
	DeviceSID, Name string
	Began           time.Time
	Events          int
	Counts          map[record.Kind]int
	Connected       bool
}

// Kept is a recording that is over, without its events.
type Kept struct {
	ID         string
	Name       string
	DeviceSID  string
	DeviceName string
	Began      time.Time
	Took       time.Duration
	Events     int
	Counts     map[record.Kind]int
	Notes      []string
}

// Recordings records what devices do, and keeps it in files of its folder that only their owner can read.
type Recordings struct {
	params  Params
	dir     string
	version atomic.Uint64
	work    sync.WaitGroup
	loaded  chan struct{} // closed when the folder was read
	ending  chan struct{} // closed by close

	mu      sync.Mutex
	closed  bool
	live    map[string]*taking
	kept    []Kept // newest first
	damaged []string
	trouble error // of the folder
	disk    sync.Mutex
}

func newRecordings(p Params) *Recordings {
	r := &Recordings{params: p, dir: filepath.Join(p.Dir, recordingsFolder), live: map[string]*taking{}, loaded: make(chan struct{}), ending: make(chan struct{})}
	r.work.Go(r.load)
	return r
}

// Version rises with every change of what Live, Kept and Damaged return.
func (r *Recordings) Version() uint64 { return r.version.Load() }

// Kept are the recordings that are over, newest first. While the folder is being read, some may be missing.
func (r *Recordings) Kept() []Kept {
	r.mu.Lock()
	defer r.mu.Unlock()
	return slices.Clone(r.kept)
}

// Damaged are files that are no whole recordings, and were set aside in Folder; err is what else is wrong with it.
func (r *Recordings) Damaged() (names []string, err error) {
	r.mu.Lock()
	defer r.mu.Unlock()
	return slices.Clone(r.damaged), r.trouble
}

// Folder is where the files are.
func (r *Recordings) Folder() string { return r.dir }

// Live are the recordings that go on, the oldest first.
func (r *Recordings) Live() (all []Live) {
	r.mu.Lock()
	takings := make([]*taking, 0, len(r.live))
	for _, t := range r.live {
		takings = append(takings, t)
	}
	r.mu.Unlock()
	for _, t := range takings {
		t.mu.Lock()
		now := t.tape.Recording(r.params.Now())
		l := Live{DeviceSID: t.sid, Name: t.name, Began: t.began, Events: len(now.Events), Counts: now.Counts()}
		t.mu.Unlock()
		for _, e := range slices.Backward(now.Events) {
			if e.Kind == record.Connected || e.Kind == record.Disconnected || e.Kind == record.Vanished || e.Kind == record.Reset || e.Kind == record.Ended {
				l.Connected = e.Kind == record.Connected
				break
			}
		}
		all = append(all, l)
	}
	slices.SortFunc(all, func(a, b Live) int { return a.Began.Compare(b.Began) })
	return all
}

// Start begins to record a device, connected or not; received: what it receives as well. The recording goes on over its
// connections until Stop, or until it is as long as a recording may be; then it is kept and says so.
func (r *Recordings) Start(deviceSID string, received bool) error {
	g := r.params.Gateway
	device, found := g.Registry().Device(deviceSID)
	if !found {
		return ErrNoDevice
	}
	name := device.UniqueName
	if name == "" {
		name = device.SID
	}
	now := r.params.Now()
	r.mu.Lock()
	defer r.mu.Unlock()
	switch {
	case r.closed:
		return ErrClosed
	case r.live[deviceSID] != nil:
		return ErrRecording
	case len(r.live) >= MostLive:
		return fmt.Errorf("%w: %d devices are recorded at once at most", ErrTooMany, MostLive)
	case len(r.kept)+len(r.live) >= MostKept:
		return fmt.Errorf("%w: %d are kept at most; delete some", ErrTooMany, MostKept)
	}
	var secrets []string
	if r.params.Secrets != nil {
		secrets = r.params.Secrets(deviceSID)
	}
	t := &taking{id: newID(now, name, r.taken), sid: deviceSID, began: now, wasTaken: g.Traced(deviceSID), name: name + ", " + now.Format("2 Jan 15:04"), stop: make(chan struct{}), done: make(chan struct{})}
	t.tape = record.NewTape(t.name, deviceSID, name, now, secrets...)
	t.observer = &Observer{Tape: t.tape, From: now, Had: subscriptions(g, deviceSID), Received: received}
	if elsewhere, is := r.elsewhere(deviceSID); is {
		t.console = &listener{tape: t.tape, device: elsewhere, received: received}
		t.console.begin(now)
	} else if !g.Trace(deviceSID, true) {
		return fmt.Errorf("%w: too many devices are traced", ErrTooMany)
	}
	r.live[deviceSID] = t
	r.version.Add(1)
	r.work.Go(func() { r.take(t) })
	return nil
}

// elsewhere is a device that connects to another server.
func (r *Recordings) elsewhere(deviceSID string) (Elsewhere, bool) {
	if r.params.Elsewhere == nil {
		return Elsewhere{}, false
	}
	return r.params.Elsewhere(deviceSID)
}

// Stop ends the recording of a device and keeps it.
func (r *Recordings) Stop(deviceSID string) (Kept, error) {
	r.mu.Lock()
	t := r.live[deviceSID]
	r.mu.Unlock()
	if t == nil {
		return Kept{}, ErrNotRecording
	}
	t.mu.Lock()
	select {
	case <-t.stop:
	default:
		close(t.stop)
	}
	t.mu.Unlock()
	<-t.done
	return t.result, t.err
}

// Get reads a recording.
func (r *Recordings) Get(id string) (record.Recording, error) {
	r.mu.Lock()
	known := slices.ContainsFunc(r.kept, func(k Kept) bool { return k.ID == id })
	r.mu.Unlock()
	if !known {
		return record.Recording{}, ErrNoRecording
	}
	return r.read(id)
}

// close ends what is recorded, and keeps it.
func (r *Recordings) close() {
	r.mu.Lock()
	if !r.closed {
		r.closed = true
		close(r.ending)
	}
	r.mu.Unlock()
	r.work.Wait()
}
