package store

import (
	"errors"
	"os"

	"golang.org/x/sys/windows"
)

// lockExclusively locks one byte far behind the process id, since others cannot read a locked range.
func lockExclusively(file *os.File) error {
	at := &windows.Overlapped{Offset: 1 << 30}
	err := windows.LockFileEx(windows.Handle(file.Fd()), windows.LOCKFILE_EXCLUSIVE_LOCK|windows.LOCKFILE_FAIL_IMMEDIATELY, 0, 1, 0, at)
	if errors.Is(err, windows.ERROR_LOCK_VIOLATION) || errors.Is(err, windows.ERROR_IO_PENDING) {
		return errLocked
	}
	return err
}

// syncFolder does nothing: NTFS journals names itself.
func syncFolder(string) error { return nil }
