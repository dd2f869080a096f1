package diagnosis

import (
	"bytes"
	"encoding/base64"
	"encoding/hex"
	"net/url"
	"strings"

	"gatehouse/gateway/cause"
	"gatehouse/gateway/credential"
)

// reading is a password as it may have been meant.
type reading struct {
	text  []byte
	clue  cause.ID
	facts []string // names and values
}

// wipe overwrites readings that are done with.
func wipe(readings []reading) {
	for _, r := range readings {
		clear(r.text)
	}
}

// readingsOf are the other readings of a password, the plainest first. They are copies.
func readingsOf(password []byte) []reading {
	var all []reading
	add := func(text []byte, id cause.ID, facts ...string) {
		if len(text) > 0 && !bytes.Equal(text, password) {
			all = append(all, reading{bytes.Clone(text), id, facts})
		}
	}
	bare := trimmed(password)
	add(bare, cause.SecretWhitespace, around(password)...)
	inner := trimmed(unquoted(bare))
	if !bytes.Equal(inner, bare) {
		add(inner, cause.SecretQuoted)
	}
	if bytes.ContainsAny(inner, "%+") {
		if decoded, err := url.QueryUnescape(string(inner)); err == nil {
			add(trimmed([]byte(decoded)), cause.SecretEncoded, "as", "url")
		}
	}
	for _, encoding := range []*base64.Encoding{base64.StdEncoding, base64.RawStdEncoding, base64.URLEncoding, base64.RawURLEncoding} {
		decoded := make([]byte, encoding.DecodedLen(len(inner)))
		if n, err := encoding.Decode(decoded, inner); err == nil {
			add(trimmed(decoded[:n]), cause.SecretEncoded, "as", "base64")
			break
		}
	}
	decoded := make([]byte, hex.DecodedLen(len(inner)))
	if n, err := hex.Decode(decoded, inner); err == nil {
		add(trimmed(decoded[:n]), cause.SecretEncoded, "as", "hex")
	}
	add(otherCase(inner), cause.SecretCase)
	if len(inner) > credential.SecretLength {
		add(inner[:credential.SecretLength], cause.SecretTooLong, "secret", "matches")
		add(inner[len(inner)-credential.SecretLength:], cause.SecretTooLong, "secret", "matches")
		for _, word := range words(inner) {
			add(word, cause.SecretTooLong, "secret", "matches")
		}
	}
	return all
}

// words are the runs of letters and digits that are as long as a secret; at most 8.
func words(text []byte) (found [][]byte) {
	for _, word := range bytes.FieldsFunc(text, func(c rune) bool {
		return (c < '0' || c > '9') && (c < 'a' || c > 'z') && (c < 'A' || c > 'Z')
	}) {
		if len(word) == credential.SecretLength && len(found) < 8 {
			found = append(found, word)
		}
	}
	return found
}

// space is what gets around a text unseen: white space, line ends, the NUL of C strings and byte order marks.
const (
	mark  = "\ufeff"
	space = " \t\r\n\v\f\x00\u00a0" + mark
)

func trimmed(text []byte) []byte { return bytes.Trim(text, space) }

// around says where white space was and of what kind.
func around(text []byte) []string {
	left := text[:len(text)-len(bytes.TrimLeft(text, space))]
	right := text[len(bytes.TrimRight(text, space)):]
	at, all := "both", append(bytes.Clone(left), right...)
	switch {
	case len(left) == 0:
		at = "end"
	case len(right) == 0:
		at = "start"
	}
	what := "white_space"
	for _, kind := range []struct{ of, name string }{{"\r\n", "newline"}, {" \u00a0", "space"}, {"\t", "tab"}, {"\x00", "nul"}, {mark, "mark"}} {
		if len(bytes.Trim(all, kind.of)) == 0 {
			what = kind.name
		}
	}
	return []string{"at", at, "what", what}
}

// quotes are pairs of quotation marks, as they are typed and as editors make them.
var quotes = [][2]string{{`"`, `"`}, {"'", "'"}, {"`", "`"}, {"“", "”"}, {"‘", "’"}, {"„", "“"}, {"«", "»"}, {"”", "”"}, {`\"`, `\"`}, {"<", ">"}}

// unquoted takes one pair of quotation marks off, or a single one that lost its partner.
func unquoted(text []byte) []byte {
	for _, q := range quotes {
		if len(text) > len(q[0])+len(q[1]) && bytes.HasPrefix(text, []byte(q[0])) && bytes.HasSuffix(text, []byte(q[1])) {
			return text[len(q[0]) : len(text)-len(q[1])]
		}
	}
	for _, q := range quotes {
		if bytes.HasPrefix(text, []byte(q[0])) {
			return text[len(q[0]):]
		}
		if bytes.HasSuffix(text, []byte(q[1])) {
			return text[:len(text)-len(q[1])]
		}
	}
	return text
}

// otherCase is a text as the caps lock key would have made it.
func otherCase(text []byte) []byte {
	other := bytes.Clone(text)
	for i, c := range other {
		if c >= 'a' && c <= 'z' || c >= 'A' && c <= 'Z' {
			other[i] = c ^ 0x20
		}
	}
	return other
}

// placeholders are what examples have in the place of a credential, in small letters and without what is around and between
// the words.
var placeholders = map[string]bool{
	"secret": true, "password": true, "passwd": true, "changeme": true, "yoursecret": true, "yourpassword": true, "thesecret": true,
	"keysecret": true, "secrethere": true, "yourkeysecret": true, "mysecret": true, "mypassword": true, "keysid": true, "yourkeysid": true,
	"username": true, "user": true, "yourusername": true, "ky": true, "todo": true, "none": true, "null": true, "undefined": true,
	"test": true, "token": true, "placeholder": true, "example": true, "string": true, "insertsecrethere": true, "replaceme": true,
}

// isPlaceholder reports whether a text comes out of an example: "<secret>", "YOUR_SECRET", "$SECRET", "KYxxxx…", "********".
func isPlaceholder(text []byte) bool {
	if len(text) == 0 || len(text) > 64 {
		return false
	}
	word := strings.Map(func(c rune) rune {
		switch {
		case c >= 'A' && c <= 'Z':
			return c | 0x20
		case c >= 'a' && c <= 'z' || c >= '0' && c <= '9':
			return c
		}
		return -1
	}, string(text))
	if placeholders[word] {
		return true
	}
	filler := strings.TrimPrefix(strings.ToLower(string(text)), "ky")
	return len(filler) >= 3 && strings.Trim(filler, filler[:1]) == "" && strings.Contains("x*.-_?#0", filler[:1])
}
