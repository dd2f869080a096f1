package scenario

import (
	"io/fs"
	"path"
	"slices"
	"strings"
	"sync"

	"gatehouse/assets"
	"gatehouse/sim/agent"
	"gatehouse/sim/telemetry"
)

// Kind is a ready-made device: what it does by itself.
type Kind struct {
	ID          string          `json:"id" yaml:"-"` // as scenarios name it
	Name        string          `json:"name" yaml:"name"`
	Description string          `json:"description,omitempty" yaml:"description,omitempty"`
	Behaviour   agent.Behaviour `json:"behaviour" yaml:"behaviour"`
}

// ParseKind reads the file of a kind as strictly as Parse does. open reads files that telemetry names; nil: there are none.
func ParseKind(id string, content []byte, open func(name string) ([]byte, error)) (*Kind, []Mistake) {
	k := &Kind{ID: id}
	check := func() (mistakes []Mistake) {
		_, problems := agent.New(agent.Params{Identity: telemetry.Device{Name: id, Open: open}, Behaviour: k.Behaviour})
		for _, p := range problems {
			mistakes = append(mistakes, Mistake{Path: "behaviour." + p.Path, What: p.What, Todo: p.Todo})
		}
		return mistakes
	}
	if mistakes := parse(content, k, check); len(mistakes) > 0 {
		return nil, mistakes
	}
	return k, nil
}

// Kinds are those that come with the program, by their ID. They are not to be changed.
var Kinds = sync.OnceValue(func() (all []Kind) {
	names, err := fs.Glob(assets.Devices, "devices/*.yaml")
	if err != nil {
		panic(err) // the pattern is wrong
	}
	for _, name := range names {
		content, err := assets.Devices.ReadFile(name)
		if err != nil {
			panic(err) // it is in the program
		}
		k, mistakes := ParseKind(strings.TrimSuffix(path.Base(name), ".yaml"), content, nil)
		if len(mistakes) > 0 {
			panic(name + ": " + mistakes[0].Error())
		}
		all = append(all, *k)
	}
	return all
})

// KindOf finds a kind by its ID.
func KindOf(id string) (Kind, bool) {
	all := Kinds()
	i := slices.IndexFunc(all, func(k Kind) bool { return k.ID == id })
	if i < 0 {
		return Kind{}, false
	}
	return all[i], true
}

func kindIDs() (ids []string) {
	for _, k := range Kinds() {
		ids = append(ids, k.ID)
	}
	return ids
}

// behaviour is a device's own, or that of its kind; nil when it has none.
func (d Device) behaviour() *agent.Behaviour {
	if k, known := KindOf(d.Kind); known {
		return &k.Behaviour
	}
	return d.Behaviour
}
