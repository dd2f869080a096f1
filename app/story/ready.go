package story

import (
	"context"
	"errors"
	"fmt"
	"io/fs"
	"path"
	"strings"

	"gatehouse/assets"
	"gatehouse/gateway"
	"gatehouse/sim/scenario"
)

// Ready is a scenario that comes with the program.
type Ready struct {
	ID      string // the name of its file without .yaml
	Content []byte
	*scenario.Scenario
}

// All are the scenarios that come with the program, by their ID.
func All() ([]Ready, error) {
	names, err := fs.Glob(assets.Scenarios, "scenarios/*.yaml")
	if err != nil {
		return nil, fmt.Errorf("ready scenarios: %w", err)
	}
	all := make([]Ready, 0, len(names))
	for _, name := range names {
		content, err := assets.Scenarios.ReadFile(name)
		if err != nil {
			return nil, fmt.Errorf("ready scenarios: %w", err)
		}
		s, mistakes := scenario.Parse(content, nil)
		if len(mistakes) > 0 {
			return nil, fmt.Errorf("ready scenario %s: %w", name, mistakes[0])
		}
		all = append(all, Ready{strings.TrimSuffix(path.Base(name), ".yaml"), content, s})
	}
	return all, nil
}

// Play plays a scenario on a gateway, in a fleet of its own, and removes what it made.
func Play(ctx context.Context, g *gateway.Gateway, s *scenario.Scenario, p scenario.Params) (result scenario.Result, err error) {
	stage, err := NewStage(ctx, g)
	if err != nil {
		return scenario.Result{}, err
	}
	defer func() { err = errors.Join(err, stage.Close()) }()
	p.World = stage
	return scenario.Run(ctx, s, p), nil
}
