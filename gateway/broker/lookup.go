package broker

// Of tells of a device's session which Sync service it belongs to, and the attempt of its connection, or of the last one:
// 0 when there was none since the hub was opened.
func (h *Hub) Of(deviceSID string) (serviceSID string, attemptID uint64, found bool) {
	h.mu.Lock()
	s := h.sessions[deviceSID]
	h.mu.Unlock()
	if s == nil {
		return "", 0, false
	}
	s.mu.Lock()
	defer s.mu.Unlock()
	return s.service.sid, s.hello.AttemptID, true
}

// Services are the Sync services that have a session or a retained message, or had one since the hub was opened.
func (h *Hub) Services() []string {
	h.mu.Lock()
	defer h.mu.Unlock()
	sids := make([]string, 0, len(h.services))
	for sid := range h.services {
		sids = append(sids, sid)
	}
	return sids
}
