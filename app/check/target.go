package check

import (
	"errors"
	"fmt"
	"net"
	"net/netip"
	"net/url"
	"strconv"
	"strings"
)

// target is where to connect.
type target struct {
	host  string // as it was given, without brackets and zone
	port  int
	plain bool // without TLS
}

// TargetError says why a target cannot be understood.
type TargetError struct{ Reason string }

func (e *TargetError) Error() string { return e.Reason }

var defaultPorts = map[bool]int{false: 8883, true: 1883}

// parseTarget reads mqtts://HOST[:PORT] and its like. Names of users and passwords have no place in it: a command line is
// seen by all.
func parseTarget(text string) (target, error) {
	if text == "" {
		return target{}, &TargetError{"the address is empty; write mqtts://HOST:PORT"}
	}
	if !strings.Contains(text, "://") {
		text = "mqtts://" + text
	}
	u, err := url.Parse(text)
	if err != nil {
		return target{}, &TargetError{"the address cannot be read; write mqtts://HOST:PORT, and an IPv6 address in brackets"}
	}
	var t target
	switch strings.ToLower(u.Scheme) {
	case "mqtts", "ssl", "tls":
	case "mqtt", "tcp":
		t.plain = true
	case "ws", "wss":
		return target{}, &TargetError{"MQTT over WebSocket is not what this checks; write mqtts://HOST:PORT with the server’s port for MQTT over TLS"}
	case "http", "https":
		return target{}, &TargetError{"this is the address of a web page; write mqtts://HOST:PORT"}
	default:
		return target{}, &TargetError{fmt.Sprintf("%q is not a scheme of MQTT; write mqtts://HOST:PORT", u.Scheme)}
	}
	switch {
	case u.User != nil:
		return target{}, &TargetError{"the address holds a user name or password, which others could see; give them apart from it (--user, --password-file)"}
	case u.Hostname() == "":
		return target{}, &TargetError{"the address has no host; write mqtts://HOST:PORT"}
	case u.Path != "" && u.Path != "/", u.RawQuery != "", u.Fragment != "":
		return target{}, &TargetError{"the address ends after the port; leave out what follows it"}
	}
	t.host, t.port = u.Hostname(), defaultPorts[t.plain]
	if p := u.Port(); p != "" {
		if t.port, err = strconv.Atoi(p); err != nil || t.port < 1 || t.port > 65535 {
			return target{}, &TargetError{"the port is a number from 1 to 65535"}
		}
	}
	return t, nil
}

// address is the literal address that the host is, if it is one.
func (t target) address() (netip.Addr, bool) {
	a, err := netip.ParseAddr(t.host)
	return a, err == nil
}

func (t target) String() string {
	scheme := "mqtts://"
	if t.plain {
		scheme = "mqtt://"
	}
	return scheme + net.JoinHostPort(t.host, strconv.Itoa(t.port))
}

// Address reads a target as Run does: its host, its port, and whether TLS is to be spoken there.
func Address(text string) (host string, port int, secure bool, err error) {
	t, err := parseTarget(text)
	if err != nil {
		return "", 0, false, err
	}
	return t.host, t.port, !t.plain, nil
}

// Shown is a target as it may be printed or kept: a user name and a password, which people write before the host although they
// have no place there, and a query are left out.
func Shown(text string) string {
	scheme := ""
	if before, after, found := strings.Cut(text, "://"); found && !strings.ContainsAny(before, ":@") { // a password may hold anything
		scheme, text = before+"://", after
	}
	if at := strings.LastIndexByte(text, '@'); at >= 0 {
		text = "…" + text[at:]
	}
	if at := strings.IndexAny(text, "?#"); at >= 0 {
		text = text[:at+1] + "…"
	}
	return scheme + text
}

var errNoAddress = errors.New("the name has no address")
