package store

import (
	"bytes"
	"crypto/sha256"
	"encoding/binary"
	"encoding/hex"
	"encoding/json"
	"errors"
	"fmt"
	"hash"
	"io/fs"
	"log/slog"
	"maps"
	"os"
	"path/filepath"
	"slices"
	"strconv"
	"strings"

	"github.com/minio/highwayhash"
)

// JetStream repairs what it finds: it cuts a block at the first record that it cannot read, starts a stream without blocks
// empty, and passes over a stream whose meta file is damaged. So the files are read here before it sees them. The format
// is that of nats-server 2.15 (filestore.go); TestEachDamageIsFoundNamedAndSetAside fails should another version change it.

// content is what the files of a stream hold.
type content struct {
	live state
	last uint64 // highest sequence number of a record
}

func streamsFolder(root string) string {
	return filepath.Join(root, "jetstream", "$G", "streams")
}

func streamName(bucket string) string { return "KV_" + bucket }

func streamFolder(root, bucket string) string {
	return filepath.Join(streamsFolder(root), streamName(bucket))
}

func blocksFolder(root, bucket string) string {
	return filepath.Join(streamFolder(root, bucket), "msgs")
}

// noStreams reports whether no stream in root holds a record.
func noStreams(root string) (bool, error) {
	blocks, err := filepath.Glob(filepath.Join(root, "jetstream", "*", "streams", "*", "msgs", "*.blk"))
	if err != nil {
		return false, err
	}
	for _, block := range blocks {
		info, err := os.Stat(block)
		if err != nil {
			return false, err
		}
		if info.Size() > 0 {
			return false, nil
		}
	}
	return true, nil
}

// verify reads the files of every stream that the manifest lists. It changes nothing, except that it removes what is left
// of a stream that was being made when the process died.
func verify(root string, marks map[string]uint64, log *slog.Logger) (map[string]content, error) {
	found := map[string]content{}
	for _, bucket := range slices.Sorted(maps.Keys(marks)) {
		c, err := verifyStream(root, bucket, marks[bucket], log)
		if err != nil {
			return nil, err
		}
		found[bucket] = c
	}
	entries, err := os.ReadDir(streamsFolder(root))
	if err != nil && !errors.Is(err, fs.ErrNotExist) {
		return nil, fmt.Errorf("open store: %w", err)
	}
	for _, entry := range entries {
		name := strings.TrimPrefix(entry.Name(), "KV_")
		if _, listed := marks[name]; listed {
			continue
		}
		if err := removeUnlisted(root, entry.Name()); err != nil {
			return nil, err
		}
	}
	return found, nil
}

func removeUnlisted(root, stream string) error {
	folder := filepath.Join(streamsFolder(root), stream)
	blocks, err := filepath.Glob(filepath.Join(folder, "msgs", "*.blk"))
	if err != nil {
		return fmt.Errorf("open store: %w", err)
	}
	for _, block := range blocks {
		if info, err := os.Stat(block); err != nil || info.Size() > 0 {
			return &DamagedError{File: folder, Reason: "holds entries, but the manifest does not list it"}
		}
	}
	if err := os.RemoveAll(folder); err != nil {
		return fmt.Errorf("open store: %w", err)
	}
	return nil
}

func verifyStream(root, bucket string, mark uint64, log *slog.Logger) (content, error) {
	if err := verifyMeta(root, bucket); err != nil {
		return content{}, err
	}
	blocks, err := listBlocks(blocksFolder(root, bucket))
	if err != nil {
		return content{}, err
	}
	r := reader{latest: map[string]record{}}
	var torn *tornError
	for i, index := range blocks {
		path := filepath.Join(blocksFolder(root, bucket), strconv.Itoa(index)+".blk")
		data, err := os.ReadFile(path)
		if err != nil {
			return content{}, &DamagedError{File: path, Reason: "cannot be read: " + err.Error()}
		}
		if err := r.block(data, blockHash(bucket, index)); err != nil {
			torn = &tornError{path: path, at: err.at, size: len(data), why: err.why}
			// Only the end of the newest block may be torn: by a write that was under way when the process died.
			if i < len(blocks)-1 {
				return content{}, torn.damage()
			}
		}
	}
	if r.last < mark {
		if torn != nil {
			return content{}, torn.damage()
		}
		return content{}, &DamagedError{File: blocksFolder(root, bucket), Reason: fmt.Sprintf(
			"is short: it ends at entry %d, and %d were acknowledged", r.last, mark)}
	}
	if torn != nil {
		log.Warn("the last write was cut when the process ended; it had not been acknowledged", "file", torn.path, "offset", torn.at)
	}
	live := r.live(bucket)
	if r.last > 0 && live != r.state {
		return content{}, &DamagedError{File: blocksFolder(root, bucket), Reason: fmt.Sprintf(
			"is not whole: its last entry tells of %d live entries, and %d fit", r.state.Count, live.Count)}
	}
	return content{live: live, last: r.last}, nil
}

// verifyMeta checks a stream's description against its checksum.
func verifyMeta(root, bucket string) error {
	path := filepath.Join(streamFolder(root, bucket), "meta.inf")
	meta, err := os.ReadFile(path)
	if err != nil {
		return missing(path, err)
	}
	sumPath := filepath.Join(streamFolder(root, bucket), "meta.sum")
	sum, err := os.ReadFile(sumPath)
	if err != nil {
		return missing(sumPath, err)
	}
	key := sha256.Sum256([]byte(streamName(bucket)))
	digest, err := highwayhash.New64(key[:])
	if err != nil {
		return fmt.Errorf("open store: %w", err)
	}
	_, _ = digest.Write(meta)
	if hex.EncodeToString(digest.Sum(nil)) != string(sum) {
		return &DamagedError{File: path, Reason: "is damaged: its checksum does not fit"}
	}
	var described struct{ Name string }
	if err := json.Unmarshal(meta, &described); err != nil || described.Name != streamName(bucket) {
		return &DamagedError{File: path, Reason: "is damaged: it does not describe its stream"}
	}
	return nil
}

func missing(path string, err error) error {
	if errors.Is(err, fs.ErrNotExist) {
		return &DamagedError{File: path, Reason: "is missing"}
	}
	return &DamagedError{File: path, Reason: "cannot be read: " + err.Error()}
}

// listBlocks is the numbers of the blocks in a folder, rising.
func listBlocks(folder string) ([]int, error) {
	entries, err := os.ReadDir(folder)
	if err != nil {
		return nil, missing(folder, err)
	}
	var blocks []int
	for _, entry := range entries {
		if name, ok := strings.CutSuffix(entry.Name(), ".blk"); ok {
			if index, err := strconv.Atoi(name); err == nil {
				blocks = append(blocks, index)
			}
		}
	}
	slices.Sort(blocks)
	return blocks, nil
}

func blockHash(bucket string, index int) hash.Hash64 {
	key := sha256.Sum256(fmt.Appendf(nil, "%s-%d", streamName(bucket), index))
	digest, err := highwayhash.New64(key[:])
	if err != nil {
		panic(err) // the key has the one right size
	}
	return digest
}

type tornError struct {
	path string
	at   int
	size int
	why  string
}

func (t *tornError) damage() *DamagedError {
	return &DamagedError{File: t.path, Reason: fmt.Sprintf("is damaged at byte %d of %d: %s", t.at, t.size, t.why)}
}

// record is the newest record of a key.
type record struct {
	seq     uint64
	deleted bool
	digest  digest
}

// reader gathers the newest record of each subject over the blocks of a stream.
type reader struct {
	latest map[string]record
	last   uint64 // highest sequence number
	state  state  // as told by the record with that number
}

const (
	recordHeader = 22
	recordHash   = 8
	withHeaders  = 1 << 31 // of the length
	erased       = 1 << 63 // of the sequence number
	tombstone    = 1 << 62 // of the sequence number
	maxRecord    = 32 << 20
)

// block reads a block up to its end or to the first record that is not whole. A record is
// length(4) sequence(8) time(8) subject-length(2) subject [headers-length(4) headers] value hash(8).
func (r *reader) block(data []byte, digest hash.Hash64) *tornError {
	for at := 0; at < len(data); {
		rest := data[at:]
		if len(rest) < recordHeader {
			return &tornError{at: at, why: "a record is cut"}
		}
		length := binary.LittleEndian.Uint32(rest)
		headed := length&withHeaders != 0
		length &^= withHeaders
		subjectLength := int(binary.LittleEndian.Uint16(rest[20:]))
		least := recordHeader + subjectLength + recordHash
		if headed {
			least += 4
		}
		if int64(length) > maxRecord || int64(length) < int64(least) {
			return &tornError{at: at, why: "it holds no record there"}
		}
		if int64(length) > int64(len(rest)) {
			return &tornError{at: at, why: "a record is cut"}
		}
		body := rest[recordHeader : length-recordHash]
		subject, payload := body[:subjectLength], body[subjectLength:]
		var headers []byte
		if headed {
			headersLength := binary.LittleEndian.Uint32(payload)
			payload = payload[4:]
			if int64(headersLength) > int64(len(payload)) {
				return &tornError{at: at, why: "it holds no record there"}
			}
			headers = payload[:headersLength]
		}
		digest.Reset()
		_, _ = digest.Write(rest[4:20])
		_, _ = digest.Write(subject)
		_, _ = digest.Write(payload)
		if !bytes.Equal(digest.Sum(nil), rest[length-recordHash:length]) {
			return &tornError{at: at, why: "the checksum of a record does not fit"}
		}
		r.record(binary.LittleEndian.Uint64(rest[4:]), string(subject), headers, payload[len(headers):])
		at += int(length)
	}
	return nil
}

func (r *reader) record(seq uint64, subject string, headers, value []byte) {
	if seq == 0 || seq&(erased|tombstone) != 0 {
		return
	}
	if newest := r.latest[subject]; seq > newest.seq {
		r.latest[subject] = record{seq: seq, deleted: bytes.Contains(headers, []byte("KV-Operation:")), digest: digestEntry(subject, value)}
	}
	if seq > r.last {
		r.last = seq
		r.state = state{}
		if _, after, ok := bytes.Cut(headers, []byte(stateHeader+": ")); ok {
			line, _, _ := bytes.Cut(after, []byte("\r\n"))
			r.state, _ = parseState(string(line))
		}
	}
}

// live is the state that the newest records make up.
func (r *reader) live(bucket string) state {
	var s state
	prefix := subjectPrefix(bucket)
	for subject, newest := range r.latest {
		if !newest.deleted && strings.HasPrefix(subject, prefix) {
			s.add(newest.digest)
		}
	}
	return s
}
