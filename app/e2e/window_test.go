//go:build e2e && linux

package e2e

import (
	"bufio"
	"bytes"
	"encoding/json"
	"fmt"
	"net"
	"os"
	"os/exec"
	"path/filepath"
	"regexp"
	"slices"
	"strconv"
	"strings"
	"testing"

	"github.com/stretchr/testify/require"

	"gatehouse/app/desktop/drive/ask"
)

// window is the running program, as somebody in front of it sees and uses it. What it cannot find ends the test, with a
// picture of the window and all its texts.
type window struct {
	*testing.T
	display *display
	id      string // X's number of it
	home    string // the user's folder, in which file dialogs open
	data    string // the data folder
	shots   string
	socket  net.Conn
	replies *bufio.Reader
	log     *bytes.Buffer
}

// shotsVariable names the folder for pictures, where they are wanted.
const shotsVariable = "GATEHOUSE_SHOTS"

// open starts the program on a display of the given size, with an empty data folder and free ports.
func open(t *testing.T, width, height int, args ...string) *window {
	t.Helper()
	program := os.Getenv("GATEHOUSE_E2E")
	require.NotEmpty(t, program, "GATEHOUSE_E2E names the program to test; `make test` sets it")
	home, err := os.MkdirTemp("", "gatehouse-") // short: the settings show it, and a socket's path has little room
	require.NoError(t, err)
	t.Cleanup(func() { require.NoError(t, os.RemoveAll(home)) })
	w := &window{
		T: t, display: newDisplay(t, width, height), home: home, data: filepath.Join(home, "gateway"),
		shots: os.Getenv(shotsVariable), log: &bytes.Buffer{},
	}
	if w.shots == "" {
		w.shots = t.TempDir()
	}
	socket := filepath.Join(home, "window")
	command := exec.Command(program, append([]string{"--data", w.data, "--mqtt", "127.0.0.1:0", "--http", "127.0.0.1:0"}, args...)...)
	command.Env = append(os.Environ(),
		"DISPLAY="+w.display.name, "WAYLAND_DISPLAY=", "LIBGL_ALWAYS_SOFTWARE=1", "FYNE_SCALE=1", "LANG=en_US.UTF-8",
		"HOME="+home, "XDG_CONFIG_HOME="+home, "XDG_DATA_HOME="+home, "XDG_CACHE_HOME="+home, ask.SocketVariable+"="+socket)
	command.Stdout, command.Stderr = w.log, w.log
	t.Cleanup(func() { // after the program has ended
		if t.Failed() {
			t.Logf("The program said:\n%s", w.log)
		}
	})
	spawn(t, command)

	ready := until(func() bool {
		w.socket, err = net.Dial("unix", socket)
		return err == nil
	})
	require.True(t, ready, "the window does not answer: %v", err)
	t.Cleanup(func() { _ = w.socket.Close() })
	w.replies = bufio.NewReader(w.socket)
	ready = until(func() bool {
		w.id, err = w.display.xdotool("search", "--onlyvisible", "--pid", strconv.Itoa(command.Process.Pid))
		return err == nil && w.id != ""
	})
	require.True(t, ready, "there is no window: %v", err)
	w.id, _, _ = strings.Cut(w.id, "\n")
	w.move("windowmove", "--sync", w.id, "0", "0")
	w.move("windowfocus", "--sync", w.id) // without a window manager nobody else does
	return w
}

// move uses the pointer, the keyboard or the window's place.
func (w *window) move(args ...string) {
	w.Helper()
	if _, err := w.display.xdotool(args...); err != nil {
		w.lost("%v", err)
	}
}

// ask asks the window and fails the test when it refuses.
func (w *window) ask(request ask.Request) ask.Reply {
	w.Helper()
	line, err := json.Marshal(request)
	require.NoError(w, err)
	_, err = w.socket.Write(append(line, '\n'))
	require.NoError(w, err, "the window is gone")
	answer, err := w.replies.ReadBytes('\n')
	require.NoError(w, err, "the window is gone")
	var reply ask.Reply
	require.NoError(w, json.Unmarshal(answer, &reply))
	require.Empty(w, reply.Error, request.Do)
	return reply
}

// lost ends the test with all that may tell why.
func (w *window) lost(format string, args ...any) {
	w.Helper()
	picture := w.Shot("lost")
	var said strings.Builder
	for _, text := range w.ask(ask.Request{Do: ask.Texts}).Texts {
		if !text.Icon {
			fmt.Fprintf(&said, "  %4d,%-4d %s  (%s)\n", text.X, text.Y, text.Text, strings.Join(text.In, " "))
		}
	}
	w.Fatalf("%s\nThe window is in %s and says:\n%s", fmt.Sprintf(format, args...), picture, said.String())
}

// texts are the visible texts on the layer that takes clicks.
func (w *window) texts() []ask.Text {
	w.Helper()
	all := w.ask(ask.Request{Do: ask.Texts}).Texts
	top := 0
	for _, text := range all {
		top = max(top, text.Layer)
	}
	var texts []ask.Text
	for _, text := range all {
		if text.Layer == top {
			texts = append(texts, text)
		}
	}
	return texts
}

// find returns the visible texts and icons that match a pattern as a whole. The pattern may begin with the kind of
// widget that the text must be in, as in "Button: Connect".
func (w *window) find(pattern string) []ask.Text {
	w.Helper()
	kind, label, named := strings.Cut(pattern, ": ")
	if !named {
		kind, label = "", pattern
	}
	whole := regexp.MustCompile("^(?:" + label + ")$")
	within := func(text ask.Text) bool {
		return kind == "" || slices.ContainsFunc(text.In, func(name string) bool { return strings.HasSuffix(name, "."+kind) })
	}
	var found []ask.Text
	for _, text := range w.texts() {
		if whole.MatchString(text.Text) && within(text) {
			found = append(found, text)
		}
	}
	return found
}

// WaitText waits until a text that matches a pattern as a whole is visible, and returns the first.
func (w *window) WaitText(pattern string) ask.Text {
	w.Helper()
	var found []ask.Text
	if !until(func() bool { found = w.find(pattern); return len(found) > 0 }) {
		w.lost("no text matches %q", pattern)
	}
	return found[0]
}

// WaitSaid waits until a sentence can be read that may be set on several lines and in several types. The pattern matches
// anywhere in the window's texts, one after another.
func (w *window) WaitSaid(pattern string) {
	w.Helper()
	anywhere := regexp.MustCompile(pattern)
	said := func() bool {
		var all strings.Builder
		for _, text := range w.texts() {
			if !text.Icon {
				all.WriteString(text.Text)
			}
		}
		return anywhere.MatchString(all.String())
	}
	if !until(said) {
		w.lost("nothing says %q", pattern)
	}
}

// WaitGone waits until no visible text matches a pattern.
func (w *window) WaitGone(pattern string) {
	w.Helper()
	if !until(func() bool { return len(w.find(pattern)) == 0 }) {
		w.lost("%q does not go away", pattern)
	}
}

// Click presses what shows a text, once it is visible and lies still. Of several that match it is the first painted.
func (w *window) Click(pattern string) {
	w.Helper()
	var last ask.Text
	still := func() bool {
		found := w.find(pattern)
		if len(found) == 0 {
			return false
		}
		now := found[0]
		rests := now.X == last.X && now.Y == last.Y && now.Text == last.Text
		last = now
		return rests
	}
	if !until(still) {
		w.lost("nothing to press matches %q", pattern)
	}
	w.move("mousemove", "--window", w.id, strconv.Itoa(last.X+last.Width/2), strconv.Itoa(last.Y+last.Height/2), "click", "1")
}

// Type types on the keyboard, into what has the focus.
func (w *window) Type(text string) {
	w.Helper()
	w.move("type", "--delay", "8", "--", text)
}

// Key presses a key by its X name: Return, Escape, ctrl+k.
func (w *window) Key(name string) {
	w.Helper()
	w.move("key", name)
}

// Shot writes a picture of the window as it is on the display, once two in a row are the same, and returns its path.
func (w *window) Shot(name string) string {
	w.Helper()
	var picture []byte
	until(func() bool { // a window that never rests is still worth a picture
		next, err := w.display.picture(w.id)
		require.NoError(w, err)
		same := bytes.Equal(picture, next)
		picture = next
		return same
	})
	path := filepath.Join(w.shots, name+".png")
	require.NoError(w, os.WriteFile(path, picture, 0o644))
	return path
}

// newest is the newest attempt that the gateway has recorded, with ID 0 before there is one.
func (w *window) newest() ask.Attempt {
	w.Helper()
	if all := w.ask(ask.Request{Do: ask.Attempts}).Attempts; len(all) > 0 {
		return all[0]
	}
	return ask.Attempt{}
}

// WaitCode waits until an attempt after the given one has been answered with a code, and returns it.
func (w *window) WaitCode(after ask.Attempt, code int) ask.Attempt {
	w.Helper()
	var a ask.Attempt
	if !until(func() bool { a = w.newest(); return a.ID > after.ID && a.Code >= 0 }) {
		w.lost("the gateway recorded no new attempt")
	}
	if a.Code != code {
		w.lost("the gateway answered code %d (%s), not %d", a.Code, a.Cause, code)
	}
	return a
}

// WaitEnd waits until an accepted connection has ended, and for the given reason.
func (w *window) WaitEnd(of ask.Attempt, why string) {
	w.Helper()
	var end string
	ended := func() bool {
		for _, a := range w.ask(ask.Request{Do: ask.Attempts}).Attempts {
			if a.ID == of.ID {
				end = a.End
			}
		}
		return end != ""
	}
	if !until(ended) || end != why {
		w.lost("the connection of attempt %d ended with %q, not %q", of.ID, end, why)
	}
}
