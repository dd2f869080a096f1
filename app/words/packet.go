package words

import (
	"fmt"
	"strings"
	"time"

	"gatehouse/gateway/inspect"
)

// Packet is a recorded packet in lines: a head, its fields with their offsets, and a hex dump. Passwords and payloads of wills
// are hidden in it, payloads of messages unless they are asked for.
func Packet(l inspect.Line, payloads bool) string {
	way := "from the device"
	if l.Outbound {
		way = "to the device"
	}
	var out strings.Builder
	fmt.Fprintf(&out, "#%d  +%.3f ms  %s  %s\n", l.Index+1, float64(l.Offset)/float64(time.Millisecond), way, l.Packet.Summary)
	if l.Packet.Problem != "" {
		fmt.Fprintf(&out, "  malformed at byte %d: %s\n", l.Packet.ProblemAt, l.Packet.Problem)
	}
	if l.Packet.Truncated {
		fmt.Fprintf(&out, "  %d of %d bytes are kept\n", len(l.Bytes), l.Length)
	}
	for _, f := range l.Packet.Fields {
		name := strings.Repeat("  ", f.Depth) + f.Name
		fmt.Fprintf(&out, "  %5d %5d  %-28s  %s\n", f.Offset, f.Length, name, f.Shown(payloads))
	}
	for line := range strings.Lines(inspect.HexDump(l.Blank(payloads), 16)) {
		out.WriteString("  " + line)
	}
	return out.String()
}
