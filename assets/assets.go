// Package assets holds what the program shows and plays that is not code. It knows nothing of who does.
package assets

import "embed"

// Icon is the program's mark as a PNG of 512×512 pixels. It is drawn from icon.svg by scripts/icon.
//
//go:embed icon.png
var Icon []byte

// Scenarios are the ready scenarios, as scenarios/*.yaml.
//
//go:embed scenarios/*.yaml
var Scenarios embed.FS

// ScenarioSchema is the JSON Schema of scenarios, made from the simulator's types.
//
//go:embed scenario.schema.json
var ScenarioSchema []byte

// Devices are the ready-made kinds of device, as devices/*.yaml.
//
//go:embed devices/*.yaml
var Devices embed.FS
