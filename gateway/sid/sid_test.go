package sid

import "testing"

func TestNewMakesValidDistinctSIDs(t *testing.T) {
	for _, p := range []Prefix{Account, Fleet, Device, Deployment, Certificate, Key, Service} {
		a, b := New(p), New(p)
		if !Valid(p, a) || !Valid(p, b) || a == b {
			t.Fatalf("New(%s) = %q, %q", p, a, b)
		}
	}
}

func TestValidRefusesWhatIsNotASID(t *testing.T) {
	good := "KY0123456789abcdef0123456789abcdef"
	if !Valid(Key, good) {
		t.Fatal("a good SID is refused")
	}
	for _, s := range []string{"", "KY", good + "0", good[:33], "TH" + good[2:], "ky" + good[2:], good[:33] + "A", good[:33] + "g", good[:33] + "\n"} {
		if Valid(Key, s) {
			t.Errorf("Valid(%q)", s)
		}
	}
}

func TestShort(t *testing.T) {
	if got := Short("TH3f23456789abcdef0123456789abcd9c"); got != "TH3f…9c" {
		t.Error(got)
	}
	if got := Short("lamp"); got != "lamp" {
		t.Error(got)
	}
}
