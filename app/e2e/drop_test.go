//go:build e2e && linux

package e2e

import (
	"bufio"
	"encoding/binary"
	"io"
	"net"
	"path/filepath"
	"strconv"
	"strings"
	"testing"
	"time"

	"github.com/stretchr/testify/require"
)

// Files that are dropped on the window as a file manager drops them are taken to "Check credentials", wherever the user is.
func TestFilesDroppedOnTheWindowAreChecked(t *testing.T) {
	w := open(t, 1280, 800)
	w.WaitText("Listening")
	w.writeCredential("lamp-7")
	w.Click("RailItem: Sessions")
	w.drop(filepath.Join(w.home, "board.crt"), filepath.Join(w.home, "secret.key"))
	w.WaitText("Check credentials")
	w.WaitSaid("Certificate, ECDSA P-256, lamp-7")
	w.WaitSaid("Private key, ECDSA P-256")
}

// drop drags files over the window and lets them go, in version 5 of the protocol for it (XDND): the source owns a selection,
// tells the window in messages that it comes, where it is and that it lets go, and hands over the files when it is asked.
func (w *window) drop(files ...string) {
	w.Helper()
	x := dialX(w)
	id, err := strconv.ParseUint(w.id, 10, 32)
	require.NoError(w, err)
	target, source := uint32(id), x.hidden()
	selection, list := x.atom("XdndSelection"), x.atom("text/uri-list")
	status, finished := x.atom("XdndStatus"), x.atom("XdndFinished")
	x.send(22, 0, source, selection, 0) // SetSelectionOwner

	tell := func(message string, data ...uint32) {
		event := append([]byte{33, 32, 0, 0}, words(target, x.atom(message), source)...) // ClientMessage in numbers of 32 bits
		event = append(event, words(data...)...)
		x.event(target, append(event, make([]byte, 32-len(event))...))
	}
	tell("XdndEnter", 5<<24, list)
	tell("XdndPosition", 0, 640<<16|400, 0, x.atom("XdndActionCopy"))
	for {
		event := x.next()
		switch kind := event[0] & 0x7f; {
		case kind == 33 && number(event, 8) == status:
			require.Equal(w, uint32(1), number(event, 16)&1, "the window takes no files")
			tell("XdndDrop", 0, 0)
		case kind == 33 && number(event, 8) == finished:
			return
		case kind == 30: // SelectionRequest: the files, as a property of who asks
			asks, format, property := number(event, 12), number(event, 20), number(event, 24)
			content := []byte("file://" + strings.Join(files, "\r\nfile://") + "\r\n")
			body := append(words(asks, property, format), 8, 0, 0, 0)
			body = append(append(body, words(uint32(len(content)))...), content...)
			x.request(18, 0, append(body, make([]byte, -len(body)&3)...)) // ChangeProperty
			answer := append([]byte{31, 0, 0, 0}, words(number(event, 4), asks, number(event, 16), format, property)...)
			x.event(asks, append(answer, make([]byte, 32-len(answer))...)) // SelectionNotify
		}
	}
}

// xclient is as much of a client of an X server as a drop needs.
type xclient struct {
	*window
	conn   net.Conn
	in     *bufio.Reader
	root   uint32
	nextID uint32
	seen   [][]byte // events that came while an answer was awaited
}

func dialX(w *window) *xclient {
	w.Helper()
	conn, err := net.Dial("unix", "/tmp/.X11-unix/X"+strings.TrimPrefix(w.display.name, ":"))
	require.NoError(w, err)
	w.Cleanup(func() { _ = conn.Close() })
	require.NoError(w, conn.SetDeadline(time.Now().Add(patience)))
	x := &xclient{window: w, conn: conn, in: bufio.NewReader(conn)}
	x.write([]byte{'l', 0, 11, 0, 0, 0, 0, 0, 0, 0, 0, 0}) // little endian, version 11, no authorization
	head := x.read(8)
	require.Equal(w, byte(1), head[0], "the X server refuses")
	setup := x.read(4 * int(binary.LittleEndian.Uint16(head[6:])))
	x.nextID = number(setup, 4)
	vendor := int(binary.LittleEndian.Uint16(setup[16:]))
	formats := int(setup[21])
	x.root = number(setup, 32+(vendor+3)&^3+8*formats)
	return x
}

func (x *xclient) write(b []byte) {
	_, err := x.conn.Write(b)
	require.NoError(x, err)
}

func (x *xclient) read(n int) []byte {
	b := make([]byte, n)
	_, err := io.ReadFull(x.in, b)
	require.NoError(x, err, "the X server says no more")
	return b
}

// request sends a request, whose body is a multiple of four bytes long.
func (x *xclient) request(code, detail byte, body []byte) {
	head := []byte{code, detail, 0, 0}
	binary.LittleEndian.PutUint16(head[2:], uint16(1+len(body)/4))
	x.write(append(head, body...))
}

func (x *xclient) send(code, detail byte, body ...uint32) { x.request(code, detail, words(body...)) }

// event sends an event to a window.
func (x *xclient) event(to uint32, event []byte) { x.request(25, 0, append(words(to, 0), event...)) }

// hidden makes a window of the smallest size, which is never shown.
func (x *xclient) hidden() uint32 {
	id := x.nextID
	x.nextID++
	body := words(id, x.root)
	body = append(body, 0, 0, 0, 0, 1, 0, 1, 0, 0, 0, 1, 0) // 1 × 1 at 0, 0, without a border, of the class InputOutput
	x.request(1, 0, append(body, words(0, 0)...))
	return id
}

// atom is the server's number of a name.
func (x *xclient) atom(name string) uint32 {
	body := append([]byte{byte(len(name)), byte(len(name) >> 8), 0, 0}, name...)
	x.request(16, 0, append(body, make([]byte, -len(body)&3)...))
	for {
		packet := x.read(32)
		switch packet[0] {
		case 1:
			return number(packet, 8)
		case 0:
			x.lost("the X server reports error %d", packet[1])
		default:
			x.seen = append(x.seen, packet)
		}
	}
}

// next is the next event.
func (x *xclient) next() []byte {
	if len(x.seen) > 0 {
		event := x.seen[0]
		x.seen = x.seen[1:]
		return event
	}
	event := x.read(32)
	if event[0] == 0 {
		x.lost("the X server reports error %d", event[1])
	}
	return event
}

func words(all ...uint32) (b []byte) {
	for _, w := range all {
		b = binary.LittleEndian.AppendUint32(b, w)
	}
	return b
}

func number(b []byte, at int) uint32 { return binary.LittleEndian.Uint32(b[at:]) }
