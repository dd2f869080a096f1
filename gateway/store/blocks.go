package store

import (
	"bytes"
	"crypto/sha256"
	"encoding/binary"
	"errors"
	"fmt"
	"hash"
	"io"
	"io/fs"
	"os"
	"path/filepath"
	"slices"
	"strconv"
	"strings"
	"syscall"

	"github.com/minio/highwayhash"
)

// The files of a stream as nats-server 2.15 writes them (filestore.go). TestEachDamageIsFoundNamedAndSetAside fails should another
// version change them.

func streamsFolder(root string) string {
	return filepath.Join(root, "jetstream", "$G", "streams")
}

// streamFolder is where the engine keeps a stream, by the engine's name of it: bucketStream or logStream.
func streamFolder(root, stream string) string {
	return filepath.Join(streamsFolder(root), stream)
}

func blocksFolder(root, stream string) string {
	return filepath.Join(streamFolder(root, stream), "msgs")
}

func blockFile(root, stream string, index int) string {
	return filepath.Join(blocksFolder(root, stream), strconv.Itoa(index)+".blk")
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

func blockHash(stream string, index int) hash.Hash64 {
	key := sha256.Sum256(fmt.Appendf(nil, "%s-%d", stream, index))
	digest, err := highwayhash.New64(key[:])
	if err != nil {
		panic(err) // the key has the one right size
	}
	return digest
}

// tornError says where a stream ends because what follows is not whole.
type tornError struct {
	path   string
	at     int
	size   int
	why    string
	behind []string // the blocks after it
}

// mend cuts off what is not whole. The engine would cut that one block, and keep what lies behind the gap.
func (t *tornError) mend(syncFile func(*os.File) error) error {
	for _, path := range t.behind {
		if err := os.Remove(path); err != nil {
			return err
		}
	}
	file, err := os.OpenFile(t.path, os.O_RDWR, 0)
	if err != nil {
		return err
	}
	if err := errors.Join(file.Truncate(int64(t.at)), syncFile(file), file.Close()); err != nil {
		return err
	}
	return syncFolder(filepath.Dir(t.path))
}

func (t *tornError) damage() *DamagedError {
	return &DamagedError{File: t.path, Reason: fmt.Sprintf("is damaged at byte %d of %d: %s", t.at, t.size, t.why)}
}

// found is a record as it lies in a block; it is valid during the call.
type found struct {
	seq            uint64
	removal        bool // it says only that the engine was told to remove the record of that number
	subject        string
	headers, value []byte
}

const (
	recordHeader = 22
	recordHash   = 8
	withHeaders  = 1 << 31 // of the length
	erased       = 1 << 63 // of the sequence number
	tombstone    = 1 << 62 // of the sequence number
	maxRecord    = 32 << 20
)

// readBlock hands out the records of a block up to its end, to the first that is not whole, or to the one that each gives a
// reason against. A record is length(4) sequence(8) time(8) subject-length(2) subject [headers-length(4) headers] value hash(8).
func readBlock(data []byte, digest hash.Hash64, each func(found) (against string)) *tornError {
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
		seq := binary.LittleEndian.Uint64(rest[4:])
		if seq != 0 && seq&erased == 0 {
			f := found{
				seq: seq &^ tombstone, removal: seq&tombstone != 0,
				subject: string(subject), headers: headers, value: payload[len(headers):],
			}
			if why := each(f); why != "" {
				return &tornError{at: at, why: why}
			}
		}
		at += int(length)
	}
	return nil
}

// readStream hands out the records of a stream, block by block, up to the first that is not whole; torn says where, and which
// blocks lie behind it.
func readStream(root, stream string, each func(found) (against string)) (torn *tornError, err error) {
	blocks, err := listBlocks(blocksFolder(root, stream))
	if err != nil {
		return nil, err
	}
	var data []byte
	for i, index := range blocks {
		path := blockFile(root, stream, index)
		data, err = readBlockFile(path, data)
		if err != nil {
			return nil, missing(path, err)
		}
		if torn := readBlock(data, blockHash(stream, index), each); torn != nil {
			torn.path, torn.size = path, len(data)
			for _, behind := range blocks[i+1:] {
				torn.behind = append(torn.behind, blockFile(root, stream, behind))
			}
			return torn, nil
		}
	}
	return nil, nil
}

// readBlockFile reads a block, into buf if there is room, provided that the engine will be able to write to it.
func readBlockFile(path string, buf []byte) ([]byte, error) {
	file, err := os.OpenFile(path, os.O_RDWR, 0)
	if err != nil {
		return nil, err
	}
	info, err := file.Stat()
	if err != nil {
		return nil, errors.Join(err, file.Close())
	}
	data := slices.Grow(buf[:0], int(info.Size()))[:info.Size()]
	_, err = io.ReadFull(file, data)
	return data, errors.Join(err, file.Close())
}

// missing says what it means that a file cannot be read. Wrong permissions, or too many open files, are no damage: that can be
// put right, and the store is not set aside for it.
func missing(path string, err error) error {
	switch {
	case errors.Is(err, fs.ErrNotExist):
		return &DamagedError{File: path, Reason: "is missing"}
	case errors.Is(err, syscall.EIO), errors.Is(err, syscall.EISDIR), errors.Is(err, syscall.ENOTDIR):
		return &DamagedError{File: path, Reason: "cannot be read: " + err.Error()}
	}
	return fmt.Errorf("open store: %w", err)
}
