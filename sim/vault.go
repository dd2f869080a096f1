package sim

import (
	"bytes"
	"encoding/json"
	"errors"
	"fmt"
	"io/fs"
	"os"
	"path/filepath"
	"sort"
	"sync"
	"time"
)

// Vault keeps the credentials of virtual devices in one file of mode 0600, as boards keep theirs in flash. It is the only place where a
// secret can be found again. Its methods may be called from any goroutine; every change is on disk when they return.
type Vault struct {
	path string

	mu      sync.Mutex
	devices map[string][]Credential
}

const vaultVersion = 1

type vaultFile struct {
	Version int                     `json:"version"`
	Devices map[string][]Credential `json:"devices"`
}

// DamagedVaultError tells that the file could not be read as a vault. It was set aside, unchanged, and a new one begins empty.
type DamagedVaultError struct {
	File     string
	SetAside string // where the damaged file is now
	Err      error
}

func (e *DamagedVaultError) Error() string {
	return fmt.Sprintf("the credentials of virtual devices in %s are damaged (%v); the file is kept as %s, and these devices need new credentials", e.File, e.Err, e.SetAside)
}

// Unwrap returns what was wrong with the file.
func (e *DamagedVaultError) Unwrap() error { return e.Err }

// ErrNewerVault is the error of opening a vault that a newer version wrote: the file is left as it is.
var ErrNewerVault = errors.New("the credentials of virtual devices were written by a newer version")

// OpenVault opens the vault in this file, which need not exist; its folder is made when missing. With a *DamagedVaultError the vault is
// usable and empty; with any other error there is none.
func OpenVault(path string) (*Vault, error) {
	v := &Vault{path: path, devices: map[string][]Credential{}}
	if err := os.MkdirAll(filepath.Dir(path), 0o700); err != nil {
		return nil, fmt.Errorf("open vault: %w", err)
	}
	content, err := os.ReadFile(path)
	switch {
	case errors.Is(err, fs.ErrNotExist):
		return v, nil
	case err != nil:
		return nil, fmt.Errorf("open vault: %w", err)
	}
	file, err := decodeVault(content)
	switch {
	case errors.Is(err, ErrNewerVault):
		return nil, fmt.Errorf("open vault %s: %w", path, err)
	case err != nil:
		aside, moved := setAside(path)
		if moved != nil {
			return nil, fmt.Errorf("open vault %s: %w (and it could not be set aside: %w)", path, err, moved)
		}
		return v, &DamagedVaultError{File: path, SetAside: aside, Err: err}
	}
	if err := os.Chmod(path, 0o600); err != nil { // a copied file may have become readable
		return nil, fmt.Errorf("open vault: %w", err)
	}
	v.devices = file.Devices
	return v, nil
}

func decodeVault(content []byte) (vaultFile, error) {
	var file vaultFile
	if err := json.Unmarshal(content, &file); err != nil {
		var syntax *json.SyntaxError
		if errors.As(err, &syntax) {
			return file, fmt.Errorf("not JSON at byte %d of %d", syntax.Offset, len(content))
		}
		return file, errors.New("not of a vault's form") // the cause would quote what it found: perhaps a secret
	}
	switch {
	case file.Version > vaultVersion:
		return file, ErrNewerVault
	case file.Version < 1 || file.Devices == nil:
		return file, errors.New("it has no version or no devices")
	}
	return file, nil
}

func setAside(path string) (string, error) {
	stamp := path + ".damaged-" + time.Now().UTC().Format("20060102T150405")
	for n := 0; ; n++ {
		aside := stamp
		if n > 0 {
			aside = fmt.Sprintf("%s-%d", stamp, n)
		}
		if _, err := os.Lstat(aside); errors.Is(err, fs.ErrNotExist) {
			return aside, os.Rename(path, aside)
		}
	}
}

// Put keeps a credential of a device, after those it has; one with the same key or certificate is replaced.
func (v *Vault) Put(deviceSID string, c Credential) error {
	if deviceSID == "" {
		return errors.New("keep credential: no device")
	}
	return v.change(func(devices map[string][]Credential) {
		devices[deviceSID] = append(without(devices[deviceSID], c), c.clone())
	})
}

// Get returns a device's credentials, the latest last.
func (v *Vault) Get(deviceSID string) []Credential {
	v.mu.Lock()
	defer v.mu.Unlock()
	var list []Credential
	for _, c := range v.devices[deviceSID] {
		list = append(list, c.clone())
	}
	return list
}

// Remove forgets one credential of a device: the one with the same key or certificate.
func (v *Vault) Remove(deviceSID string, c Credential) error {
	return v.change(func(devices map[string][]Credential) {
		if rest := without(devices[deviceSID], c); len(rest) > 0 {
			devices[deviceSID] = rest
		} else {
			delete(devices, deviceSID)
		}
	})
}

// Delete forgets all credentials of a device.
func (v *Vault) Delete(deviceSID string) error {
	return v.change(func(devices map[string][]Credential) { delete(devices, deviceSID) })
}

// Devices returns the SIDs of the devices that have a credential here, sorted.
func (v *Vault) Devices() []string {
	v.mu.Lock()
	defer v.mu.Unlock()
	list := make([]string, 0, len(v.devices))
	for device := range v.devices {
		list = append(list, device)
	}
	sort.Strings(list)
	return list
}

// change makes a change on a copy, writes it, and only then lets it be seen.
func (v *Vault) change(edit func(map[string][]Credential)) error {
	v.mu.Lock()
	defer v.mu.Unlock()
	next := make(map[string][]Credential, len(v.devices)+1)
	for device, list := range v.devices {
		next[device] = list
	}
	edit(next)
	content, err := json.MarshalIndent(vaultFile{Version: vaultVersion, Devices: next}, "", "  ")
	if err != nil {
		return fmt.Errorf("write vault: %w", err)
	}
	if err := writeAtomically(v.path, append(content, '\n')); err != nil {
		return fmt.Errorf("write vault: %w", err)
	}
	v.devices = next
	return nil
}

// writeAtomically replaces a file: after a crash it is the old one or the new one, whole.
func writeAtomically(path string, content []byte) (err error) {
	f, err := os.CreateTemp(filepath.Dir(path), filepath.Base(path)+".new-*") // mode 0600
	if err != nil {
		return err
	}
	defer func() {
		if err != nil {
			_ = f.Close()
			_ = os.Remove(f.Name())
		}
	}()
	if _, err = f.Write(content); err != nil {
		return err
	}
	if err = f.Sync(); err != nil {
		return err
	}
	if err = f.Close(); err != nil {
		return err
	}
	if err = os.Rename(f.Name(), path); err != nil {
		return err
	}
	if dir, openErr := os.Open(filepath.Dir(path)); openErr == nil {
		_ = dir.Sync() // not every system can; the file itself is synced
		_ = dir.Close()
	}
	return nil
}

func without(list []Credential, c Credential) []Credential {
	var rest []Credential
	for _, have := range list {
		if !have.same(c) {
			rest = append(rest, have)
		}
	}
	return rest
}

// same tells two credentials that are one for a gateway: the same key, or the same certificate.
func (c Credential) same(other Credential) bool {
	if c.KeySID != "" || other.KeySID != "" {
		return c.KeySID == other.KeySID
	}
	if c.CertificateSID != "" && other.CertificateSID != "" {
		return c.CertificateSID == other.CertificateSID
	}
	return bytes.Equal(c.CertPEM, other.CertPEM)
}

func (c Credential) clone() Credential {
	c.CertPEM, c.KeyPEM = bytes.Clone(c.CertPEM), bytes.Clone(c.KeyPEM)
	return c
}
