package story

import (
	"fmt"
	"io"
	"os"
	"path/filepath"

	"gatehouse/sim/scenario"
)

// mostBeside bounds a file that a scenario names.
const mostBeside = 16 << 20

// File is a scenario of the user's as it was read: good, or with mistakes.
type File struct {
	Path     string
	Content  []byte
	Scenario *scenario.Scenario // nil with mistakes
	Mistakes []scenario.Mistake
	// Open reads files that telemetry names, up to 16 MiB: see Beside.
	Open func(name string) ([]byte, error)
}

// ReadFile reads a scenario's file. The error is that of reading; mistakes in it are none.
func ReadFile(path string) (File, error) {
	content, err := readAtMost(path, os.Open, scenario.MaxBytes)
	if err != nil {
		return File{}, err
	}
	f := File{Path: path, Content: content, Open: Beside(path)}
	f.Scenario, f.Mistakes = scenario.Parse(content, f.Open)
	return f, nil
}

// Beside reads files in the folder of another one, and none outside of it.
func Beside(path string) func(name string) ([]byte, error) {
	return func(name string) ([]byte, error) {
		folder, err := os.OpenRoot(filepath.Dir(path))
		if err != nil {
			return nil, err
		}
		defer func() { _ = folder.Close() }()
		return readAtMost(name, folder.Open, mostBeside)
	}
}

func readAtMost(name string, open func(string) (*os.File, error), most int64) ([]byte, error) {
	f, err := open(name)
	if err != nil {
		return nil, err
	}
	defer func() { _ = f.Close() }() // only read
	content, err := io.ReadAll(io.LimitReader(f, most+1))
	if err == nil && int64(len(content)) > most {
		err = fmt.Errorf("%s is larger than %d MiB", name, most>>20)
	}
	return content, err
}
