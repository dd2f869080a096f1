package check

import (
	"crypto/tls"
	"errors"
	"strings"
)

// unusables are failures of crypto/tls that it has no types for, told by what their text holds, in words for people. Tests provoke
// them, so that another wording shows.
var unusables = []struct{ text, detail, advice string }{
	{"selected unsupported protocol version", "The server speaks only a version of TLS older than 1.2.", "Have it speak TLS 1.2 or 1.3."},
	{"exceeds maximum of", "A message of the server’s handshake is larger than TLS libraries take.", "Its certificate chain is the likely reason: have it send its own certificate and the intermediates alone."},
	{"failed to parse certificate", "A certificate that the server sends cannot be read.", "Issue it anew; small TLS stacks would not take it either."},
	{"received unsupported certificate", "The server’s certificate has a kind of key that TLS does not take.", "Issue it anew with RSA-2048 or P-256."},
	{"RSA key larger than", "The server’s certificate has an RSA key of more than 8,192 bits, which TLS libraries refuse.", "Issue it anew with RSA-2048 or P-256."},
	{"invalid signature by the server certificate", "The server did not prove that it holds the private key of its certificate.", "See whether certificate and key on the server belong together."},
	{"bad record MAC", "What the server sent was changed on the way, or it encrypts wrongly.", "See whether something between here and the server looks into the traffic."},
	{"unconfigured cipher suite", "The server chose an encryption that was not offered.", "See how the server’s TLS is set up."},
	{"unsupported cipher suite", "The server chose an encryption that was not offered.", "See how the server’s TLS is set up."},
	{"unadvertised ALPN protocol", "The server chose a protocol (ALPN) that was not offered.", "See how the server’s TLS is set up."},
	{"oversized record", "What the server sends is no TLS, or damaged.", "See whether it speaks TLS on this port."},
}

// unusable says what is wrong with a handshake that the server's side of it spoils.
func unusable(err error) (detail, advice string) {
	for _, u := range unusables {
		if strings.Contains(err.Error(), u.text) {
			return u.detail, u.advice
		}
	}
	if record := (tls.RecordHeaderError{}); errors.As(err, &record) {
		return "What the server sends is no TLS.", "See whether it speaks TLS on this port."
	}
	return "What the server sends breaks the rules of TLS.", "See how the server’s TLS is set up, and whether something on the way changes what it sends."
}
