package gateway

// Trace records all packets of a device, of its live connection and of the next ones, until it is switched off or an hour
// has passed; at most 10 000 packets and 4 MiB of each connection. It reports whether that is done: not for a device that
// there is not, nor when a thousand are traced.
func (g *Gateway) Trace(deviceSID string, on bool) bool {
	if _, found := g.registry.Device(deviceSID); !found && on {
		return false
	}
	return g.listener.Trace(deviceSID, on)
}

// Traced reports whether all packets of a device are recorded.
func (g *Gateway) Traced(deviceSID string) bool { return g.listener.Traced(deviceSID) }
