// Package atomicfile replaces small files whole or not at all: after a crash, or on a full disk, a file is the old one or the new one.
// It does not know what the files hold.
package atomicfile

import (
	"io/fs"
	"os"
	"path/filepath"
	"runtime"
	"strings"
)

// Beside begins the names of files that are being written. One that is left over from a crash is used by nothing; see RemoveLeftovers.
const Beside = ".new-"

// Write replaces the file at path, or makes it, in a folder that is there, and returns once it is on the disk. Private files have mode 0600, which no
// moment of writing widens. With an error the old file stands as it was.
func Write(path string, content []byte, mode fs.FileMode) error {
	f, err := os.CreateTemp(filepath.Dir(path), Beside+"*") // of mode 0600
	if err != nil {
		return err
	}
	defer func() { _ = os.Remove(f.Name()) }() // gone already when all went well
	_, err = f.Write(content)
	if err == nil {
		err = f.Chmod(mode)
	}
	if err == nil {
		err = f.Sync()
	}
	if closed := f.Close(); err == nil {
		err = closed
	}
	if err == nil {
		err = os.Rename(f.Name(), path)
	}
	if err != nil {
		return err
	}
	return SyncFolder(filepath.Dir(path))
}

// SyncFolder makes a rename in a folder durable, where a system can.
func SyncFolder(path string) error {
	if runtime.GOOS == "windows" {
		return nil
	}
	folder, err := os.Open(path)
	if err != nil {
		return err
	}
	defer folder.Close()
	return folder.Sync()
}

// RemoveLeftovers deletes what interrupted writes have left in a folder. Nothing may be writing there.
func RemoveLeftovers(folder string) {
	entries, _ := os.ReadDir(folder)
	for _, e := range entries {
		if strings.HasPrefix(e.Name(), Beside) {
			_ = os.Remove(filepath.Join(folder, e.Name()))
		}
	}
}
