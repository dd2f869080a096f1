package store

import (
	"bytes"
	"crypto/sha256"
	"encoding/binary"
	"encoding/json"
	"errors"
	"fmt"
	"io"
	"io/fs"
	"maps"
	"os"
	"path/filepath"
	"strings"
	"sync"
)

// What the marks are of is told by their keys: "name" for a bucket, "log:name" for a log, and "low:name" for the first record
// of a log that is still needed.
const (
	bucketKey  = ""
	logKey     = "log:"
	lowPrefix  = "low:"
	bucketKind = "KV_"
	logKind    = "LOG_"
)

func parseKey(key string) (name, kind string) {
	for _, kind := range []string{logKey, lowPrefix} {
		if name, ok := strings.CutPrefix(key, kind); ok {
			return name, kind
		}
	}
	return key, bucketKey
}

func lowKey(log string) string { return lowPrefix + log }

// The engine's names of streams.
func bucketStream(bucket string) string { return bucketKind + bucket }
func logStream(log string) string       { return logKind + log }

func streamOf(key string) string {
	name, kind := parseKey(key)
	if kind == logKey {
		return logStream(name)
	}
	return bucketStream(name)
}

// manifest is the list of streams and of the last sequence number of each that was acknowledged. It is one file of two
// slots that are written in turn, each with a generation and a checksum: when a write is cut, the other slot still
// holds the marks before it.
//
// A slot is magic(8) generation(8) length(4) sha256(32, of generation and payload) payload(JSON).
type manifest struct {
	mu         sync.Mutex
	path       string
	file       *os.File
	generation uint64
	marks      map[string]uint64
}

const (
	manifestName = "manifest"
	slotSize     = 32 << 10
	slotHeader   = 8 + 8 + 4 + sha256.Size
)

var slotMagic = []byte("GHmanif1")

// openManifest reads the manifest in root, or makes it when root is empty. One that is missing beside streams, or unreadable
// in both slots, is a [*DamagedError].
func openManifest(root string) (*manifest, error) {
	m := &manifest{path: filepath.Join(root, manifestName), marks: map[string]uint64{}}
	file, err := os.OpenFile(m.path, os.O_RDWR, 0)
	switch {
	case errors.Is(err, fs.ErrNotExist):
		return m, m.create(root)
	case err != nil:
		return nil, fmt.Errorf("open store: %w", err)
	}
	m.file = file
	for slot := range int64(2) {
		generation, marks, ok := readSlot(io.NewSectionReader(file, slot*slotSize, slotSize))
		if ok && generation > m.generation {
			m.generation, m.marks = generation, marks
		}
	}
	if m.generation == 0 {
		_ = file.Close()
		if empty, err := noStreams(root); err == nil && empty {
			// The process died while it made the manifest.
			return m, m.create(root)
		}
		return nil, &DamagedError{File: m.path, Reason: "is damaged: its checksum does not fit"}
	}
	return m, nil
}

func (m *manifest) create(root string) error {
	empty, err := noStreams(root)
	if err != nil {
		return fmt.Errorf("open store: %w", err)
	}
	if !empty {
		return &DamagedError{File: m.path, Reason: "is missing"}
	}
	if m.file, err = os.OpenFile(m.path, os.O_RDWR|os.O_CREATE|os.O_TRUNC, 0o600); err != nil {
		return fmt.Errorf("open store: %w", err)
	}
	for range 2 { // both slots, so that the file has its size and one good slot stays whatever happens next
		if err := m.write((*os.File).Sync); err != nil {
			return fmt.Errorf("open store: %w", errors.Join(err, m.file.Close()))
		}
	}
	if err := errors.Join(syncFolder(root), syncFolder(filepath.Dir(root))); err != nil {
		return fmt.Errorf("open store: %w", errors.Join(err, m.file.Close()))
	}
	return nil
}

func readSlot(r io.Reader) (generation uint64, marks map[string]uint64, ok bool) {
	slot, err := io.ReadAll(r)
	if err != nil || len(slot) < slotHeader || !bytes.Equal(slot[:8], slotMagic) {
		return 0, nil, false
	}
	length := binary.LittleEndian.Uint32(slot[16:])
	if int64(length) > int64(len(slot)-slotHeader) {
		return 0, nil, false
	}
	payload := slot[slotHeader:][:length]
	if sum := slotSum(slot[8:16], payload); !bytes.Equal(sum[:], slot[20:slotHeader]) {
		return 0, nil, false
	}
	if err := json.Unmarshal(payload, &marks); err != nil || marks == nil {
		return 0, nil, false
	}
	return binary.LittleEndian.Uint64(slot[8:]), marks, true
}

func slotSum(generation, payload []byte) [sha256.Size]byte {
	return sha256.Sum256(append(bytes.Clone(generation), payload...))
}

// write writes the next generation into its slot. The caller holds mu.
func (m *manifest) write(syncFile func(*os.File) error) error {
	payload, err := json.Marshal(m.marks)
	if err != nil {
		return fmt.Errorf("write manifest: %w", err)
	}
	if len(payload) > slotSize-slotHeader {
		return fmt.Errorf("write manifest: %d streams are too many", len(m.marks))
	}
	slot := make([]byte, slotHeader, slotHeader+len(payload))
	copy(slot, slotMagic)
	binary.LittleEndian.PutUint64(slot[8:], m.generation+1)
	binary.LittleEndian.PutUint32(slot[16:], uint32(len(payload)))
	sum := slotSum(slot[8:16], payload)
	copy(slot[20:], sum[:])
	if _, err := m.file.WriteAt(append(slot, payload...), int64((m.generation+1)%2)*slotSize); err != nil {
		return fmt.Errorf("write manifest: %w", err)
	}
	if err := syncFile(m.file); err != nil {
		return fmt.Errorf("write manifest: %w", err)
	}
	m.generation++
	return nil
}

// raise sets marks, which may be new, and returns when that is on the disk. A mark never falls.
func (m *manifest) raise(marks map[string]uint64, syncFile func(*os.File) error) error {
	m.mu.Lock()
	defer m.mu.Unlock()
	old, changed := maps.Clone(m.marks), false
	for key, mark := range marks {
		if before, listed := m.marks[key]; !listed || before < mark {
			m.marks[key], changed = mark, true
		}
	}
	if !changed {
		return nil
	}
	if err := m.write(syncFile); err != nil {
		m.marks = old
		return err
	}
	return nil
}

// mark is the mark of a key, 0 when it has none.
func (m *manifest) mark(key string) uint64 {
	m.mu.Lock()
	defer m.mu.Unlock()
	return m.marks[key]
}

func (m *manifest) close() error {
	m.mu.Lock()
	defer m.mu.Unlock()
	if m.file == nil {
		return nil
	}
	file := m.file
	m.file = nil
	return file.Close()
}
