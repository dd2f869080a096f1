package integration

import (
	"bytes"
	"crypto/rand"
	"encoding/base64"
	"encoding/hex"
	"fmt"
	"index/suffixarray"
	"math/big"
	"net/url"
	"slices"
	"strings"
	"testing"
)

// planted are secrets by what they are, each of which must appear nowhere.
type planted struct {
	t       *testing.T
	secrets map[string][]byte
}

// text is a new secret that has each kind of character that some encoding writes differently.
func (p *planted) text(what string) string {
	const letters = "abcdefghijkmnpqrstuvwxyzABCDEFGHJKLMNPQRSTUVWXYZ23456789+/=&%\"<~"
	b := make([]byte, 32)
	for i := range b {
		n, err := rand.Int(rand.Reader, big.NewInt(int64(len(letters))))
		if err != nil {
			p.t.Fatal(err)
		}
		b[i] = letters[n.Int64()]
	}
	return p.add(what, string(b))
}

// bare is a new secret of letters and digits alone, for places that take no others.
func (p *planted) bare(what string) string {
	return p.add(what, strings.ToLower(rand.Text() + rand.Text())[:40])
}

func (p *planted) add(what, secret string) string {
	if p.secrets == nil {
		p.secrets = map[string][]byte{}
	}
	if len(secret) < window {
		p.t.Fatalf("%s is too short to be looked for", what)
	}
	p.secrets[what] = []byte(secret)
	return secret
}

// window is how many bytes of a secret are too many.
const window = 8

// forms are the ways in which eight bytes of a secret may be written.
func forms(part []byte) map[string][]byte {
	all := map[string][]byte{
		"plain": part, "hex": []byte(hex.EncodeToString(part)), "HEX": []byte(strings.ToUpper(hex.EncodeToString(part))),
		"hex with spaces": fmt.Appendf(nil, "% x", part), "URL": []byte(url.QueryEscape(string(part))), "path": []byte(url.PathEscape(string(part))),
	}
	for shift := range 3 { // what the six bits of base64 begin with is not known
		padded := append(make([]byte, shift), part...)
		whole := len(part) - (3-shift)%3
		for name, encoding := range map[string]*base64.Encoding{"base64": base64.RawStdEncoding, "base64url": base64.RawURLEncoding} {
			text := encoding.EncodeToString(padded)
			start := []int{0, 4, 4}[shift]
			end := start + whole/3*4
			all[fmt.Sprint(name, " at ", shift)] = []byte(text[start:min(end, len(text))])
		}
	}
	return all
}

// output is something that the program lets out.
type output struct {
	name string
	text []byte
	// shown are the secrets that are there by right, because this output is what they are for.
	shown []string
}

// unescaped takes back what JSON and Markdown put before some characters, so that it does not hide a secret.
var unescaped = strings.NewReplacer(`\u003c`, "<", `\u003e`, ">", `\u0026`, "&", `\\`, `\`, `\"`, `"`, `\<`, "<", `\&`, "&", `\~`, "~", "`", "")

// look reports each output that holds eight bytes or more of a secret in any form.
func (p *planted) look(outputs []output) {
	p.t.Helper()
	for _, o := range outputs {
		o.text = slices.Concat(o.text, []byte("\n"), []byte(unescaped.Replace(string(o.text))))
		index := suffixarray.New(o.text)
		for what, secret := range p.secrets {
			if slices.Contains(o.shown, what) {
				continue
			}
			if form, part := held(index, secret); form != "" {
				at := index.Lookup(part, 1)[0]
				p.t.Errorf("%s holds %s (%s): …%s…", o.name, what, form, bytes.ToValidUTF8(o.text[max(0, at-60):min(len(o.text), at+60)], []byte("·")))
			}
		}
	}
}

// held is the form in which an output holds a part of a secret.
func held(index *suffixarray.Index, secret []byte) (form string, part []byte) {
	for i := 0; i+window <= len(secret); i++ {
		for name, text := range forms(secret[i : i+window]) {
			if len(index.Lookup(text, 1)) > 0 {
				return name, text
			}
		}
	}
	return "", nil
}

// A test that finds nothing must be able to.
func TestTheSearchForSecretsFindsThem(t *testing.T) {
	p := &planted{t: t}
	secret := []byte(p.text("a secret"))
	for name, text := range map[string]string{
		"plain": string(secret), "a part": "xy" + string(secret[10:18]) + "z", "hex": hex.EncodeToString(secret), "hex with spaces": fmt.Sprintf("% x", secret),
		"base64": base64.StdEncoding.EncodeToString(secret), "base64 after one": base64.StdEncoding.EncodeToString(append([]byte("x"), secret...)),
		"base64 after two": base64.URLEncoding.EncodeToString(append([]byte("xy"), secret...)), "URL": url.QueryEscape(string(secret)),
		"a part in base64": base64.StdEncoding.EncodeToString(append([]byte("{"), secret[5:20]...)),
	} {
		if form, _ := held(suffixarray.New([]byte("before "+text+" after")), secret); form == "" {
			t.Errorf("%s: not found in %q", name, text)
		}
	}
	if form, part := held(suffixarray.New([]byte("before "+string(secret[3:10])+" after")), secret); form != "" {
		t.Errorf("seven bytes are found as %s: %q", form, part)
	}
}
