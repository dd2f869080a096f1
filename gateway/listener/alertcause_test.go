package listener

import (
	"testing"

	"gatehouse/gateway/cause"
)

// TestAnAlertIsReadWithWhatTheDeviceSaw: many stacks have one alert for whatever is wrong with the server's certificate, and the
// certificate itself says which it is.
func TestAnAlertIsReadWithWhatTheDeviceSaw(t *testing.T) {
	for _, c := range []struct {
		alert   int
		covered bool
		dated   cause.ID
		want    cause.ID
	}{
		{alertBadCertificate, true, "", cause.UntrustedRoot},
		{alertBadCertificate, false, cause.ServerCertificateExpired, cause.WrongServerName},
		{alertBadCertificate, true, cause.ServerCertificateExpired, cause.ServerCertificateExpired},
		{alertCertificateUnknown, true, cause.ServerCertificateEarly, cause.ServerCertificateEarly},
		{alertUnknownCA, false, cause.ServerCertificateExpired, cause.UntrustedRoot}, // it says so itself
		{alertInternalError, false, "", cause.WrongServerName},                       // mosquitto's clients
		{alertInternalError, true, "", cause.HandshakeFailed},
		{alertCertificateExpired, true, "", cause.ServerCertificateExpired},
	} {
		if got := alertCause(finding{alert: c.alert, covered: c.covered, dated: c.dated}); got != c.want {
			t.Errorf("alert %s, name covered %v, dates %q: %s, want %s", alertName(c.alert), c.covered, c.dated, got, c.want)
		}
	}
}
