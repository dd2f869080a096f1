package words

import (
	"strings"

	"gatehouse/gateway/attempt"
)

// alertWords are what the alerts of TLS mean, as they are named in RFC 8446, section 6, said of the side that sent them.
var alertWords = map[string]string{
	"close_notify":                    "it ended the connection",
	"unexpected_message":              "it got a message that does not belong there",
	"bad_record_mac":                  "it could not decrypt what it got",
	"record_overflow":                 "it got a record that is too long",
	"handshake_failure":               "it found nothing that both sides can use",
	"bad_certificate":                 "it does not accept the certificate",
	"unsupported_certificate":         "it cannot use a certificate of this kind",
	"certificate_revoked":             "the certificate counts as revoked",
	"certificate_expired":             "by its clock the certificate has expired, or is not valid yet",
	"certificate_unknown":             "it does not accept the certificate, and does not say why",
	"illegal_parameter":               "a value in the handshake is not allowed",
	"unknown_ca":                      "it does not know the authority that issued the certificate",
	"access_denied":                   "it knows the certificate, and does not want it",
	"decode_error":                    "it could not read a message",
	"decrypt_error":                   "a signature does not fit its key",
	"protocol_version":                "it does not speak this version of TLS",
	"insufficient_security":           "it wants stronger encryption than was offered",
	"internal_error":                  "it failed for a reason of its own",
	"inappropriate_fallback":          "the other side offered an older version of TLS than it could have",
	"user_canceled":                   "somebody cancelled the handshake",
	"no_renegotiation":                "it does not negotiate again",
	"missing_extension":               "an extension that it needs was not sent",
	"unsupported_extension":           "it got an extension that it did not ask for",
	"unrecognized_name":               "it does not go by the server name that was asked for",
	"bad_certificate_status_response": "what was sent about the certificate’s revocation cannot be used",
	"unknown_psk_identity":            "it does not know the session that was to be resumed",
	"certificate_required":            "it wants a certificate from the other side",
	"no_application_protocol":         "no application protocol (ALPN) is shared",
}

// Alert is what an alert of TLS means, said of the side that sent it; empty for one that has no name.
func Alert(name string) string { return alertWords[name] }

// alertSaid is the alert of a handshake that failed, whose it was and what it means: “The device said “unknown ca”: it does not
// know …”. It is empty when there was none.
func alertSaid(s attempt.Step) string {
	name := s.Fact("alert")
	if name == "" {
		return ""
	}
	said := "the " + s.Fact("alert_from") + " said “" + strings.ReplaceAll(name, "_", " ") + "”"
	if meaning := alertWords[name]; meaning != "" {
		said += ": " + meaning
	}
	return said
}
