package labwords

import (
	"testing"

	"gatehouse/gateway/lab"
)

func TestADeviceKnownByItsAddressIsSaidToBe(t *testing.T) {
	for by, want := range map[string]string{
		lab.ByCredential: "The device did what a careful device does.",
		lab.ByAddress:    "The device did what a careful device does. It showed nothing of itself; nobody else came from its address lately.",
	} {
		if _, got := Outcome(lab.Result{Outcome: lab.Passed, KnownBy: by}); got != want {
			t.Errorf("%s: %q", by, got)
		}
	}
}

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
