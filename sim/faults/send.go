package faults

import (
	"sync"
	"sync/atomic"
)

// sendTogether is how many connections Send writes on at once: a server that reads nothing holds a write up.
const sendTogether = 16

// Join lets Send reach a connection by its way of sending bytes past all faults, until leave is called.
func (s *Switches) Join(send func([]byte) error) (leave func()) {
	s.mu.Lock()
	defer s.mu.Unlock()
	if s.senders == nil {
		s.senders = map[uint64]func([]byte) error{}
	}
	s.joined++
	n := s.joined
	s.senders[n] = send
	return func() {
		s.mu.Lock()
		defer s.mu.Unlock()
		delete(s.senders, n)
	}
}

// Send has each connected device send bytes as they are, whatever MQTT says about them, and tells how many did.
func (s *Switches) Send(b []byte) (sent int) {
	s.mu.Lock()
	all := make([]func([]byte) error, 0, len(s.senders))
	for _, send := range s.senders {
		all = append(all, send)
	}
	s.mu.Unlock()
	var done atomic.Int64
	var work sync.WaitGroup
	room := make(chan struct{}, sendTogether)
	for _, send := range all {
		room <- struct{}{}
		work.Go(func() {
			defer func() { <-room }()
			if send(b) == nil {
				done.Add(1)
			}
		})
	}
	work.Wait()
	return int(done.Load())
}
