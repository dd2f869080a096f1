// Package segment keeps records in a folder of append-only files, of which the oldest are removed as a whole. What was
// written survives the end of the process, however it ends; a power cut may take what the system had not put on the disk yet.
// A damaged place costs the records in it and no others: each has a checksum, and reading goes on at the next one that is
// whole. It knows nothing of what the records mean.
//
// It exists beside the store because what it keeps is worth less than what the store keeps: a record of attempts that is
// damaged, or cannot be written, must neither stop the gateway nor have it refuse devices, and it is read after the gateway
// listens, not before.
package segment

import (
	"bytes"
	"encoding/binary"
	"errors"
	"fmt"
	"hash/crc32"
	"io/fs"
	"os"
	"path/filepath"
	"slices"
	"strconv"
	"strings"
	"sync"
)

// MaxRecord bounds a record in bytes.
const MaxRecord = 16 << 20

// DefaultBytes is how large a file grows before the next one begins.
const DefaultBytes = 4 << 20

// A record is a mark, its length, a checksum of length and content, and its content.
const (
	mark       = "\xa7\x1e"
	headerSize = len(mark) + 4 + 4
	suffix     = ".log"
	digits     = 12
)

var castagnoli = crc32.MakeTable(crc32.Castagnoli)

// Files are the files of a folder. All methods may be called from any goroutine.
type Files struct {
	dir   string
	limit int64

	mu      sync.Mutex
	sizes   map[uint64]int64 // of every file, by its number
	numbers []uint64         // ascending
	high    uint64           // the highest number given; none is given twice
	current *os.File         // of the last number; nil: the next record begins another file
}

// Open makes the folder if it is missing, and finds out which files it has. bytes is how large a file grows, 0 for
// [DefaultBytes]. What is written from now on goes into files of its own.
func Open(dir string, bytes int64) (*Files, error) {
	if bytes <= 0 {
		bytes = DefaultBytes
	}
	if err := os.MkdirAll(dir, 0o700); err != nil {
		return nil, fmt.Errorf("open records: %w", err)
	}
	entries, err := os.ReadDir(dir)
	if err != nil {
		return nil, fmt.Errorf("open records: %w", err)
	}
	f := &Files{dir: dir, limit: bytes, sizes: map[uint64]int64{}}
	for _, e := range entries {
		name, found := strings.CutSuffix(e.Name(), suffix)
		n, err := strconv.ParseUint(name, 10, 64)
		if !found || err != nil || len(name) != digits || n == 0 || !e.Type().IsRegular() {
			continue // not ours
		}
		if info, err := e.Info(); err == nil {
			f.sizes[n] = info.Size()
			f.numbers = append(f.numbers, n)
		}
	}
	slices.Sort(f.numbers)
	if len(f.numbers) > 0 {
		f.high = f.numbers[len(f.numbers)-1]
	}
	return f, nil
}

func (f *Files) path(n uint64) string {
	return filepath.Join(f.dir, fmt.Sprintf("%0*d%s", digits, n, suffix))
}

// Numbers are the files that there are, the oldest first.
func (f *Files) Numbers() []uint64 {
	f.mu.Lock()
	defer f.mu.Unlock()
	return slices.Clone(f.numbers)
}

// Bytes is how much they take on the disk.
func (f *Files) Bytes() int64 {
	f.mu.Lock()
	defer f.mu.Unlock()
	total := int64(0)
	for _, n := range f.sizes {
		total += n
	}
	return total
}

// AppendRecord adds a record to a buffer that is meant for [Files.Write]; fill appends its content. A record beyond
// [MaxRecord] is left out, and reported as false.
func AppendRecord(b []byte, fill func([]byte) []byte) ([]byte, bool) {
	start := len(b)
	b = append(b, mark...)
	b = append(b, make([]byte, headerSize-len(mark))...)
	b = fill(b)
	length := len(b) - start - headerSize
	if length > MaxRecord {
		return b[:start], false
	}
	header := b[start+len(mark):]
	binary.LittleEndian.PutUint32(header, uint32(length))
	binary.LittleEndian.PutUint32(header[4:], checksum(header[:4], b[start+headerSize:]))
	return b, true
}

func checksum(length, content []byte) uint32 {
	return crc32.Update(crc32.Checksum(length, castagnoli), castagnoli, content)
}

// Write appends records to the newest file, and tells its number. When it has failed, none of them is kept.
func (f *Files) Write(records []byte) (number uint64, err error) {
	f.mu.Lock()
	defer f.mu.Unlock()
	if f.current != nil && f.sizes[f.high] > 0 && f.sizes[f.high]+int64(len(records)) > f.limit {
		err := f.finish()
		if err != nil {
			return 0, fmt.Errorf("write records: %w", err)
		}
	}
	if f.current == nil {
		if err := f.begin(); err != nil {
			return 0, fmt.Errorf("write records: %w", err)
		}
	}
	n := f.high
	wrote, err := f.current.Write(records)
	if err != nil {
		if wrote > 0 { // what is there of them must not stand in the way of the next
			if f.current.Truncate(f.sizes[n]) != nil {
				f.sizes[n] += int64(wrote)
				_ = f.finish()
			}
		}
		return 0, fmt.Errorf("write records: %w", err)
	}
	f.sizes[n] += int64(wrote)
	return n, nil
}

// begin makes the next file. The caller holds mu.
func (f *Files) begin() error {
	n := f.high + 1
	file, err := os.OpenFile(f.path(n), os.O_WRONLY|os.O_CREATE|os.O_EXCL|os.O_APPEND, 0o600)
	if err != nil {
		return err
	}
	f.current, f.high = file, n
	f.numbers = append(f.numbers, n)
	f.sizes[n] = 0
	return nil
}

// finish closes the current file. The caller holds mu.
func (f *Files) finish() error {
	if f.current == nil {
		return nil
	}
	err := f.current.Close()
	f.current = nil
	return err
}

// Remove removes a file with all its records.
func (f *Files) Remove(number uint64) error {
	f.mu.Lock()
	defer f.mu.Unlock()
	return f.remove(number)
}

// Clear removes all files.
func (f *Files) Clear() error {
	f.mu.Lock()
	defer f.mu.Unlock()
	var errs []error
	for _, n := range slices.Clone(f.numbers) {
		errs = append(errs, f.remove(n))
	}
	return errors.Join(errs...)
}

func (f *Files) remove(number uint64) error {
	at, found := slices.BinarySearch(f.numbers, number)
	if !found {
		return nil
	}
	if f.current != nil && number == f.high {
		_ = f.current.Close() // what is in it goes
		f.current = nil
	}
	if err := os.Remove(f.path(number)); err != nil && !errors.Is(err, fs.ErrNotExist) {
		return fmt.Errorf("remove records: %w", err)
	}
	f.numbers = slices.Delete(f.numbers, at, at+1)
	delete(f.sizes, number)
	return nil
}

// Read hands out the records of a file in the order in which they were written. A record is valid until each returns. It
// counts the damaged places that it had to skip, and fails when the file cannot be read at all.
func (f *Files) Read(number uint64, each func(record []byte)) (damaged int, err error) {
	content, err := os.ReadFile(f.path(number))
	if err != nil {
		return 0, fmt.Errorf("read records: %w", err)
	}
	skipped, tries := false, 0
	for len(content) > 0 && tries < maxTries {
		record, size := next(content)
		if size > 0 {
			skipped = false
			content = content[size:]
			each(record)
			continue
		}
		if !skipped {
			damaged++
			skipped = true
		}
		tries++
		at := bytes.Index(content[1:], []byte(mark))
		if at < 0 {
			break
		}
		content = content[1+at:]
	}
	return damaged, nil
}

// maxTries bounds how often reading looks for a whole record behind something that is none, since each try may cost the sum
// of a whole file.
const maxTries = 1000

// next is the record at the beginning of the content, and its size with the header; 0 when there is none that is whole.
func next(content []byte) (record []byte, size int) {
	if len(content) < headerSize || string(content[:len(mark)]) != mark {
		return nil, 0
	}
	header := content[len(mark):headerSize]
	length := int64(binary.LittleEndian.Uint32(header))
	if length > MaxRecord || length > int64(len(content)-headerSize) {
		return nil, 0
	}
	size = headerSize + int(length)
	record = content[headerSize:size]
	if checksum(header[:4], record) != binary.LittleEndian.Uint32(header[4:]) {
		return nil, 0
	}
	return record, size
}

// Close closes the current file. Another write would begin the next one.
func (f *Files) Close() error {
	f.mu.Lock()
	defer f.mu.Unlock()
	return f.finish()
}
