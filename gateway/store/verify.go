package store

import (
	"bytes"
	"crypto/sha256"
	"encoding/hex"
	"encoding/json"
	"errors"
	"fmt"
	"io/fs"
	"log/slog"
	"maps"
	"os"
	"path/filepath"
	"slices"
	"strings"

	"github.com/minio/highwayhash"
)

// JetStream repairs what it finds: it cuts a block at the first record that it cannot read and goes on with the next block,
// starts a stream without blocks empty, passes over a stream whose meta file is damaged, and numbers on after what its
// index.db tells of, also when the blocks hold less (an index that is stale or damaged it makes anew from the blocks). So the files are read here before it sees them. The format
// is that of nats-server 2.15 (filestore.go); TestEachDamageIsFoundNamedAndSetAside fails should another version change it.

// content is what the files of a stream hold.
type content struct {
	live state      // of a bucket
	last uint64     // highest sequence number of a record
	torn *tornError // where the last writes were cut; nil: nowhere
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

// verify reads the files of every stream that the manifest lists. It changes nothing when it finds damage; else it removes
// what no one was promised: the end of a stream that was cut, and what is left of one that was being made.
func verify(root string, marks map[string]uint64, log *slog.Logger) (map[string]content, error) {
	whole := map[string]content{}
	listed := map[string]bool{}
	for _, key := range slices.Sorted(maps.Keys(marks)) {
		var c content
		var err error
		switch name, kind := parseKey(key); kind {
		case bucketKey:
			c, err = verifyBucket(root, name, marks[key])
			listed[bucketStream(name)] = true
		case logKey:
			c, err = verifyLog(root, name, marks[key], marks[lowKey(name)])
			listed[logStream(name)] = true
		default:
			continue
		}
		if err != nil {
			return nil, err
		}
		whole[key] = c
	}
	entries, err := os.ReadDir(streamsFolder(root))
	if err != nil && !errors.Is(err, fs.ErrNotExist) {
		return nil, fmt.Errorf("open store: %w", err)
	}
	for _, entry := range entries {
		if listed[entry.Name()] {
			continue
		}
		if err := removeUnlisted(root, entry.Name()); err != nil {
			return nil, err
		}
	}
	for key, c := range whole {
		if err := c.settle(root, key, marks[key], log); err != nil {
			return nil, fmt.Errorf("open store: %w", err)
		}
	}
	return whole, nil
}

// settle removes what was not promised, and the engine's own summary when it may tell of more than there is: the engine would
// leave a gap in the numbers.
func (c content) settle(root, key string, mark uint64, log *slog.Logger) error {
	if c.torn != nil {
		log.Info("the last writes were cut when the process ended; they had not been promised to be on the disk",
			"file", c.torn.path, "offset", c.torn.at, "reason", c.torn.why, "kept", c.last)
		if err := c.torn.mend((*os.File).Sync); err != nil {
			return err
		}
	}
	if c.torn != nil || c.last != mark {
		err := os.Remove(filepath.Join(blocksFolder(root, streamOf(key)), "index.db"))
		if err != nil && !errors.Is(err, fs.ErrNotExist) {
			return err
		}
	}
	return nil
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

func verifyBucket(root, bucket string, mark uint64) (content, error) {
	stream := bucketStream(bucket)
	if err := verifyFolder(root, stream); err != nil {
		return content{}, err
	}
	r := reader{latest: map[string]record{}}
	torn, err := readStream(root, stream, r.record)
	if err != nil {
		return content{}, err
	}
	if err := short(root, stream, r.last, mark, torn); err != nil {
		return content{}, err
	}
	live := r.live(bucket)
	if r.last > 0 && live != r.state {
		return content{}, &DamagedError{File: blocksFolder(root, stream), Reason: fmt.Sprintf(
			"is not whole: its last entry tells of %d live entries, and %d fit", r.state.Count, live.Count)}
	}
	return content{live: live, last: r.last, torn: torn}, nil
}

// verifyLog reads a log: without a gap from low, before which nothing is needed, to mark at least.
func verifyLog(root, name string, mark, low uint64) (content, error) {
	stream := logStream(name)
	if err := finishPurge(root, stream); err != nil {
		return content{}, fmt.Errorf("open store: %w", err)
	}
	if err := verifyFolder(root, stream); err != nil {
		return content{}, err
	}
	var last uint64
	torn, err := readStream(root, stream, func(f found) string {
		if f.removal {
			return ""
		}
		if f.seq > max(last+1, low) {
			return fmt.Sprintf("record %d follows %d", f.seq, last)
		}
		last = max(last, f.seq)
		return ""
	})
	if err != nil {
		return content{}, err
	}
	if mark >= low {
		if err := short(root, stream, last, mark, torn); err != nil {
			return content{}, err
		}
	}
	return content{last: last, torn: torn}, nil
}

// short is the damage of a stream that ends before its high-water mark.
func short(root, stream string, last, mark uint64, torn *tornError) error {
	if last >= mark {
		return nil
	}
	if torn != nil {
		return torn.damage()
	}
	return &DamagedError{File: blocksFolder(root, stream), Reason: fmt.Sprintf(
		"is short: it ends at entry %d, and %d were acknowledged", last, mark)}
}

// finishPurge puts the blocks in their place if the process ended while the engine exchanged them for an empty one.
func finishPurge(root, stream string) error {
	exchanged := filepath.Join(streamFolder(root, stream), "__new_msgs__")
	_, err := os.Stat(blocksFolder(root, stream))
	if blocks, _ := listBlocks(exchanged); !errors.Is(err, fs.ErrNotExist) || len(blocks) == 0 {
		return nil
	}
	return os.Rename(exchanged, blocksFolder(root, stream))
}

// verifyFolder checks what lies beside the blocks of a stream, and that files can be made there: the engine would pass over the
// stream without an error.
func verifyFolder(root, stream string) error {
	if err := verifyMeta(root, stream); err != nil {
		return err
	}
	for _, folder := range []string{streamFolder(root, stream), blocksFolder(root, stream)} {
		if _, err := os.Stat(folder); err != nil {
			return missing(folder, err)
		}
		file, err := os.CreateTemp(folder, "_test_")
		if err != nil {
			return fmt.Errorf("open store: %w", err)
		}
		if err := errors.Join(file.Close(), os.Remove(file.Name())); err != nil {
			return fmt.Errorf("open store: %w", err)
		}
	}
	return nil
}

// verifyMeta checks a stream's description against its checksum.
func verifyMeta(root, stream string) error {
	path := filepath.Join(streamFolder(root, stream), "meta.inf")
	meta, err := os.ReadFile(path)
	if err != nil {
		return missing(path, err)
	}
	sumPath := filepath.Join(streamFolder(root, stream), "meta.sum")
	sum, err := os.ReadFile(sumPath)
	if err != nil {
		return missing(sumPath, err)
	}
	key := sha256.Sum256([]byte(stream))
	digest, err := highwayhash.New64(key[:])
	if err != nil {
		return fmt.Errorf("open store: %w", err)
	}
	_, _ = digest.Write(meta)
	if hex.EncodeToString(digest.Sum(nil)) != string(sum) {
		return &DamagedError{File: path, Reason: "is damaged: its checksum does not fit"}
	}
	var described struct{ Name string }
	if err := json.Unmarshal(meta, &described); err != nil || described.Name != stream {
		return &DamagedError{File: path, Reason: "is damaged: it does not describe its stream"}
	}
	return nil
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

func (r *reader) record(f found) string {
	if f.removal {
		return ""
	}
	if newest := r.latest[f.subject]; f.seq > newest.seq {
		r.latest[f.subject] = record{seq: f.seq, deleted: isMarker(f.headers), digest: digestEntry(f.subject, f.value)}
	}
	if f.seq > r.last {
		r.last = f.seq
		r.state = state{}
		if _, after, ok := bytes.Cut(f.headers, []byte(stateHeader+": ")); ok {
			line, _, _ := bytes.Cut(after, []byte("\r\n"))
			r.state, _ = parseState(string(line))
		}
	}
	return ""
}

// isMarker reports whether a record with these headers deletes its key.
func isMarker(headers []byte) bool { return bytes.Contains(headers, []byte("KV-Operation:")) }

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
