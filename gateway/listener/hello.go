package listener

import (
	"crypto/tls"
	"encoding/binary"
)

// hello is a ClientHello as it was on the wire. crypto/tls tells of one only when it can read the whole of it; this reads as
// far as it makes sense.
type hello struct {
	tls.ClientHelloInfo        // SupportedVersions as offered, best first; with nothing that a handshake would add
	legacy              uint16 // the version that the message itself names
	wrong               string // what makes no sense; empty: nothing
	at                  int    // its place, counted from the first byte of the connection, about
}

// Extensions of a ClientHello, RFC 8446, section 4.2, and RFC 5077.
const (
	extensionName       = 0
	extensionGroups     = 10
	extensionSignatures = 13
	extensionALPN       = 16
	extensionTicket     = 35
	extensionPSK        = 41
	extensionVersions   = 43
)

// bytesLeft is what is still to be read of a message, and where it stands.
type bytesLeft struct {
	b  []byte
	at int
}

// take cuts n bytes off; false when there are not so many.
func (l *bytesLeft) take(n int) (bytesLeft, bool) {
	if n > len(l.b) {
		return bytesLeft{}, false
	}
	cut := bytesLeft{l.b[:n], l.at}
	l.b, l.at = l.b[n:], l.at+n
	return cut, true
}

// number reads an unsigned number of 1 to 3 bytes.
func (l *bytesLeft) number(size int) (n int, ok bool) {
	cut, ok := l.take(size)
	for _, b := range cut.b {
		n = n<<8 | int(b)
	}
	return n, ok
}

// vector reads what has its length in front of it, in so many bytes.
func (l *bytesLeft) vector(size int) (bytesLeft, bool) {
	n, ok := l.number(size)
	if !ok {
		return bytesLeft{}, false
	}
	return l.take(n)
}

// readHello reads the ClientHello at the beginning of what a client sent. It never fails: what it could not read is empty, and
// wrong says why.
func readHello(sent []byte) hello {
	var h hello
	message, whole := joinRecords(sent)
	h.read(&bytesLeft{message, recordHeader}, whole)
	return h
}

const (
	recordHeader   = 5
	helloRequested = 1 // the type of a ClientHello
	randomLength   = 32
)

// joinRecords takes the first handshake message out of its records; whole is false when its end is missing.
func joinRecords(sent []byte) (message []byte, whole bool) {
	const messageHeader = 4
	for len(sent) > recordHeader && sent[0] == recordHandshake {
		n := int(binary.BigEndian.Uint16(sent[3:recordHeader]))
		part := sent[recordHeader:min(len(sent), recordHeader+n)]
		if message == nil && len(part) < len(sent) {
			message = part[:len(part):len(part)] // appending copies
		} else {
			message = append(message, part...)
		}
		if len(message) >= messageHeader {
			if length := messageHeader + int(message[1])<<16 + int(message[2])<<8 + int(message[3]); len(message) >= length {
				return message[:length], true
			}
		}
		if recordHeader+n > len(sent) {
			break
		}
		sent = sent[recordHeader+n:]
	}
	return message, false
}

func (h *hello) fail(at int, what string) {
	if h.wrong == "" {
		h.wrong, h.at = what, at
	}
}

func (h *hello) read(l *bytesLeft, whole bool) {
	kind, ok := l.number(1)
	if ok && kind != helloRequested {
		h.fail(l.at-1, "not a ClientHello")
		return
	}
	_, _ = l.number(3) // the length, which joinRecords has heeded
	if !whole {
		h.fail(l.at+len(l.b), "the ClientHello is cut short")
	}
	legacy, ok := l.number(2)
	if !ok {
		h.fail(l.at, "no version")
		return
	}
	h.legacy = uint16(legacy)
	_, ok = l.take(randomLength)
	if ok {
		_, ok = l.vector(1) // session id
	}
	if !ok {
		h.fail(l.at, "no session id")
		return
	}
	suites, ok := l.vector(2)
	if !ok {
		h.fail(l.at, "the list of cipher suites is longer than the message")
		suites = *l
	}
	h.CipherSuites = numbers[uint16](suites)
	if !ok {
		return
	}
	if len(suites.b)%2 != 0 {
		h.fail(suites.at, "half a cipher suite")
	}
	if _, ok = l.vector(1); !ok {
		h.fail(l.at, "no compression methods")
		return
	}
	if len(l.b) > 0 {
		h.readExtensions(l)
	}
	if h.SupportedVersions == nil {
		h.SupportedVersions = upTo(h.legacy)
	}
}

// versionSSL3 is named here and never spoken.
const versionSSL3 = 0x0300

// upTo are the versions that a client means which names only its best.
func upTo(best uint16) (versions []uint16) {
	if best == versionSSL3 {
		return []uint16{versionSSL3}
	}
	for v := min(best, tls.VersionTLS12); v >= tls.VersionTLS10; v-- {
		versions = append(versions, v)
	}
	return versions
}

func (h *hello) readExtensions(l *bytesLeft) {
	all, ok := l.vector(2)
	if !ok {
		h.fail(l.at, "the extensions are longer than the message")
		all = *l
	}
	for len(all.b) > 0 && len(h.Extensions) < 2*listed {
		at := all.at
		kind, _ := all.number(2)
		body, ok := all.vector(2)
		if !ok {
			h.fail(at, "an extension is longer than the message")
			return
		}
		h.Extensions = append(h.Extensions, uint16(kind))
		h.readExtension(kind, body)
	}
}

func (h *hello) readExtension(kind int, body bytesLeft) {
	list := func(size int) bytesLeft {
		inner, ok := body.vector(size)
		if !ok {
			h.fail(body.at, "a list in an extension is longer than it")
		}
		return inner
	}
	switch kind {
	case extensionName:
		names := list(2)
		if kind, _ := names.number(1); kind == 0 {
			if name, ok := names.vector(2); ok {
				h.ServerName = string(name.b)
			}
		}
	case extensionGroups:
		h.SupportedCurves = numbers[tls.CurveID](list(2))
	case extensionSignatures:
		h.SignatureSchemes = numbers[tls.SignatureScheme](list(2))
	case extensionVersions:
		h.SupportedVersions = numbers[uint16](list(1))
	case extensionALPN:
		for names := list(2); len(names.b) > 0 && len(h.SupportedProtos) < listed; {
			name, ok := names.vector(1)
			if !ok {
				return
			}
			h.SupportedProtos = append(h.SupportedProtos, string(name.b))
		}
	}
}

// numbers reads a list of numbers of two bytes.
func numbers[T ~uint16](l bytesLeft) []T {
	values := make([]T, 0, min(len(l.b)/2, 4*listed))
	for len(l.b) >= 2 && len(values) < cap(values) {
		values = append(values, T(binary.BigEndian.Uint16(l.b)))
		l.b = l.b[2:]
	}
	return values
}
