package devices

import (
	"context"
	"encoding/json"
	"fmt"
	"strings"

	"fyne.io/fyne/v2"
	"fyne.io/fyne/v2/container"
	"github.com/goccy/go-yaml"

	"gatehouse/app/desktop/devices/form"
	"gatehouse/app/desktop/kit"
	"gatehouse/app/onboard"
	"gatehouse/sim/agent"
	"gatehouse/sim/scenario"
	"gatehouse/sim/telemetry"
)

// draft is what the device is to do by itself, as it is being edited on the tabs Telemetry and Reactions. It is kept when it is saved, or
// when another device is shown.
type draft struct {
	d        *detail
	device   string
	setup    onboard.Setup
	dirty    bool
	saving   bool
	problems []telemetry.Problem
	typed    map[string]string   // by path: what was typed there and cannot be understood, as a problem
	messages []telemetry.Message // of the report that is looked at
	report   int
	number   int // of the draft; rises with every change of its structure, for the forms to be built anew

	sheet           *kit.Sheet // of the text, when it was opened
	checking, again bool
	changed         func() // shows the problems and the preview
}

// previewed is how many messages are made for the preview; its curves are drawn of them.
const previewed = 60

// take shows a device's setup, unless it is being edited.
func (t *draft) take(f *facts) {
	sid := f.row.device.SID
	if sid == t.device && (t.dirty || t.saving || same(t.setup, f.setup)) {
		return
	}
	t.device, t.setup, t.dirty, t.report = sid, f.setup, false, 0
	t.anew()
	t.check()
}

// anew has the forms built anew.
func (t *draft) anew() {
	t.number++
	t.typed = map[string]string{}
}

// understood notes what is wrong with what was typed at a path; empty: nothing.
func (t *draft) understood(path, wrong string) {
	if wrong == "" {
		delete(t.typed, path)
	} else {
		t.typed[path] = wrong
	}
}

// wrong reports whether anything is, here or in what was typed.
func (t *draft) wrong() bool { return len(t.problems)+len(t.typed) > 0 }

// same compares what a draft holds of two setups.
func same(a, b onboard.Setup) bool {
	if a.Kind != b.Kind || a.Pace != b.Pace {
		return false
	}
	return a.Kind != "" || written(a.Behaviour) == written(b.Behaviour)
}

func written(b agent.Behaviour) string {
	content, err := json.Marshal(b)
	if err != nil {
		return err.Error()
	}
	return string(content)
}

// behaviour is what is edited: that of the kind, or the device's own.
func (t *draft) behaviour() agent.Behaviour {
	b := t.setup.Does()
	b.Reconnect = agent.Policy{}
	return b
}

// copied is a behaviour that shares nothing with another one.
func copied(b agent.Behaviour) (c agent.Behaviour) {
	content, err := json.Marshal(b)
	if err == nil {
		err = json.Unmarshal(content, &c)
	}
	if err != nil {
		return b // it holds what was typed, which can always be written
	}
	return c
}

// edit changes the behaviour, which is the device's own from now on.
func (t *draft) edit(change func(*agent.Behaviour)) {
	b := copied(t.behaviour())
	change(&b)
	t.setup.Kind, t.setup.Behaviour = "", b
	t.touch()
}

// rebuild is edit for what changes which fields there are.
func (t *draft) rebuild(change func(*agent.Behaviour)) {
	t.anew()
	t.edit(change)
}

// choose takes a ready-made kind, the device's own behaviour, or none.
func (t *draft) choose(kind string, b agent.Behaviour) {
	t.anew()
	t.report = 0
	t.setup.Kind, t.setup.Behaviour = kind, b
	t.touch()
}

// touch notes that there is something to save. Whoever gives a device something to do wants it to be left to itself.
func (t *draft) touch() {
	t.dirty = true
	t.setup.ByItself = t.setup.Kind != "" || len(t.setup.Behaviour.Reports)+len(t.setup.Behaviour.Reactions)+len(t.setup.Behaviour.Subscribe) > 0
	t.check()
}

// look makes the preview of a report.
func (t *draft) look(report int) {
	t.report = report
	t.anew()
	t.check()
}

// check finds the problems and makes the preview, off the UI goroutine: a report may read a file.
func (t *draft) check() {
	if t.checking {
		t.again = true
		return
	}
	t.checking = true
	bench, device, setup, report := t.d.s.p.Bench, t.device, t.setup, t.report
	behaviour := copied(t.behaviour())
	var problems []telemetry.Problem
	var messages []telemetry.Message
	t.d.s.p.Shell.Background(func(context.Context) error {
		problems = bench.Problems(device, setup)
		messages = bench.Preview(device, behaviour, report, previewed)
		return nil
	}, func(error) {
		t.checking = false
		if device == t.device {
			t.problems, t.messages = problems, messages
			if t.changed != nil {
				t.changed()
			}
		}
		if t.again {
			t.again = false
			t.check()
		}
	})
}

// save keeps the draft, and lets a device that is left to itself begin anew with it. start begins in any case.
func (t *draft) save(start bool) {
	s, device, setup := t.d.s, t.device, t.setup
	name := device
	if t.d.facts != nil {
		name = t.d.facts.row.name
	}
	t.dirty, t.saving = false, true
	said := "What " + name + " does is saved"
	s.p.Shell.Background(func(context.Context) error {
		err := s.p.Bench.Change(device, func(kept *onboard.Setup) {
			kept.Kind, kept.Behaviour, kept.Pace, kept.ByItself = setup.Kind, setup.Behaviour, setup.Pace, setup.ByItself
		})
		if err == nil && (start || s.p.Bench.ByItself(device)) {
			said = name + " does so from now on"
			err = s.p.Bench.Leave(device)
		}
		return err
	}, func(err error) {
		t.saving = false
		if err != nil {
			s.p.Shell.Fail("Save what "+name+" does", fmt.Errorf("%s", onboard.Say(err)))
		} else {
			s.p.Shell.Toast(said, nil)
		}
		s.reload()
	})
}

// flush keeps what is not saved, because another device is going to be shown.
func (t *draft) flush() {
	if t.dirty {
		s, device, setup := t.d.s, t.device, t.setup
		s.p.Shell.Background(func(context.Context) error {
			if _, there := s.p.Registry.Device(device); !there {
				return nil // it was deleted
			}
			return s.p.Bench.Change(device, func(kept *onboard.Setup) {
				kept.Kind, kept.Behaviour, kept.Pace, kept.ByItself = setup.Kind, setup.Behaviour, setup.Pace, setup.ByItself
			})
		}, func(err error) {
			if err != nil {
				s.p.Shell.Fail("Save what a device does", err)
			}
		})
	}
	t.dirty, t.device = false, ""
}

// problem is what is wrong at a path, in words; empty: nothing.
func (t *draft) problem(path string) string {
	if wrong := t.typed[path]; wrong != "" {
		return wrong
	}
	for _, p := range t.problems {
		if p.Path == path {
			return say(p)
		}
	}
	return ""
}

func say(p telemetry.Problem) string {
	return onboard.Sentence(p.What) + " " + onboard.Sentence(p.Todo)
}

// kinds are the ready-made kinds with their names.
func kinds() []scenario.Kind { return scenario.Kinds() }

// textOf is a behaviour as a file of a kind has it.
func textOf(b agent.Behaviour) (string, error) {
	if written(b) == written(agent.Behaviour{}) {
		return "reports: []\n", nil
	}
	content, err := yaml.MarshalWithOptions(b, yaml.IndentSequence(true))
	return string(content), err
}

// readText reads a behaviour as strictly as a file of a kind is read, with the files that it names. The places of its mistakes are those in the text.
func readText(text string) (agent.Behaviour, []scenario.Mistake) {
	const head, margin = "name: device\nbehaviour:\n", "  "
	var file strings.Builder
	file.WriteString(head)
	for line := range strings.Lines(text) {
		file.WriteString(margin + line)
	}
	kind, mistakes := scenario.ParseKind("device", []byte(file.String()), onboard.OpenFile)
	for i := range mistakes {
		m := &mistakes[i]
		m.Path = strings.TrimPrefix(m.Path, "behaviour.")
		if m.Line -= strings.Count(head, "\n"); m.Line <= 0 {
			m.Line, m.Column = 0, 0
		} else {
			m.Column = max(m.Column-len(margin), 1)
		}
	}
	if kind == nil {
		return agent.Behaviour{}, mistakes
	}
	return kind.Behaviour, nil
}

// takeOver makes a text's behaviour the draft.
func (t *draft) takeOver(b agent.Behaviour) {
	policy := b.Reconnect
	b.Reconnect = agent.Policy{}
	t.choose("", b)
	if written(agent.Behaviour{Reconnect: policy}) != written(agent.Behaviour{}) {
		t.d.s.p.Shell.Toast("How it comes back is chosen on the tab Connect: that part of the text was left out", nil)
	}
	t.d.reshow()
}

// openText shows the behaviour as text, in which everything can be said that the forms have no room for.
func (t *draft) openText() {
	text, err := textOf(t.behaviour())
	if err != nil {
		t.d.s.p.Shell.Fail("Show it as text", err)
		return
	}
	area := form.NewArea("", 14, nil)
	area.Entry.SetText(text)
	problem := form.NewProblem()
	say := kit.NewProse(kit.Run{Text: "The same as on the tabs Telemetry and Reactions, and more: state, subscriptions, schedules in straight lines. It is written as in the ready-made kinds and in scenarios.", Type: kit.Quiet})
	var sheet *kit.Sheet
	var body *fyne.Container
	take := kit.NewButton("Take it over", kit.Primary, func() {
		var b agent.Behaviour
		var mistakes []scenario.Mistake
		text := area.Entry.Text
		t.d.s.p.Shell.Background(func(context.Context) error {
			b, mistakes = readText(text)
			return nil
		}, func(error) {
			if len(mistakes) > 0 {
				problem.Say(onboard.Sentence(mistakes[0].Error()))
				body.Refresh()
				return
			}
			t.takeOver(b)
			sheet.Close()
		})
	})
	body = container.NewBorder(kit.Inset(0, 0, 8, 0, kit.Down(8, say)), kit.Inset(8, 0, 0, 0, kit.Down(8, problem.Container, kit.Across(8, kit.Spacer(), take))), nil, nil, area)
	sheet = kit.ShowSheet(t.d.s.p.Shell.Window().Canvas(), "What it does, as text", fyne.NewSize(720, 600), body)
	t.sheet = sheet
}
