package causes

import (
	"crypto/ecdsa"
	"crypto/elliptic"
	"crypto/rand"
	"crypto/tls"
	"crypto/x509"
	"crypto/x509/pkix"
	"encoding/base64"
	"encoding/pem"
	"math/big"
	"strings"
	"time"

	"gatehouse/gateway"
	"gatehouse/gateway/attempt"
	"gatehouse/gateway/cause"
	"gatehouse/gateway/registry"
	"gatehouse/gateway/sid"
	"gatehouse/gateway/wire"
)

// sends is a row that presents a user name and a password made of the right ones.
func sends(id cause.ID, how, short, fix string, code int, of func(user, secret string) (string, string)) row {
	return row{cause: id, how: how, short: short, fix: fix, provoke: func(w *world) seen {
		user, secret := of(w.key.SID, w.secret)
		return w.clue(w.wrong(code, user, secret), id)
	}}
}

const (
	newKey  = "New key for thermostat-7"
	copySID = "Copy the right Key SID"
)

// clues are what a refused key turned out to be.
var clues = []row{
	sends(cause.SecretWhitespace, "The right secret with a newline after it", "Secret ends in a newline", newKey, 4, func(u, s string) (string, string) { return u, s + "\n" }),
	sends(cause.SecretWhitespace, "The right secret after a space", "Secret begins with a space", newKey, 4, func(u, s string) (string, string) { return u, " " + s }),
	sends(cause.SecretQuoted, "The right secret in quotation marks", "Secret is in quotation marks", newKey, 4, func(u, s string) (string, string) { return u, `"` + s + `"` }),
	sends(cause.SecretEncoded, "The right secret in base64", "Secret is base64", newKey, 4, func(u, s string) (string, string) { return u, base64.StdEncoding.EncodeToString([]byte(s)) }),
	sends(cause.SecretCase, "The right secret in capitals", "Secret has letters of one case only", newKey, 4, func(u, s string) (string, string) { return u, strings.ToUpper(s) }),
	sends(cause.SecretTooShort, "The first 20 characters of the secret", "Secret is too short", newKey, 4, func(u, s string) (string, string) { return u, s[:20] }),
	sends(cause.SecretTooLong, "The right secret with more after it", "Secret is too long", newKey, 4, func(u, s string) (string, string) { return u, s + ";x" }),
	{cause: cause.SecretOfOtherKey, how: "The secret of the device’s other key", short: "Secret of another key", fix: copySID, provoke: func(w *world) seen {
		other, secret := w.newKey(w.device)
		w.mask(sid.Short(other.SID), "KYb7…21")
		return w.clue(w.wrong(4, w.key.SID, secret), cause.SecretOfOtherKey)
	}},
	sends(cause.SecretSwapped, "The secret as user name, the Key SID as password", "Key SID and secret are swapped", copySID, 2, func(u, s string) (string, string) { return s, u }),
	sends(cause.SecretIsKeySID, "The Key SID as user name and as password", "Key SID sent as password", newKey, 4, func(u, _ string) (string, string) { return u, u }),
	sends(cause.SecretPlaceholder, "`<secret>` as password", "Placeholder sent as secret", newKey, 4, func(u, _ string) (string, string) { return u, "<secret>" }),
	sends(cause.KeySIDMistyped, "One digit of the Key SID is another", "Key SID is mistyped", copySID, 4, func(u, s string) (string, string) { return typo(u), s }),
	sends(cause.KeySIDMistyped, "A Key SID with a newline after it", "Key SID is mistyped", copySID, 2, func(u, s string) (string, string) { return u + "\n", s }),
	sends(cause.UserPlaceholder, "`<Key SID>` as user name", "Placeholder sent as user name", "", 2, func(_, s string) (string, string) { return "<Key SID>", s }),
	{cause: cause.UserIsDevice, how: "The device’s SID as user name", short: "User name is a device, not a key", fix: copySID, provoke: func(w *world) seen {
		return w.clue(w.wrong(2, w.device.SID, w.secret), cause.UserIsDevice)
	}},
	{cause: cause.UserIsDevice, how: "The device’s name as user name", short: "User name is a device, not a key", fix: copySID, provoke: func(w *world) seen {
		return w.clue(w.wrong(2, w.device.UniqueName, w.secret), cause.UserIsDevice)
	}},
	sends(cause.UserIsOtherSID, "A certificate’s SID as user name", "User name is not a key’s SID", "", 2, func(_, s string) (string, string) { return sid.New(sid.Certificate), s }),
}

// typo is a SID with its last digit changed.
func typo(s string) string {
	last := "0"
	if strings.HasSuffix(s, "0") {
		last = "1"
	}
	return s[:len(s)-1] + last
}

// signed is a certificate, which a nil issuer signs itself.
func (w *world) signed(name string, issuer *x509.Certificate, issuerKey, key *ecdsa.PrivateKey, until time.Time) *x509.Certificate {
	w.Helper()
	number, err := rand.Int(rand.Reader, big.NewInt(1<<62))
	w.must(err)
	template := &x509.Certificate{
		SerialNumber: number, Subject: pkix.Name{CommonName: name}, NotBefore: time.Now().Add(-2 * year), NotAfter: until, IsCA: issuer == nil, BasicConstraintsValid: true,
	}
	if issuer == nil {
		issuer, issuerKey = template, key
	}
	der, err := x509.CreateCertificate(rand.Reader, template, issuer, &key.PublicKey, issuerKey)
	w.must(err)
	c, err := x509.ParseCertificate(der)
	w.must(err)
	return c
}

func (w *world) p256() *ecdsa.PrivateKey {
	w.Helper()
	key, err := ecdsa.GenerateKey(elliptic.P256(), rand.Reader)
	w.must(err)
	return key
}

func (w *world) enrol(c *x509.Certificate, d registry.Device) {
	w.Helper()
	_, err := w.g.Registry().ImportCertificate(w.Context(), d.FleetSID, d.SID, "", pem.EncodeToMemory(&pem.Block{Type: "CERTIFICATE", Bytes: c.Raw}))
	w.must(err)
}

// presents connects with a certificate, whether it is accepted or not.
func (w *world) presents(c *x509.Certificate, key *ecdsa.PrivateKey) attempt.Attempt {
	w.Helper()
	conn := w.tls(w.presenting(tls.Certificate{Certificate: [][]byte{c.Raw}, PrivateKey: key}))
	answer(conn, bytesOf(wire.Connect{Clean: true}))
	_ = conn.Close()
	return w.done(conn.NetConn())
}

// comparisons are clues of presented and enrolled.
var comparisons = []row{
	{cause: cause.Reissued, how: "A new certificate for the enrolled one’s private key", short: "Reissued certificate", fix: "Enrol the reissued certificate for thermostat-7", provoke: func(w *world) seen {
		key := w.p256()
		w.enrol(w.signed("x", nil, nil, key, time.Now().Add(year)), w.device)
		again := w.signed("x", nil, nil, key, time.Now().Add(year))
		a := w.presents(again, key)
		s := w.compared(a, cause.Reissued)
		fix, _ := w.source().For(a)
		_, err := fix.Do(w.Context())
		w.must(err)
		if a = w.presents(again, key); a.Code != 0 {
			w.Errorf("after the fix: code %d", a.Code)
		}
		return s
	}},
	{cause: cause.EnrolledForOther, how: "A certificate that names one device and is enrolled for another", short: "Enrolled, but for another device", provoke: func(w *world) seen {
		fan := w.add(w.device.UniqueName + "-fan")
		w.masks = append([]string{fan.UniqueName, "fan"}, w.masks...)
		key := w.p256()
		c := w.signed(fan.UniqueName, nil, nil, key, time.Now().Add(year))
		w.enrol(c, w.device)
		return w.compared(w.presents(c, key), cause.EnrolledForOther)
	}},
	{cause: cause.EnrolledInOtherFleet, how: "A certificate that names a device and is enrolled in another fleet", short: "Enrolled in another fleet", provoke: func(w *world) seen {
		fleet, err := w.g.Registry().CreateFleet(w.Context(), "attic", "")
		w.must(err)
		d, err := w.g.Registry().CreateDevice(w.Context(), registry.NewDevice{FleetSID: fleet.SID, UniqueName: "elsewhere"})
		w.must(err)
		key := w.p256()
		c := w.signed(w.device.UniqueName, nil, nil, key, time.Now().Add(year))
		w.enrol(c, d)
		return w.compared(w.presents(c, key), cause.EnrolledInOtherFleet)
	}},
	{cause: cause.CAEnrolled, how: "A certificate whose issuer is enrolled in its place", short: "The CA is enrolled, not the device", fix: "Enrol the device’s certificate for thermostat-7", provoke: func(w *world) seen {
		caKey, key := w.p256(), w.p256()
		ca := w.signed("our CA "+w.device.UniqueName, nil, nil, caKey, time.Now().Add(year))
		w.enrol(ca, w.device)
		return w.compared(w.presents(w.signed("x", ca, caKey, key, time.Now().Add(year)), key), cause.CAEnrolled)
	}},
	{cause: cause.SameNameOtherKey, how: "A certificate with the enrolled one’s subject and another private key", short: "Same name, other private key", fix: "Enrol this certificate for thermostat-7", provoke: func(w *world) seen {
		key := w.p256()
		w.enrol(w.signed(w.device.UniqueName, nil, nil, w.p256(), time.Now().Add(year)), w.device)
		return w.compared(w.presents(w.signed(w.device.UniqueName, nil, nil, key, time.Now().Add(year)), key), cause.SameNameOtherKey)
	}},
	{cause: cause.EnrolledExpired, how: "An enrolled certificate that has expired", short: "Enrolled certificate has expired", provoke: func(w *world) seen {
		key := w.p256()
		c := w.signed("x", nil, nil, key, time.Now().Add(-year))
		w.enrol(c, w.device)
		return w.compared(w.presents(c, key), cause.EnrolledExpired)
	}},
	{cause: cause.KeyOfOtherDevice, how: "One device’s name as client ID, and the key of another", short: "Key of another device", provoke: func(w *world) seen {
		fan := w.add(w.device.UniqueName + "-fan")
		w.masks = append([]string{fan.UniqueName, "fan"}, w.masks...)
		c := w.connect()
		c.ClientID = fan.UniqueName
		conn := w.session(c)
		_ = conn.Close()
		return w.compared(w.done(conn.NetConn()), cause.KeyOfOtherDevice)
	}},
	{cause: cause.CredentialSinceMoved, how: "A key that was assigned to another device since", short: "Belongs to another device now", provoke: func(w *world) seen {
		conn := w.session(w.connect())
		_ = conn.Close()
		a := w.done(conn.NetConn())
		fan := w.add(w.device.UniqueName + "-fan")
		w.masks = append([]string{fan.UniqueName, "fan"}, w.masks...)
		w.must(w.g.Registry().AssignCredential(w.Context(), w.key.SID, ""))
		w.must(w.g.Registry().AssignCredential(w.Context(), w.key.SID, fan.SID))
		return w.compared(a, cause.CredentialSinceMoved)
	}},
}

// undecided are reasons why it cannot be told whether an attempt would pass now.
var undecided = []row{
	{cause: cause.SecretNotCompared, how: "A key in a CONNECT that is refused for its protocol or its rate", short: "Would it pass now?", settings: &gateway.Settings{Limits: gateway.Limits{ConnectsPerSecond: 1}}, provoke: func(w *world) seen {
		return w.open(w.limited(), cause.SecretNotCompared)
	}},
	{cause: cause.BeforeConnect, how: "A client without root.pem", short: "Would it pass now?", provoke: func(w *world) seen {
		config := w.config()
		config.RootCAs = x509.NewCertPool()
		return w.open(w.shake(config), cause.BeforeConnect)
	}},
}
