// Package dropped reads what was dropped on the window: the files that a credential comes in, and of anything else a
// sentence that says what can be dropped. It looks only at so much of a folder and of a file. It does no more with what
// it reads than to hand it over. Scenarios are told apart by their name alone.
package dropped

import (
	"bytes"
	"errors"
	"fmt"
	"io"
	"os"
	"path/filepath"
	"slices"
	"strings"

	"gatehouse/app/desktop/shell"
)

// Bounds of one drop.
const (
	MostFiles   = 16
	MostBytes   = 1 << 20 // of one file
	mostEntries = 256     // of a folder
)

// Kinds is what can be dropped, in words.
const Kinds = "certificates, private keys, PKCS#12 files and authorities: .pem, .crt, .cer, .der, .key, .p12, .pfx; and scenarios: .yaml"

var endings = []string{".pem", ".crt", ".cer", ".der", ".key", ".p12", ".pfx", ".csr", ".p7b", ".p7c"}

// Scenarios parts the paths of scenarios from all others.
func Scenarios(paths []string) (scenarios, others []string) {
	for _, path := range paths {
		switch strings.ToLower(filepath.Ext(path)) {
		case ".yaml", ".yml":
			scenarios = append(scenarios, path)
		default:
			others = append(others, path)
		}
	}
	return scenarios, others
}

// Read reads dropped paths, folders one level deep. said has a sentence for each thing that is not taken, and why; of
// files in a folder only those that look like credentials are taken, without a word on the others.
func Read(paths []string) (files []shell.File, said []string) {
	for _, path := range paths {
		info, err := os.Stat(path)
		switch {
		case err != nil:
			said = append(said, cannot(filepath.Base(path), err))
		case info.IsDir():
			more, why := folder(path, MostFiles-len(files))
			files, said = append(files, more...), append(said, why...)
		case len(files) >= MostFiles:
			return files, append(said, fmt.Sprintf("Only the first %d files are taken.", MostFiles))
		default:
			file, why := one(path, info)
			if why != "" {
				said = append(said, why)
				continue
			}
			files = append(files, file)
		}
	}
	return files, said
}

func one(path string, info os.FileInfo) (file shell.File, why string) {
	name := filepath.Base(path)
	if !info.Mode().IsRegular() {
		return file, "“" + name + "” is not a file that can be read."
	}
	if info.Size() > MostBytes {
		return file, "“" + name + "” is larger than 1 MiB, which no certificate or key is. It was not read."
	}
	content, err := read(path)
	if err != nil {
		return file, cannot(name, err)
	}
	if !credential(name, content) {
		return file, "“" + name + "” does not look like a certificate or key. What can be dropped: " + Kinds + "."
	}
	return shell.File{Name: name, Content: content}, ""
}

// folder takes what looks like credentials, by name.
func folder(path string, room int) (files []shell.File, said []string) {
	name := filepath.Base(path)
	dir, err := os.Open(path)
	if err != nil {
		return nil, []string{cannot(name, err)}
	}
	defer func() { _ = dir.Close() }() // only read
	entries, err := dir.ReadDir(mostEntries)
	if err != nil && !errors.Is(err, io.EOF) {
		return nil, []string{cannot(name, err)}
	}
	slices.SortFunc(entries, func(a, b os.DirEntry) int { return strings.Compare(a.Name(), b.Name()) })
	for _, entry := range entries {
		info, err := entry.Info()
		if err != nil || !info.Mode().IsRegular() || !named(entry.Name()) || info.Size() > MostBytes {
			continue
		}
		if len(files) >= room {
			return files, []string{fmt.Sprintf("Only the first %d files are taken.", MostFiles)}
		}
		if file, why := one(filepath.Join(path, entry.Name()), info); why == "" {
			files = append(files, file)
		}
	}
	if len(files) == 0 {
		said = []string{"There is no certificate or key in “" + name + "”. What can be dropped: " + Kinds + "."}
	}
	return files, said
}

// read reads a file that may grow meanwhile.
func read(path string) ([]byte, error) {
	f, err := os.Open(path)
	if err != nil {
		return nil, err
	}
	content, err := io.ReadAll(io.LimitReader(f, MostBytes+1))
	if err = errors.Join(err, f.Close()); err != nil {
		return nil, err
	}
	if len(content) > MostBytes {
		return nil, errors.New("it is larger than 1 MiB")
	}
	return content, nil
}

func named(name string) bool { return slices.Contains(endings, strings.ToLower(filepath.Ext(name))) }

// credential reports whether something is worth to be looked at: by its ending, as PEM, or as the beginning of an ASN.1
// sequence of some length, which every certificate, key and PKCS#12 file is. What exactly it is, others say.
func credential(name string, content []byte) bool {
	const sequence = 0x30
	return named(name) || bytes.Contains(content, []byte("-----BEGIN ")) ||
		len(content) > 64 && content[0] == sequence && content[1]&0x80 != 0
}

func cannot(name string, err error) string {
	reason := err
	var path *os.PathError
	if errors.As(err, &path) {
		reason = path.Err
	}
	return "“" + name + "” cannot be read: " + reason.Error() + "."
}
