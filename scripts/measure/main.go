//go:build linux

// Command measure runs the programs that were built and prints what they cost, as a Markdown table: start, memory, CPU,
// connects and messages a second. The gateway runs as a process of its own on loopback; this process plays the devices,
// so both share the machine's cores. `make measure` builds what it needs.
//
//	go run ./scripts/measure -program bin/gatehouse [-window bin/gatehouse-window] [-for 10s]
package main

import (
	"flag"
	"fmt"
	"os"
	"runtime"
	"time"
)

func main() {
	program := flag.String("program", "bin/gatehouse", "the program, as `make headless` builds it")
	window := flag.String("window", "", "the program with its window, as `make build` builds it; empty leaves the window out")
	lasting := flag.Duration("for", 10*time.Second, "how long each rate is measured")
	flag.Parse()
	if err := measure(*program, *window, *lasting); err != nil {
		fmt.Fprintln(os.Stderr, "measure:", err)
		os.Exit(1)
	}
}

// row prints one line of the table.
func row(what, format string, args ...any) {
	fmt.Printf("| %s | %s |\n", what, fmt.Sprintf(format, args...))
}

const mega = 1 << 20

func measure(program, window string, lasting time.Duration) error {
	fmt.Printf("%d cores, %s, %s/%s\n\n| what | figure |\n|---|---|\n", runtime.NumCPU(), runtime.Version(), runtime.GOOS, runtime.GOARCH)
	for _, built := range []struct{ what, path string }{{"without", program}, {"with", window}} {
		if built.path == "" {
			continue
		}
		file, err := os.Stat(built.path)
		if err != nil {
			return err
		}
		row("size of the program "+built.what+" the window", "%d MB", file.Size()/mega)
	}
	dir, err := os.MkdirTemp("", "gatehouse-measure-")
	if err != nil {
		return err
	}
	defer os.RemoveAll(dir)
	for _, part := range []func() error{
		func() error { return measureStart(program, dir) },
		func() error { return measureGateway(program, dir, lasting) },
		func() error { return measureAlways(program, dir, lasting) },
		func() error { return measureWindow(window, dir, lasting) },
	} {
		if err := part(); err != nil {
			return err
		}
	}
	return nil
}
