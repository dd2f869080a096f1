package store

import (
	"crypto/sha256"
	"encoding/hex"
	"fmt"
	"strconv"
	"strings"
)

// digest stands for one entry: its key and its value.
type digest [16]byte

func digestEntry(subject string, value []byte) digest {
	h := sha256.New()
	_, _ = h.Write([]byte(subject))
	_, _ = h.Write([]byte{0})
	_, _ = h.Write(value)
	return digest(h.Sum(nil)[:16])
}

// state sums up all live entries of a bucket. Every record carries, in a header, the state that it leads to; so the last
// record tells whether anything before it is missing.
type state struct {
	Count int
	Sum   digest // all digests, exclusive or
}

const stateHeader = "Gatehouse-State"

func (s *state) add(d digest) {
	s.Count++
	s.flip(d)
}

func (s *state) remove(d digest) {
	s.Count--
	s.flip(d)
}

func (s *state) flip(d digest) {
	for i := range s.Sum {
		s.Sum[i] ^= d[i]
	}
}

func (s state) String() string { return strconv.Itoa(s.Count) + " " + hex.EncodeToString(s.Sum[:]) }

func parseState(text string) (state, error) {
	count, sum, _ := strings.Cut(text, " ")
	n, err := strconv.Atoi(count)
	if err != nil {
		return state{}, fmt.Errorf("state %q: %w", text, err)
	}
	var s state
	if len(sum) != hex.EncodedLen(len(s.Sum)) {
		return state{}, fmt.Errorf("state %q: length", text)
	}
	if _, err := hex.Decode(s.Sum[:], []byte(sum)); err != nil {
		return state{}, fmt.Errorf("state %q: %w", text, err)
	}
	s.Count = n
	return s, nil
}
