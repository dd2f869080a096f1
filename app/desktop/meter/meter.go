// Package meter keeps the last minute of the gateway's figures, one sample a second, for sparklines and for rates. It
// is fed from snapshots; it knows neither the gateway nor Fyne.
package meter

import (
	"sync"
	"time"
)

// Span is how many samples are kept: one minute.
const Span = 60

// Sample is what the gateway counts at a moment. Messages and bytes are totals; their rates are made here.
type Sample struct {
	Connected               int     // devices
	Connects, Refusals      float32 // attempts accepted and refused a second, as measured by who samples
	MessagesIn, MessagesOut uint64
	BytesIn, BytesOut       uint64
	Dropped                 uint64 // messages
}

// Curve is one figure over the last minute, oldest first.
type Curve [Span]float32

// Last is the newest value.
func (c Curve) Last() float32 { return c[Span-1] }

// Recent is the mean of the last few values, for a figure that can be read: devices speak in bursts.
func (c Curve) Recent() float32 {
	const few = 3
	sum := float32(0)
	for _, v := range c[Span-few:] {
		sum += v
	}
	return sum / few
}

// Reading is a snapshot of the meter; it can be compared with ==.
type Reading struct {
	Connected   Curve // devices
	Connects    Curve // accepted connections a second
	Refusals    Curve // refused ones a second
	MessagesIn  Curve // a second
	MessagesOut Curve
	BytesIn     Curve
	BytesOut    Curve
	Dropped     uint64 // messages since the gateway was opened
}

// Meter turns samples into readings. It is safe for use by several goroutines; the zero value is ready.
type Meter struct {
	mu      sync.Mutex
	at      time.Time
	last    Sample
	reading Reading
}

// Due reports whether a second has passed since the last sample.
func (m *Meter) Due(now time.Time) bool {
	m.mu.Lock()
	defer m.mu.Unlock()
	return now.Sub(m.at) >= time.Second || now.Before(m.at)
}

// Add takes a sample. The first one only sets where counting starts. A gap of many seconds, as after a sleep of the
// machine, is one sample at its mean rate: a curve shows what was measured, not when nobody looked.
func (m *Meter) Add(now time.Time, s Sample) {
	m.mu.Lock()
	defer m.mu.Unlock()
	first := m.at.IsZero()
	seconds := float32(now.Sub(m.at).Seconds())
	before := m.last
	m.at, m.last = now, s
	r := &m.reading
	r.Dropped = s.Dropped
	r.Connected.push(float32(s.Connected))
	r.Connects.push(s.Connects)
	r.Refusals.push(s.Refusals)
	if first || seconds <= 0 {
		return
	}
	rate := func(c *Curve, before, after uint64) {
		if after < before { // the gateway was stopped and counts anew
			before = 0
		}
		c.push(float32(after-before) / seconds)
	}
	rate(&r.MessagesIn, before.MessagesIn, s.MessagesIn)
	rate(&r.MessagesOut, before.MessagesOut, s.MessagesOut)
	rate(&r.BytesIn, before.BytesIn, s.BytesIn)
	rate(&r.BytesOut, before.BytesOut, s.BytesOut)
}

// Read is the last minute.
func (m *Meter) Read() Reading {
	m.mu.Lock()
	defer m.mu.Unlock()
	return m.reading
}

func (c *Curve) push(v float32) {
	copy(c[:], c[1:])
	c[Span-1] = v
}
