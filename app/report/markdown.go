package report

import (
	"encoding/hex"
	"fmt"
	"strings"

	"gatehouse/app/words"
	"gatehouse/gateway/diagnosis"
	"gatehouse/gateway/inspect"
)

// markdown writes a document as GitHub's Markdown, which is CommonMark with tables. What came from outside stands in code
// spans, where nothing means anything, or is escaped within the program's sentences.
func markdown(d document) string {
	var out strings.Builder
	line := func(format string, args ...any) { fmt.Fprintf(&out, format+"\n", args...) }
	line("# Connection attempt %d: %s %s\n", d.Attempt.ID, d.Verdict.Label, d.Verdict.Name)
	line("**Why:** %s\n", strings.TrimSpace(prose(d.Verdict.Because)+" "+prose(d.Verdict.More)))
	if d.Verdict.Advice != "" {
		line("**What to do:** %s\n", prose(d.Verdict.Advice))
	}
	if d.WouldPass != "" {
		line("**Would it pass now?** %s\n", prose(d.WouldPass))
	}
	about(line, d)
	timeline(line, d)
	compared(line, d.Comparison)
	findings(line, d.Findings)
	line("")
	packets(line, d.Packets)
	line("---\nLeft out: %s.", strings.Join(d.Redacted, ", "))
	if len(d.Cut) > 0 {
		line("Cut, because a report has at most %d KiB: %s.", MaxBytes>>10, strings.Join(d.Cut, ", "))
	}
	return out.String()
}

func about(line func(string, ...any), d document) {
	a := d.Attempt
	line("| | |\n|---|---|")
	for _, r := range [][2]string{
		{"When", a.At.Format("2006-01-02 15:04:05.000 MST")}, {"From", a.Remote}, {"To", a.Local}, {"Server of the lab", a.Server}, {"Server name (SNI)", a.ServerName},
		{"Device", a.DeviceName}, {"Device SID", a.DeviceSID}, {"Credential", a.CredentialSID}, {"Certificate SHA-256", a.Thumbprint},
		{"User name", a.PresentedUser}, {"Client ID", a.ClientID}, {"Service", a.ServiceSID}, {"Took over from", a.TookOver},
		{"Gateway", d.Gateway.Version}, {"Gateway TLS", d.Gateway.TLS}, {"Gateway names", strings.Join(d.Gateway.ServerNames, ", ")},
	} {
		if r[1] != "" {
			line("| %s | %s |", r[0], cell(r[1]))
		}
	}
}

func timeline(line func(string, ...any), d document) {
	line("\n## Timeline\n")
	for _, s := range d.Timeline {
		mark := map[string]string{"warning": " ⚠", "bad": " ✗"}[s.State]
		detail := ""
		if s.Detail != "" {
			detail = ": " + code(s.Detail)
		}
		line("- `%s`%s **%s**%s", words.Offset(s.Offset), mark, prose(s.Title), detail)
		for _, f := range s.named {
			line("  - %s: %s", prose(f[0]), code(f[1]))
		}
	}
}

func compared(line func(string, ...any), c *comparison) {
	if c == nil {
		return
	}
	line("\n## Presented and enrolled\n")
	for _, clue := range c.Clues {
		line("- %s", prose(clue))
	}
	if len(c.Rows) == 0 {
		return
	}
	if len(c.Clues) > 0 {
		line("")
	}
	line("| | presented | enrolled | |\n|---|---|---|---|")
	for _, r := range c.Rows {
		same := "differs"
		switch {
		case !r.Known:
			same = ""
		case r.Same:
			same = "same"
		}
		presented, enrolled := words.RowValues(diagnosis.Row{Name: r.Name, Presented: r.Presented, Enrolled: r.Enrolled})
		line("| %s | %s | %s | %s |", prose(words.RowName(r.Name)), cell(presented), cell(enrolled), same)
	}
}

func findings(line func(string, ...any), all []found) {
	if len(all) == 0 {
		return
	}
	line("\n## Findings\n")
	for _, f := range all {
		line("- **%s** %s %s", prose(f.Title), prose(f.Evidence), prose(f.Advice))
	}
}

func packets(line func(string, ...any), all []packet) {
	if len(all) == 0 {
		return
	}
	line("## Packets\n")
	for _, p := range all {
		way := "from the device"
		if p.Outbound {
			way = "to the device"
		}
		line("### %d. %s, `%s`\n\n%s\n", p.Index+1, way, words.Offset(p.Offset), code(p.Summary))
		if p.Problem != "" {
			line("Malformed at byte %d: %s\n", *p.ProblemAt, code(p.Problem))
		}
		if p.Recorded < p.Length {
			line("%d of %d bytes are kept.\n", p.Recorded, p.Length)
		}
		line("| byte | bytes | field | value |\n|---|---|---|---|")
		for _, f := range p.Fields {
			line("| %d | %d | %s%s | %s |", f.Offset, f.Length, strings.Repeat("· ", f.Depth), prose(f.Name), cell(f.Value))
		}
		if b, err := hex.DecodeString(p.Bytes); err == nil && len(b) > 0 {
			line("\n```text\n%s```\n", strings.ReplaceAll(inspect.HexDump(b, 16), "`", "."))
		}
	}
}

// code is a text as a code span: nothing in it means anything in Markdown, whatever it holds.
func code(s string) string {
	if s == "" {
		return ""
	}
	longest, run := 0, 0
	for _, c := range s {
		if run++; c != '`' {
			run = 0
		}
		longest = max(longest, run)
	}
	fence := strings.Repeat("`", longest+1)
	if longest > 0 || strings.TrimSpace(s) != s || strings.TrimSpace(s) == "" {
		s = " " + s + " "
	}
	return fence + s + fence
}

// cell is a code span within a table, where a bar would end the cell in a code span too. How a bar is escaped there depends on
// who reads it, so it is written as what else cannot be shown.
func cell(s string) string {
	return code(strings.ReplaceAll(s, "|", `\x7c`))
}

// prose is a sentence of the program's with names from outside in it. What means something to Markdown or HTML is escaped; what
// would become a link, a mention or a number of a ticket is put into a code span.
func prose(s string) string {
	var out strings.Builder
	for i := 0; i < len(s); i++ {
		switch c := s[i]; {
		case strings.HasPrefix(s[i:], "://"):
			out.WriteString("`://`")
			i += 2
		case len(s)-i >= 4 && strings.EqualFold(s[i:i+4], "www."):
			out.WriteString("`" + s[i:i+4] + "`")
			i += 3
		case c == '@' || c == '#':
			out.WriteString("`" + string(c) + "`")
		case strings.IndexByte("\\`*_{}[]<>|~&$^", c) >= 0:
			out.WriteString(`\` + string(c))
		default:
			out.WriteByte(c)
		}
	}
	return out.String()
}
