//go:build linux

package main

import (
	"bufio"
	"encoding/json"
	"errors"
	"fmt"
	"os"
	"os/exec"
	"path/filepath"
	"strconv"
	"strings"
	"syscall"
	"time"
)

// process is a program that was started here and is ended by stop.
type process struct {
	*exec.Cmd
	ready struct {
		MQTT   string `json:"mqtt"`
		RootCA string `json:"root_ca"`
	}
}

// serve starts `gatehouse serve` on a data folder and waits until it listens.
func serve(program, data string) (*process, error) {
	p := &process{Cmd: exec.Command(program, "serve", "--json", "--data", data, "--mqtt", "127.0.0.1:0", "--http", "off")}
	out, err := p.StdoutPipe()
	if err != nil {
		return nil, err
	}
	p.Stderr = os.Stderr
	p.SysProcAttr = &syscall.SysProcAttr{Pdeathsig: syscall.SIGKILL}
	if err := p.Start(); err != nil {
		return nil, err
	}
	lines := bufio.NewReaderSize(out, 1<<16)
	first, err := lines.ReadBytes('\n')
	if err == nil {
		err = json.Unmarshal(first, &p.ready)
	}
	if err != nil {
		p.stop()
		return nil, fmt.Errorf("%s did not say that it is ready: %w", program, err)
	}
	go func() { _, _ = lines.WriteTo(devNull{}) }() // its attempts; until it ends
	return p, nil
}

type devNull struct{}

func (devNull) Write(p []byte) (int, error) { return len(p), nil }

// stop ends the process and waits for it.
func (p *process) stop() {
	_ = p.Process.Signal(syscall.SIGTERM)
	kill := time.AfterFunc(20*time.Second, func() { _ = p.Process.Kill() })
	defer kill.Stop()
	_ = p.Wait() // how it ends does not matter here
}

// memory is the resident memory in bytes.
func (p *process) memory() int64 {
	for line := range strings.Lines(read(p.path("status"))) {
		if rest, found := strings.CutPrefix(line, "VmRSS:"); found {
			kilo, _ := strconv.ParseInt(strings.TrimSuffix(strings.TrimSpace(rest), " kB"), 10, 64)
			return kilo << 10
		}
	}
	return 0
}

// ticks are Linux's units of CPU time a second.
const ticks = 100

// cpu is the CPU time used so far.
func (p *process) cpu() time.Duration {
	stat := read(p.path("stat"))
	fields := strings.Fields(stat[strings.LastIndexByte(stat, ')')+1:]) // the name may hold spaces
	if len(fields) < 13 {
		return 0
	}
	user, _ := strconv.ParseInt(fields[11], 10, 64)
	system, _ := strconv.ParseInt(fields[12], 10, 64)
	return time.Duration(user+system) * time.Second / ticks
}

// load is the share of one core used while time passes, in percent.
func (p *process) load(lasting time.Duration) float64 {
	before := p.cpu()
	time.Sleep(lasting)
	return 100 * float64(p.cpu()-before) / float64(lasting)
}

func (p *process) path(name string) string {
	return filepath.Join("/proc", strconv.Itoa(p.Process.Pid), name)
}

func read(path string) string {
	content, _ := os.ReadFile(path) // of a process that is gone there is nothing
	return string(content)
}

// measureStart measures from the start of the process to the line that says that it listens.
func measureStart(program, dir string) error {
	data := filepath.Join(dir, "start")
	for _, what := range []string{"start on a new data folder, keys and certificates included", "start on an existing one"} {
		began := time.Now()
		p, err := serve(program, data)
		if err != nil {
			return err
		}
		row(what, "%d ms", time.Since(began).Milliseconds())
		p.stop()
	}
	return nil
}

// measureWindow measures the window at rest, and with the demo's devices, on a display without a screen.
func measureWindow(program, dir string, lasting time.Duration) error {
	if program == "" {
		return nil
	}
	number, tell, err := os.Pipe()
	if err != nil {
		return err
	}
	defer number.Close()
	server := &process{Cmd: exec.Command("Xvfb", "-displayfd", "3", "-screen", "0", "1280x800x24", "-nolisten", "tcp")}
	server.ExtraFiles = []*os.File{tell}
	server.SysProcAttr = &syscall.SysProcAttr{Pdeathsig: syscall.SIGKILL}
	if err := server.Start(); err != nil {
		return err
	}
	defer server.stop()
	_ = tell.Close()
	display, err := bufio.NewReader(number).ReadString('\n')
	if err != nil {
		return fmt.Errorf("the display did not start: %w", err)
	}
	for _, args := range [][]string{nil, {"--demo"}} {
		what := "at rest"
		if args != nil {
			what = "with the demo"
		}
		p := &process{Cmd: exec.Command(program, append([]string{"--data", filepath.Join(dir, "window"), "--mqtt", "127.0.0.1:0", "--http", "off"}, args...)...)}
		p.Env = append(os.Environ(), "DISPLAY=:"+strings.TrimSpace(display), "WAYLAND_DISPLAY=", "LIBGL_ALWAYS_SOFTWARE=1", "HOME="+dir)
		p.SysProcAttr = &syscall.SysProcAttr{Pdeathsig: syscall.SIGKILL}
		began := time.Now()
		if err := p.Start(); err != nil {
			return err
		}
		if err := awaitWindow(p.Env); err != nil {
			p.stop()
			return err
		}
		row("window "+what+": start to first window", "%d ms", time.Since(began).Milliseconds())
		time.Sleep(5 * time.Second) // start-up is neither rest nor demo
		row("window "+what+", software GL, 1280×800: CPU of one core", "%.1f %%", p.load(lasting))
		row("window "+what+": memory", "%d MB", p.memory()/mega)
		p.stop()
	}
	return nil
}

// awaitWindow waits until the window can be seen.
func awaitWindow(env []string) error {
	for end := time.Now().Add(30 * time.Second); time.Now().Before(end); time.Sleep(5 * time.Millisecond) {
		search := exec.Command("xdotool", "search", "--onlyvisible", "--name", "^Gatehouse$")
		search.Env = env
		if search.Run() == nil {
			return nil
		}
	}
	return errors.New("no window within 30 s")
}
