package sim

import (
	"bytes"
	"strings"
	"testing"
)

// A secret that begins before the end of what is kept of a payload is not kept in part.
func TestTheConsoleShowsNoPartOfASecretWhereAPayloadIsCut(t *testing.T) {
	secret := "0123456789abcdefghijklmnopqrstuv"
	for kept := range len(secret) + 1 {
		c := console{changed: func() {}}
		c.hide(secret)
		c.add(Entry{Payload: []byte(strings.Repeat("x", ConsolePayload-kept) + secret + "more")})
		c.add(Entry{Payload: []byte("012")})
		all := c.since(0)
		if got := bytes.Trim(all[0].Payload, "x"); len(got) > 0 && string(got) != "•••" {
			t.Errorf("%d bytes before the cut: %q", kept, got)
		}
		if string(all[1].Payload) != "012" {
			t.Errorf("what was not cut became %q", all[1].Payload)
		}
	}
}
