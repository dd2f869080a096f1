package files

import (
	"bytes"
	"crypto"
	"crypto/ecdsa"
	"crypto/ed25519"
	"crypto/elliptic"
	"crypto/rand"
	"crypto/rsa"
	"crypto/x509"
	"crypto/x509/pkix"
	"encoding/base64"
	"encoding/json"
	"encoding/pem"
	"fmt"
	"log/slog"
	"math/big"
	"strings"
	"sync"
	"testing"
	"time"
	"unicode/utf16"

	"github.com/stretchr/testify/require"
	"github.com/youmark/pkcs8"
	"software.sslmate.com/src/go-pkcs12"
)

// pair is a key with its certificate, in the forms that the tests damage.
type pair struct {
	key     crypto.Signer
	cert    *x509.Certificate
	certPEM string
	keyPEM  string // PKCS#8
	pkcs8   []byte
}

type wanted struct {
	name      string
	key       crypto.Signer
	by        *pair // nil: self-signed
	authority bool
	from, to  time.Time
}

func issue(t testing.TB, w wanted) *pair {
	t.Helper()
	if w.key == nil {
		k, err := ecdsa.GenerateKey(elliptic.P256(), rand.Reader)
		require.NoError(t, err)
		w.key = k
	}
	if w.from.IsZero() {
		w.from = time.Now().Add(-time.Hour)
	}
	if w.to.IsZero() {
		w.to = time.Now().AddDate(1, 0, 0)
	}
	serial, err := rand.Int(rand.Reader, big.NewInt(1<<62))
	require.NoError(t, err)
	template := &x509.Certificate{SerialNumber: serial, Subject: pkix.Name{CommonName: w.name}, NotBefore: w.from, NotAfter: w.to, IsCA: w.authority, BasicConstraintsValid: true}
	parent, signer := template, w.key
	if w.by != nil {
		parent, signer = w.by.cert, w.by.key
	}
	der, err := x509.CreateCertificate(rand.Reader, template, parent, w.key.Public(), signer)
	require.NoError(t, err)
	cert, err := x509.ParseCertificate(der)
	require.NoError(t, err)
	raw, err := x509.MarshalPKCS8PrivateKey(w.key)
	require.NoError(t, err)
	return &pair{key: w.key, cert: cert, certPEM: block64("CERTIFICATE", der), keyPEM: block64("PRIVATE KEY", raw), pkcs8: raw}
}

func block64(label string, der []byte) string {
	return string(pem.EncodeToMemory(&pem.Block{Type: label, Bytes: der}))
}

var theLamp = sync.OnceValue(func() *pair { return issue(new(testing.T), wanted{name: "lamp"}) })

func ids(ps []Problem) []string {
	all := []string{}
	for _, p := range ps {
		all = append(all, p.ID)
	}
	return all
}

func utf16le(s string) []byte {
	out := []byte{0xff, 0xfe}
	for _, u := range utf16.Encode([]rune(s)) {
		out = append(out, byte(u), byte(u>>8))
	}
	return out
}

func TestEachFormOfAKeyIsToldApart(t *testing.T) {
	ec := theLamp().key.(*ecdsa.PrivateKey)
	sec1, err := x509.MarshalECPrivateKey(ec)
	require.NoError(t, err)
	rsaKey, err := rsa.GenerateKey(rand.Reader, 2048)
	require.NoError(t, err)
	_, edKey, err := ed25519.GenerateKey(rand.Reader)
	require.NoError(t, err)
	ed, err := x509.MarshalPKCS8PrivateKey(edKey)
	require.NoError(t, err)
	pbes2, err := pkcs8.MarshalPrivateKey(ec, []byte("open"), nil)
	require.NoError(t, err)
	//lint:ignore SA1019 what people still have
	old, err := x509.EncryptPEMBlock(rand.Reader, "EC PRIVATE KEY", sec1, []byte("open"), x509.PEMCipherAES128)
	require.NoError(t, err)
	p12, err := pkcs12.Modern.Encode(ec, theLamp().cert, nil, "open")
	require.NoError(t, err)
	p12old, err := pkcs12.Legacy.Encode(ec, theLamp().cert, nil, "open")
	require.NoError(t, err)
	for _, c := range []struct {
		name, content, phrase string
		kind                  Kind
		format, algorithm     string
		problems              []string
	}{
		{"PKCS#8", theLamp().keyPEM, "", PrivateKey, "PKCS#8", "ECDSA P-256", nil},
		{"SEC1", block64("EC PRIVATE KEY", sec1), "", PrivateKey, "SEC1", "ECDSA P-256", nil},
		{"PKCS#1", block64("RSA PRIVATE KEY", x509.MarshalPKCS1PrivateKey(rsaKey)), "", PrivateKey, "PKCS#1", "RSA-2048", nil},
		{"Ed25519", block64("PRIVATE KEY", ed), "", PrivateKey, "PKCS#8", "Ed25519", nil},
		{"DER", string(sec1), "", PrivateKey, "SEC1", "ECDSA P-256", nil},
		{"PBES2 with its passphrase", block64("ENCRYPTED PRIVATE KEY", pbes2), "open", PrivateKey, "PKCS#8", "ECDSA P-256", nil},
		{"PBES2 with a line end after it", block64("ENCRYPTED PRIVATE KEY", pbes2), "open\n", PrivateKey, "PKCS#8", "ECDSA P-256", []string{"passphrase_line_end"}},
		{"PBES2 without", block64("ENCRYPTED PRIVATE KEY", pbes2), "", PrivateKey, "PKCS#8", "", []string{"encrypted"}},
		{"PBES2 with another", block64("ENCRYPTED PRIVATE KEY", pbes2), "wrong", PrivateKey, "PKCS#8", "", []string{"wrong_passphrase"}},
		{"DEK-Info with its passphrase", string(pem.EncodeToMemory(old)), "open", PrivateKey, "SEC1", "ECDSA P-256", []string{"old_encryption"}},
		{"DEK-Info with another", string(pem.EncodeToMemory(old)), "wrong", PrivateKey, "SEC1", "", []string{"old_encryption", "wrong_passphrase"}},
		{"DEK-Info without", string(pem.EncodeToMemory(old)), "", PrivateKey, "SEC1", "", []string{"old_encryption", "encrypted"}},
		{"PKCS#12", string(p12), "open", PKCS12, "PKCS#12", "ECDSA P-256", []string{"pkcs12"}},
		{"PKCS#12 of old", string(p12old), "open", PKCS12, "PKCS#12", "ECDSA P-256", []string{"pkcs12"}},
		{"PKCS#12 without", string(p12), "", PKCS12, "PKCS#12", "", []string{"encrypted"}},
		{"PKCS#12 with another", string(p12), "wrong", PKCS12, "PKCS#12", "", []string{"wrong_passphrase"}},
		{"the curve's parameters before it", block64("EC PARAMETERS", []byte{6, 8, 0x2a, 0x86, 0x48, 0xce, 0x3d, 3, 1, 7}) + block64("EC PRIVATE KEY", sec1), "", PrivateKey, "SEC1", "ECDSA P-256", []string{"parameters_before_key"}},
		{"PKCS#1 under the name of PKCS#8", block64("PRIVATE KEY", x509.MarshalPKCS1PrivateKey(rsaKey)), "", PrivateKey, "PKCS#1", "RSA-2048", []string{"mislabelled"}},
	} {
		t.Run(c.name, func(t *testing.T) {
			var phrase []byte
			if c.phrase != "" {
				phrase = []byte(c.phrase)
			}
			f := Inspect("device", []byte(c.content), phrase)
			require.Equal(t, c.kind, f.Kind)
			require.Len(t, f.Keys, 1)
			require.Equal(t, c.format, f.Keys[0].Format)
			require.Equal(t, c.algorithm, f.Keys[0].Algorithm)
			require.Equal(t, c.algorithm != "", f.Keys[0].Signer() != nil)
			require.ElementsMatch(t, c.problems, ids(f.Problems))
			require.NotContains(t, fmt.Sprintf("%v %+v %#v", f, f.Keys, f.Problems), "big.Int", "the key itself is printed")
		})
	}
}

func TestEachProblemOfPEMIsNamed(t *testing.T) {
	lamp := theLamp()
	lines := strings.Split(strings.TrimSpace(lamp.certPEM), "\n")
	changed := func(line int, text string) string {
		all := append([]string{}, lines...)
		all[line-1] = text
		return strings.Join(all, "\n") + "\n"
	}
	cut := strings.Join(append(append([]string{}, lines[:2]...), lines[3:]...), "\n")
	cut = strings.Replace(cut, lines[1], lines[1][:len(lines[1])-3], 1)
	for _, c := range []struct {
		name, file, content string
		id                  string
		line                int
		read                bool // the certificate all the same
	}{
		{"Windows line ends", "", strings.ReplaceAll(lamp.certPEM, "\n", "\r\n"), "windows_line_ends", 0, true},
		{"old Mac line ends", "", strings.ReplaceAll(lamp.certPEM, "\n", "\r"), "mac_line_ends", 0, true},
		{"a byte order mark", "", "\ufeff" + lamp.certPEM, "byte_order_mark", 1, true},
		{"UTF-16", "", string(utf16le(lamp.certPEM)), "utf16", 0, true},
		{"UTF-16 without a mark", "", string(utf16le(lamp.certPEM)[2:]), "utf16", 0, true},
		{"as in C", "", `"` + strings.ReplaceAll(lamp.certPEM, "\n", `\n"`+"\n"+`"`) + `";`, "escaped_line_ends", 0, true},
		{"as in an environment variable", "", strings.ReplaceAll(lamp.certPEM, "\n", `\n`), "escaped_line_ends", 0, true},
		{"spaces for line ends", "", strings.ReplaceAll(lamp.certPEM, "\n", " "), "one_line", 0, true},
		{"no line ends", "", strings.ReplaceAll(lamp.certPEM, "\n", ""), "one_line", 0, true},
		{"indented", "", "  " + strings.ReplaceAll(lamp.certPEM, "\n", "\n  "), "indented", 1, true},
		{"four dashes", "", strings.ReplaceAll(lamp.certPEM, "-----", "----"), "dashes", 1, true},
		{"long dashes of a word processor", "", strings.ReplaceAll(lamp.certPEM, "-----", "—–"), "dashes", 1, true},
		{"text before", "", "subject=CN = lamp\n" + lamp.certPEM, "leading_text", 1, true},
		{"text after", "", lamp.certPEM + "thanks\n", "trailing_text", len(lines) + 1, true},
		{"no END", "", strings.Join(lines[:len(lines)-1], "\n"), "missing_end", 1, true},
		{"no BEGIN", "", strings.Join(lines[1:], "\n"), "missing_begin", len(lines) - 1, false},
		{"another END", "", changed(len(lines), "-----END PRIVATE KEY-----"), "other_end", len(lines), true},
		{"a character that is none", "", changed(3, lines[2][:5]+"*"+lines[2][6:]), "not_base64", 3, false},
		{"base64 for URLs", "", changed(4, "_"+lines[3][1:]), "not_base64", 4, false},
		{"a lost part", "", cut, "base64_cut", 1, false},
		{"an empty block", "", "-----BEGIN CERTIFICATE-----\n-----END CERTIFICATE-----\n", "empty_block", 1, false},
		{"damaged DER", "", block64("CERTIFICATE", append([]byte{0x30, 0x82}, lamp.cert.Raw[9:]...)), "unknown_block", 0, false},
		{"base64 alone", "", strings.Join(lines[1:len(lines)-1], "\n"), "no_pem_lines", 0, true},
		{"DER given as PEM", "lamp.pem", string(lamp.cert.Raw), "der_as_pem", 0, true},
		{"PEM given as DER", "lamp.der", lamp.certPEM, "pem_as_der", 0, true},
		{"nothing", "", " \r\n", "empty", 0, false},
		{"too much", "", strings.Repeat("x", MaxFile+1), "too_large", 0, false},
	} {
		t.Run(c.name, func(t *testing.T) {
			f := Inspect(c.file, []byte(c.content), nil)
			require.Contains(t, ids(f.Problems), c.id)
			for _, p := range f.Problems {
				if p.ID == c.id {
					require.Equal(t, c.line, p.Line)
				}
				require.True(t, strings.HasSuffix(p.What, "."), p.What)
				require.NotEmpty(t, p.Advice)
			}
			if c.read {
				require.Len(t, f.Certificates, 1)
				require.True(t, f.Certificates[0].Equal(lamp.cert))
			} else {
				require.True(t, f.Bad(), "nothing was read, and nothing is bad")
			}
		})
	}
}

func TestWhatIsNeitherCertificateNorKeyIsNamed(t *testing.T) {
	request, err := x509.CreateCertificateRequest(rand.Reader, &x509.CertificateRequest{}, theLamp().key)
	require.NoError(t, err)
	public, err := x509.MarshalPKIXPublicKey(theLamp().key.Public())
	require.NoError(t, err)
	quoted, err := json.Marshal(map[string]string{"certificatePem": theLamp().certPEM})
	require.NoError(t, err)
	for content, kind := range map[string]Kind{
		block64("CERTIFICATE REQUEST", request): SigningRequest,
		block64("PUBLIC KEY", public):           PublicKey,
		string(request):                         SigningRequest,
		string(quoted):                          JSON,
		`{"a":1}`:                               JSON,
		"PK\x03\x04rest":                        ZIP,
		"\x1f\x8b\x08rest":                      GZIP,
		"<!DOCTYPE html><title>Sign in":         HTML,
		"\xfe\xed\xfe\xed\x00\x00":              JavaKeyStore,
		"ssh-ed25519 AAAAC3 me@home":            SSHPublicKey,
		"-----BEGIN OPENSSH PRIVATE KEY-----\nb3Bl\n-----END OPENSSH PRIVATE KEY-----\n":     SSHPrivateKey,
		"PuTTY-User-Key-File-3: ssh-rsa":                                                     PuTTYKey,
		"-----BEGIN PGP PUBLIC KEY BLOCK-----\n\nmQEN\n-----END PGP PUBLIC KEY BLOCK-----\n": PGP,
		block64("EC PARAMETERS", []byte{6, 8, 0x2a, 0x86, 0x48, 0xce, 0x3d, 3, 1, 7}):        Parameters,
		"hello": OtherText, "\x00\x01\x02": OtherBytes,
	} {
		f := Inspect("given", []byte(content), nil)
		require.Equal(t, kind, f.Kind)
		require.True(t, f.Bad(), "%s is not said to be useless", kind)
		require.NotEmpty(t, f.Title)
	}
}

func TestFilesAreMatched(t *testing.T) {
	root := issue(t, wanted{name: "root", authority: true})
	middle := issue(t, wanted{name: "middle", by: root, authority: true})
	leaf := issue(t, wanted{name: "leaf", by: middle})
	other := issue(t, wanted{name: "other"})
	rsaKey, err := rsa.GenerateKey(rand.Reader, 2048)
	require.NoError(t, err)
	rsaOther := issue(t, wanted{name: "rsa", key: rsaKey})
	expired := issue(t, wanted{name: "old", from: time.Now().AddDate(-2, 0, 0), to: time.Now().AddDate(-1, 0, 0)})
	future := issue(t, wanted{name: "new", from: time.Now().AddDate(1, 0, 0), to: time.Now().AddDate(2, 0, 0)})
	near := issue(t, wanted{name: "near", to: time.Now().AddDate(0, 0, 9)})
	for _, c := range []struct {
		name  string
		files []string
		want  []string
		chain int // -1: no identity
	}{
		{"a pair", []string{other.certPEM, other.keyPEM}, nil, 0},
		{"in one file", []string{other.keyPEM + other.certPEM}, nil, 0},
		{"a whole chain", []string{leaf.certPEM + middle.certPEM + root.certPEM, leaf.keyPEM}, nil, 2},
		{"without the root", []string{leaf.certPEM + middle.certPEM, leaf.keyPEM}, nil, 1},
		{"without the issuer", []string{leaf.certPEM, leaf.keyPEM}, []string{"issuer_missing"}, 0},
		{"the leaf last", []string{middle.certPEM + leaf.certPEM, leaf.keyPEM}, []string{"leaf_not_first"}, 1},
		{"the chain in disorder", []string{leaf.certPEM + root.certPEM + middle.certPEM, leaf.keyPEM}, []string{"wrong_order"}, 2},
		{"the same twice", []string{other.certPEM + other.certPEM, other.keyPEM}, []string{"duplicate"}, 0},
		{"a stranger beside", []string{other.certPEM + root.certPEM, other.keyPEM}, []string{"unrelated"}, 0},
		{"the key of another", []string{leaf.certPEM, other.keyPEM}, []string{"key_mismatch"}, -1},
		{"the key of another kind", []string{leaf.certPEM, rsaOther.keyPEM}, []string{"key_mismatch"}, -1},
		{"the authority for the device", []string{root.certPEM, leaf.keyPEM}, []string{"authority_certificate"}, -1},
		{"two keys", []string{other.certPEM, leaf.keyPEM + other.keyPEM}, []string{"several_keys"}, 0},
		{"the same key twice", []string{other.certPEM + other.keyPEM, other.keyPEM}, nil, 0},
		{"a key alone", []string{leaf.keyPEM}, []string{"no_certificate"}, -1},
		{"a certificate alone", []string{leaf.certPEM}, []string{"no_key"}, -1},
		{"expired", []string{expired.certPEM, expired.keyPEM}, []string{"expired"}, 0},
		{"not yet valid", []string{future.certPEM, future.keyPEM}, []string{"not_yet_valid"}, 0},
		{"about to expire", []string{near.certPEM, near.keyPEM}, []string{"near_expiry"}, 0},
		{"nothing", nil, nil, -1},
	} {
		t.Run(c.name, func(t *testing.T) {
			var fs []File
			for i, content := range c.files {
				fs = append(fs, Inspect(fmt.Sprint(i), []byte(content), nil))
			}
			identity, problems := Pick(fs, time.Now())
			require.ElementsMatch(t, c.want, ids(problems))
			require.ElementsMatch(t, c.want, ids(Match(fs)))
			if c.chain < 0 {
				require.Nil(t, identity.Leaf)
				return
			}
			require.NotNil(t, identity.Leaf)
			require.Len(t, identity.Chain, c.chain)
			require.True(t, belong(identity.Leaf, Key{signer: identity.Signer}))
		})
	}
}

func TestWeakAndUnusableKeysAreSaidByTheGatewaysRules(t *testing.T) {
	weak, err := rsa.GenerateKey(rand.Reader, 1024)
	require.NoError(t, err)
	f := Inspect("weak", []byte(issue(t, wanted{name: "weak", key: weak}).certPEM), nil)
	require.Equal(t, []string{"weak_key"}, ids(f.Problems))
	require.False(t, f.Bad())
	p224, err := ecdsa.GenerateKey(elliptic.P224(), rand.Reader)
	require.NoError(t, err)
	f = Inspect("small", []byte(issue(t, wanted{name: "small", key: p224}).keyPEM), nil)
	require.Equal(t, []string{"key_unusable"}, ids(f.Problems))
	require.True(t, f.Bad())
}

func TestSwappedFilesAreSaid(t *testing.T) {
	key, cert := Inspect("key", []byte(theLamp().keyPEM), nil), Inspect("cert", []byte(theLamp().certPEM), nil)
	require.Equal(t, []string{"key_instead_of_certificate"}, ids(WantCertificate(key)))
	require.Equal(t, []string{"certificate_instead_of_key"}, ids(WantKey(cert)))
	require.Empty(t, WantCertificate(cert))
	require.Empty(t, WantKey(key))
}

// A file can ask for years of work or all memory before it opens: that is refused, not begun.
func TestAFileCannotKeepTheProgramBusy(t *testing.T) {
	ec := theLamp().key
	slow, err := pkcs8.MarshalPrivateKey(ec, []byte("x"), &pkcs8.Opts{Cipher: pkcs8.AES256CBC, KDFOpts: pkcs8.PBKDF2Opts{SaltSize: 8, IterationCount: 1, HMACHash: crypto.SHA256}})
	require.NoError(t, err)
	require.False(t, costly(slow))
	// The count of rounds is the one INTEGER behind the salt; a larger one takes its place.
	at := bytes.Index(slow, []byte{0x02, 0x01, 0x01})
	require.Positive(t, at)
	large := fmt.Appendf(nil, "\x30\x0e\x04\x04salt\x02\x04%s\x05\x00", "\x7f\xff\xff\xff")
	require.True(t, costly(large))
	scrypt := []byte("\x30\x11\x04\x04salt\x02\x03\x10\x00\x00\x02\x01\x40\x02\x01\x01")
	require.True(t, costly(scrypt))
}

func TestNothingPrintsAKey(t *testing.T) {
	f := Inspect("lamp.key", []byte(theLamp().keyPEM), nil)
	d := theLamp().key.(*ecdsa.PrivateKey)
	raw, err := d.Bytes()
	require.NoError(t, err)
	var log bytes.Buffer
	slog.New(slog.NewTextHandler(&log, nil)).Info("file", "file", f, "key", f.Keys[0])
	encoded, err := json.Marshal(f)
	require.NoError(t, err)
	all := fmt.Sprintf("%v|%+v|%#v|%s|%s", f, f, f.Keys, log.String(), encoded)
	for _, secret := range []string{base64.StdEncoding.EncodeToString(raw), fmt.Sprintf("%x", raw), new(big.Int).SetBytes(raw).String(), theLamp().keyPEM[40:80]} {
		require.NotContains(t, all, secret)
	}
}

// Any bytes are a file with a kind and a title; what cannot be used says why, at a line that the file has.
func FuzzInspect(f *testing.F) {
	lamp := theLamp()
	locked, err := pkcs8.MarshalPrivateKey(lamp.key, []byte("open"), nil)
	if err != nil {
		f.Fatal(err)
	}
	p12, err := pkcs12.Modern.Encode(lamp.key, lamp.cert, nil, "open")
	if err != nil {
		f.Fatal(err)
	}
	for _, seed := range [][]byte{
		[]byte(lamp.certPEM), []byte(lamp.keyPEM), lamp.cert.Raw, lamp.pkcs8, utf16le(lamp.certPEM), p12,
		[]byte(block64("ENCRYPTED PRIVATE KEY", locked)), []byte(strings.ReplaceAll(lamp.certPEM, "\n", `\n`)), []byte(strings.ReplaceAll(lamp.keyPEM, "\n", " ")),
		[]byte("-----BEGIN RSA PRIVATE KEY-----\nProc-Type: 4,ENCRYPTED\nDEK-Info: AES-128-CBC,00\n\nAAAA\n-----END RSA PRIVATE KEY-----"), []byte("{}"), nil,
	} {
		f.Add(seed)
	}
	f.Fuzz(func(t *testing.T, content []byte) {
		file := Inspect("x.pem", content, []byte("open"))
		if file.Kind == "" || file.Title == "" {
			t.Fatalf("no kind or title: %v", file)
		}
		if len(file.Certificates) == 0 && (len(file.Keys) == 0 || file.Keys[0].signer == nil) && !file.Bad() {
			t.Fatalf("%s holds nothing that can be used, and nothing is said of it", file.Kind)
		}
		for _, p := range file.Problems {
			if p.Line < 0 || p.Line > bytes.Count(content, []byte("\n"))+bytes.Count(content, []byte("\r"))+bytes.Count(content, []byte(`\n`))+bytes.Count(content, []byte("-----"))*len(content)+2 {
				t.Fatalf("line %d of %d bytes", p.Line, len(content))
			}
		}
		Pick([]File{file, Inspect("lamp", []byte(lamp.keyPEM), nil)}, time.Unix(1e9, 0))
	})
}
