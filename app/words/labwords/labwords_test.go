package labwords

import (
	"testing"

	"gatehouse/gateway/lab"
)

func TestEveryWrongServerHasWords(t *testing.T) {
	for _, i := range lab.Kinds() {
		if title, shows, passes := Kind(i.Kind); title == string(i.Kind) || shows == "" || passes == "" {
			t.Errorf("%s has no words", i.Kind)
		}
	}
	if n := len(lab.Kinds()); n != len(kinds) {
		t.Errorf("%d kinds, words for %d", n, len(kinds))
	}
}
