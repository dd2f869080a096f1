package commands

import (
	"encoding/json"
	"fmt"

	"gatehouse/assets"
	"gatehouse/sim/scenario"
)

type simKinds struct {
	Kind string `arg:"" optional:"" help:"Print the behaviour of this one."`
	JSON bool   `name:"json" help:"Print one JSON object a line."`
}

// Run lists or prints.
func (c *simKinds) Run(to streams) error {
	if c.Kind != "" {
		if _, known := scenario.KindOf(c.Kind); !known {
			return usage("there is no kind %s; see gatehouse sim kinds", c.Kind)
		}
		content, err := assets.Devices.ReadFile("devices/" + c.Kind + ".yaml")
		if err != nil {
			return err
		}
		_, err = to.out.Write(content)
		return err
	}
	for _, k := range scenario.Kinds() {
		if c.JSON {
			if err := json.NewEncoder(to.out).Encode(k); err != nil {
				return err
			}
			continue
		}
		fmt.Fprintf(to.out, "%-12s %s\n", k.ID, k.Description)
	}
	return nil
}
