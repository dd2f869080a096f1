package scenarios

import (
	"fmt"
	"strings"

	"fyne.io/fyne/v2"

	"gatehouse/app/desktop/kit"
	"gatehouse/app/words"
	"gatehouse/sim/scenario"
)

// mostMistakes bounds how many are shown: the first is the one to mend.
const mostMistakes = 20

// list shows what is wrong with a file.
func list(to *fyne.Container, o Offer) {
	lines := strings.Split(strings.TrimRight(strings.ReplaceAll(string(o.Content), "\r\n", "\n"), "\n"), "\n")
	var last scenario.Mistake
	for i, m := range o.Mistakes {
		if i == mostMistakes {
			to.Add(kit.Inset(0, 16, 0, 16, kit.NewText("And "+words.Grouped(len(o.Mistakes)-i)+" more.", kit.Quiet)))
			return
		}
		to.Add(mistake(m, lines, m.Line != last.Line || m.Column != last.Column))
		last = m
	}
}

// mistake is what is wrong, where, and the place in the file that it is about, unless it stands above.
func mistake(m scenario.Mistake, lines []string, anew bool) fyne.CanvasObject {
	where := m.Path
	if m.Line > 0 {
		where = strings.TrimSuffix(fmt.Sprintf("Line %d, column %d · %s", m.Line, m.Column, m.Path), " · ")
	}
	said := m.What
	if m.Todo != "" {
		said += ": " + m.Todo
	}
	box := kit.Down(4, kit.Across(6, kit.NewIcon("cross", kit.Bad, 12), kit.NewText(where, kit.CaptionBold.In(kit.Bad))), kit.NewProse(kit.Run{Text: said + ".", Type: kit.Body}))
	if anew && m.Line > 0 && m.Line <= len(lines) {
		box.Add(kit.CodeBlock(excerpt(lines, m.Line, m.Column)))
	}
	return kit.Inset(0, 16, 0, 16, box)
}

// excerpt is a line with the ones around it, and a mark below the column.
func excerpt(lines []string, line, column int) string {
	const longest = 160 // letters: of a longer line the beginning says enough
	var b strings.Builder
	for n := max(1, line-1); n <= min(len(lines), line+1); n++ {
		text := []rune(strings.ReplaceAll(lines[n-1], "\t", " "))
		if len(text) > longest {
			text = append(text[:longest], '…')
		}
		fmt.Fprintf(&b, "%4d  %s\n", n, string(text))
		if n == line && column > 0 && column <= longest {
			b.WriteString(strings.Repeat(" ", 5+column) + "^\n")
		}
	}
	return strings.TrimRight(b.String(), "\n")
}
