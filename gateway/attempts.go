package gateway

import "gatehouse/gateway/finding"

// Findings are what several attempts show together, and the warnings of single ones summed up.
func (g *Gateway) Findings() *finding.Log { return g.findings }
