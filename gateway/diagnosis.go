package gateway

import (
	"gatehouse/gateway/attempt"
	"gatehouse/gateway/diagnosis"
)

// Compare puts what an attempt presented beside the enrolled credential that resembles it most.
func (g *Gateway) Compare(a attempt.Attempt) diagnosis.Comparison {
	return diagnosis.Compare(a, g.registry)
}

// WouldPass tells whether the attempt would be accepted now.
func (g *Gateway) WouldPass(a attempt.Attempt) diagnosis.Outcome {
	return diagnosis.Replay(a, g.serviceState(), g.registry)
}

// WhatIf tells whether the attempt would be accepted after a change, which is not made.
func (g *Gateway) WhatIf(a attempt.Attempt, c diagnosis.Change) diagnosis.Outcome {
	return diagnosis.WhatIf(a, g.serviceState(), g.registry, c)
}
