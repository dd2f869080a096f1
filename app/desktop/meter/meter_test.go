package meter_test

import (
	"testing"
	"time"

	"github.com/stretchr/testify/require"

	"gatehouse/app/desktop/meter"
)

var start = time.Date(2026, 3, 1, 14, 2, 0, 0, time.UTC)

func TestTotalsBecomeRates(t *testing.T) {
	var m meter.Meter
	m.Add(start, meter.Sample{MessagesIn: 1000})
	require.Zero(t, m.Read().MessagesIn.Last(), "what was before the first sample is not a rate")
	m.Add(start.Add(2*time.Second), meter.Sample{MessagesIn: 1300, Connected: 7, Refusals: 2})
	r := m.Read()
	require.EqualValues(t, 150, r.MessagesIn.Last())
	require.EqualValues(t, 7, r.Connected.Last())
	require.EqualValues(t, 2, r.Refusals.Last())
}

func TestCountersThatStartAnewGiveNoAbsurdRate(t *testing.T) {
	var m meter.Meter
	m.Add(start, meter.Sample{BytesIn: 1_000_000})
	m.Add(start.Add(time.Second), meter.Sample{BytesIn: 50})
	require.EqualValues(t, 50, m.Read().BytesIn.Last())
}

func TestASampleIsDueOnceASecond(t *testing.T) {
	var m meter.Meter
	require.True(t, m.Due(start))
	m.Add(start, meter.Sample{})
	require.False(t, m.Due(start.Add(900*time.Millisecond)))
	require.True(t, m.Due(start.Add(time.Second)))
	require.True(t, m.Due(start.Add(-time.Hour)), "the clock was set back")
}

func TestOnlyTheLastMinuteIsKept(t *testing.T) {
	var m meter.Meter
	for i := range meter.Span + 10 {
		m.Add(start.Add(time.Duration(i)*time.Second), meter.Sample{Connected: i})
	}
	r := m.Read()
	require.EqualValues(t, 10, r.Connected[0])
	require.EqualValues(t, meter.Span+9, r.Connected.Last())
	require.EqualValues(t, meter.Span+8, r.Connected.Recent())
}

func TestAnIdleGatewayReadsTheSame(t *testing.T) {
	var m meter.Meter
	for i := range meter.Span + 2 {
		m.Add(start.Add(time.Duration(i)*time.Second), meter.Sample{Connected: 3, MessagesIn: 9})
	}
	before := m.Read()
	m.Add(start.Add(time.Hour), meter.Sample{Connected: 3, MessagesIn: 9})
	require.Equal(t, before, m.Read())
}
