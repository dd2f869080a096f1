package fleet

import (
	"fmt"
	"slices"
	"strconv"
	"strings"

	"gatehouse/sim/script"
	"gatehouse/sim/telemetry"
)

// number is what stands for a device's number.
const number = "{n}"

// check tells what is wrong with names and variables, apart from what the behaviour makes of them.
func (t Template) check() (problems []telemetry.Problem) {
	if t.Name != "" && !strings.Contains(t.Name, number) {
		problems = append(problems, telemetry.Problem{Path: "name", What: "it has no {n}, so that all devices would have the same name", Todo: "put {n} where the number of the device is to be"})
	}
	for _, name := range names(t.Name) {
		if _, known := t.Vars[name]; !known && name != "n" {
			problems = append(problems, telemetry.Problem{Path: "name", What: "{" + name + "} is not known", Todo: "use {n}, or a variable"})
		}
	}
	for name, values := range t.Vars {
		switch {
		case !script.IsName(name) || name == "n":
			problems = append(problems, telemetry.Problem{Path: "vars", What: fmt.Sprintf("%q cannot be the name of a variable", name), Todo: "use letters, digits and _, beginning with a letter; n is the number of the device"})
		case len(values) == 0:
			problems = append(problems, telemetry.Problem{Path: "vars", What: name + " has no value", Todo: "give one value for all devices, or several that they take in turn"})
		}
	}
	slices.SortFunc(problems, func(a, b telemetry.Problem) int { return strings.Compare(a.Path+a.What, b.Path+b.What) })
	return problems
}

// names are what stands in braces.
func names(pattern string) (found []string) {
	for {
		_, rest, open := strings.Cut(pattern, "{")
		name, after, closed := strings.Cut(rest, "}")
		if !open || !closed {
			return found
		}
		found, pattern = append(found, name), after
	}
}

// vars are the variables of the device with this index.
func (t Template) vars(i int) map[string]string {
	vars := make(map[string]string, len(t.Vars))
	for name, values := range t.Vars {
		if len(values) > 0 {
			vars[name] = strings.ReplaceAll(values[i%len(values)], number, strconv.Itoa(i+1))
		}
	}
	return vars
}

// name is that of the device with this index, of so many.
func (t Template) name(i, count int) string {
	if t.Name == "" {
		return fmt.Sprintf("%s%05d", t.Prefix, i+1)
	}
	pairs := []string{number, fmt.Sprintf("%0*d", len(strconv.Itoa(count)), i+1)}
	for name, value := range t.vars(i) {
		pairs = append(pairs, "{"+name+"}", value)
	}
	return strings.NewReplacer(pairs...).Replace(t.Name)
}

// NameOf is the name of the device with this number, from 1, of so many.
func (t Template) NameOf(n, count int) string { return t.name(n-1, count) }

// reports are those of the behaviour, below the topics that the fleet has in common.
func (t Template) reports() []telemetry.Report {
	above := strings.Trim(t.Topics, "/")
	if above == "" {
		return t.Behaviour.Reports
	}
	below := slices.Clone(t.Behaviour.Reports)
	for i := range below {
		below[i].Topic = above + "/" + below[i].Topic
	}
	return below
}
