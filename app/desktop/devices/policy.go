package devices

import (
	"slices"
	"strings"
	"time"

	"fyne.io/fyne/v2"

	"gatehouse/app/desktop/devices/form"
	"gatehouse/app/desktop/kit"
	"gatehouse/app/onboard"
	"gatehouse/sim/agent"
	"gatehouse/sim/telemetry"
)

// policy is what a device that is left to itself does after a refusal and a lost connection.
type policy struct {
	never   *form.Switch
	disobey []*form.Switch
	every   *kit.Field
	slow    *kit.Field
	rest    *fyne.Container
	content *fyne.Container
}

// advices are what the contract has a device do, code by code.
var advices = []struct {
	code  int
	label string
}{
	{-1, "Lost, or no answer: waits longer each time, 1 s to 60 s"},
	{1, "Code 1, wrong protocol: stops"},
	{2, "Code 2, refused identifier: stops"},
	{3, "Code 3, not available: waits longer each time, 1 s to 60 s"},
	{4, "Code 4, unknown credential: stops"},
	{5, "Code 5, not allowed: tries again slowly"},
}

func newPolicy(changed func()) *policy {
	p := &policy{every: kit.NewField("1s"), slow: kit.NewField("1m")}
	list := kit.Down(0, kit.NewProse(kit.Run{Text: "It follows this advice; tick where it is to disobey and to keep trying all the same.", Type: kit.Caption}))
	for _, a := range advices {
		s := form.NewSwitch(a.label, nil)
		p.disobey = append(p.disobey, s)
		list.Add(kit.Clipped(s))
	}
	p.rest = kit.Down(6, list,
		kit.Across(8, kit.NewText("Where it disobeys, it tries every", kit.Quiet), kit.Sized(70, 0, p.every)),
		kit.Across(8, kit.NewText("After code 5 it tries every", kit.Quiet), kit.Sized(70, 0, p.slow)))
	p.never = form.NewSwitch("One attempt only", func(on bool) { toggle(p.rest, !on); changed() })
	p.content = form.Row("Comes back", kit.Down(4, p.never, p.rest), "")
	return p
}

func (p *policy) set(to agent.Policy) {
	p.never.Set(to.Never)
	toggle(p.rest, !to.Never)
	for i, a := range advices {
		p.disobey[i].Set(slices.Contains(to.Disobey, a.code))
	}
	setText(p.every, wait(to.DisobeyEvery, "1s"))
	setText(p.slow, wait(to.SlowRetry, "1m"))
}

func wait(d telemetry.Duration, standard string) string {
	if d == 0 {
		return standard
	}
	return span(time.Duration(d))
}

// span is a duration as it is typed: without the zeros at its end.
func span(d time.Duration) string {
	s := d.String()
	if strings.HasSuffix(s, "m0s") {
		s = s[:len(s)-2]
	}
	if strings.HasSuffix(s, "h0m") {
		s = s[:len(s)-2]
	}
	return s
}

func (p *policy) read() (to agent.Policy, err error) {
	to.Never = p.never.On()
	for i, a := range advices {
		if p.disobey[i].On() {
			to.Disobey = append(to.Disobey, a.code)
		}
	}
	for _, f := range []struct {
		field *kit.Field
		to    *telemetry.Duration
	}{{p.every, &to.DisobeyEvery}, {p.slow, &to.SlowRetry}} {
		if text := form.Trim(f.field); text != "" {
			if err := f.to.UnmarshalText([]byte(text)); err != nil || *f.to < telemetry.Duration(10*time.Millisecond) || *f.to > telemetry.Duration(24*time.Hour) {
				return to, onboard.Problem("Write how often it tries again as 500ms, 10s or 1m30s; at least 10ms, at most 24h.")
			}
		}
	}
	return to, nil
}
