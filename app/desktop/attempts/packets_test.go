package attempts

import (
	"fmt"
	"testing"
	"time"

	"fyne.io/fyne/v2"
	"fyne.io/fyne/v2/test"
	"github.com/stretchr/testify/require"

	"gatehouse/app/desktop/kit"
	"gatehouse/app/desktop/shelltest"
	"gatehouse/gateway/attempt"
	"gatehouse/gateway/cause"
	"gatehouse/gateway/wire"
)

// talk records an attempt with a CONNECT and so many QoS 1 publishes with their answers.
func (s *stage) talk(pairs int) uint64 {
	s.now = s.now.Add(time.Second)
	r := s.log.Begin("192.168.1.44:50000", "127.0.0.1:8883")
	r.Identify(func(a *attempt.Attempt) { a.DeviceSID, a.DeviceName = sidOf("meter"), "meter" })
	r.Packet(false, wire.AppendConnect(nil, wire.Connect{ClientID: "meter-board"}, false))
	for i := range pairs {
		r.Packet(false, wire.AppendPublish(nil, wire.Message{Topic: "sync/docs/led", QoS: 1, ID: uint16(i + 1), Payload: []byte(`{"on":true}`)}))
		r.Packet(true, wire.AppendAck(nil, wire.PUBACK, uint16(i+1)))
	}
	r.Identify(func(a *attempt.Attempt) { a.Live = true })
	r.Decide(0, cause.Accepted)
	return r.ID()
}

func (s *stage) packets(pairs int) *packets {
	s.screen.Show(fmt.Sprint(s.talk(pairs)))
	s.tick()
	s.screen.detail.tabs.Choose(tabPackets)
	s.tick()
	return s.screen.detail.packets
}

func TestAFieldMarksItsBytesAndAByteItsField(t *testing.T) {
	s := newStage(t)
	p := s.packets(1)
	var client fieldRow
	for i, f := range p.one.line.Packet.Fields {
		if f.Value == "meter-board" {
			client = fieldRow{key: fmt.Sprint(i), field: f}
		}
	}
	require.NotEmpty(t, client.key)
	p.one.fields.Select(client.key)
	start, end := p.one.hex.Marked()
	require.Equal(t, [2]int{client.field.Offset, client.field.Offset + client.field.Length}, [2]int{start, end})
	p.one.hex.OnByte(0)
	chosen, ok := p.one.fields.Selected()
	require.True(t, ok)
	require.Zero(t, chosen.field.Offset)
	p.one.hex.OnByte(client.field.Offset + client.field.Length - 1)
	chosen, _ = p.one.fields.Selected()
	require.Equal(t, "meter-board", chosen.field.Value)
}

func TestAPublishAndItsAnswerAreBracketed(t *testing.T) {
	s := newStage(t)
	p := s.packets(2)
	rows := p.trace.rows
	require.Equal(t, kit.Begins, rows[1].lanes[0])
	require.Equal(t, kit.Ends, rows[2].lanes[0])
	require.NotEmpty(t, rows[2].took)
	require.Equal(t, "→", rows[1].way)
	require.Equal(t, "←", rows[2].way)
}

func TestPacketsAreFilteredAndAPayloadIsShownAsWhatItIs(t *testing.T) {
	s := newStage(t)
	p := s.packets(3)
	test.Type(p.search.Entry, "PUBACK")
	require.Contains(t, shelltest.Texts(p.table), "PUBACK")
	require.NotContains(t, shelltest.Texts(p.table), "sync/docs/led")
	p.search.Entry.SetText("")
	p.table.Select(p.trace.rows[1].key)
	shelltest.PressChip(t, p.content, "Payload")
	require.Contains(t, shelltest.Texts(p.content), `"on": true`)
	shelltest.PressChip(t, p.content, "Payload in hex")
	require.Contains(t, shelltest.Texts(p.content), "7b 22 6f 6e")
}

func TestPacketsOfALiveDeviceAreTracedOnRequest(t *testing.T) {
	s := newStage(t)
	p := s.packets(1)
	shelltest.Press(t, p.content, "Trace packets")
	require.True(t, s.traced[sidOf("meter")])
	s.tick()
	shelltest.Press(t, p.content, "Stop tracing")
	require.False(t, s.traced[sidOf("meter")])
}

func BenchmarkTraceOfTenThousandPackets(b *testing.B) {
	var a attempt.Attempt
	for i := range 5_000 {
		id := uint16(i + 1)
		pub := wire.AppendPublish(nil, wire.Message{Topic: "sync/docs/led", QoS: 1, ID: id, Payload: []byte(`{"on":true}`)})
		ack := wire.AppendAck(nil, wire.PUBACK, id)
		a.Packets = append(a.Packets, attempt.Packet{Bytes: pub, Length: len(pub)}, attempt.Packet{Bytes: ack, Length: len(ack), Outbound: true})
	}
	for b.Loop() {
		if t := readTrace(a); len(t.rows) != 10_000 {
			b.Fatal(len(t.rows))
		}
	}
}

func TestTheFilterOfPacketsCanBeTypedIntoHoweverNarrowTheWindow(t *testing.T) {
	s := newStage(t)
	p := s.packets(2)
	for _, width := range []float32{1178, 922, 760} {
		s.shell.Win.Resize(fyne.NewSize(width, 700))
		p.content.Refresh()
		require.GreaterOrEqual(t, p.search.Size().Width, float32(leastSearch), "%v", width)
		at := fyne.CurrentApp().Driver().AbsolutePositionForObject
		require.LessOrEqual(t, at(p.search).Y+p.search.Size().Height, at(p.full).Y, "%v: it covers the packets", width)
	}
}
