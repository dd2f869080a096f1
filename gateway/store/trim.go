package store

import (
	"context"
	"encoding/binary"
	"errors"
	"fmt"
	"io"
	"io/fs"
	"os"
)

// Trim removes the records before the one with the given number, or all when there is none. They are gone when it returns; their
// disk space comes back as whole blocks of it, of 8 MiB, are no longer needed. It costs an fsync, and may be called beside Append.
//
// The manifest is told first what is still needed: when the process ends between the two, the records are there and not used.
// The engine removes whole blocks only. It would rewrite others, without making that durable.
func (l *Log) Trim(before uint64) error {
	l.trimming.Lock()
	defer l.trimming.Unlock()
	if err := l.trim(before); err != nil {
		return fmt.Errorf("trim %s: %w", l.name, err)
	}
	return nil
}

func (l *Log) trim(before uint64) error {
	first, last, _ := l.Bounds()
	before = min(before, last+1)
	if before <= first {
		return nil
	}
	if err := l.store.usable(); err != nil {
		return err
	}
	if err := l.store.mark(map[string]uint64{lowKey(l.name): before}); err != nil {
		return l.store.fail(err)
	}
	l.mu.Lock()
	l.first = before
	l.mu.Unlock()
	if err := l.dropBlocks(before); err != nil {
		return l.store.fail(err)
	}
	return nil
}

// dropBlocks has the engine drop the blocks that hold only records before the given one.
func (l *Log) dropBlocks(before uint64) error {
	blocks, err := listBlocks(blocksFolder(l.store.root(), logStream(l.name)))
	if err != nil {
		return err
	}
	oldest, start := uint64(0), uint64(0)
	for _, block := range blocks {
		first, err := firstRecord(blockFile(l.store.root(), logStream(l.name), block))
		if err != nil {
			return err
		}
		if first == 0 || first > before {
			break
		}
		if oldest == 0 {
			oldest = first
		}
		start = first
	}
	if start == oldest {
		return nil
	}
	engine := l.store.running()
	if engine == nil {
		return ErrClosed
	}
	ctx, cancel := context.WithTimeout(context.Background(), l.store.params.Timeout)
	defer cancel()
	if err := engine.purge(ctx, logStream(l.name), start); err != nil {
		return err
	}
	state, err := engine.state(ctx, logStream(l.name))
	if err != nil {
		return err
	}
	l.mu.Lock()
	l.bytes = int64(state.Bytes)
	l.mu.Unlock()
	return nil
}

// firstRecord is the number of the first record in a block; 0 when the block is empty or gone.
func firstRecord(path string) (uint64, error) {
	file, err := os.Open(path)
	if errors.Is(err, fs.ErrNotExist) {
		return 0, nil
	}
	if err != nil {
		return 0, err
	}
	var header [recordHeader]byte
	_, err = io.ReadFull(file, header[:])
	err = errors.Join(err, file.Close())
	if errors.Is(err, io.EOF) || errors.Is(err, io.ErrUnexpectedEOF) {
		return 0, nil
	}
	return binary.LittleEndian.Uint64(header[4:]) &^ (erased | tombstone), err
}
