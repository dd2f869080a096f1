package metrics

import (
	"github.com/prometheus/client_golang/prometheus"

	"gatehouse/gateway/cause"
)

// Record is the state of the record of attempts, and of what they show together.
type Record struct {
	Kept     int    // attempts
	Lost     uint64 // attempts that could not be written to the disk before they went, since the gateway was opened
	Damaged  int    // places in its files that could not be read when the gateway was opened
	Findings map[cause.ID]int
}

// Record has the state of the record shown as well; get is called for each scrape. Once.
func (m *Metrics) Record(get func() Record) {
	if m != nil {
		m.registry.MustRegister(&record{get: get})
	}
}

// record collects all of one snapshot. Kinds of findings are causes, of a fixed number; one that nothing shows has no line.
type record struct{ get func() Record }

var (
	attemptsKept   = prometheus.NewDesc("gatehouse_attempts_kept", "Connection attempts that are kept with their timelines.", nil, nil)
	attemptsLost   = prometheus.NewDesc("gatehouse_attempts_lost_total", "Connection attempts that could not be written to the disk before they had to go.", nil, nil)
	attemptsHoles  = prometheus.NewDesc("gatehouse_attempts_damaged", "Places in the record of connection attempts that could not be read when the gateway was opened.", nil, nil)
	findingsActive = prometheus.NewDesc("gatehouse_findings_active", "Findings that were seen lately and not dismissed, by kind.", []string{"kind"}, nil)
)

// Describe implements prometheus.Collector.
func (r *record) Describe(out chan<- *prometheus.Desc) {
	out <- attemptsKept
	out <- attemptsLost
	out <- attemptsHoles
	out <- findingsActive
}

// Collect implements prometheus.Collector.
func (r *record) Collect(out chan<- prometheus.Metric) {
	now := r.get()
	out <- prometheus.MustNewConstMetric(attemptsKept, prometheus.GaugeValue, float64(now.Kept))
	out <- prometheus.MustNewConstMetric(attemptsLost, prometheus.CounterValue, float64(now.Lost))
	out <- prometheus.MustNewConstMetric(attemptsHoles, prometheus.GaugeValue, float64(now.Damaged))
	for kind, n := range now.Findings {
		out <- prometheus.MustNewConstMetric(findingsActive, prometheus.GaugeValue, float64(n), string(kind))
	}
}
