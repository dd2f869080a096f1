package settings

import (
	"context"
	"strconv"
	"strings"

	"fyne.io/fyne/v2"

	"gatehouse/app/desktop/kit"
	"gatehouse/app/words"
)

// Bounds of what can be kept of the record of attempts.
const (
	MostAttempts  = 1_000_000
	MostMebibytes = 4096
)

const mebibyte = 1 << 20

// recordCard is how much of the record of attempts is kept.
type recordCard struct {
	screen      *Screen
	content     *fyne.Container
	kept        *kit.Text
	count, size *kit.Field
	save, clear *kit.Button
	wrong       *kit.Prose
	lacks       *kit.Prose
	shown       View
}

func newRecordCard(s *Screen) *recordCard {
	c := &recordCard{screen: s, kept: kit.NewText("", kit.Body), count: kit.NewField("10000"), size: kit.NewField("64"), wrong: kit.NewProse(), lacks: kit.NewProse()}
	c.save = kit.NewButton("Keep so many", kit.Secondary, c.keep)
	c.save.Disable()
	c.clear = kit.NewButton("Clear the record…", kit.Secondary, c.ask)
	for _, f := range []*kit.Field{c.count, c.size} {
		f.OnChanged(func(string) { c.check() })
		f.Entry.OnSubmitted = func(string) { c.keep() }
	}
	c.wrong.Hide()
	c.lacks.Hide()
	c.content = card("Record of attempts", "What devices tried, with every step. It outlives a restart. Beyond either bound the oldest attempts go first.",
		line("Kept now", kit.Clipped(c.kept), nil), c.lacks,
		line("At most", kit.Columns(8, []float32{1, 1}, suffixed(c.count, "attempts"), suffixed(c.size, "MiB")), nil),
		c.wrong, kit.Flow(6, c.save, c.clear))
	return c
}

// suffixed is a field before what its number counts.
func suffixed(f *kit.Field, unit string) fyne.CanvasObject {
	return border(f, kit.Inset(0, 0, 0, 8, kit.Across(0, kit.NewText(unit, kit.Caption))))
}

func (c *recordCard) set(v View) {
	before := c.shown
	c.shown = v
	c.kept.Set(words.Count(v.Kept, "attempt", "attempts"))
	c.lacks.Hidden = v.Lacks == ""
	c.lacks.Set(kit.Run{Text: v.Lacks, Type: kit.Caption.In(kit.Warn)})
	if before.KeepAttempts != v.KeepAttempts {
		c.count.Entry.SetText(strconv.Itoa(v.KeepAttempts))
	}
	if before.KeepBytes != v.KeepBytes {
		c.size.Entry.SetText(strconv.FormatInt(v.KeepBytes/mebibyte, 10))
	}
	if v.Kept == 0 {
		c.clear.Disable()
	} else {
		c.clear.Enable()
	}
	c.check()
}

// wanted is what the fields say; wrong is what is wrong with that.
func (c *recordCard) wanted() (count int, bytes int64, wrong string) {
	count, err := strconv.Atoi(number(c.count.Entry.Text))
	if err != nil || count < 1 || count > MostAttempts {
		return 0, 0, "From 1 to 1 000 000 attempts can be kept."
	}
	size, err := strconv.Atoi(number(c.size.Entry.Text))
	if err != nil || size < 1 || size > MostMebibytes {
		return 0, 0, "From 1 to 4 096 MiB can be kept."
	}
	return count, int64(size) * mebibyte, ""
}

// number is what people write of a number, without the spaces between its thousands.
func number(text string) string { return strings.Join(strings.Fields(text), "") }

func (c *recordCard) check() {
	count, bytes, wrong := c.wanted()
	c.wrong.Hidden = wrong == ""
	c.wrong.Set(kit.Run{Text: wrong, Type: kit.Caption.In(kit.Bad)})
	if wrong == "" && (count != c.shown.KeepAttempts || bytes != c.shown.KeepBytes) {
		c.save.Enable()
	} else {
		c.save.Disable()
	}
	c.content.Refresh()
}

func (c *recordCard) keep() {
	count, bytes, wrong := c.wanted()
	if wrong != "" || count == c.shown.KeepAttempts && bytes == c.shown.KeepBytes {
		return
	}
	apply := func() {
		c.screen.change("The record could not be bounded so", "At most "+words.Count(count, "attempt", "attempts")+" are kept now", func(s *Settings) {
			s.KeepAttempts, s.KeepBytes = count, bytes
		})
	}
	if gone := c.shown.Kept - count; gone > 0 {
		c.screen.p.Shell.Confirm("Keep fewer attempts?", "The oldest "+words.Count(gone, "attempt goes", "attempts go")+" now, and cannot be had back.", "Keep "+words.Grouped(count), apply)
		return
	}
	apply()
}

// ask clears the record once the user has agreed to what that loses.
func (c *recordCard) ask() {
	shell := c.screen.p.Shell
	shell.Confirm("Clear the record of attempts?", words.Count(c.shown.Kept, "attempt", "attempts")+" with every step and packet, and all findings, are deleted and cannot be had back. "+
		"Devices, credentials and sessions stay; connections that are live stay in the record.", "Clear the record", func() {
		shell.Background(func(context.Context) error { return c.screen.p.Gateway.ClearAttempts() }, func(err error) {
			c.screen.stale.Store(true)
			if err != nil {
				shell.Fail("The record could not be cleared", err)
				return
			}
			shell.Toast("The record of attempts is empty", nil)
		})
	})
}

// rulesCard is how strict the gateway is, where a choice is left.
type rulesCard struct {
	screen         *Screen
	content        *fyne.Container
	report, strict *kit.Chip
	soon, always   *kit.Chip
	later          *kit.Prose
	shown          View
}

func newRulesCard(s *Screen) *rulesCard {
	c := &rulesCard{screen: s, later: kit.NewProse()}
	c.report = kit.NewChip("", "Acknowledge and report", func() { c.publishes(false) })
	c.strict = kit.NewChip("", "Disconnect the device", func() { c.publishes(true) })
	c.soon = kit.NewChip("", "Within a second", func() { c.writes(false) })
	c.always = kit.NewChip("", "Before the answer", func() { c.writes(true) })
	c.content = card("Strictness", "What happens to a message that a Sync object cannot take, and when the disk has what is acknowledged.",
		line("Refused", kit.Clipped(kit.Across(6, c.report, c.strict)), nil),
		line("Written", kit.Clipped(kit.Across(6, c.soon, c.always)), nil),
		c.later)
	return c
}

func (c *rulesCard) set(v View) {
	c.shown = v
	c.report.Choose(!v.StrictPublishes)
	c.strict.Choose(v.StrictPublishes)
	c.soon.Choose(!v.DurableAlways)
	c.always.Choose(v.DurableAlways)
	said := "Within a second survives the process being killed; before the answer survives a power cut, and costs speed."
	if v.DurableAlways != v.DurableNow {
		said = "How writes are made changes when Gatehouse is started the next time."
	}
	c.later.Set(kit.Run{Text: said, Type: kit.Caption})
}

func (c *rulesCard) publishes(strict bool) {
	if strict == c.shown.StrictPublishes {
		return
	}
	said := "A refused message is acknowledged and reported."
	if strict {
		said = "A refused message disconnects its device."
	}
	c.screen.change("The rule could not be changed", said, func(s *Settings) { s.StrictPublishes = strict })
}

func (c *rulesCard) writes(always bool) {
	if always == c.shown.DurableAlways {
		return
	}
	c.screen.change("The rule could not be changed", "From the next start on, writes are made so", func(s *Settings) { s.DurableAlways = always })
}
