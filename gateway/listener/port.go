package listener

import (
	"errors"
	"fmt"
	"net"
	"strconv"
	"syscall"
)

// PortTakenError tells that another process listens on the port.
type PortTakenError struct {
	Addr   string
	Holder string // the process as far as the system tells, "mosquitto (pid 812)"; empty when it does not
	Free   string // the same host with a port that was free a moment ago; empty when none was found
}

func (e *PortTakenError) Error() string {
	text := "port taken: " + e.Addr
	if e.Holder != "" {
		text += " is held by " + e.Holder
	}
	return text
}

func listen(addr string) (net.Listener, error) {
	ln, err := net.Listen("tcp", addr)
	switch {
	case err == nil:
		return ln, nil
	case !errors.Is(err, syscall.EADDRINUSE):
		return nil, fmt.Errorf("listen for devices: %w", err)
	}
	taken := &PortTakenError{Addr: addr, Free: freeAddr(addr)}
	if _, port, err := net.SplitHostPort(addr); err == nil {
		if n, err := strconv.ParseUint(port, 10, 16); err == nil {
			taken.Holder = holderOf(uint16(n))
		}
	}
	return nil, taken
}

// freeAddr suggests another port on the same host: one of the next few, which are easy to remember, else any.
func freeAddr(addr string) string {
	host, text, err := net.SplitHostPort(addr)
	if err != nil {
		return ""
	}
	port, err := strconv.ParseUint(text, 10, 16)
	if err != nil {
		return ""
	}
	candidates := []uint64{0}
	for i := port + 10; i > port; i-- {
		if i <= 65535 {
			candidates = append(candidates, i)
		}
	}
	for i := len(candidates) - 1; i >= 0; i-- {
		ln, err := net.Listen("tcp", net.JoinHostPort(host, strconv.FormatUint(candidates[i], 10)))
		if err != nil {
			continue
		}
		free := ln.Addr().(*net.TCPAddr).Port
		_ = ln.Close()
		return net.JoinHostPort(host, strconv.Itoa(free))
	}
	return ""
}
