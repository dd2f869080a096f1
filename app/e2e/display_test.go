//go:build e2e && linux

package e2e

import (
	"bufio"
	"context"
	"fmt"
	"os"
	"os/exec"
	"strings"
	"syscall"
	"testing"
	"time"

	"github.com/stretchr/testify/require"
)

// patience bounds everything that a test waits for.
const patience = 30 * time.Second

// look is how often the window is asked while a test waits.
const look = 30 * time.Millisecond

// until asks again and again until done says so, and reports whether it did in time.
func until(done func() bool) bool {
	deadline, again := time.After(patience), time.NewTicker(look)
	defer again.Stop()
	for !done() {
		select {
		case <-again.C:
		case <-deadline:
			return false
		}
	}
	return true
}

// display is an X server without a screen that lives as long as the test.
type display struct {
	t    *testing.T
	name string // ":7"
}

// newDisplay starts one of the given size on a number that is free.
func newDisplay(t *testing.T, width, height int) *display {
	t.Helper()
	number, tell, err := os.Pipe()
	require.NoError(t, err)
	defer number.Close()
	server := exec.Command("Xvfb", "-displayfd", "3", "-screen", "0", fmt.Sprintf("%dx%dx24", width, height), "-nolisten", "tcp", "-noreset")
	server.ExtraFiles = []*os.File{tell}
	spawn(t, server)
	require.NoError(t, tell.Close())
	line, err := bufio.NewReader(number).ReadString('\n') // once it is ready
	require.NoError(t, err, "Xvfb did not start; `make packages` installs it")
	return &display{t, ":" + strings.TrimSpace(line)}
}

// spawn starts a program that ends with the test, and with the test's process however that ends.
func spawn(t *testing.T, command *exec.Cmd) {
	t.Helper()
	command.SysProcAttr = &syscall.SysProcAttr{Pdeathsig: syscall.SIGKILL}
	require.NoError(t, command.Start())
	t.Cleanup(func() {
		_ = command.Process.Signal(syscall.SIGTERM)
		kill := time.AfterFunc(patience, func() { _ = command.Process.Kill() })
		defer kill.Stop()
		_ = command.Wait() // the signal is its error
	})
}

// xdotool moves the pointer or types, and returns what it printed.
func (d *display) xdotool(args ...string) (string, error) {
	out, err := d.run("xdotool", args...)
	return strings.TrimSpace(string(out)), err
}

// picture is what a window shows, as PNG. The same picture has the same bytes.
func (d *display) picture(window string) ([]byte, error) {
	return d.run("import", "-window", window, "-define", "png:exclude-chunks=date,time", "-depth", "8", "png:-")
}

// run runs a program on this display and returns its output.
func (d *display) run(name string, args ...string) ([]byte, error) {
	ctx, cancel := context.WithTimeout(context.Background(), patience)
	defer cancel()
	command := exec.CommandContext(ctx, name, args...)
	command.Env = append(os.Environ(), "DISPLAY="+d.name)
	var errs strings.Builder
	command.Stderr = &errs
	out, err := command.Output()
	if err != nil {
		return nil, fmt.Errorf("%s: %w: %s", strings.Join(append([]string{name}, args...), " "), err, errs.String())
	}
	return out, nil
}
