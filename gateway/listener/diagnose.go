package listener

import (
	"crypto/tls"
	"errors"
	"fmt"
	"io"
	"net"
	"os"
	"reflect"
	"slices"
	"strings"
	"syscall"

	"gatehouse/gateway/attempt"
	"gatehouse/gateway/cause"
)

const (
	byDevice  = "device"
	byGateway = "gateway"
)

// finding is why a handshake failed.
type finding struct {
	why       cause.ID
	code      attempt.Code
	by        string
	alert     int // -1: none
	alertFrom string
	dialled   string   // the name by which the device called the gateway, as far as it shows
	covered   bool     // whether the leaf names it
	dated     cause.ID // what is wrong with the leaf's dates, by the gateway's clock; empty: nothing
}

// Alerts of RFC 8446, section 6, that have a cause of their own.
const (
	alertBadCertificate     = 42
	alertUnsupported        = 43
	alertCertificateUnknown = 46
	alertIllegalParameter   = 47
	alertUnknownCA          = 48
	alertDecodeError        = 50
	alertDecryptError       = 51
	alertProtocolVersion    = 70

	alertHandshakeFailure     = 40
	alertCertificateRevoked   = 44
	alertCertificateExpired   = 45
	alertInsufficientSecurity = 71
	alertInternalError        = 80
	alertUserCanceled         = 90
	alertMissingExtension     = 109
	alertUnsupportedExtension = 110
	alertUnrecognizedName     = 112
)

var alertNames = map[int]string{
	0: "close_notify", 10: "unexpected_message", 20: "bad_record_mac", 22: "record_overflow", 40: "handshake_failure", 42: "bad_certificate",
	43: "unsupported_certificate", 44: "certificate_revoked", 45: "certificate_expired", 46: "certificate_unknown", 47: "illegal_parameter",
	48: "unknown_ca", 49: "access_denied", 50: "decode_error", 51: "decrypt_error", 70: "protocol_version", 71: "insufficient_security",
	80: "internal_error", 86: "inappropriate_fallback", 90: "user_canceled", 100: "no_renegotiation", 109: "missing_extension",
	110: "unsupported_extension", 112: "unrecognized_name", 113: "bad_certificate_status_response", 115: "unknown_psk_identity",
	116: "certificate_required", 120: "no_application_protocol",
}

func alertName(n int) string {
	if name, known := alertNames[n]; known {
		return name
	}
	return fmt.Sprintf("alert %d", n)
}

// refusals of crypto/tls, which has no types for them: the beginning of the text says which. Tests provoke them, so that
// another wording shows. The alert is the one that TLS 1.3 sends encrypted, where it cannot be seen on its way out.
var refusals = []struct {
	text  string
	why   cause.ID
	alert int
}{
	{"tls: client offered only unsupported versions", cause.TLSVersion, alertProtocolVersion},
	{"tls: client using inappropriate protocol fallback", cause.TLSVersion, -1},
	{"tls: no cipher suite supported by both", cause.NoSharedSuite, -1},
	{"tls: no key exchanges supported by both", cause.NoSharedSuite, -1},
	{"tls: no supported elliptic curves offered", cause.NoSharedSuite, -1},
	{"tls: peer doesn't support any of the certificate's signature algorithms", cause.NoSharedSuite, -1},
	{"tls: missing signature_algorithms", cause.NoSharedSuite, -1},
	{"tls: failed to parse client certificate: x509: unsupported elliptic curve", cause.CertificateUnsupported, alertDecodeError},
	{"tls: failed to parse client certificate", cause.CertificateMalformed, alertDecodeError},
	{"tls: client sent certificate containing RSA key larger", cause.CertificateUnsupported, alertBadCertificate},
	{"tls: client certificate contains an unsupported public key", cause.CertificateUnsupported, alertUnsupported},
	{"tls: client certificate used with invalid signature algorithm", cause.KeyNotProven, alertIllegalParameter},
	{"tls: invalid signature by the client certificate", cause.KeyNotProven, alertDecryptError},
}

// diagnose finds the cause of a handshake that failed.
func (a *arrival) diagnose(err error) finding {
	f := finding{why: cause.HandshakeFailed, code: attempt.TLS, by: byGateway, alert: -1}
	f.dialled = a.serverName
	if f.dialled == "" {
		f.dialled = hostOf(a.conn.LocalAddr().String()) // a device that dials an address sends no name
	}
	f.covered, f.dated = a.covers(f.dialled), a.dated()
	var record tls.RecordHeaderError
	switch {
	case a.l.lobby.wasCut(a.guest):
		f.why = a.whyCut()
	case isTimeout(err):
		f.why = cause.HandshakeTimeout
	case remoteAlert(err) >= 0:
		f.alert, f.alertFrom, f.by = remoteAlert(err), byDevice, byDevice
		f.why = alertCause(f)
	case a.conn.in.description() > 0: // in the clear, where crypto/tls could not read it
		f.alert, f.alertFrom, f.by = a.conn.in.description(), byDevice, byDevice
		f.why = alertCause(f)
		if f.alert == alertBadCertificate && f.covered && f.dated == "" {
			// OpenSSL does that under TLS 1.3. It has unknown_ca for a strange root and certificate_expired for an old certificate;
			// what is left for this alert, with a name that is right, is a certificate that is not valid yet.
			f.why = cause.ServerCertificateEarly
		}
	case isGone(err):
		f.by = byDevice
		if a.answered() {
			f.why = cause.ClosedInHandshake
		}
	case !a.greeted && errors.As(err, &record):
		f.code, f.why = attempt.TCP, cause.NotTLS
	default:
		f.why, f.alert = refusalCause(err, a.noAnswer)
		if f.why == cause.TLSVersion && a.offer != nil && slices.Equal(a.offer.SupportedVersions, []uint16{versionSSL3}) {
			f.why = cause.SSL3
		}
	}
	if f.by == byGateway {
		if sent := a.conn.out.description(); sent >= 0 {
			f.alert = sent
		}
		f.alertFrom = byGateway
	}
	return f
}

// covers reports whether the certificate that was sent names a host, or, when none was sent, whether the gateway's would have.
func (a *arrival) covers(host string) bool {
	if a.l.other != nil && a.answered() { // a server that is wrong on purpose has a certificate of its own
		return a.answer.Chain.Leaf.VerifyHostname(host) == nil
	}
	return a.l.authority.Covers(host)
}

// dated says what is wrong with the dates of the certificate that was sent.
func (a *arrival) dated() cause.ID {
	if !a.answered() {
		return ""
	}
	switch leaf, now := a.answer.Chain.Leaf, a.l.now(); {
	case now.After(leaf.NotAfter):
		return cause.ServerCertificateExpired
	case now.Before(leaf.NotBefore):
		return cause.ServerCertificateEarly
	}
	return ""
}

// alertCause is what a device's alert means. Some stacks say bad_certificate for every fault of the server's
// certificate; when the leaf does not name what was dialled, or is not valid now, that is the fault.
func alertCause(f finding) cause.ID {
	switch f.alert {
	case alertUnknownCA:
		return cause.UntrustedRoot
	case alertBadCertificate, alertCertificateUnknown:
		switch {
		case !f.covered:
			return cause.WrongServerName
		case f.dated != "":
			return f.dated
		}
		return cause.UntrustedRoot
	case alertUnrecognizedName:
		return cause.WrongServerName
	case alertInternalError: // OpenSSL's when a program judges names by itself and says no, as mosquitto's clients do
		if !f.covered {
			return cause.WrongServerName
		}
	case alertCertificateExpired:
		return cause.ServerCertificateExpired
	case alertUnsupported, alertCertificateRevoked:
		return cause.ServerCertificateRefused
	case alertProtocolVersion:
		return cause.TLSVersion
	case alertHandshakeFailure, alertInsufficientSecurity, alertIllegalParameter, alertMissingExtension, alertUnsupportedExtension:
		return cause.HandshakeRefused
	case alertUserCanceled:
		return cause.ClosedInHandshake
	}
	return cause.HandshakeFailed
}

func refusalCause(err, noAnswer error) (why cause.ID, alert int) {
	text := err.Error()
	for _, r := range refusals {
		if strings.HasPrefix(text, r.text) {
			return r.why, r.alert
		}
	}
	if noAnswer != nil {
		return cause.NoSharedSuite, -1
	}
	return cause.HandshakeFailed, -1
}

// remoteAlert is the alert that the peer sent, -1 when that is not what happened. The type of crypto/tls is not exported.
func remoteAlert(err error) int {
	var op *net.OpError
	if !errors.As(err, &op) || op.Op != "remote error" || op.Err == nil {
		return -1
	}
	if v := reflect.ValueOf(op.Err); v.Kind() == reflect.Uint8 {
		return int(v.Uint())
	}
	return -1
}

func isTimeout(err error) bool { return errors.Is(err, os.ErrDeadlineExceeded) }

// isGone reports whether the peer went away, politely or not.
func isGone(err error) bool {
	return errors.Is(err, io.EOF) || errors.Is(err, io.ErrUnexpectedEOF) || errors.Is(err, syscall.ECONNRESET) || errors.Is(err, syscall.EPIPE)
}
