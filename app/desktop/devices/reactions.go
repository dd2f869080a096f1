package devices

import (
	"fmt"
	"maps"
	"slices"
	"strings"

	"fyne.io/fyne/v2"
	"fyne.io/fyne/v2/container"

	"gatehouse/app/desktop/devices/form"
	"gatehouse/app/desktop/kit"
	"gatehouse/sim/agent"
	"gatehouse/sim/rules"
	"gatehouse/sim/script"
)

// reactionsTab is what the virtual device does when a message comes, and what it remembers.
type reactionsTab struct {
	*draft
	bar      *saveBar
	list     *fyne.Container
	general  *form.Problem
	view     *fyne.Container
	built    int
	problems []*placed
}

func newReactions(d *detail) *reactionsTab {
	v := &reactionsTab{draft: d.draft, bar: newSaveBar(d.draft), list: kit.Down(12), general: form.NewProblem(), built: -1}
	v.view = container.NewBorder(kit.Down(0, kit.Inset(10, 14, 10, 14, v.bar.content), kit.Rule()), nil, nil, nil,
		container.NewVScroll(kit.Inset(14, 14, 14, 14, kit.Down(14, v.general.Container, v.list))))
	return v
}

func (v *reactionsTab) content() fyne.CanvasObject { return v.view }

func (v *reactionsTab) show(f *facts) {
	v.changed = v.update
	v.take(f)
	v.bar.show(f)
	v.update()
}

// leave keeps the draft: it is saved, or with another device.
func (v *reactionsTab) leave() {}

func (v *reactionsTab) update() {
	if v.built != v.number {
		v.built = v.number
		v.build()
	}
	v.bar.update()
	elsewhere := ""
	for _, p := range v.draft.problems {
		if !slices.ContainsFunc(v.problems, func(q *placed) bool { return q.path == p.Path || strings.HasPrefix(p.Path, q.path+".") }) && elsewhere == "" {
			elsewhere = say(p)
			if strings.HasPrefix(p.Path, "reports") {
				elsewhere = "A series is not right yet: see the tab Telemetry."
			}
		}
	}
	v.general.Say(elsewhere)
	for _, p := range v.problems {
		text := v.problem(p.path)
		for _, known := range v.draft.problems {
			if text == "" && (known.Path == p.path || strings.HasPrefix(known.Path, p.path+".")) {
				text = say(known)
			}
		}
		p.Say(text)
	}
	v.view.Refresh()
}

func (v *reactionsTab) place(path string) *placed {
	p := &placed{Problem: form.NewProblem(), path: path}
	v.problems = append(v.problems, p)
	return p
}

// text is a field of a reaction.
func (v *reactionsTab) text(placeholder, shown string, at *placed, take func(*agent.Behaviour, string) string) *kit.Field {
	field := kit.NewField(placeholder)
	field.Entry.SetText(shown)
	field.OnChanged(func(text string) {
		v.edit(func(b *agent.Behaviour) { v.understood(at.path, take(b, text)) })
		v.update()
	})
	return field
}

// area is the same in several lines.
func (v *reactionsTab) area(placeholder string, lines int, shown string, at *placed, take func(*agent.Behaviour, string) string) *form.Area {
	area := form.NewArea(placeholder, lines, nil)
	area.Entry.SetText(shown)
	area.Entry.OnChanged = func(text string) {
		v.edit(func(b *agent.Behaviour) { v.understood(at.path, take(b, text)) })
		v.update()
	}
	return area
}

// build makes the form anew.
func (v *reactionsTab) build() {
	b := v.behaviour()
	v.problems, v.list.Objects = nil, nil
	state := v.place("state")
	v.list.Add(form.Row("Remembers", kit.Down(4,
		v.area("on = false", 3, stateText(b.State), state, func(b *agent.Behaviour, text string) (wrong string) {
			b.State, wrong = readState(text)
			return wrong
		}), state.Container),
		"A line each, with its first value: a number, a text, true or false. Reactions change it; telemetry and expressions use it by its name."))
	for i, r := range b.Reactions {
		v.list.Add(v.reaction(i, r))
	}
	if len(b.Reactions) == 0 {
		v.list.Add(kit.NewProse(kit.Run{Text: "It reacts to nothing yet. A reaction waits for a message on a topic filter, and then publishes, changes what it remembers, disconnects or reconnects.", Type: kit.Quiet}))
	}
	v.list.Add(kit.Across(8, kit.NewButton("Add a reaction", kit.Secondary, func() {
		v.rebuild(func(b *agent.Behaviour) {
			b.Reactions = append(b.Reactions, rules.Reaction{On: "orders/#", Publish: &rules.Publish{Topic: "{device}/answers", Payload: "{text}", QoS: 1}})
		})
		v.update()
	})))
	v.list.Refresh()
}

func (v *reactionsTab) reaction(i int, r rules.Reaction) fyne.CanvasObject {
	path := fmt.Sprintf("reactions[%d].", i)
	of := func(b *agent.Behaviour) *rules.Reaction { return &b.Reactions[i] }
	on, when, delay, set := v.place(path+"on"), v.place(path+"when"), v.place(path+"wait"), v.place(path+"set")
	then := form.NewSelect(func(n int) {
		v.edit(func(b *agent.Behaviour) { of(b).Disconnect, of(b).Reconnect = n == 1, n == 2 })
		v.update()
	}, "It stays connected", "It disconnects", "It reconnects")
	then.Set(yes(r.Disconnect)+2*yes(r.Reconnect && !r.Disconnect), then.Options()...)
	publishes := form.NewSwitch("Publishes", func(on bool) {
		v.rebuild(func(b *agent.Behaviour) {
			if of(b).Publish = nil; on {
				of(b).Publish = &rules.Publish{Topic: "{device}/answers", Payload: "{text}", QoS: 1}
			}
		})
		v.update()
	})
	publishes.Set(r.Publish != nil)
	remove := kit.NewButton("Remove", kit.Small, func() {
		v.rebuild(func(b *agent.Behaviour) { b.Reactions = append(b.Reactions[:i], b.Reactions[i+1:]...) })
		v.update()
	})
	body := kit.Down(8,
		container.NewBorder(nil, nil, nil, remove, kit.Across(0, kit.NewText(fmt.Sprintf("Reaction %d", i+1), kit.Strong))),
		stated("Message on", on, v.text("topic filter, such as orders/#", r.On, on, func(b *agent.Behaviour, text string) string {
			of(b).On = strings.TrimSpace(text)
			return ""
		})),
		stated("Only if", when, v.text(`always; or text == "ON", json.led == "ON"`, r.When, when, func(b *agent.Behaviour, text string) string {
			of(b).When = strings.TrimSpace(text)
			return ""
		})),
		stated("Waits", delay, form.Narrow(90, v.text("0s", wait(r.Wait, ""), delay, func(b *agent.Behaviour, text string) string { return duration(&of(b).Wait, text) }))),
		stated("Remembers", set, v.area("on = not on", max(1, min(len(r.Set), 3)), setLines(r.Set), set, func(b *agent.Behaviour, text string) (wrong string) {
			of(b).Set, wrong = readSet(text)
			return wrong
		})),
		form.Row("", publishes, ""))
	if r.Publish != nil {
		topic, payload := v.place(path+"publish.topic"), v.place(path+"publish.payload")
		qos := form.NewSelect(func(n int) { v.edit(func(b *agent.Behaviour) { of(b).Publish.QoS = byte(n) }); v.update() }, "QoS 0", "QoS 1", "QoS 2")
		qos.Set(int(min(r.Publish.QoS, 2)), qos.Options()...)
		retain := form.NewSwitch("Retained", func(on bool) { v.edit(func(b *agent.Behaviour) { of(b).Publish.Retain = on }); v.update() })
		retain.Set(r.Publish.Retain)
		body.Add(stated("To the topic", topic, v.text("{device}/answers", r.Publish.Topic, topic, func(b *agent.Behaviour, text string) string {
			of(b).Publish.Topic = strings.TrimSpace(text)
			return ""
		})))
		body.Add(stated("The payload", payload, v.text("{text}", r.Publish.Payload, payload, func(b *agent.Behaviour, text string) string {
			of(b).Publish.Payload = text
			return ""
		})))
		body.Add(form.Row("", kit.Across(12, kit.Sized(92, 0, qos), retain), ""))
	}
	body.Add(form.Row("And then", form.Narrow(220, then), ""))
	return kit.Panel(kit.Surface, kit.Line, 12, body)
}

// stated is a control with its problem below it.
func stated(label string, problem *placed, control fyne.CanvasObject) *fyne.Container {
	return form.Row(label, kit.Down(4, control, problem.Container), "")
}

// stateText is a state with a line each.
func stateText(state map[string]any) string {
	var lines []string
	for _, name := range slices.Sorted(maps.Keys(state)) {
		lines = append(lines, name+" = "+script.Show(state[name]))
	}
	return strings.Join(lines, "\n")
}

func setLines(set map[string]string) string {
	var lines []string
	for _, name := range slices.Sorted(maps.Keys(set)) {
		lines = append(lines, name+" = "+set[name])
	}
	return strings.Join(lines, "\n")
}

// assignments reads lines of a name and what it is given.
func assignments(text string, take func(name, value string)) string {
	for line := range strings.Lines(text) {
		if strings.TrimSpace(line) == "" {
			continue
		}
		name, value, found := strings.Cut(line, "=")
		if name, value = strings.TrimSpace(name), strings.TrimSpace(value); !found || name == "" || value == "" {
			return fmt.Sprintf("“%s” is not a name and a value. Write on = false.", strings.TrimSpace(line))
		}
		take(name, value)
	}
	return ""
}

func readState(text string) (state map[string]any, wrong string) {
	wrong = assignments(text, func(name, value string) {
		if state == nil {
			state = map[string]any{}
		}
		state[name] = plain(value)
	})
	return state, wrong
}

func readSet(text string) (set map[string]string, wrong string) {
	wrong = assignments(text, func(name, value string) {
		if set == nil {
			set = map[string]string{}
		}
		set[name] = value
	})
	return set, wrong
}
