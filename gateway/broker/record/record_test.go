package record

import (
	"strings"
	"testing"

	"github.com/stretchr/testify/assert"
	"github.com/stretchr/testify/require"
)

// everyStep is a record with each step once.
func everyStep() (b []byte, offset int) {
	var w Writer
	w.Begin()
	offset = w.Message(Message{Topic: "a/b", From: "TH1", Payload: []byte("payload"), QoS: 2})
	w.Deliver(300, 70_000, 2, true, true, At(12, 345))
	w.Retain("IS1")
	w.Unretain("IS1", "a/c")
	w.DropRetained("IS2")
	w.Born(7, "TH1", "IS1")
	w.Ended(8)
	w.Online(7)
	w.Offline(7, 99)
	w.Subscribed(7, "x/#", 1)
	w.Unsubscribed(7, "y")
	w.Received(7, 65_535)
	w.Forgotten(7, 1)
	w.Released(7, 5)
	w.Done(7, 6, 1000)
	w.State(7, "TH1", "IS1", 100, 90, true)
	w.Complete(1<<40, 9)
	return w.Bytes(), offset
}

func TestEveryStepIsReadAsItWasWritten(t *testing.T) {
	b, offset := everyStep()
	var got []Step
	require.NoError(t, Walk(b, func(s *Step) error {
		x := *s
		x.Offset = 0
		got = append(got, x)
		return nil
	}))
	text := func(s string) []byte { return []byte(s) }
	assert.Equal(t, []Step{
		{Op: OpBegin},
		{Op: OpMessage, Topic: text("a/b"), From: text("TH1"), Payload: text("payload"), QoS: 2},
		{Op: OpDeliver, Session: 300, Seq: 70_000, QoS: 2, Retain: true, Released: true, Place: At(12, 345)},
		{Op: OpRetain, Service: text("IS1")},
		{Op: OpUnretain, Service: text("IS1"), Topic: text("a/c")},
		{Op: OpDropRetained, Service: text("IS2")},
		{Op: OpBorn, Session: 7, Device: text("TH1"), Service: text("IS1")},
		{Op: OpEnded, Session: 8},
		{Op: OpOnline, Session: 7},
		{Op: OpOffline, Session: 7, Seq: 99},
		{Op: OpSubscribed, Session: 7, Topic: text("x/#"), QoS: 1},
		{Op: OpUnsubscribed, Session: 7, Topic: text("y")},
		{Op: OpReceived, Session: 7, ID: 65_535},
		{Op: OpForgotten, Session: 7, ID: 1},
		{Op: OpReleased, Session: 7, Seq: 5},
		{Op: OpDone, Session: 7, Seq: 6, N: 1000},
		{Op: OpState, Session: 7, Device: text("TH1"), Service: text("IS1"), Seq: 100, N: 90, Online: true},
		{Op: OpComplete, Seq: 1 << 40, N: 9},
	}, got)
	m, err := MessageAt(b, offset)
	require.NoError(t, err)
	assert.Equal(t, Message{Topic: "a/b", From: "TH1", Payload: text("payload"), QoS: 2}, m)
}

func TestAPlaceHoldsRecordAndByte(t *testing.T) {
	p := At(1<<40, MaxSize-1)
	assert.Equal(t, uint64(1<<40), p.Record())
	assert.Equal(t, MaxSize-1, p.Offset())
}

func TestBytesThatAreNoRecordAreRefused(t *testing.T) {
	none := func(*Step) error { return nil }
	for name, b := range map[string]string{
		"empty": "", "another version": "\x02", "unknown step": "\x01\x7f\x01", "text beyond the end": "\x01\x03\x7fx",
		"no number": "\x01\x07\xff\xff\xff\xff\xff\xff\xff\xff\xff\xff\xff", "endless number": "\x01\x07" + strings.Repeat("\x80", 20),
	} {
		assert.ErrorIs(t, Walk([]byte(b), none), ErrCorrupt, name)
	}
	_, err := MessageAt([]byte("\x01\x07\x01"), 1)
	assert.ErrorIs(t, err, ErrCorrupt)
	_, err = MessageAt([]byte("\x01"), 5)
	assert.ErrorIs(t, err, ErrCorrupt)
}

func FuzzWalk(f *testing.F) {
	b, offset := everyStep()
	f.Add(b, offset)
	f.Add([]byte{version}, 0)
	f.Fuzz(func(_ *testing.T, b []byte, offset int) {
		_ = Walk(b, func(*Step) error { return nil }) // it neither panics nor hangs
		_, _ = MessageAt(b, offset)
	})
}
