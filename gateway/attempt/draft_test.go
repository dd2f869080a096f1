package attempt

import (
	"bytes"
	"reflect"
	"strings"
	"testing"

	"gatehouse/gateway/cause"
)

// Drafts are used again, and what was read of one must not change with that.
func TestWhatWasReadOfAnAttemptStaysWhenItsRoomIsUsedAgain(t *testing.T) {
	l := NewLog(Params{})
	r := l.Begin("192.0.2.7:1", "192.0.2.1:8883")
	r.Packet(false, []byte("the first packet"))
	r.Step(ClientHello, Good, F("sni", "gateway.local"))
	read, _ := l.Get(r.ID())
	r.End(cause.ClientClosed, "device", nil)
	over, _ := l.Get(r.ID())
	for range 3 {
		other := l.Begin("198.51.100.9:2", "198.51.100.1:8883")
		other.Packet(true, bytes.Repeat([]byte{0xff}, 20))
		other.Step(Connect, Bad, F("x", strings.Repeat("y", 200)))
		other.End(cause.MalformedPacket, "gateway", nil)
	}
	if string(read.Packets[0].Bytes) != "the first packet" || read.Steps[1].Fact("sni") != "gateway.local" || read.Remote != "192.0.2.7:1" {
		t.Errorf("%+v", read)
	}
	if again, _ := l.Get(r.ID()); !reflect.DeepEqual(over, again) {
		t.Errorf("%+v became %+v", over, again)
	}
}

func TestTextsOnAShelfStayAndLongOnesAreByThemselves(t *testing.T) {
	var s shelf
	var texts, want []string
	for n := range 3 * pieceBytes / 1000 {
		text := bytes.Repeat([]byte{byte('a' + n%26)}, 1000+n)
		texts, want = append(texts, s.put(text)), append(want, string(text))
		clear(text) // put has copied it
	}
	long := strings.Repeat("l", mostOfOne+1)
	if got := s.put([]byte(long)); got != long {
		t.Errorf("%d bytes of %d", len(got), len(long))
	}
	if !reflect.DeepEqual(texts, want) {
		t.Error("a text has changed")
	}
	if s.piece.Cap() > pieceBytes+pieceBytes/8 { // it never grows
		t.Errorf("a piece of %d bytes", s.piece.Cap())
	}
	if by, alone := s.put([]byte("beside")), (*shelf)(nil).put([]byte("alone")); by != "beside" || alone != "alone" {
		t.Error(by, alone)
	}
}
