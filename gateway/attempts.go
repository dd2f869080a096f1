package gateway

import (
	"net/http"
	"path/filepath"

	"gatehouse/gateway/attempt"
	"gatehouse/gateway/finding"
	"gatehouse/gateway/rest/attempts"
	"gatehouse/gateway/rest/metrics"
)

// attemptsFolder is where attempts are kept, in the data folder.
const attemptsFolder = "attempts"

// openAttempts opens the record of attempts, and the findings that rest on it. They are found anew from what is kept.
func (g *Gateway) openAttempts() {
	c, keep := g.config, g.settings.Attempts
	g.findings = finding.New(finding.Params{Now: c.Now})
	g.attempts = attempt.Open(attempt.Params{
		Capacity: keep.Count, Bytes: keep.Bytes, Dir: filepath.Join(c.DataDir, attemptsFolder),
		Each: g.observe, Whole: finding.Whole, Now: c.given, Logger: c.Logger,
	})
	g.background.add(g.attempts.Close)
	g.metrics.Record(func() metrics.Record {
		now := g.attempts.Record()
		return metrics.Record{Kept: now.Kept, Lost: now.Lost, Damaged: now.Damaged, Findings: g.findings.Active()}
	})
}

// observe leaves out what the lab provokes on purpose.
func (g *Gateway) observe(a attempt.Attempt) {
	if a.Server == "" {
		g.findings.Observe(a)
	}
}

// Findings are what several attempts show together, and the warnings of single ones summed up.
func (g *Gateway) Findings() *finding.Log { return g.findings }

// ClearAttempts forgets every attempt that is over, and all findings, on the disk as well.
func (g *Gateway) ClearAttempts() error {
	err := g.attempts.Clear()
	g.findings.Clear()
	return err
}

// ownAPI is the HTTP API that is ours alone: that of the attempts, and what the other one answers below the same segment.
func (g *Gateway) ownAPI(other http.Handler) http.Handler {
	own := attempts.New(attempts.Params{Attempts: g.attempts, Findings: g.findings, Diagnose: g.diagnose, Tracing: g.tracing(), Logger: g.config.Logger})
	return http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
		if attempts.Serves(r.URL.EscapedPath()) {
			own.ServeHTTP(w, r)
			return
		}
		other.ServeHTTP(w, r)
	})
}

// diagnose is what the gateway makes of an attempt now, for the HTTP API.
func (g *Gateway) diagnose(a attempt.Attempt) map[string]any {
	return map[string]any{
		"comparison": g.Compare(a), "now": g.WouldPass(a),
		"gateway": map[string]any{"version": g.config.Version, "tls": "TLS 1.2 and 1.3", "server_names": g.authority.Names()},
	}
}
