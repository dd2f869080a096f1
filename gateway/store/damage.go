package store

import (
	"fmt"
	"os"
	"path/filepath"
	"strings"
)

// DamagedError says that a file of the store is missing, short or changed, so that something acknowledged is lost.
type DamagedError struct {
	File     string // the file or folder, an absolute path or one relative like the data folder's
	Reason   string // "is missing", …
	SetAside string // where the whole store was moved to, untouched; empty when it still is where it was
}

func (e *DamagedError) Error() string {
	message := fmt.Sprintf("the store is damaged: %s %s", e.File, e.Reason)
	if e.SetAside != "" {
		message += fmt.Sprintf("; the store was kept as it is in %s, and the next start begins with an empty one", e.SetAside)
	}
	return message
}

const damagedPrefix = folder + ".damaged-"

// setAside moves the store's folder away, contents untouched, and completes the error.
func (s *Store) setAside(damaged *DamagedError) error {
	base := filepath.Join(s.dir, damagedPrefix+s.params.Now().UTC().Format("20060102T150405Z"))
	target := base
	for n := 2; ; n++ {
		if _, err := os.Lstat(target); os.IsNotExist(err) {
			break
		}
		target = fmt.Sprintf("%s-%d", base, n)
	}
	if err := os.Rename(s.root(), target); err != nil {
		return fmt.Errorf("%w; it could not be set aside: %w", damaged, err)
	}
	damaged.SetAside = target
	return damaged
}

// EarlierDamage lists the folders to which damaged stores of the data folder dir were set aside, oldest first.
func EarlierDamage(dir string) []string {
	entries, err := os.ReadDir(dir)
	if err != nil {
		return nil
	}
	var found []string
	for _, entry := range entries { // sorted by name, which is by time
		if entry.IsDir() && strings.HasPrefix(entry.Name(), damagedPrefix) {
			found = append(found, filepath.Join(dir, entry.Name()))
		}
	}
	return found
}
