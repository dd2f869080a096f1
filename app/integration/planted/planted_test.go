package planted

import (
	"encoding/base64"
	"encoding/hex"
	"fmt"
	"index/suffixarray"
	"net/url"
	"testing"
)

// A test that finds nothing must be able to.
func TestTheSearchForSecretsFindsThem(t *testing.T) {
	p := &Secrets{T: t}
	secret := []byte(p.Text("a secret"))
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
