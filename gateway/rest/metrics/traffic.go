package metrics

import "github.com/prometheus/client_golang/prometheus"

// traffic collects all of one snapshot, so that its numbers belong together.
type traffic struct{ get func() Traffic }

type figure struct {
	desc *prometheus.Desc
	kind prometheus.ValueType
	of   func(Traffic) float64
}

func gauge(name, help string, of func(Traffic) float64) figure {
	return figure{prometheus.NewDesc("gatehouse_"+name, help, nil, nil), prometheus.GaugeValue, of}
}

func counter(name, help string, of func(Traffic) float64) figure {
	return figure{prometheus.NewDesc("gatehouse_"+name, help, nil, nil), prometheus.CounterValue, of}
}

var figures = []figure{
	gauge("sessions_connected", "Sessions with a live connection.", func(t Traffic) float64 { return float64(t.Connected) }),
	gauge("sessions", "Sessions, connected or away.", func(t Traffic) float64 { return float64(t.Sessions) }),
	counter("messages_in_total", "Messages that devices published.", func(t Traffic) float64 { return float64(t.MessagesIn) }),
	counter("messages_out_total", "Messages that were sent to devices.", func(t Traffic) float64 { return float64(t.MessagesOut) }),
	counter("bytes_in_total", "Bytes of MQTT packets from devices.", func(t Traffic) float64 { return float64(t.BytesIn) }),
	counter("bytes_out_total", "Bytes of MQTT packets to devices.", func(t Traffic) float64 { return float64(t.BytesOut) }),
	counter("messages_dropped_total", "Messages of QoS 0 beyond a session's bound.", func(t Traffic) float64 { return float64(t.Dropped) }),
	counter("messages_lost_total", "Messages of QoS 1 and 2 that went with sessions beyond their bounds.", func(t Traffic) float64 { return float64(t.Lost) }),
	counter("publishes_held_total", "Publishes that were held back for a device that could not keep up.", func(t Traffic) float64 { return float64(t.Held) }),
	gauge("retained_messages", "Retained messages.", func(t Traffic) float64 { return float64(t.Retained) }),
	gauge("outbox_messages", "Messages of QoS 1 and 2 that wait for devices, in flight or not.", func(t Traffic) float64 { return float64(t.Outbox) }),
	gauge("outbox_bytes", "Bytes of the messages that wait for devices.", func(t Traffic) float64 { return float64(t.OutboxBytes) }),
}

// Describe implements prometheus.Collector.
func (t *traffic) Describe(out chan<- *prometheus.Desc) {
	for _, f := range figures {
		out <- f.desc
	}
}

// Collect implements prometheus.Collector.
func (t *traffic) Collect(out chan<- prometheus.Metric) {
	now := t.get()
	for _, f := range figures {
		out <- prometheus.MustNewConstMetric(f.desc, f.kind, f.of(now))
	}
}
