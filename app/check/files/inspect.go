package files

import (
	"bytes"
	"crypto/x509"
	"encoding/base64"
	"encoding/json"
	"fmt"
	"path"
	"strings"

	"gatehouse/gateway/attempt"
	"gatehouse/gateway/cause"
	"gatehouse/gateway/credential"
)

// Inspect says what a file is, and what is wrong with it. The passphrase, nil for none, opens encrypted keys and PKCS#12.
func Inspect(name string, content, passphrase []byte) File {
	f := File{Name: name}
	switch {
	case len(content) > MaxFile:
		f.Kind = TooLarge
		f.bad("too_large", 0, fmt.Sprintf("It is larger than %d KiB: not a certificate or key.", MaxFile>>10), "Choose the file of a few kilobytes that holds the certificate or key.")
	case len(bytes.TrimSpace(bytes.Trim(content, "\x00"))) == 0:
		f.Kind = Empty
		f.bad("empty", 0, "There is nothing in it.", "It was perhaps written by a command that failed; make it again.")
	default:
		f.look(content, passphrase)
	}
	f.entitle()
	return f
}

// look goes from what is recognised by its first bytes, over PEM, to DER.
func (f *File) look(content, passphrase []byte) {
	if f.other(content) {
		return
	}
	text := f.mend(content)
	if strings.Contains(text, "-----BEGIN ") || strings.Contains(text, "-----END ") {
		f.Encoding = "PEM"
		f.pem(text, passphrase)
		return
	}
	if der, is := bareBase64(text); is {
		f.Encoding = "base64"
		f.warn("no_pem_lines", 0, "It is base64 without the lines -----BEGIN … and -----END …-----.", "Most devices find nothing in it: put those lines around it.")
		f.take(classify(der), "", der, passphrase)
		return
	}
	f.Encoding = "DER"
	it := classify(content)
	if it.kind == OtherBytes {
		f.Encoding = ""
		f.Kind = OtherBytes
		if isText(content) {
			f.Kind = OtherText
		}
		f.bad("unknown", 0, "It is neither PEM nor DER: no certificate and no key is in it.", "Choose the device’s certificate or key, a .pem, .crt, .key or .p12 file.")
		return
	}
	f.take(it, "", content, passphrase)
	if suffix := strings.ToLower(path.Ext(f.Name)); (suffix == ".pem" || suffix == ".crt" || suffix == ".key") && it.kind != PKCS12 {
		how := "openssl x509 -inform der -in " + f.quoted() + " -out device.crt.pem"
		if it.kind == PrivateKey {
			how = "openssl pkey -inform der -in " + f.quoted() + " -out device.key.pem"
		}
		f.warn("der_as_pem", 0, "It is DER, which is binary, where its name lets a device expect PEM, which is text.", "Most clients want PEM: "+how)
	}
}

// pem takes the blocks of a PEM file.
func (f *File) pem(text string, passphrase []byte) {
	suffix := strings.ToLower(path.Ext(f.Name))
	if suffix == ".der" || suffix == ".p12" || suffix == ".pfx" {
		f.warn("pem_as_der", 0, "It is PEM, which is text, where its name lets a device expect a binary file.", "Give it the name .pem, or convert it: openssl x509 -in "+f.quoted()+" -outform der -out device.der")
	}
	parameters := 0
	for _, b := range f.blocks(text) {
		switch {
		case strings.HasPrefix(b.label, "OPENSSH PRIVATE"):
			f.set(SSHPrivateKey)
			continue
		case strings.HasPrefix(b.label, "PGP"):
			f.set(PGP)
			continue
		case b.der == nil:
			if f.Kind == "" {
				f.Kind = DamagedPEM
			}
			continue
		case strings.HasSuffix(b.label, " PARAMETERS"):
			parameters = b.line
			f.set(Parameters)
			continue
		}
		if parameters > 0 && strings.Contains(b.label, "PRIVATE KEY") {
			f.warn("parameters_before_key", parameters, fmt.Sprintf("A block with the curve’s parameters stands before the key, in line %d.", parameters),
				"Small TLS stacks stumble over it: openssl pkey -in "+f.quoted()+" -out device.key.pem writes the key alone.")
		}
		if strings.Contains(b.headers["Proc-Type"], "ENCRYPTED") {
			f.legacy(b, passphrase)
			continue
		}
		it := classify(b.der)
		f.take(it, b.label, b.der, passphrase)
	}
	if f.Kind == "" {
		f.Kind = DamagedPEM
	}
	if f.Kind == DamagedPEM && !f.Bad() {
		f.bad("damaged", 0, "Nothing in it can be read.", "Copy the file again.")
	}
}

// labels are what a PEM block of a kind may be called.
var labels = map[Kind][]string{
	Certificate:    {"CERTIFICATE", "X509 CERTIFICATE", "TRUSTED CERTIFICATE"},
	SigningRequest: {"CERTIFICATE REQUEST", "NEW CERTIFICATE REQUEST"},
	RevocationList: {"X509 CRL"},
	PublicKey:      {"PUBLIC KEY", "RSA PUBLIC KEY"},
	PKCS7:          {"PKCS7", "CMS", "CERTIFICATE CHAIN"},
	PKCS12:         {"PKCS12"},
}

// take adds what a DER value turned out to be; label is what a PEM file calls it.
func (f *File) take(it item, label string, der, passphrase []byte) {
	f.mislabelled(it, label)
	switch {
	case it.kind == Certificate && it.certificate == nil:
		f.set(Certificate)
		f.bad("malformed", 0, "It looks like a certificate, but cannot be read: "+Visible(it.reason)+".", "Export the certificate again; it may have been cut or changed on the way.")
	case it.kind == Certificate:
		f.set(Certificate)
		f.Certificates = append(f.Certificates, it.certificate)
		f.strength(it.certificate, "The certificate’s key cannot be used: ", "The certificate’s key is weak: ")
	case it.kind == PrivateKey && it.locked:
		f.set(PrivateKey)
		f.locked(der, passphrase)
	case it.kind == PrivateKey && it.key == nil:
		f.set(PrivateKey)
		f.Keys = append(f.Keys, Key{Format: it.format})
		f.bad("key_unsupported", 0, "It is a private key in "+it.format+", but "+it.reason+".", "Use a P-256 key: openssl ecparam -genkey -name prime256v1 -noout -out device.key")
	case it.kind == PrivateKey:
		f.set(PrivateKey)
		f.key(it.key, it.format, false)
	case it.kind == PKCS12:
		f.Encoding = "PKCS#12"
		f.set(PKCS12)
		f.pkcs12(der, passphrase)
	case it.kind == OtherBytes:
		f.set(UnknownPEMBlock)
		f.bad("unknown_block", 0, "The block “"+label+"” cannot be read: "+it.reason+".", "Copy the file again, or make it anew.")
	default:
		f.set(it.kind)
	}
}

// mislabelled says when the first line of a PEM block calls its content something else than it is.
func (f *File) mislabelled(it item, label string) {
	if label == "" || it.kind == OtherBytes {
		return
	}
	want := labels[it.kind]
	if it.kind == PrivateKey {
		switch {
		case it.locked:
			want = []string{"ENCRYPTED PRIVATE KEY"}
		case it.format == "PKCS#8":
			want = []string{"PRIVATE KEY"}
		case it.format == "PKCS#1":
			want = []string{"RSA PRIVATE KEY"}
		case it.format == "SEC1":
			want = []string{"EC PRIVATE KEY"}
		}
	}
	for _, w := range want {
		if w == label {
			return
		}
	}
	if len(want) > 0 {
		f.warn("mislabelled", 0, "Its PEM lines say “"+label+"”, but what they hold should be called “"+want[0]+"”.", "Devices that go by those lines cannot read it; write “"+want[0]+"” in both.")
	}
}

// set makes of the kinds of a file's parts the kind of the file.
func (f *File) set(k Kind) {
	switch {
	case f.Kind == "" || f.Kind == DamagedPEM || f.Kind == Parameters || f.Kind == UnknownPEMBlock:
		f.Kind = k
	case k == Certificate && f.Kind == Certificate:
		f.Kind = Chain
	case k == PrivateKey && (f.Kind == Certificate || f.Kind == Chain), k == Certificate && f.Kind == PrivateKey:
		f.Kind = CertificateKey
	}
}

// strength judges a key by the gateway's rules.
func (f *File) strength(c *x509.Certificate, unusable, weak string) {
	switch why, said := credential.Usable(c); why {
	case cause.CertificateUnsupported:
		f.bad("key_unusable", 0, unusable+said+".", "Use a P-256 key, which is small and strong.")
	case cause.WeakKey:
		f.warn("weak_key", 0, weak+said+".", "Use a P-256 key, which is small and strong.")
	}
}

// bareBase64 decodes base64 without PEM lines: DER of this size begins with M.
func bareBase64(text string) ([]byte, bool) {
	joined := strings.Join(strings.Fields(text), "")
	if len(joined) < 64 || joined[0] != 'M' {
		return nil, false
	}
	der, err := base64.RawStdEncoding.DecodeString(strings.TrimRight(joined, "="))
	return der, err == nil && classify(der).kind != OtherBytes
}

func isText(content []byte) bool {
	for _, c := range content[:min(len(content), 4096)] {
		if c < ' ' && c != '\n' && c != '\r' && c != '\t' {
			return false
		}
	}
	return true
}

// other recognises what people have instead of certificates and keys, and says so.
func (f *File) other(content []byte) bool {
	begins := func(prefix string) bool { return bytes.HasPrefix(content, []byte(prefix)) }
	head := strings.ToLower(string(bytes.TrimSpace(content[:min(len(content), 512)])))
	says := func(k Kind, id, what, advice string) bool {
		f.Kind = k
		f.bad(id, 0, what, advice)
		return true
	}
	switch {
	case begins("\xfe\xed\xfe\xed") || begins("\xce\xce\xce\xce"):
		return says(JavaKeyStore, "java_key_store", "It is a Java key store.", "Take key and certificate out of it: keytool -importkeystore -srckeystore "+f.quoted()+" -destkeystore device.p12 -deststoretype pkcs12")
	case begins("PK\x03\x04"):
		return says(ZIP, "zip", "It is a ZIP archive.", "Unpack it, and choose the certificate and the key that are in it.")
	case begins("\x1f\x8b"):
		return says(GZIP, "gzip", "It is compressed with gzip.", "Unpack it: gunzip, or tar -xzf.")
	case strings.HasPrefix(head, "<!doctype html") || strings.HasPrefix(head, "<html"):
		return says(HTML, "html", "It is a web page, such as a login or an error page.", "The download did not work; fetch the file again, signed in.")
	case strings.HasPrefix(head, "<?xml"):
		return says(OtherText, "xml", "It is XML.", "Choose the certificate or key itself, a .pem file.")
	case (strings.HasPrefix(head, "{") || strings.HasPrefix(head, "[")) && json.Valid(content):
		if bytes.Contains(content, []byte("-----BEGIN ")) {
			return says(JSON, "json", "It is JSON that has PEM in one of its values.", "Write the value to a file of its own, with real line ends: jq -r .NAME "+f.quoted()+" > device.pem")
		}
		return says(JSON, "json", "It is JSON.", "Choose the certificate or key itself, a .pem file.")
	case strings.HasPrefix(head, "putty-user-key-file"):
		return says(PuTTYKey, "ssh_key", "It is an SSH key of PuTTY.", "Devices authenticate with an X.509 certificate and its key, not with SSH keys.")
	case strings.HasPrefix(head, "ssh-") || strings.HasPrefix(head, "ecdsa-sha2-") || strings.HasPrefix(head, "---- begin ssh2"):
		return says(SSHPublicKey, "ssh_key", "It is a public key for SSH.", "Devices authenticate with an X.509 certificate and its key, not with SSH keys.")
	}
	return false
}

// useless says of kinds that authenticate nobody what to do instead. Parts of a file that holds more are no problem.
var useless = map[Kind][3]string{
	SSHPrivateKey:  {"ssh_key", "It is a private key for SSH.", "An X.509 certificate is needed for it: ssh-keygen -p -m PEM turns it into a key that openssl can make one for."},
	PublicKey:      {"public_key", "It is a public key alone.", "Choose the private key, and the certificate that was made for it."},
	SigningRequest: {"signing_request", "It is a certificate signing request, not yet a certificate.", "Have it signed, and use the certificate that comes back."},
	RevocationList: {"revocation_list", "It is a list of revoked certificates.", "Choose the device’s certificate."},
	Parameters:     {"parameters", "It holds the parameters of a curve or of Diffie-Hellman, and no key.", "Make a key: openssl ecparam -genkey -name prime256v1 -noout -out device.key"},
	PKCS7:          {"pkcs7", "It is a PKCS#7 bundle of certificates.", "Take the certificates out of it: openssl pkcs7 -in bundle.p7b -print_certs -out device.crt"},
	PGP:            {"pgp", "It is a PGP key or message.", "Devices authenticate with an X.509 certificate and its key."},
}

// entitle gives the file its title and facts, once all is known.
func (f *File) entitle() {
	if u, is := useless[f.Kind]; is {
		f.bad(u[0], 0, u[1], u[2])
	}
	f.Title = titles[f.Kind]
	var more []string
	if f.Kind == Chain {
		f.Title = fmt.Sprintf("%d certificates", len(f.Certificates))
	}
	if len(f.Keys) > 0 && f.Kind != PKCS12 {
		k := f.Keys[0]
		form := k.Format
		if k.Encrypted {
			form += ", encrypted"
		}
		more = append(more, strings.TrimSpace(k.Algorithm+" in "+form))
		f.Facts = append(f.Facts, attempt.Fact{Name: "format", Value: k.Format}, attempt.Fact{Name: "algorithm", Value: k.Algorithm})
	}
	if len(f.Certificates) > 0 {
		c := f.Certificates[0]
		more = append(more, KeyName(c.PublicKey), Subject(c))
		f.Facts = append(f.Facts, CertificateFacts(c)...)
	}
	f.Title = strings.Join(append([]string{f.Title}, more...), ", ")
}

var titles = map[Kind]string{
	Empty: "Empty file", TooLarge: "Large file", Certificate: "Certificate", PrivateKey: "Private key", CertificateKey: "Certificate and key",
	PKCS12: "PKCS#12", PKCS7: "PKCS#7 bundle", PublicKey: "Public key", SigningRequest: "Signing request", RevocationList: "Revocation list",
	Parameters: "Parameters", JavaKeyStore: "Java key store", SSHPrivateKey: "SSH private key", SSHPublicKey: "SSH public key", PuTTYKey: "PuTTY key",
	PGP: "PGP", JSON: "JSON", HTML: "Web page", ZIP: "ZIP archive", GZIP: "gzip archive", OtherText: "Text", OtherBytes: "Unknown", DamagedPEM: "Damaged PEM",
	UnknownPEMBlock: "Unknown PEM",
}
