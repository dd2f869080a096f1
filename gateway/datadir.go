package gateway

import (
	"errors"
	"fmt"
	"os"
	"path/filepath"
)

// DefaultDataDir is the one data folder of window and commands: gatehouse below XDG_DATA_HOME, else below
// ~/.local/share (XDG Base Directory Specification).
func DefaultDataDir() (string, error) {
	if base := os.Getenv("XDG_DATA_HOME"); filepath.IsAbs(base) {
		return filepath.Join(base, "gatehouse"), nil
	}
	home, err := os.UserHomeDir()
	if err != nil {
		return "", fmt.Errorf("no data folder: %w; set HOME, or name a folder with --data", err)
	}
	return filepath.Join(home, ".local", "share", "gatehouse"), nil
}

// makeDataDir makes the folder, for this user only. A folder of one's own that others could read is closed to them.
func makeDataDir(dir string) error {
	if err := os.MkdirAll(dir, 0o700); err != nil {
		return fmt.Errorf("data folder %s cannot be made: %w", dir, errors.Unwrap(err))
	}
	info, err := os.Stat(dir)
	if err != nil {
		return fmt.Errorf("data folder %s: %w", dir, err)
	}
	if !info.IsDir() {
		return fmt.Errorf("data folder %s is a file; name a folder", dir)
	}
	if info.Mode().Perm()&0o077 != 0 {
		if err := os.Chmod(dir, 0o700); err != nil {
			return fmt.Errorf("data folder %s is open to other users and cannot be closed to them: %w", dir, err)
		}
	}
	return nil
}
