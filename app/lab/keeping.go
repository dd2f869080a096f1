package lab

import (
	"errors"
	"fmt"
	"io/fs"
	"os"
	"path/filepath"
	"slices"
	"strings"
	"time"
	"unicode"

	"gatehouse/gateway/atomicfile"
	"gatehouse/sim/record"
)

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
