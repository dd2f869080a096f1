package attempt

import (
	"strings"
	"sync"
)

// shelf keeps texts beside one another in pieces of memory that hold many, so that the garbage collector has few to look at. Nothing of a
// piece is freed before all of it is: attempts come to rest and leave about in turn, so little is held for nothing.
type shelf struct {
	mu    sync.Mutex
	piece strings.Builder // never grows, so that what was taken of it stays where it is
}

// Bytes of a piece, and of the texts that are put there; longer ones are by themselves.
const (
	pieceBytes = 64 << 10
	mostOfOne  = pieceBytes / 8
)

// put copies a text. Without a shelf it is by itself.
func (s *shelf) put(text []byte) string {
	if s == nil || len(text) > mostOfOne {
		return string(text)
	}
	s.mu.Lock()
	defer s.mu.Unlock()
	at := s.piece.Len()
	if s.piece.Cap()-at < len(text) {
		s.piece.Reset()
		s.piece.Grow(pieceBytes)
		at = 0
	}
	s.piece.Write(text)
	return s.piece.String()[at:]
}
