package gateway

import (
	"path/filepath"

	"gatehouse/gateway/attempt"
	"gatehouse/gateway/finding"
)

// attemptsFolder is where attempts are kept, in the data folder.
const attemptsFolder = "attempts"

// openAttempts opens the record of attempts, and the findings that rest on it. They are found anew from what is kept.
func (g *Gateway) openAttempts() {
	c, keep := g.config, g.settings.Attempts
	g.findings = finding.New(finding.Params{Now: c.Now})
	g.attempts = attempt.Open(attempt.Params{
		Capacity: keep.Count, Bytes: keep.Bytes, Dir: filepath.Join(c.DataDir, attemptsFolder),
		Each: g.findings.Observe, Now: c.Now, Logger: c.Logger,
	})
	g.background.add(g.attempts.Close)
}

// Findings are what several attempts show together, and the warnings of single ones summed up.
func (g *Gateway) Findings() *finding.Log { return g.findings }

// ClearAttempts forgets every attempt that is over, and all findings, on the disk as well.
func (g *Gateway) ClearAttempts() error {
	err := g.attempts.Clear()
	g.findings.Clear()
	return err
}
