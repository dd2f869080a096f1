package attempts

import (
	"strconv"

	"gatehouse/app/desktop/kit"
	"gatehouse/app/words"
	"gatehouse/gateway/attempt"
	"gatehouse/gateway/inspect"
)

// trace is the packets of an attempt, decoded and made ready to be listed. It never changes.
type trace struct {
	lines []inspect.Line
	rows  []*packetRow // one for each line
}

// packetRow is a packet as the list shows it.
type packetRow struct {
	key     string
	index   int
	at      string
	way     string // to whom: an arrow
	typ     string
	summary string
	faulty  bool
	lanes   [kit.BracketLanes]kit.Lane
	took    string
}

// readTrace decodes the packets of an attempt, and finds which belong together.
func readTrace(a attempt.Attempt) trace {
	t := trace{lines: inspect.Lines(a)}
	t.rows = make([]*packetRow, len(t.lines))
	for i, l := range t.lines {
		way := "→"
		if l.Outbound {
			way = "←"
		}
		t.rows[i] = &packetRow{
			key: strconv.Itoa(i), index: i, at: words.Offset(l.Offset), way: way, typ: l.Packet.Type, summary: l.Packet.Summary, faulty: l.Packet.Problem != "",
		}
	}
	t.bracket(inspect.Exchanges(a.Packets, inspect.Version(a)))
	return t
}

// bracket gives each exchange the first lane that is free from its first packet to its last. One for which there is none
// says only how long it took.
func (t trace) bracket(exchanges []inspect.Exchange) {
	var free [kit.BracketLanes]int // the first row at which a lane is free
	for _, e := range exchanges {
		first, last := e.Packets[0], e.Packets[len(e.Packets)-1]
		if e.Complete {
			t.rows[last].took = words.Took(e.Took)
		} else {
			t.rows[last].took = "no answer"
		}
		for lane := range free {
			if free[lane] > first {
				continue
			}
			free[lane] = last + 1
			if first == last {
				t.rows[first].lanes[lane] = kit.Unended
				break
			}
			for i := first; i <= last; i++ {
				t.rows[i].lanes[lane] = kit.Passes
			}
			for _, i := range e.Packets {
				t.rows[i].lanes[lane] = kit.Joins
			}
			t.rows[first].lanes[lane], t.rows[last].lanes[lane] = kit.Begins, kit.Ends
			break
		}
	}
}

// matching are the rows of the packets that hold a text and go one way.
func (t trace) matching(text string, way inspect.Direction) []*packetRow {
	if text == "" && way == inspect.Either {
		return t.rows
	}
	var found []*packetRow
	for _, l := range inspect.Filter(t.lines, inspect.Query{Text: text, Direction: way}) {
		row := *t.rows[l.Index]
		row.lanes = [kit.BracketLanes]kit.Lane{} // what lies between is not listed
		found = append(found, &row)
	}
	return found
}
