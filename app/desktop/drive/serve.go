//go:build e2e

package drive

import (
	"bufio"
	"encoding/json"
	"errors"
	"fmt"
	"net"
	"os"

	"fyne.io/fyne/v2"
	"fyne.io/fyne/v2/theme"

	"gatehouse/app/desktop/drive/ask"
)

// Start answers a test on the socket that the environment names, until stop is called. Without one it does nothing.
// Call it once the window has its content.
func Start(p Params) (stop func(), err error) {
	path := os.Getenv(ask.SocketVariable)
	if path == "" {
		return func() {}, nil
	}
	listener, err := net.Listen("unix", path)
	if err != nil {
		return nil, fmt.Errorf("listen for the test: %w", err)
	}
	go func() {
		for {
			connection, err := listener.Accept()
			if err != nil {
				return // stopped
			}
			go p.serve(connection)
		}
	}()
	return func() { _ = listener.Close() }, nil
}

// serve answers one connection until it ends.
func (p Params) serve(connection net.Conn) {
	defer connection.Close()
	lines := bufio.NewScanner(connection)
	replies := json.NewEncoder(connection)
	for lines.Scan() {
		var request ask.Request
		var reply ask.Reply
		err := json.Unmarshal(lines.Bytes(), &request)
		if err == nil {
			reply, err = p.answer(request)
		}
		if err != nil {
			reply.Error = err.Error()
		}
		if replies.Encode(reply) != nil {
			return // the test is gone
		}
	}
}

var errNotOffered = errors.New("this window does not offer that")

func (p Params) answer(request ask.Request) (reply ask.Reply, err error) {
	switch request.Do {
	case ask.Texts:
		fyne.DoAndWait(func() { reply.Texts = Visible(p.Window.Canvas()) })
	case ask.Resize:
		fyne.DoAndWait(func() { p.Window.Resize(fyne.NewSize(request.Width, request.Height)) })
	case ask.Theme:
		variants := map[string]fyne.ThemeVariant{"dark": theme.VariantDark, "light": theme.VariantLight}
		variant, known := variants[request.Name]
		if !known || p.SetVariant == nil {
			return reply, errNotOffered
		}
		fyne.DoAndWait(func() { p.SetVariant(variant) })
	case ask.Screen:
		if p.Go == nil {
			return reply, errNotOffered
		}
		fyne.DoAndWait(func() { p.Go(request.Name) })
	case ask.Attempts:
		if p.Attempts == nil {
			return reply, errNotOffered
		}
		for _, a := range p.Attempts() {
			reply.Attempts = append(reply.Attempts, ask.Attempt{
				ID: a.ID, Code: int(a.Code), Cause: string(a.Cause), DeviceSID: a.DeviceSID, End: string(a.End),
			})
		}
	default:
		err = fmt.Errorf("%q: %w", request.Do, errNotOffered)
	}
	return reply, err
}
