package checkup

import (
	"fmt"
	"slices"
	"strings"

	"fyne.io/fyne/v2"
	"fyne.io/fyne/v2/container"

	"gatehouse/app/desktop/kit"
	"gatehouse/app/desktop/look"
	"gatehouse/app/desktop/shell"
	"gatehouse/app/words"
)

// course is the right side: how the check goes, step by step, and how it ended.
type course struct {
	sheet   *Sheet
	content fyne.CanvasObject
	hint    *fyne.Container
	running *fyne.Container
	status  *kit.Text
	cancel  *kit.Button
	verdict *fyne.Container
	line    *kit.Steps
	scroll  *container.Scroll
	shown   []Step
}

func newCourse(s *Sheet) *course {
	c := &course{sheet: s, line: kit.NewTimeline(), verdict: container.NewStack(), status: kit.NewText("", kit.Strong)}
	c.cancel = kit.NewButton("Cancel", kit.Small, s.stop)
	c.running = kit.Sized(0, 30, kit.Across(10, c.status, kit.Spacer(), c.cancel))
	c.running.Hide()
	c.verdict.Hide()
	c.hint = container.NewStack(kit.Centred(340, kit.Down(6,
		kit.NewText("The same way as the device", kit.Title),
		kit.NewProse(kit.Run{Type: kit.Quiet, Text: "The name is looked up, TCP and TLS are opened, the server’s certificate is weighed, and CONNECT is sent. " +
			"Every step is shown here with what it found. Nothing is acknowledged, nothing published unless you ask for it, and no session is lost."}))))
	c.scroll = container.NewVScroll(kit.Inset(0, 10, 8, 0, kit.Down(12, c.verdict, c.line.Content())))
	body := container.NewBorder(c.running, nil, nil, nil, container.NewStack(c.scroll, c.hint))
	c.content = kit.Panel(kit.Surface, kit.Line, 14, body)
	return c
}

func (c *course) begin() {
	c.hint.Hide()
	c.verdict.Objects = nil
	c.verdict.Hide()
	c.shown = nil
	c.line.Set(nil)
	c.status.Set("Checking " + c.sheet.p.Checker.Shown(c.sheet.given.address()))
	c.running.Show()
	c.scroll.ScrollToTop()
	c.content.Refresh()
}

// shortDetail is how many letters of a detail are seen without unfolding it, at least.
const shortDetail = 44

// set shows the steps; those that are shown stay as they are, folded or not.
func (c *course) set(steps []Step) {
	if len(steps) == len(c.shown) {
		return
	}
	c.shown = steps
	lines := make([]kit.Step, len(steps))
	for i, s := range steps {
		_, color := stateLook(s.State)
		lines[i] = kit.Step{Key: fmt.Sprint(i, s.ID), Offset: words.Offset(s.Offset), State: color, Title: s.Title, Detail: s.Detail}
		if s.Advice != "" || len(s.Facts) > 0 || len(s.Detail) > shortDetail {
			lines[i].Body = func() fyne.CanvasObject { return c.unfolded(s) }
		}
	}
	c.line.Set(lines)
	c.content.Refresh()
}

// unfolded is all that a step found, with what to do about it.
func (c *course) unfolded(s Step) fyne.CanvasObject {
	rows := kit.Down(4)
	if s.Detail != "" {
		rows.Add(kit.NewProse(kit.Run{Text: s.Detail, Type: kit.Body})) // which the line above may have had to cut
	}
	if s.Advice != "" {
		rows.Add(kit.NewProse(kit.Run{Text: s.Advice, Type: kit.Strong}))
	}
	for _, f := range s.Facts {
		name, value := f[0], f[1]
		if len(value) <= 34 && !strings.Contains(value, "\n") {
			rows.Add(kit.Columns(10, []float32{1, 2}, kit.Clipped(kit.NewText(name, kit.Caption)), kit.Clipped(kit.NewText(value, kit.Mono))))
			continue
		}
		copied := kit.NewButton("Copy", kit.Small, func() { c.sheet.p.Fix.Shell.Copy(name, value) })
		var body fyne.CanvasObject = kit.NewProse(kit.Run{Text: broken(value), Type: kit.Mono})
		if strings.HasPrefix(value, "-----BEGIN ") {
			body = kit.CodeBlock(value)
		}
		rows.Add(kit.Down(2, kit.Across(8, kit.NewText(name, kit.Caption), kit.Spacer(), copied), body))
	}
	return kit.Panel(kit.Well, kit.Line, 10, rows)
}

// broken gives long words spaces, so that they can be wrapped.
func broken(value string) string {
	var out []string
	for _, word := range strings.Fields(value) {
		for letters := range slices.Chunk([]rune(word), 40) {
			out = append(out, string(letters))
		}
	}
	return strings.Join(out, " ")
}

// end shows how the check ended, with what can be done about it here.
func (c *course) end(r Result, seen Seen, here, cancelled bool) {
	c.running.Hide()
	c.verdict.Show()
	defer c.scroll.ScrollToTop()
	if cancelled {
		c.verdict.Objects = []fyne.CanvasObject{kit.Panel(kit.Raised, kit.Line, 14, kit.NewProse(kit.Run{Text: "The check was cancelled.", Type: kit.Strong}))}
		c.content.Refresh()
		return
	}
	edge := kit.Bad
	parts := kit.Down(9)
	if r.Code.Answered() {
		edge = look.Code(r.Code).Color()
		parts.Add(headed(words.CodeLabel(r.Code), kit.Type{Size: 30, Color: edge, Bold: true},
			kit.Clipped(kit.NewText(words.CodeName(r.Code), kit.Title)), kit.NewProse(kit.Run{Text: words.CodeMeaning(r.Code), Type: kit.Quiet})))
		if r.Summary != "" {
			parts.Add(kit.NewProse(kit.Run{Text: r.Summary, Type: kit.Strong}))
		}
	} else {
		parts.Add(headed(r.Reached, kit.Type{Size: 18, Color: edge, Bold: true}, kit.NewProse(kit.Run{Text: r.Summary, Type: kit.Title})))
	}
	if seen.Said != "" {
		parts.Add(kit.NewProse(kit.Run{Text: "The gateway knows why: ", Type: kit.Quiet}, kit.Run{Text: seen.Said, Type: kit.Strong}))
	}
	if r.Advice != "" {
		parts.Add(kit.NewProse(kit.Run{Text: r.Advice, Type: kit.Body}))
	}
	buttons := kit.Flow(6)
	c.offer(buttons, seen, here, kit.Secondary)
	parts.Add(buttons)
	c.verdict.Objects = []fyne.CanvasObject{kit.Panel(kit.Raised, edge, 14, parts)}
	c.content.Refresh()
}

// headed puts a large word before lines.
func headed(word string, t kit.Type, lines ...fyne.CanvasObject) fyne.CanvasObject {
	return container.NewBorder(nil, nil, kit.Inset(0, 12, 0, 0, kit.NewText(word, t)), nil, kit.Down(0, lines...))
}

// offer fills a line with what can be done now, and with what this gateway knows of the same attempt. Once a certificate was
// enrolled the check is to be made again.
func (c *course) offer(line *fyne.Container, seen Seen, here bool, again kit.Rank) {
	s := c.sheet
	line.RemoveAll()
	if again == kit.Primary {
		line.Add(kit.NewButton("Check again", again, s.start))
	}
	if cert, some := s.certificate(); some && here && !s.owner.Known {
		if remedy, ok := s.p.Gateway.Enrol(cert.PEM, cert.Thumbprint); ok {
			line.Add(kit.NewButton(remedy.Label, kit.Primary, func() {
				s.p.Fix.Press(remedy, func() {
					s.owner.Known = true
					c.offer(line, seen, here, kit.Primary)
					c.content.Refresh()
					s.inspect()
				})
			}))
		}
	}
	if seen.Attempt != 0 {
		line.Add(kit.NewButton("Show the same attempt as the gateway saw it", kit.Secondary, func() {
			s.p.Fix.Shell.Go(shell.Attempts, shell.AttemptKey(seen.Attempt))
		}))
	}
	if s.owner.DeviceSID != "" && here {
		line.Add(kit.NewButton("Show "+s.owner.Device, kit.Secondary, func() { s.p.Fix.Shell.Go(shell.Devices, s.owner.DeviceSID) }))
	}
	if again != kit.Primary {
		line.Add(kit.NewButton("Check again", again, s.start))
	}
}
