package store

import (
	"regexp"
	"testing"

	"pgregory.net/rapid"
)

// keyForm says what validKey does.
var keyForm = regexp.MustCompile(`^[A-Za-z0-9][A-Za-z0-9_=/-]{0,127}(\.[A-Za-z0-9_=/-]{1,128}){0,7}$`)

func TestKeysHaveTheFormThatTheyShould(t *testing.T) {
	rapid.Check(t, func(t *rapid.T) {
		key := rapid.OneOf(
			rapid.StringMatching(`[A-Za-z0-9_=/.\-]{0,140}`), rapid.StringMatching(`([a-z]{1,3}\.){0,9}[a-z]{0,2}`),
			rapid.StringMatching(`a{120,130}(\.b{120,130})?`), rapid.String(),
		).Draw(t, "key")
		if got, want := validKey(key), keyForm.MatchString(key); got != want {
			t.Fatalf("%q: %v, should be %v", key, got, want)
		}
	})
}

func BenchmarkValidKey(b *testing.B) {
	for b.Loop() {
		if !validKey("item.ES0123456789abcdef0123456789abcdef.0000000000000017") {
			b.Fatal("no key")
		}
	}
}
