package check

import (
	"errors"
	"fmt"
	"net"
	"reflect"
)

// alert is a TLS alert that the server sent (RFC 8446, 6; IANA, TLS Alerts).
type alert int

const (
	alertCloseNotify          alert = 0
	alertHandshakeFailure     alert = 40
	alertBadCertificate       alert = 42
	alertUnsupported          alert = 43
	alertRevoked              alert = 44
	alertExpired              alert = 45
	alertCertificateUnknown   alert = 46
	alertUnknownCA            alert = 48
	alertAccessDenied         alert = 49
	alertDecryptError         alert = 51
	alertProtocolVersion      alert = 70
	alertInsufficientSecurity alert = 71
	alertUnrecognizedName     alert = 112
	alertCertificateRequired  alert = 116
	alertNoProtocol           alert = 120
)

// alertWords are name, meaning and advice of the alerts that servers send.
var alertWords = map[alert][3]string{
	alertCloseNotify:          {"close_notify", "the server ends the connection in good order", ""},
	10:                        {"unexpected_message", "the server got something that it did not expect then", ""},
	20:                        {"bad_record_mac", "the server could not decrypt what came, or it was changed on the way", "Something between changes the bytes, such as a proxy."},
	22:                        {"record_overflow", "the server got a record that is too long", ""},
	alertHandshakeFailure:     {"handshake_failure", "the server and this check share no cipher suite, group or signature, or the server wants a client certificate", "See which versions and suites the server is set to, and whether it wants a client certificate."},
	alertBadCertificate:       {"bad_certificate", "the server could not read or verify the client certificate, or wants one", "Give a certificate whose issuer the server trusts, with the chain."},
	alertUnsupported:          {"unsupported_certificate", "the server does not take certificates of this kind", "Use an RSA-2048 or P-256 certificate that is made for TLS clients."},
	alertRevoked:              {"certificate_revoked", "the client certificate was revoked", "Issue a new certificate for the device."},
	alertExpired:              {"certificate_expired", "the client certificate has expired or is not valid yet, by the server’s clock", "Issue a new certificate for the device, or set the clocks."},
	alertCertificateUnknown:   {"certificate_unknown", "the server does not accept the client certificate", "See whether the certificate is enrolled there and its issuer is trusted."},
	47:                        {"illegal_parameter", "the server found a value that does not fit the others", ""},
	alertUnknownCA:            {"unknown_ca", "the server does not know the authority that issued the client certificate", "Have the server trust that authority, or send the chain up to one that it trusts."},
	alertAccessDenied:         {"access_denied", "the certificate is right, but the server does not let it in", "See the server’s rules for this certificate."},
	50:                        {"decode_error", "the server could not read a message of the handshake", "What listens there may be no TLS server, or an old one."},
	alertDecryptError:         {"decrypt_error", "a signature of the handshake did not verify: the key does not fit the certificate, or the server cannot check it", "See whether certificate and key belong together."},
	alertProtocolVersion:      {"protocol_version", "the server speaks none of the TLS versions that were offered", "Have the server speak TLS 1.2 or 1.3."},
	alertInsufficientSecurity: {"insufficient_security", "the server wants stronger cipher suites than were offered", "See which suites the server is set to."},
	80:                        {"internal_error", "the server failed; many send this too when they have no certificate for the name", "See the server’s log."},
	86:                        {"inappropriate_fallback", "the server saw an attempt to fall back to an older TLS version", ""},
	90:                        {"user_canceled", "the server gave up the handshake", ""},
	100:                       {"no_renegotiation", "the server does not renegotiate", ""},
	109:                       {"missing_extension", "the server misses an extension", ""},
	110:                       {"unsupported_extension", "the server got an extension that it did not ask for", ""},
	alertUnrecognizedName:     {"unrecognized_name", "the server has no certificate for the name by which it was called", "Use the name that the server is set up for; an address does not do there."},
	113:                       {"bad_certificate_status_response", "the server did not accept a certificate status", ""},
	115:                       {"unknown_psk_identity", "the server does not know the shared key’s name: it wants TLS with a pre-shared key", "Use a listener of the server with certificates."},
	alertCertificateRequired:  {"certificate_required", "the server wants a client certificate", "Give the device’s certificate and key (--cert, --key)."},
	alertNoProtocol:           {"no_application_protocol", "the server shares none of the protocols offered with ALPN", "Offer the protocol that the server wants, or none (--alpn)."},
}

// String is the alert's name in RFC 8446.
func (a alert) String() string {
	if w, known := alertWords[a]; known {
		return w[0]
	}
	return fmt.Sprintf("alert %d", int(a))
}

func (a alert) meaning() string { return alertWords[a][1] }
func (a alert) advice() string  { return alertWords[a][2] }

// received is the alert by which the server ended a connection, as crypto/tls reports it: a number of a type that it does
// not export.
func received(err error) (alert, bool) {
	var op *net.OpError
	if !errors.As(err, &op) || op.Op != "remote error" || op.Err == nil {
		return 0, false
	}
	if v := reflect.ValueOf(op.Err); v.Kind() == reflect.Uint8 {
		return alert(v.Uint()), true
	}
	return 0, false
}
