package lab

import (
	"cmp"
	"errors"
	"fmt"
	"slices"
	"strings"
	"time"
	"unicode/utf8"

	"gatehouse/sim"
	"gatehouse/sim/fleet"
	"gatehouse/sim/scenario"
	"gatehouse/sim/telemetry"
)

// Bounds of generated fleets.
const (
	MostDevices      = 5_000 // of a fleet
	MostFleets       = 12
	MostTogether     = 10_000 // devices of all fleets
	MostPerSecond    = 400    // starts; a gateway takes 500 connects a second, and others want some of them
	longestName      = 128    // the registry's bound
	mostVars         = 16
	mostValues       = 5_000 // of a variable
	UsualPerSecond   = 100
	UsualFleetNumber = 50
)

// FleetPlan is a fleet that is to be made.
type FleetPlan struct {
	Kind        string // of scenario.Kinds
	Count       int
	Name        string // a pattern for the devices' names, see fleet.Template
	Vars        map[string][]string
	Topics      string // before the topics of all reports
	Certificate bool   // each device has a certificate; else a key
	PerSecond   int    // devices that are started each second
	Ordinary    bool   // they connect to the ordinary broker
	Other       *Target
}

// registered reports whether the devices are registered on this gateway.
func (p FleetPlan) registered() bool { return !p.Ordinary && p.Other == nil }

// ramp is the time from the first start to the last.
func (p FleetPlan) ramp() time.Duration {
	return max(time.Duration(p.Count)*time.Second/time.Duration(max(p.PerSecond, 1)), time.Millisecond)
}

// kind is what the devices do.
func (p FleetPlan) kind() (scenario.Kind, bool) { return scenario.KindOf(p.Kind) }

// Check tells what is wrong with a plan, as far as that can be told from it alone. Path is kind, count, name, vars, topics, rate or target.
func (p FleetPlan) Check() (problems []telemetry.Problem) {
	wrong := func(path, what, todo string) {
		problems = append(problems, telemetry.Problem{Path: path, What: what, Todo: todo})
	}
	kind, known := p.kind()
	if !known {
		wrong("kind", fmt.Sprintf("there is no kind %q", p.Kind), "choose one of those that are offered")
	}
	if p.Count < 1 || p.Count > MostDevices {
		wrong("count", fmt.Sprintf("a fleet has from 1 to %d devices", MostDevices), "give a number between them")
	}
	if p.PerSecond < 1 || p.PerSecond > MostPerSecond {
		wrong("rate", fmt.Sprintf("from 1 to %d devices can be started each second", MostPerSecond), "give a number between them")
	}
	if p.Name == "" {
		wrong("name", "the devices have no names", "give a pattern such as meter-{n}")
	}
	if len(p.Vars) > mostVars {
		wrong("vars", fmt.Sprintf("there are more than %d variables", mostVars), "leave some out")
	}
	switch {
	case p.Other != nil && p.Other.URL == "":
		wrong("target", "the address is missing", "write it as mqtts://host:port")
	case p.Other != nil:
		var refused *sim.ConnectError
		if err := (sim.Options{URL: p.Other.URL, RootPEM: p.Other.RootPEM}).Check(); errors.As(err, &refused) {
			wrong("target", refused.Why, refused.Todo)
		}
	}
	if len(problems) > 0 {
		return problems
	}
	_, problems = fleet.New(fleet.Params{Count: 1, Template: p.template(kind, Target{})}) // what is wrong with one is wrong with all, and this is asked at every letter
	for i := range problems {
		if strings.HasPrefix(problems[i].Path, "reports") { // the kinds are in order: it is what was put before their topics
			problems[i].Path = "topics"
		}
	}
	if p.longest() > longestName {
		wrong("name", fmt.Sprintf("the longest name would have %d characters, and %d is the most", p.longest(), longestName), "shorten the pattern, or a value of a variable")
	}
	return problems
}

// longest is the length of the longest name.
func (p FleetPlan) longest() (most int) {
	t := fleet.Template{Name: p.Name, Vars: p.Vars}
	values := 1
	for _, v := range p.Vars {
		values = max(values, len(v))
	}
	for n := p.Count; n > 0 && n > p.Count-values; n-- {
		most = max(most, utf8.RuneCountInString(t.NameOf(n, p.Count)))
	}
	return most
}

// Sample is the names of the first device and the last one, where the plan is good for names.
func (p FleetPlan) Sample() (first, last string) {
	t := fleet.Template{Name: p.Name, Vars: p.Vars}
	return t.NameOf(1, p.Count), t.NameOf(p.Count, p.Count)
}

func (p FleetPlan) template(kind scenario.Kind, at Target) fleet.Template {
	return fleet.Template{
		Name: p.Name, Vars: p.Vars, Topics: p.Topics, Behaviour: kind.Behaviour,
		Options: sim.Options{URL: at.URL, RootPEM: at.RootPEM},
	}
}

// ParseVars reads variables as people write them: "room = kitchen, hall; floor = {n}".
func ParseVars(text string) (map[string][]string, error) {
	vars := map[string][]string{}
	for part := range strings.SplitSeq(text, ";") {
		if strings.TrimSpace(part) == "" {
			continue
		}
		name, list, found := strings.Cut(part, "=")
		name = strings.TrimSpace(name)
		if !found || name == "" {
			return nil, fmt.Errorf("“%s” is no variable: write name = value, and ; between variables", strings.TrimSpace(part))
		}
		if _, twice := vars[name]; twice {
			return nil, fmt.Errorf("%s is there twice", name)
		}
		values := strings.Split(list, ",")
		for i := range values {
			values[i] = strings.TrimSpace(values[i])
		}
		if values = slices.DeleteFunc(values, func(v string) bool { return v == "" }); len(values) == 0 {
			return nil, fmt.Errorf("%s has no value: write %s = value, or several with commas between them", name, name)
		}
		if len(values) > mostValues {
			return nil, fmt.Errorf("%s has more than %d values", name, mostValues)
		}
		vars[name] = values
	}
	return vars, nil
}

// title is what people call the fleet.
func (p FleetPlan) title() string {
	kind, _ := p.kind()
	return fmt.Sprintf("%d × %s", p.Count, strings.ToLower(cmp.Or(kind.Name, p.Kind)))
}
