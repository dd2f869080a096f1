package attempts

import (
	"context"
	"fmt"
	"net"
	"reflect"
	"slices"

	"fyne.io/fyne/v2"
	"fyne.io/fyne/v2/container"

	"gatehouse/app/desktop/findings"
	"gatehouse/app/desktop/fix"
	"gatehouse/app/desktop/kit"
	"gatehouse/app/desktop/shell"
	"gatehouse/app/desktop/timeline"
	"gatehouse/app/remedy"
	"gatehouse/app/words"
	"gatehouse/gateway/attempt"
	"gatehouse/gateway/cause"
	"gatehouse/gateway/diagnosis"
	"gatehouse/gateway/sid"
)

// view is the chosen attempt, made ready for the screen off the UI goroutine.
type view struct {
	id      uint64
	tab     int // whose content was worked out
	found   bool
	attempt attempt.Attempt
	words   words.Explanation
	steps   timeline.Steps
	remedy  remedy.Remedy
	fixable bool
	now     diagnosis.Outcome // whether a refused attempt would pass now; undecided without a diagnosis

	findings   []findings.Finding // that the attempt proves
	traced     bool
	comparison diagnosis.Comparison // with the tab of that
	trace      trace                // with the tab of the packets
	raw        []string             // with its tab
}

// look reads the chosen attempt, and works out what the chosen tab shows.
func (s *Screen) look(q query, stamp bool) view {
	v := view{id: q.selected, tab: q.tab}
	if v.id == 0 {
		return v
	}
	if v.attempt, v.found = s.log.Get(v.id); !v.found {
		return v
	}
	v.words = words.Explain(v.attempt)
	v.steps = timeline.Prepare(v.attempt)
	v.remedy, v.fixable = s.p.Remedy(v.attempt)
	for _, f := range s.active {
		if slices.Contains(f.Attempts, v.id) {
			v.findings = append(v.findings, f)
		}
	}
	if s.p.Tracer != nil && v.attempt.DeviceSID != "" {
		v.traced = s.p.Tracer.Traced(v.attempt.DeviceSID)
	}
	before := s.chosen
	known := before.id == v.id && before.found
	switch {
	case s.p.Diagnosis == nil || !v.attempt.Code.Refused():
	case known && !stamp && before.attempt.Code == v.attempt.Code:
		v.now = before.now
	default:
		v.now = s.p.Diagnosis.WouldPass(v.attempt)
	}
	known = known && s.pulled.tab == q.tab
	switch q.tab {
	case tabCompare:
		switch {
		case s.p.Diagnosis == nil:
		case known && !stamp && len(before.attempt.Steps) == len(v.attempt.Steps):
			v.comparison = before.comparison // the same record, and the same registry
		default:
			v.comparison = s.p.Diagnosis.Compare(v.attempt)
		}
	case tabPackets:
		if known && len(before.attempt.Packets) == len(v.attempt.Packets) {
			v.trace = before.trace
		} else {
			v.trace = readTrace(v.attempt)
		}
	case tabRaw:
		if known && !stamp && before.same(v) {
			v.raw = before.raw
		} else {
			v.raw = rawLines(v.attempt)
		}
	}
	return v
}

// same reports whether two views look the same. Steps and packets are only ever added.
func (v view) same(o view) bool {
	return v.id == o.id && v.found == o.found && v.verdict() == o.verdict() && v.traced == o.traced && findings.Same(v.findings, o.findings) &&
		len(v.steps) == len(o.steps) && len(v.attempt.Packets) == len(o.attempt.Packets) && reflect.DeepEqual(v.comparison, o.comparison)
}

// verdict is all that the verdict card depends on.
func (v view) verdict() string {
	return fmt.Sprint(v.id, v.attempt.Code, v.words, v.fixable, v.remedy.Label, v.attempt.Live, v.attempt.Done, v.attempt.DeviceSID, v.now.Decided, v.now.Verdict.Code, v.now.Verdict.Cause)
}

// The tabs, by their place.
const (
	tabTimeline = iota
	tabCompare
	tabPackets
	tabRaw
)

// detail is the right side: the verdict above the tabs.
type detail struct {
	screen   *Screen
	content  *fyne.Container
	body     *fyne.Container // verdict, tabs and what they show; hidden without a choice
	none     *fyne.Container
	verdict  *fyne.Container
	head     *fyne.Container // tabs, and what stands beside them
	tabs     *kit.Tabs
	took     *kit.Text
	unfold   *kit.Button
	timeline *timeline.Timeline
	found    *findings.List
	column   *fyne.Container // findings above the timeline
	scroll   *container.Scroll
	compare  *comparison
	packets  *packets
	raw      *raw

	shown    view
	tab      int
	filled   [tabRaw + 1]uint64 // the attempt that each tab shows
	tall     bool               // there is room for the whole verdict above every tab
	fixed    map[uint64]bool    // attempts whose fix was pressed here
	answered uint64             // the attempt for which it was asked whether it would pass now
	answer   string
	passes   kit.Color
	payloads bool       // in reports
	sheet    *kit.Sheet // "What if…", once it was opened
}

func newDetail(s *Screen) *detail {
	d := &detail{screen: s, verdict: container.NewStack(), fixed: map[uint64]bool{}}
	d.tabs = kit.NewTabs("", "Timeline", "Presented / enrolled", "Packets", "Raw")
	d.took = kit.NewText("", kit.Caption.Right())
	d.timeline = timeline.New(timeline.Actions{Copy: s.shell.Copy, Lead: s.lead, Folded: d.foldLabel})
	d.found = findings.NewList(s.p.Fix, s.p.Findings, s.again)
	d.unfold = kit.NewButton("Unfold all", kit.Small, d.timeline.ToggleAll)
	d.tabs.OnChoose = func(i int) { d.tab = i; d.turn() }
	d.column = kit.Down(4, d.found.Content(), d.timeline.Content())
	d.scroll = container.NewVScroll(kit.Inset(8, 8, 8, 0, d.column))
	d.compare, d.packets, d.raw = newComparison(d), newPackets(d), newRaw(d)
	d.head = container.New(headLayout{d.took, d.unfold}, d.tabs, container.NewClip(d.took), container.NewClip(d.unfold))
	d.body = kit.Above(0, kit.Down(6, d.verdict, d.head),
		container.NewStack(d.scroll, d.compare.content, d.packets.content, d.raw.content))
	d.tall = true
	d.body.Hide()
	d.none = container.NewStack(kit.Centred(320, kit.Down(6,
		kit.NewText("No attempt chosen", kit.Title),
		kit.NewProse(kit.Run{Text: "Choose one in the list to see what happened, step by step, and what to do about it.", Type: kit.Quiet}),
	)))
	d.content = kit.Card(14, container.New(roomFor{d.room}, d.none, d.body))
	d.turnTo()
	return d
}

// show puts a view on the screen; what looks the same already is left alone, so that the keyboard's place is kept.
func (d *detail) show(v view) {
	before := d.shown
	d.shown = v
	if !v.found {
		d.body.Hide()
		d.none.Show()
		return
	}
	if before.verdict() != v.verdict() || !before.found {
		if d.answered == v.id {
			d.answered = 0 // what was answered may no longer hold
		}
		d.judge()
	}
	if before.id != v.id {
		d.scroll.ScrollToTop()
	}
	d.took.Set(took(v.attempt))
	d.took.Hidden = d.took.String() == ""
	d.found.Set(v.findings)
	d.timeline.ShowSteps(v.steps)
	if !findings.Same(before.findings, v.findings) {
		d.column.Refresh() // the timeline moves
		d.scroll.Refresh()
	}
	d.foldLabel()
	d.none.Hide()
	d.body.Show()
	d.fill()
}

// leastTall is the height from which on the whole verdict stands above every tab, and not above the timeline alone.
const leastTall = 560

// room is told the height of the side whenever the window is laid out.
func (d *detail) room(height float32) {
	if tall := height >= leastTall; tall != d.tall {
		d.tall = tall
		if d.shown.found {
			d.verdict.Objects = []fyne.CanvasObject{d.card(d.shown)}
		}
	}
}

// judge draws the verdict card anew.
func (d *detail) judge() {
	d.verdict.Objects = []fyne.CanvasObject{d.card(d.shown)}
	d.verdict.Refresh()
	d.body.Refresh()
}

// fill shows what belongs to the chosen tab, once it was worked out.
func (d *detail) fill() {
	if d.shown.tab != d.tab {
		return
	}
	switch d.tab {
	case tabCompare:
		d.compare.show(d.shown.comparison)
	case tabPackets:
		d.packets.show(d.shown)
	case tabRaw:
		d.raw.show(d.shown)
	}
	d.filled[d.tab] = d.shown.id
	d.turnTo()
}

// foldLabel says what the button beside the tabs does.
func (d *detail) foldLabel() {
	label := "Unfold all"
	if d.timeline.AllOpen() {
		label = "Fold all"
	}
	d.unfold.SetLabel(label)
	d.unfold.Hidden = d.tab != tabTimeline
	d.head.Refresh()
}

// turn shows the chosen tab; the next Pull brings what belongs to it.
func (d *detail) turn() {
	d.turnTo()
	if !d.tall && d.shown.found {
		d.judge()
	}
	d.screen.ask(func(q *query) { q.tab = d.tab })
	d.foldLabel()
	d.body.Refresh()
}

// turnTo shows the chosen tab alone; what it holds of another attempt, or nothing yet, stays hidden until it is filled.
func (d *detail) turnTo() {
	for i, o := range []fyne.CanvasObject{d.scroll, d.compare.content, d.packets.content, d.raw.content} {
		switch show := i == d.tab && (i == tabTimeline || d.filled[i] == d.shown.id); {
		case show && !o.Visible():
			o.Show()
		case !show && o.Visible():
			o.Hide()
		}
	}
}

// card says the code, what it means, the cause in a sentence, and offers the fix; on one line where there is little room.
func (d *detail) card(v view) fyne.CanvasObject {
	if !d.tall && d.tab != tabTimeline {
		return timeline.Line(v.attempt, d.fixButton(v, kit.Small)...)
	}
	return timeline.Card(v.attempt, timeline.Said{Advice: d.advice(v), Buttons: d.buttons(v), Below: d.answerBelow(v)})
}

// advice is what to do, once the cause is known; after a fix, what happens next.
func (d *detail) advice(v view) string {
	if d.fixed[v.id] && v.now.Decided && v.now.Verdict.Accepted() {
		return "Fixed. The device gets in when it tries again."
	}
	if v.fixable && v.remedy.Kind == remedy.Press {
		return "" // the button says it
	}
	if v.now.Decided && v.now.Verdict.Cause == cause.DeviceDeleted && v.attempt.Cause != cause.DeviceDeleted {
		return "The device was deleted since then. Add it again, and give its board the new credential."
	}
	return v.words.Advice
}

// buttons are the fix, and the ways to what the attempt is about.
func (d *detail) buttons(v view) []fyne.CanvasObject {
	s, a := d.screen, v.attempt
	line := d.fixButton(v, kit.Primary)
	if s.p.Diagnosis != nil && a.Code.Refused() {
		if s.p.Trials != nil {
			line = append(line, kit.NewButton("What if…", kit.Secondary, func() { d.whatIf(a) }))
		}
		line = append(line, kit.NewButton("Would it pass now?", kit.Secondary, func() { d.wouldPass(a) }))
	}
	line = append(line, kit.NewButton("Copy report", kit.Secondary, func() { s.copyReport(a.ID) }))
	if a.DeviceSID != "" {
		line = append(line, kit.NewButton("Show device", kit.Secondary, func() { s.shell.Go(shell.Devices, a.DeviceSID) }))
		if a.Live {
			line = append(line, kit.NewButton("Show session", kit.Secondary, func() { s.shell.Go(shell.Sessions, a.DeviceSID) }))
		}
	}
	return line
}

// fixButton is the fix, if there is one.
func (d *detail) fixButton(v view, rank kit.Rank) []fyne.CanvasObject {
	if !v.fixable {
		return nil
	}
	label := v.remedy.Label
	if rank == kit.Small {
		label = fix.Short(v.remedy)
	}
	return []fyne.CanvasObject{kit.NewButton(label, rank, func() {
		d.screen.p.Fix.Press(v.remedy, func() { d.fixed[v.id] = true; d.screen.again() })
	})}
}

// wouldPass answers in the card whether the attempt would be accepted now.
func (d *detail) wouldPass(a attempt.Attempt) {
	var o diagnosis.Outcome
	d.screen.shell.Background(func(context.Context) error { o = d.screen.p.Diagnosis.WouldPass(a); return nil }, func(error) {
		d.answered, d.answer, d.passes = a.ID, words.Outcome(o, a), outcomeColor(o)
		if d.shown.id == a.ID {
			d.judge()
		}
	})
}

func outcomeColor(o diagnosis.Outcome) kit.Color {
	switch {
	case !o.Decided:
		return kit.Warn
	case o.Verdict.Accepted():
		return kit.Good
	}
	return kit.Bad
}

// answerBelow is the answer, under the buttons; nil before it was asked for.
func (d *detail) answerBelow(v view) fyne.CanvasObject {
	if d.answered != v.id || d.answered == 0 {
		return nil
	}
	return answerLine(d.answer, d.passes)
}

// answerLine is an answer with its drawing.
func answerLine(answer string, color kit.Color) fyne.CanvasObject {
	icon := map[kit.Color]string{kit.Good: "check", kit.Warn: "question", kit.Bad: "cross"}[color]
	mark := kit.Inset(2, 8, 0, 0, kit.Down(0, kit.NewIcon(icon, color, 14)))
	return container.NewBorder(nil, nil, mark, nil, kit.Down(0, kit.NewProse(kit.Run{Text: answer, Type: kit.Strong})))
}

// lead follows a link: a device has a page of its own, everything else is listed or chosen here.
func (s *Screen) lead(key string) {
	if sid.Valid(sid.Device, key) {
		s.shell.Go(shell.Devices, key)
		return
	}
	s.Show(key)
}

// headLayout puts tabs to the left, and to the right how long it took and a button: each only where there is room for it.
type headLayout struct{ text, button fyne.CanvasObject }

const headGap = 8

func (h headLayout) Layout(o []fyne.CanvasObject, size fyne.Size) {
	tabs, took, unfold := o[0], o[1], o[2]
	tabs.Resize(size)
	tabs.Move(fyne.NewPos(0, 0))
	right := size.Width
	if h.button.Visible() {
		least := h.button.MinSize()
		if right-least.Width < tabs.MinSize().Width-headGap { // a tab ends in more room than the gap
			least.Width = 0 // as below
		}
		right -= least.Width
		unfold.Resize(least)
		unfold.Move(fyne.NewPos(right, (size.Height-least.Height)/2))
		right -= headGap
	}
	least := h.text.MinSize()
	if right-least.Width < tabs.MinSize().Width+headGap {
		least.Width = 0 // its clip shows nothing then
	}
	took.Resize(least)
	took.Move(fyne.NewPos(right-least.Width, (size.Height-least.Height)/2))
}

func (h headLayout) MinSize(o []fyne.CanvasObject) fyne.Size {
	least := o[0].MinSize()
	return fyne.NewSize(least.Width, max(least.Height, h.button.MinSize().Height))
}

// roomFor stacks objects, and tells the height that they have.
type roomFor struct{ tell func(height float32) }

// MinSize implements fyne.Layout.
func (roomFor) MinSize(objects []fyne.CanvasObject) (least fyne.Size) {
	for _, o := range objects {
		if o.Visible() {
			least = least.Max(o.MinSize())
		}
	}
	return least
}

// Layout implements fyne.Layout.
func (l roomFor) Layout(objects []fyne.CanvasObject, size fyne.Size) {
	l.tell(size.Height)
	for _, o := range objects {
		o.Resize(size)
		o.Move(fyne.Position{})
	}
}

// took is how long it took until the verdict, or that it goes on.
func took(a attempt.Attempt) string {
	switch {
	case a.Code == attempt.Pending:
		return "in progress"
	case a.Live:
		return "connected"
	case a.Total == 0:
		return ""
	}
	return words.Took(a.Total) + " in all"
}

// host is an address without its port.
func host(remote string) string {
	if h, _, err := net.SplitHostPort(remote); err == nil {
		return h
	}
	return remote
}
