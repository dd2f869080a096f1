package pki

import (
	"crypto"
	"crypto/tls"
	"crypto/x509"
	"encoding/pem"
	"errors"
	"fmt"
	"io/fs"
	"os"
	"path/filepath"
	"runtime"
	"time"

	"gatehouse/gateway/atomicfile"
)

// The files of the folder. Each but the exported root certificate is 0600 and holds a certificate with its key, so that
// one rename replaces both.
const (
	rootFile         = "root.pem"     // exported: the certificate alone
	rootKeyFile      = "root-key.pem" // certificate and key
	intermediateFile = "intermediate.pem"
	ecdsaFile        = "server-ecdsa.pem"
	rsaFile          = "server-rsa.pem"
)

const (
	pemCertificate = "CERTIFICATE"
	pemKey         = "PRIVATE KEY"
)

// FileError tells that a file of the authority cannot be used. Nothing has been written over it: restore it from a
// backup, or move the whole folder away to start with a new root, which every device then has to be given.
type FileError struct {
	File    string // path
	Missing bool
	Err     error // what is wrong with it; nil when it is missing
}

func (e *FileError) Error() string {
	if e.Missing {
		return fmt.Sprintf("certificate authority: %s is missing", e.File)
	}
	return fmt.Sprintf("certificate authority: %s is damaged: %v", e.File, e.Err)
}

func (e *FileError) Unwrap() error { return e.Err }

func inDir(dir, name string) string { return filepath.Join(dir, name) }

// needsNew reports whether there is nothing yet where the folder should be.
func needsNew(dir string) (bool, error) {
	entries, err := os.ReadDir(dir)
	if errors.Is(err, fs.ErrNotExist) {
		return true, nil
	}
	if err != nil {
		return false, fmt.Errorf("certificate authority: %w", err)
	}
	return len(entries) == 0, nil
}

// create makes everything in a folder beside, and moves it into place whole: there is never half an authority.
func create(dir string, names []string, now time.Time) (err error) {
	dir = filepath.Clean(dir)
	if err := os.MkdirAll(filepath.Dir(dir), 0o700); err != nil {
		return err
	}
	if left, err := filepath.Glob(dir + atomicfile.Beside + "*"); err == nil {
		for _, folder := range left { // of a first start that did not come to its end: nothing uses it
			_ = os.RemoveAll(folder)
		}
	}
	beside, err := os.MkdirTemp(filepath.Dir(dir), filepath.Base(dir)+atomicfile.Beside)
	if err != nil {
		return err
	}
	defer func() {
		if err != nil {
			_ = os.RemoveAll(beside)
		}
	}()
	keys, err := newKeys(newRSA, newRSA, newRSA, newECDSA)
	if err != nil {
		return err
	}
	rootCert, err := issueRoot(keys[0], now)
	if err != nil {
		return err
	}
	root := issuer{cert: rootCert, key: keys[0]}
	middleCert, err := issueIntermediate(keys[1], root, now)
	if err != nil {
		return err
	}
	if err := writePair(inDir(beside, rootKeyFile), root); err != nil {
		return err
	}
	if err := atomicfile.Write(inDir(beside, rootFile), pem.EncodeToMemory(&pem.Block{Type: pemCertificate, Bytes: rootCert.Raw}), 0o644); err != nil {
		return err
	}
	middle := issuer{cert: middleCert, key: keys[1]}
	if err := writePair(inDir(beside, intermediateFile), middle); err != nil {
		return err
	}
	for file, key := range map[string]crypto.Signer{rsaFile: keys[2], ecdsaFile: keys[3]} {
		cert, err := issueLeaf(key, middle, names, now)
		if err != nil {
			return err
		}
		if err := writePair(inDir(beside, file), issuer{cert, key, middle.cert}); err != nil {
			return err
		}
	}
	_ = os.Remove(dir) // an empty folder is in the way on some systems
	if err := os.Rename(beside, dir); err != nil {
		return err
	}
	return atomicfile.SyncFolder(filepath.Dir(dir))
}

// load reads all files and checks that they belong together.
func (a *Authority) load() error {
	atomicfile.RemoveLeftovers(a.dir)
	root, err := readPair(inDir(a.dir, rootKeyFile), nil)
	if err != nil {
		return err
	}
	a.root = root.cert // and its key is forgotten
	a.rootPEM = pem.EncodeToMemory(&pem.Block{Type: pemCertificate, Bytes: root.cert.Raw})
	if err := a.checkExport(); err != nil {
		return err
	}
	if a.intermediate, err = readPair(inDir(a.dir, intermediateFile), root.cert); err != nil {
		return err
	}
	m := &material{}
	if m.ecdsa, err = a.readLeaf(ecdsaFile); err != nil {
		return err
	}
	if m.rsa, err = a.readLeaf(rsaFile); err != nil {
		return err
	}
	a.publish(m)
	return nil
}

// checkExport makes the exported root again when it is gone: it is no key, and its content is known.
func (a *Authority) checkExport() error {
	path := a.RootPath()
	text, err := os.ReadFile(path)
	switch {
	case errors.Is(err, fs.ErrNotExist):
		return atomicfile.Write(path, a.rootPEM, 0o644)
	case err != nil:
		return fmt.Errorf("certificate authority: %w", err)
	}
	block, _ := pem.Decode(text)
	if block == nil || string(block.Bytes) != string(a.root.Raw) {
		return &FileError{File: path, Err: errors.New("it is not the certificate of " + rootKeyFile)}
	}
	return nil
}

func (a *Authority) readLeaf(name string) (*tls.Certificate, error) {
	pair, err := readPair(inDir(a.dir, name), a.root)
	if err != nil {
		return nil, err
	}
	if pair.by == nil {
		return nil, &FileError{File: inDir(a.dir, name), Err: errors.New("the intermediate certificate is not in it")}
	}
	return pair.chain(), nil
}

func (pair issuer) chain() *tls.Certificate {
	return &tls.Certificate{Certificate: [][]byte{pair.cert.Raw, pair.by.Raw}, PrivateKey: pair.key, Leaf: pair.cert}
}

// readPair reads a certificate with its key, and checks that it goes back to the root; a nil root stands for itself.
func readPair(path string, root *x509.Certificate) (issuer, error) {
	text, err := os.ReadFile(path)
	if errors.Is(err, fs.ErrNotExist) {
		return issuer{}, &FileError{File: path, Missing: true}
	}
	if err != nil {
		return issuer{}, fmt.Errorf("certificate authority: %w", err)
	}
	pair, err := parsePair(text)
	if err == nil {
		err = pair.checkSignatures(root)
	}
	if err != nil {
		return issuer{}, &FileError{File: path, Err: err}
	}
	return pair, keepPrivate(path)
}

func (pair issuer) checkSignatures(root *x509.Certificate) error {
	if root == nil {
		root = pair.cert
	}
	if pair.by == nil {
		return pair.cert.CheckSignatureFrom(root)
	}
	if err := pair.cert.CheckSignatureFrom(pair.by); err != nil {
		return err
	}
	return pair.by.CheckSignatureFrom(root)
}

// parsePair never puts what it reads into an error: it is a key.
func parsePair(text []byte) (pair issuer, err error) {
	for block, rest := pem.Decode(text); block != nil; block, rest = pem.Decode(rest) {
		switch block.Type {
		case pemCertificate:
			cert, err := x509.ParseCertificate(block.Bytes)
			if err != nil {
				return issuer{}, fmt.Errorf("its certificate: %w", err)
			}
			if pair.cert == nil {
				pair.cert = cert
			} else {
				pair.by = cert
			}
		case pemKey:
			key, err := x509.ParsePKCS8PrivateKey(block.Bytes)
			if err != nil {
				return issuer{}, errors.New("its private key cannot be read")
			}
			pair.key, _ = key.(crypto.Signer)
		}
	}
	switch {
	case pair.cert == nil:
		return issuer{}, errors.New("it holds no certificate")
	case pair.key == nil:
		return issuer{}, errors.New("it holds no private key")
	}
	public, ok := pair.key.Public().(interface{ Equal(crypto.PublicKey) bool })
	if !ok || !public.Equal(pair.cert.PublicKey) {
		return issuer{}, errors.New("its key is not that of its certificate")
	}
	return pair, nil
}

// keepPrivate takes back rights on a key that others have been given.
func keepPrivate(path string) error {
	if runtime.GOOS == "windows" {
		return nil
	}
	info, err := os.Stat(path)
	if err != nil {
		return fmt.Errorf("certificate authority: %w", err)
	}
	if info.Mode().Perm()&0o077 == 0 {
		return nil
	}
	return os.Chmod(path, 0o600)
}

func writePair(path string, pair issuer) error {
	key, err := x509.MarshalPKCS8PrivateKey(pair.key)
	if err != nil {
		return err
	}
	text := pem.EncodeToMemory(&pem.Block{Type: pemCertificate, Bytes: pair.cert.Raw})
	if pair.by != nil {
		text = append(text, pem.EncodeToMemory(&pem.Block{Type: pemCertificate, Bytes: pair.by.Raw})...)
	}
	return atomicfile.Write(path, append(text, pem.EncodeToMemory(&pem.Block{Type: pemKey, Bytes: key})...), 0o600)
}
