package lab

import (
	"errors"
	"fmt"
	"io/fs"
	"os"
	"path/filepath"
	"slices"
	"strings"
	"sync"
	"sync/atomic"
	"time"
	"unicode"

	"gatehouse/gateway"
	"gatehouse/gateway/atomicfile"
	"gatehouse/gateway/attempt"
	"gatehouse/gateway/objects"
	"gatehouse/gateway/wire"
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

// taking is a recording that goes on.
type taking struct {
	id       string
	sid      string
	began    time.Time
	wasTaken bool // traced by somebody else before
	stop     chan struct{}
	done     chan struct{}

	mu       sync.Mutex
	tape     *record.Tape
	observer *Observer // of what the gateway sees
	console  *listener // in its place, of a device that connects elsewhere; nil: it does not
	version  uint64    // of the attempts that were looked at
	looked   time.Time // when they were
	name     string
	result   Kept
	err      error
}

func newRecordings(p Params) *Recordings {
	r := &Recordings{params: p, dir: filepath.Join(p.Dir, recordingsFolder), live: map[string]*taking{}, loaded: make(chan struct{}), ending: make(chan struct{})}
	r.work.Go(r.load)
	return r
}

// load reads the folder. A file that is damaged is set aside under another name, and named.
func (r *Recordings) load() {
	defer close(r.loaded)
	entries, err := os.ReadDir(r.dir)
	if err != nil && !errors.Is(err, fs.ErrNotExist) {
		r.mu.Lock()
		r.trouble = fmt.Errorf("the recordings cannot be read: %w", err)
		r.mu.Unlock()
		r.params.Logger.Error("the recordings cannot be read", "err", err)
	}
	for _, e := range entries {
		select {
		case <-r.ending:
			return
		default:
		}
		name := e.Name()
		if strings.HasSuffix(name, damagedEnding) {
			r.mu.Lock()
			r.damaged = append(r.damaged, name)
			r.mu.Unlock()
			continue
		}
		id, ours := strings.CutSuffix(name, recordingEnding)
		if !ours || !e.Type().IsRegular() {
			continue
		}
		recording, err := r.read(id)
		r.mu.Lock()
		switch {
		case errors.Is(err, record.ErrDamaged):
			aside := name + damagedEnding
			if os.Rename(filepath.Join(r.dir, name), filepath.Join(r.dir, aside)) != nil {
				aside = name
			}
			r.damaged = append(r.damaged, aside)
			r.params.Logger.Warn("a recording is damaged, and was set aside", "file", filepath.Join(r.dir, aside), "err", err)
		case err != nil:
			r.trouble = err
		case !slices.ContainsFunc(r.kept, func(k Kept) bool { return k.ID == id }) && len(r.kept) < MostKept:
			r.keep(summary(id, recording))
		}
		r.mu.Unlock()
	}
	r.version.Add(1)
}

func summary(id string, r record.Recording) Kept {
	return Kept{ID: id, Name: r.Name, DeviceSID: r.DeviceSID, DeviceName: r.DeviceName, Began: r.Began, Took: r.Took(), Events: len(r.Events), Counts: r.Counts(), Notes: r.Notes}
}

// keep puts a recording into the list, or in place of what it was. The lock is held.
func (r *Recordings) keep(k Kept) {
	r.kept = slices.DeleteFunc(r.kept, func(have Kept) bool { return have.ID == k.ID })
	r.kept = append(r.kept, k)
	slices.SortStableFunc(r.kept, func(a, b Kept) int { return b.Began.Compare(a.Began) })
	r.version.Add(1)
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

// taken reports whether a recording has this ID. The lock is held.
func (r *Recordings) taken(id string) bool {
	for _, t := range r.live {
		if t.id == id {
			return true
		}
	}
	return slices.ContainsFunc(r.kept, func(k Kept) bool { return k.ID == id })
}

// newID names a recording's file.
func newID(at time.Time, name string, taken func(string) bool) string {
	plain := strings.Map(func(c rune) rune {
		if c == '-' || c == '_' || c < unicode.MaxASCII && (unicode.IsLetter(c) || unicode.IsDigit(c)) {
			return c
		}
		return -1
	}, name)
	id := at.UTC().Format("20060102-150405") + "-" + plain[:min(len(plain), 40)]
	for n := 2; taken(id); n++ {
		id = fmt.Sprintf("%s-%d", strings.TrimSuffix(id, fmt.Sprintf("-%d", n-1)), n)
	}
	return id
}

// subscriptions are those of a device's session.
func subscriptions(g *gateway.Gateway, deviceSID string) (all []wire.Subscription) {
	for _, s := range g.Sessions() {
		if s.DeviceSID == deviceSID {
			for _, one := range s.Subscriptions {
				all = append(all, wire.Subscription{Filter: one.Filter, QoS: one.QoS})
			}
		}
	}
	return all
}

// documents are what is in those that events use. One that is too long, or gone, is left out.
func documents(g *gateway.Gateway, serviceSID string, events []record.Event) map[string]string {
	names, _ := record.DocumentsOf(events)
	all := map[string]string{}
	for _, name := range names {
		o, err := g.Objects().Get(serviceSID, objects.Document, name)
		if err == nil && len(o.Data) <= record.MostDocumentBytes && len(all) < record.MostDocuments {
			all[name] = string(o.Data)
		}
	}
	return all
}

// take records until it is stopped or full.
func (r *Recordings) take(t *taking) {
	defer close(t.done)
	tick := time.NewTicker(lookEvery)
	defer tick.Stop()
	saved, savedEvents := r.params.Now(), 0
	for on := true; on; {
		select {
		case <-t.stop:
			on = false
		case <-r.ending:
			on = false
		case <-tick.C:
		}
		g := r.params.Gateway
		if on && t.console == nil && !g.Traced(t.sid) { // an hour has passed, or somebody ended it
			g.Trace(t.sid, true)
		}
		t.mu.Lock()
		events := t.tape.Len()
		if !t.look(r.params) {
			on = false
		}
		changed := t.tape.Len() != events
		t.mu.Unlock()
		if changed {
			r.version.Add(1)
		}
		if now := r.params.Now(); on && now.Sub(saved) >= saveEvery {
			if saved = now; t.tape.Len() != savedEvents {
				savedEvents = t.tape.Len()
				if _, err := r.save(t); err != nil {
					r.params.Logger.Error("a recording that goes on cannot be saved", "err", err)
				}
			}
		}
	}
	r.finish(t)
}

// look reads what is new. The lock is held.
func (t *taking) look(p Params) (more bool) {
	now, log := p.Now(), p.Gateway.Attempts()
	if t.console != nil {
		return t.console.take(now)
	}
	version, first := log.Version(), t.looked.IsZero()
	if !first && version == t.version && now.Sub(t.looked) < patience {
		return t.tape.Wait(now)
	}
	t.version, t.looked = version, now
	if first { // how it is connected, if it is
		t.observer.Take(log.Query(attempt.Filter{DeviceSID: t.sid, OnlyLive: true, Whole: true}).Attempts, now)
	}
	return t.observer.Take(log.Query(attempt.Filter{DeviceSID: t.sid, Since: t.observer.Since(now), Whole: true}).Attempts, now)
}

// finish keeps a recording that is over.
func (r *Recordings) finish(t *taking) {
	if !t.wasTaken && t.console == nil {
		r.params.Gateway.Trace(t.sid, false)
	}
	kept, err := r.save(t)
	if err != nil {
		r.params.Logger.Error("a recording cannot be saved", "err", err)
	}
	t.mu.Lock()
	t.result, t.err = kept, err
	t.mu.Unlock()
	r.mu.Lock()
	delete(r.live, t.sid)
	if err == nil {
		r.keep(kept)
	} else {
		r.trouble = err
	}
	r.mu.Unlock()
	r.version.Add(1)
}

func (r *Recordings) save(t *taking) (Kept, error) {
	t.mu.Lock()
	recording := t.tape.Recording(r.params.Now())
	recording.Name = t.name
	service := t.observer.Service
	t.mu.Unlock()
	recording.Documents = documents(r.params.Gateway, service, recording.Events)
	return summary(t.id, recording), r.write(t.id, recording)
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

// Script is a recording as a scenario.
func (r *Recordings) Script(id string, o record.Options) (record.Script, error) {
	recording, err := r.Get(id)
	if err != nil {
		return record.Script{}, err
	}
	return record.Write(recording, o)
}

// Rename gives a recording another name.
func (r *Recordings) Rename(id, name string) error {
	if name = strings.TrimSpace(name); name == "" || len(name) > 200 {
		return errors.New("a name has 1 to 200 characters")
	}
	recording, err := r.Get(id)
	if err != nil {
		return err
	}
	recording.Name = name
	if err := r.write(id, recording); err != nil {
		return err
	}
	r.mu.Lock()
	defer r.mu.Unlock()
	r.keep(summary(id, recording))
	return nil
}

// Delete removes a recording for good.
func (r *Recordings) Delete(id string) error {
	r.mu.Lock()
	defer r.mu.Unlock()
	i := slices.IndexFunc(r.kept, func(k Kept) bool { return k.ID == id })
	if i < 0 {
		return ErrNoRecording
	}
	if err := os.Remove(r.file(id)); err != nil && !errors.Is(err, fs.ErrNotExist) {
		return fmt.Errorf("the recording cannot be removed: %w", err)
	}
	r.kept = slices.Delete(r.kept, i, i+1)
	r.version.Add(1)
	return nil
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

func (r *Recordings) file(id string) string { return filepath.Join(r.dir, id+recordingEnding) }

func (r *Recordings) read(id string) (record.Recording, error) {
	f, err := os.Open(r.file(id))
	if err != nil {
		return record.Recording{}, fmt.Errorf("the recording cannot be read: %w", err)
	}
	defer func() { _ = f.Close() }()
	content := make([]byte, 0, 64<<10)
	for len(content) <= record.MaxFile {
		content = slices.Grow(content, 64<<10)
		n, err := f.Read(content[len(content):cap(content)])
		content = content[:len(content)+n]
		if err != nil {
			break // the checksum says whether it was the end
		}
	}
	return record.Decode(content)
}

// write puts a recording into its file, whole or not at all.
func (r *Recordings) write(id string, recording record.Recording) error {
	r.disk.Lock()
	defer r.disk.Unlock()
	content, err := record.Encode(recording)
	if err != nil {
		return err
	}
	if err = os.MkdirAll(r.dir, 0o700); err == nil {
		err = atomicfile.Write(r.file(id), content, 0o600)
	}
	if err != nil {
		return fmt.Errorf("the recording cannot be saved: %w", err)
	}
	return nil
}
