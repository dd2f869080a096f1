// Package planted has secrets that tests put wherever a secret can be, and the search for them in all that a program lets out. It
// is used by tests only.
package planted

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

// Secrets are secrets by what they are, each of which must appear nowhere.
type Secrets struct {
	T       testing.TB
	secrets map[string][]byte
}

// Text is a new secret that has each kind of character that some encoding writes differently.
func (p *Secrets) Text(what string) string {
	const letters = "abcdefghijkmnpqrstuvwxyzABCDEFGHJKLMNPQRSTUVWXYZ23456789+/=&%\"<~"
	b := make([]byte, 32)
	for i := range b {
		n, err := rand.Int(rand.Reader, big.NewInt(int64(len(letters))))
		if err != nil {
			p.T.Fatal(err)
		}
		b[i] = letters[n.Int64()]
	}
	return p.Add(what, string(b))
}

// Bare is a new secret of letters and digits alone, for places that take no others.
func (p *Secrets) Bare(what string) string {
	return p.Add(what, strings.ToLower(rand.Text() + rand.Text())[:40])
}

// Add is a secret that came about elsewhere, of eight bytes or more.
func (p *Secrets) Add(what, secret string) string {
	if p.secrets == nil {
		p.secrets = map[string][]byte{}
	}
	if len(secret) < window {
		p.T.Fatalf("%s is too short to be looked for", what)
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

// Output is something that the program lets out.
type Output struct {
	Name string
	Text []byte
	// Shown are the secrets that are there by right, because this output is what they are for.
	Shown []string
}

// unescaped takes back what JSON and Markdown put before some characters, so that it does not hide a secret.
var unescaped = strings.NewReplacer(`\u003c`, "<", `\u003e`, ">", `\u0026`, "&", `\\`, `\`, `\"`, `"`, `\<`, "<", `\&`, "&", `\~`, "~", "`", "")

// Look reports each output that holds eight bytes or more of a secret in any form.
func (p *Secrets) Look(outputs []Output) {
	p.T.Helper()
	for _, o := range outputs {
		o.Text = slices.Concat(o.Text, []byte("\n"), []byte(unescaped.Replace(string(o.Text))))
		index := suffixarray.New(o.Text)
		for what, secret := range p.secrets {
			if slices.Contains(o.Shown, what) {
				continue
			}
			if form, part := held(index, secret); form != "" {
				at := index.Lookup(part, 1)[0]
				p.T.Errorf("%s holds %s (%s): …%s…", o.Name, what, form, bytes.ToValidUTF8(o.Text[max(0, at-60):min(len(o.Text), at+60)], []byte("·")))
			}
		}
	}
}

// Held reports whether an output holds a part of a secret, by what the secret is.
func (p *Secrets) Held(text []byte, what string) bool {
	form, _ := held(suffixarray.New(text), p.secrets[what])
	return form != ""
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
