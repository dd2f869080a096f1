package listener

import (
	"crypto/tls"
	"fmt"
)

// Names of the IANA registry "TLS Parameters" for what crypto/tls does not speak, and so does not name. Old and small stacks
// offer these.
var suiteNames = map[uint16]string{
	0x0033: "TLS_DHE_RSA_WITH_AES_128_CBC_SHA", 0x0039: "TLS_DHE_RSA_WITH_AES_256_CBC_SHA",
	0x003d: "TLS_RSA_WITH_AES_256_CBC_SHA256", 0x0067: "TLS_DHE_RSA_WITH_AES_128_CBC_SHA256",
	0x006b: "TLS_DHE_RSA_WITH_AES_256_CBC_SHA256", 0x0016: "TLS_DHE_RSA_WITH_3DES_EDE_CBC_SHA",
	0x0004: "TLS_RSA_WITH_RC4_128_MD5", 0x0009: "TLS_RSA_WITH_DES_CBC_SHA",
	0x0041: "TLS_RSA_WITH_CAMELLIA_128_CBC_SHA", 0x0084: "TLS_RSA_WITH_CAMELLIA_256_CBC_SHA",
	0x008c: "TLS_PSK_WITH_AES_128_CBC_SHA", 0x008d: "TLS_PSK_WITH_AES_256_CBC_SHA",
	0x009e: "TLS_DHE_RSA_WITH_AES_128_GCM_SHA256", 0x009f: "TLS_DHE_RSA_WITH_AES_256_GCM_SHA384",
	0x00a8: "TLS_PSK_WITH_AES_128_GCM_SHA256", 0x00a9: "TLS_PSK_WITH_AES_256_GCM_SHA384",
	0x00ae: "TLS_PSK_WITH_AES_128_CBC_SHA256", 0x00af: "TLS_PSK_WITH_AES_256_CBC_SHA384",
	0x1304: "TLS_AES_128_CCM_SHA256", 0x1305: "TLS_AES_128_CCM_8_SHA256",
	0xc004: "TLS_ECDH_ECDSA_WITH_AES_128_CBC_SHA", 0xc005: "TLS_ECDH_ECDSA_WITH_AES_256_CBC_SHA",
	0xc008: "TLS_ECDHE_ECDSA_WITH_3DES_EDE_CBC_SHA", 0xc024: "TLS_ECDHE_ECDSA_WITH_AES_256_CBC_SHA384",
	0xc025: "TLS_ECDH_ECDSA_WITH_AES_128_CBC_SHA256", 0xc028: "TLS_ECDHE_RSA_WITH_AES_256_CBC_SHA384",
	0xc02d: "TLS_ECDH_ECDSA_WITH_AES_128_GCM_SHA256", 0xc035: "TLS_ECDHE_PSK_WITH_AES_128_CBC_SHA",
	0xc036: "TLS_ECDHE_PSK_WITH_AES_256_CBC_SHA", 0xc037: "TLS_ECDHE_PSK_WITH_AES_128_CBC_SHA256",
	0xc038: "TLS_ECDHE_PSK_WITH_AES_256_CBC_SHA384", 0xc09c: "TLS_RSA_WITH_AES_128_CCM", 0xc09d: "TLS_RSA_WITH_AES_256_CCM",
	0xc09e: "TLS_DHE_RSA_WITH_AES_128_CCM", 0xc09f: "TLS_DHE_RSA_WITH_AES_256_CCM", 0xc0a0: "TLS_RSA_WITH_AES_128_CCM_8",
	0xc0a1: "TLS_RSA_WITH_AES_256_CCM_8", 0xc0a8: "TLS_PSK_WITH_AES_128_CCM_8", 0xc0ac: "TLS_ECDHE_ECDSA_WITH_AES_128_CCM",
	0xc0ad: "TLS_ECDHE_ECDSA_WITH_AES_256_CCM", 0xc0ae: "TLS_ECDHE_ECDSA_WITH_AES_128_CCM_8",
	0xc0af: "TLS_ECDHE_ECDSA_WITH_AES_256_CCM_8", 0xccaa: "TLS_DHE_RSA_WITH_CHACHA20_POLY1305_SHA256",
	0xccab: "TLS_PSK_WITH_CHACHA20_POLY1305_SHA256", 0xccac: "TLS_ECDHE_PSK_WITH_CHACHA20_POLY1305_SHA256",
}

var groupNames = map[tls.CurveID]string{
	19: "P-192", 21: "P-224", 22: "secp256k1", tls.CurveP256: "P-256", tls.CurveP384: "P-384", tls.CurveP521: "P-521",
	26: "brainpoolP256r1", 27: "brainpoolP384r1", 28: "brainpoolP512r1", 30: "X448",
	31: "brainpoolP256r1tls13", 32: "brainpoolP384r1tls13", 33: "brainpoolP512r1tls13",
	256: "ffdhe2048", 257: "ffdhe3072", 258: "ffdhe4096", 259: "ffdhe6144", 260: "ffdhe8192",
	512: "MLKEM512", 513: "MLKEM768", 514: "MLKEM1024", 4587: "SecP256r1MLKEM768", 4589: "SecP384r1MLKEM1024", 0x6399: "X25519Kyber768Draft00",
}

var signatureNames = map[tls.SignatureScheme]string{
	0x0202: "DSA-SHA1", 0x0301: "PKCS1WithSHA224", 0x0302: "DSA-SHA224", 0x0303: "ECDSAWithSHA224", 0x0402: "DSA-SHA256",
	0x0502: "DSA-SHA384", 0x0602: "DSA-SHA512", 0x0101: "PKCS1WithMD5", 0x0808: "Ed448",
	0x0809: "PSS-PSSWithSHA256", 0x080a: "PSS-PSSWithSHA384", 0x080b: "PSS-PSSWithSHA512",
	0x081a: "ECDSAWithBrainpoolP256AndSHA256", 0x081b: "ECDSAWithBrainpoolP384AndSHA384", 0x081c: "ECDSAWithBrainpoolP512AndSHA512",
	0x0904: "MLDSA44", 0x0905: "MLDSA65", 0x0906: "MLDSA87",
}

// isGREASE tells the reserved values of RFC 8701, which stand for nothing.
func isGREASE(v uint16) bool { return v&0x0f0f == 0x0a0a && v>>8 == v&0xff }

// isSuite leaves out GREASE and the two signalling values.
func isSuite(id uint16) bool {
	const renegotiation, fallback = 0x00ff, 0x5600
	return !isGREASE(id) && id != renegotiation && id != fallback
}

// suiteName is empty for what is no suite.
func suiteName(id uint16) string {
	if !isSuite(id) {
		return ""
	}
	if name, known := suiteNames[id]; known {
		return name
	}
	if name, known := spokenSuites[id]; known {
		return name
	}
	return fmt.Sprintf("0x%04X", id) // as crypto/tls says it
}

// spokenSuites are the names of the suites that crypto/tls knows. It makes its list anew whenever it is asked for a name, which
// was half of what recording a ClientHello cost.
var spokenSuites = func() map[uint16]string {
	names := map[uint16]string{}
	for _, s := range append(tls.CipherSuites(), tls.InsecureCipherSuites()...) {
		names[s.ID] = s.Name
	}
	return names
}()

func versionName(v uint16) string {
	switch {
	case isGREASE(v):
		return ""
	case v == versionSSL3:
		return "SSL 3.0"
	}
	return tls.VersionName(v)
}

func groupName(id tls.CurveID) string {
	if id == 0 || isGREASE(uint16(id)) {
		return ""
	}
	if name, known := groupNames[id]; known {
		return name
	}
	return id.String()
}

func signatureName(id tls.SignatureScheme) string {
	if isGREASE(uint16(id)) {
		return ""
	}
	if name, known := signatureNames[id]; known {
		return name
	}
	return id.String()
}

// isPostQuantum tells groups that a quantum computer would not break.
func isPostQuantum(id tls.CurveID) bool {
	switch id {
	case 512, 513, 514, 4587, tls.X25519MLKEM768, 4589, 0x6399:
		return true
	}
	return false
}
