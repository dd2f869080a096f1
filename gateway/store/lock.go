package store

import (
	"errors"
	"fmt"
	"io"
	"os"
	"path/filepath"
	"strconv"
	"strings"
)

// InUseError says that another process, or another part of this one, has the data folder open.
type InUseError struct {
	Dir string
	PID int // 0 when it is not known
}

func (e *InUseError) Error() string {
	by := "another Gatehouse"
	if e.PID != 0 {
		by += fmt.Sprintf(" (process %d)", e.PID)
	}
	return fmt.Sprintf("the data folder %s is in use by %s: close that one first, or choose another data folder", e.Dir, by)
}

// lockFile is the data folder's lock. The operating system releases it when the process ends, however it ends.
type lockFile struct{ file *os.File }

var errLocked = errors.New("locked by another")

func lockFolder(dir string) (*lockFile, error) {
	file, err := os.OpenFile(filepath.Join(dir, "lock"), os.O_RDWR|os.O_CREATE, 0o600)
	if err != nil {
		return nil, fmt.Errorf("lock data folder: %w", err)
	}
	if err := lockExclusively(file); err != nil {
		if errors.Is(err, errLocked) {
			err = &InUseError{Dir: dir, PID: readPID(file)}
		} else {
			err = fmt.Errorf("lock data folder %s: %w", dir, err)
		}
		_ = file.Close()
		return nil, err
	}
	// The id is for people; that it cannot be written, on a full disk, harms nothing.
	if err := file.Truncate(0); err == nil {
		_, _ = file.WriteAt([]byte(strconv.Itoa(os.Getpid())+"\n"), 0)
	}
	return &lockFile{file: file}, nil
}

func readPID(file *os.File) int {
	text, err := io.ReadAll(io.NewSectionReader(file, 0, 32))
	if err != nil {
		return 0
	}
	pid, err := strconv.Atoi(strings.TrimSpace(string(text)))
	if err != nil {
		return 0
	}
	return pid
}

func (l *lockFile) release() error {
	_ = l.file.Truncate(0)
	if err := l.file.Close(); err != nil { // closing releases the lock
		return fmt.Errorf("release data folder: %w", err)
	}
	return nil
}
