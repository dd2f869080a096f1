package listener

import (
	"crypto/ecdsa"
	"crypto/elliptic"
	"crypto/rsa"
	"crypto/x509"
	"net"
	"strconv"
	"strings"
	"time"

	"gatehouse/gateway/attempt"
	"gatehouse/gateway/cause"
	"gatehouse/gateway/wire"
)

// Bounds of what is remarked on.
const (
	expiresSoon      = 30 * 24 * time.Hour
	chainBytes       = 4 << 10
	chainLength      = 3
	shortKeepalive   = 10   // seconds
	lightestWeakBits = 2048 // below it an RSA key is weak, which is said elsewhere
)

// remark says of an accepted connection what could be lighter, safer, or last longer. A refused one has other worries.
func (a *arrival) remark(c wire.Connect) {
	if len(a.certificates) > 0 {
		a.remarkOnCertificates()
	}
	switch {
	case c.KeepAlive == 0:
		a.rec.Warn(cause.KeepaliveOff, attempt.F("keepalive", "0"))
	case c.KeepAlive < shortKeepalive:
		a.rec.Warn(cause.KeepaliveShort, attempt.F("keepalive", strconv.Itoa(int(c.KeepAlive))))
	}
	a.remarkOnName()
}

func (a *arrival) remarkOnCertificates() {
	own := a.certificates[0]
	if left := own.NotAfter.Sub(a.l.now()); left > 0 && left < expiresSoon && left < own.NotAfter.Sub(own.NotBefore)/3 { // not one that is always young
		a.rec.Warn(cause.CertificateExpiresSoon, attempt.F("not_after", day(own.NotAfter)), attempt.F("left", left.Round(time.Minute).String()))
	}
	if isHeavy(own) {
		a.rec.Warn(cause.HeavyKey, attempt.F("key", keyName(own)), attempt.F("bytes", strconv.Itoa(len(own.Raw))))
	}
	if n := bytesOf(a.certificates); n > chainBytes || len(a.certificates) > chainLength {
		a.rec.Warn(cause.LargeChain, attempt.F("certificates", strconv.Itoa(len(a.certificates))), attempt.F("bytes", strconv.Itoa(n)))
	}
}

// isHeavy tells keys that P-256 could stand in for.
func isHeavy(c *x509.Certificate) bool {
	switch key := c.PublicKey.(type) {
	case *rsa.PublicKey:
		return key.N.BitLen() >= lightestWeakBits
	case *ecdsa.PublicKey:
		return key.Curve == elliptic.P384() || key.Curve == elliptic.P521()
	}
	return false
}

// remarkOnName tells of a device that cannot have checked the name in the gateway's certificate. One that dials an address
// sends no name (RFC 6066, section 3), and that is well when the address is in the certificate, as those of this machine are.
func (a *arrival) remarkOnName() {
	var why cause.ID
	dialled := a.serverName
	if why = cause.NameNotInCertificate; dialled == "" {
		why, dialled = cause.NameNotSent, hostOf(a.conn.LocalAddr().String())
		if ip := net.ParseIP(dialled); ip == nil || ip.IsLoopback() {
			return
		}
	}
	if a.l.authority.Covers(dialled) {
		return
	}
	a.rec.Warn(why, attempt.F("dialled", dialled), attempt.F("names", strings.Join(a.l.authority.Names(), ", ")))
}
