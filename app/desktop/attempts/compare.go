package attempts

import (
	"reflect"
	"slices"
	"strings"
	"unicode/utf8"

	"fyne.io/fyne/v2"
	"fyne.io/fyne/v2/container"

	"gatehouse/app/desktop/kit"
	"gatehouse/app/words"
	"gatehouse/gateway/diagnosis"
	"gatehouse/gateway/sid"
)

// comparison is what was presented beside what is enrolled.
type comparison struct {
	detail  *detail
	content *container.Scroll
	column  *fyne.Container
	shown   diagnosis.Comparison
}

func newComparison(d *detail) *comparison {
	c := &comparison{detail: d, column: kit.Down(0)}
	c.content = container.NewVScroll(kit.Inset(12, 8, 8, 0, c.column))
	return c
}

func (c *comparison) show(now diagnosis.Comparison) {
	if len(c.column.Objects) > 0 && reflect.DeepEqual(now, c.shown) {
		return
	}
	c.shown = now
	c.column.RemoveAll()
	if now.By == "" {
		c.nothing()
		c.column.Refresh()
		return
	}
	for _, clue := range now.Clues {
		c.column.Add(kit.Inset(0, 0, 10, 0, c.clue(clue)))
	}
	enrolled := "Enrolled"
	if now.EnrolledSID == "" {
		enrolled = "Enrolled: nothing like it"
	}
	var right fyne.CanvasObject = kit.Clipped(kit.NewText(enrolled, kit.Caption))
	if now.EnrolledSID != "" {
		links := kit.Flow(6, kit.NewText("Enrolled", kit.Caption), kit.NewLink(sid.Short(now.EnrolledSID), kit.Caption, func() { c.detail.screen.lead(now.EnrolledSID) }))
		if now.DeviceSID != "" {
			links.Add(kit.NewLink("device", kit.Caption, func() { c.detail.screen.lead(now.DeviceSID) }))
		}
		right = links // in two lines in a small window
	}
	c.column.Add(line(kit.NewText("", kit.Caption), kit.Down(0, kit.NewText("Presented", kit.Caption)), right, nil))
	c.column.Add(kit.Inset(4, 0, 0, 0, kit.Rule()))
	for _, r := range now.Rows {
		c.column.Add(kit.Inset(6, 0, 6, 0, c.row(r)))
		c.column.Add(kit.Rule())
	}
	c.column.Refresh()
}

// nothing says why there is nothing to compare.
func (c *comparison) nothing() {
	why := "The device presented neither a certificate nor a user name, so there is nothing to look up."
	if !c.detail.shown.attempt.Code.Answered() {
		why = "The connection ended before the device had presented a certificate or a user name."
	}
	c.column.Add(kit.NewText("Nothing to compare", kit.Title))
	c.column.Add(kit.Inset(4, 0, 0, 0, kit.NewProse(kit.Run{Text: why, Type: kit.Quiet})))
}

func (c *comparison) clue(clue diagnosis.Clue) fyne.CanvasObject {
	said := kit.Down(2, kit.NewProse(kit.Run{Text: words.Clue(clue), Type: kit.Strong}))
	if advice := words.ClueAdvice(clue); advice != "" {
		said.Add(kit.NewProse(kit.Run{Text: advice, Type: kit.Body}))
	}
	mark := kit.Inset(2, 8, 0, 0, kit.Down(0, kit.NewIcon("attention", kit.Warn, 14)))
	return kit.Panel(kit.Raised, kit.Warn, 10, container.NewBorder(nil, nil, mark, nil, said))
}

// row is one value on either side: a mark and a word say whether they differ.
func (c *comparison) row(r diagnosis.Row) fyne.CanvasObject {
	presented, enrolled := words.RowValues(r)
	icon, word, ink := "minus", "not compared", kit.Muted
	switch {
	case r.Known && r.Same:
		icon, word, ink = "check", "same", kit.Good
	case r.Known:
		icon, word, ink = "unequal", "differs", kit.Bad
	}
	name := kit.Down(2, kit.Clipped(kit.NewText(words.RowName(r.Name), kit.CaptionBold)),
		kit.Clipped(kit.Across(4, kit.NewIcon(icon, ink, 11), kit.NewText(word, kit.Caption.In(ink)))))
	typ := kit.Mono
	if r.Known && !r.Same {
		typ = typ.In(ink)
	}
	var copies *kit.Button
	if both := strings.TrimSpace(presented + "\n" + enrolled); both != "" && r.Name != "secret" {
		copies = kit.NewButton("Copy", kit.Small, func() { c.detail.screen.shell.Copy(words.RowName(r.Name), both) })
	}
	return line(name, kit.Down(0, kit.NewProse(kit.Run{Text: wrapped(presented), Type: typ})), kit.Down(0, kit.NewProse(kit.Run{Text: wrapped(enrolled), Type: typ})), copies)
}

// line is a name, the two sides and what stands at the end.
func line(name, left, right fyne.CanvasObject, end *kit.Button) fyne.CanvasObject {
	var tail fyne.CanvasObject = kit.Sized(54, 0, kit.NewText("", kit.Caption))
	if end != nil {
		tail = kit.Sized(54, 0, kit.Down(0, end))
	}
	return container.NewBorder(nil, nil, kit.Sized(114, 0, name), tail, kit.Inset(0, 8, 0, 0, kit.Columns(10, []float32{1, 1}, left, right)))
}

// wrapped lets long words, such as thumbprints, be wrapped in half a small window.
func wrapped(value string) string {
	if value == "" {
		return "—"
	}
	const longest, part = 16, 8
	var out []string
	for _, word := range strings.Fields(value) {
		if utf8.RuneCountInString(word) <= longest {
			out = append(out, word)
			continue
		}
		for letters := range slices.Chunk([]rune(word), part) {
			out = append(out, string(letters))
		}
	}
	return strings.Join(out, " ")
}
