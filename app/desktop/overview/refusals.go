package overview

import (
	"slices"
	"time"

	"fyne.io/fyne/v2"
	"fyne.io/fyne/v2/container"

	"gatehouse/app/desktop/fix"
	"gatehouse/app/desktop/kit"
	"gatehouse/app/desktop/look"
	"gatehouse/app/desktop/shell"
	"gatehouse/app/remedy"
	"gatehouse/app/words"
	"gatehouse/gateway/attempt"
)

const (
	mostRefusals = 8   // listed
	lookedAt     = 500 // attempts among which they are looked for
)

// refusal is why something was refused lately, and how often.
type refusal struct {
	id     uint64 // the newest attempt
	about  string // the device's SID, or the address it came from
	device bool
	name   string
	code   attempt.Code
	at     time.Time
	title  string
	host   string // where it came from
	tries  string // how often, unless once
	remedy remedy.Remedy
	fix    bool
}

func (r refusal) same(o refusal) bool {
	return r.id == o.id && r.title == o.title && r.at.Equal(o.at) && r.host == o.host && r.tries == o.tries && r.fix == o.fix && r.remedy.Label == o.remedy.Label
}

func sameRefusals(a, b []refusal) bool { return slices.EqualFunc(a, b, refusal.same) }

// newsOf gathers the last refusals: the same cause from the same device or address is one line.
func (s *Screen) newsOf(now time.Time) []refusal {
	type reason struct{ about, cause string }
	var order []reason
	tries := map[reason]int{}
	newest := map[reason]attempt.Attempt{}
	page := s.p.Log.Query(attempt.Filter{Refused: true, Limit: lookedAt, Since: now.Add(-time.Hour)})
	for _, a := range page.Attempts {
		why := reason{about(a), string(a.Cause)}
		if tries[why] == 0 {
			order, newest[why] = append(order, why), a
		}
		tries[why]++
	}
	news := make([]refusal, 0, min(len(order), mostRefusals))
	for _, why := range order[:min(len(order), mostRefusals)] {
		whole, found := s.p.Log.Get(newest[why].ID)
		if !found {
			continue
		}
		news = append(news, s.newRefusal(whole, tries[why], page.Total > len(page.Attempts)))
	}
	return news
}

// about is whom a refusal concerns.
func about(a attempt.Attempt) string {
	if a.DeviceSID != "" {
		return a.DeviceSID
	}
	return hostOf(a.Remote)
}

func (s *Screen) newRefusal(a attempt.Attempt, tries int, more bool) refusal {
	e := words.Explain(a)
	r := refusal{id: a.ID, about: about(a), device: a.DeviceSID != "", name: a.DeviceName, code: a.Code, at: a.At, title: e.Short}
	if a.DeviceName != "" {
		r.title = a.DeviceName + ": " + lowerFirst(e.Short)
	}
	r.host = hostOf(a.Remote)
	switch {
	case tries > 1 && more:
		r.tries = "· " + words.Grouped(tries) + " tries and more"
	case tries > 1:
		r.tries = "· " + words.Count(tries, "try", "tries")
	}
	r.remedy, r.fix = s.p.Remedy(a)
	return r
}

// refusals are the card of the last ones.
type refusals struct {
	screen  *Screen
	content *fyne.Container
	list    *fyne.Container
	none    *fyne.Container
	shown   []refusal
}

func newRefusals(s *Screen) *refusals {
	r := &refusals{screen: s, list: kit.Down(0)}
	r.none = container.NewStack(kit.Centred(300, kit.Down(4, kit.NewProse(kit.Run{Text: "Nothing was refused in the last hour.", Type: kit.Quiet}))))
	all := kit.NewButton("Show all", kit.Small, func() { s.p.Fix.Shell.Go(shell.Attempts, "refused") })
	head := container.NewBorder(nil, nil, nil, all, kit.Clipped(kit.NewText("Last refusals", kit.Title)))
	r.content = kit.Card(14, container.NewBorder(kit.Inset(0, 0, 4, 0, head), nil, nil, nil,
		container.NewStack(r.none, container.NewVScroll(kit.Inset(0, 8, 0, 0, r.list)))))
	return r
}

func (r *refusals) set(news []refusal) {
	r.none.Hidden = len(news) > 0
	if sameRefusals(news, r.shown) {
		return
	}
	r.list.RemoveAll()
	for _, n := range news {
		r.list.Add(r.line(n))
	}
	r.shown = news
	r.list.Refresh()
	r.none.Refresh()
}

// line is one refusal: what, which leads to the attempt, when and from where, and the button that makes it right.
func (r *refusals) line(n refusal) fyne.CanvasObject {
	s := r.screen
	show := func() { s.p.Fix.Shell.Go(shell.Attempts, shell.AttemptKey(n.id)) }
	buttons := kit.Across(6)
	if n.fix {
		buttons.Add(kit.NewButton(fix.Short(n.remedy), kit.Secondary, func() { s.p.Fix.Press(n.remedy, s.again) }))
	} else {
		buttons.Add(kit.NewButton("Show", kit.Secondary, show))
	}
	from := kit.NewLink(n.host, kit.Caption, func() { s.p.Fix.Shell.Go(shell.Attempts, shell.FromKey(n.host)) })
	detail := kit.Across(4, kit.NewText(n.at.Format("15:04:05")+" ·", kit.Caption), from, kit.NewText(n.tries, kit.Caption))
	text := kit.Down(0, kit.Clipped(kit.NewTitle(n.title, kit.Strong, show)), kit.Clipped(detail))
	line := container.NewBorder(nil, nil, kit.Sized(58, 0, kit.NewBadge(look.Code(n.code))), kit.Inset(2, 0, 2, 10, buttons), text)
	return kit.Down(0, kit.Inset(8, 0, 9, 0, line), kit.Rule())
}
