package commands

import "gatehouse/assets"

type simSchema struct{}

// Help is shown below the flags.
func (c *simSchema) Help() string {
	return `An editor with a YAML language server completes and checks a scenario whose first line names the file:

  # yaml-language-server: $schema=scenario.schema.json`
}

// Run prints.
func (c *simSchema) Run(to streams) error {
	_, err := to.out.Write(assets.ScenarioSchema)
	return err
}
