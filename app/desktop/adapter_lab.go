package desktop

import (
	"context"

	"gatehouse/app/desktop/frame"
	screen "gatehouse/app/desktop/lab"
	"gatehouse/app/desktop/lab/faults"
	"gatehouse/app/desktop/lab/scenarios"
	"gatehouse/app/desktop/lab/servers"
	"gatehouse/app/desktop/shell"
	"gatehouse/app/lab"
	"gatehouse/app/story"
	"gatehouse/gateway"
)

// labTabs are the tabs of the Lab, in their order.
func (p *program) labTabs(at *adapter) []screen.Tab {
	p.lab = lab.New(lab.Params{Gateway: p.gateway, Bench: p.bench, Dir: p.options.Config.DataDir, Logger: p.options.Config.Logger, Secrets: p.virtualSecrets, Elsewhere: p.virtualElsewhere})
	listening := func() bool { return at.last.Load().State == gateway.Listening }
	p.scenarios = scenarios.New(scenarios.Params{Shell: p.frame, Runs: p.lab.Runs(), Ready: p.readyScenarios(), Listening: listening, Choose: p.frame.Choose, Broker: p.lab.Broker().Target})
	return []screen.Tab{
		{ID: "scenarios", Label: "Scenarios", Part: p.scenarios},
		{ID: "servers", Label: "Wrong servers", Part: servers.New(servers.Params{
			Shell: p.frame, Lab: p.gateway.Lab(), Devices: p.gateway.Registry().Devices, Pick: p.frame.Pick, RootPEM: p.gateway.RootPEM,
		})},
		{ID: "fleet", Label: "Fleet", Part: p.fleetTab()},
		{ID: "faults", Label: "Faults", Part: faults.New(faults.Params{
			Shell: p.frame, Bench: p.bench, Registry: p.gateway.Registry(), Generated: p.generatedFleets,
		})},
		{ID: "ordinary", Label: "Ordinary broker", Part: p.ordinaryTab()},
		{ID: "recordings", Label: "Recordings", Part: p.recordingsTab(at, listening)},
	}
}

// generatedFleets are those whose devices can be given faults.
func (p *program) generatedFleets() (all []faults.Generated) {
	for _, f := range p.lab.Fleets().All() {
		if s := p.lab.Fleets().Faults(f.Number); s != nil {
			all = append(all, faults.Generated{Number: f.Number, Title: f.Title, Devices: f.Figures.Count, Connected: f.Figures.Connected, Switches: s})
		}
	}
	return all
}

// labActions are the tabs as the command palette finds them.
func labActions(s *screen.Screen, to shell.Shell) (found []frame.Found) {
	for _, t := range s.Tabs() {
		found = append(found, frame.Found{Icon: string(shell.Lab), Title: "Lab: " + t.Label, Do: func() { to.Go(shell.Lab, t.ID) }})
	}
	return found
}

// readyScenarios come with the program. That they can be read is tested where they stand.
func (p *program) readyScenarios() (offers []scenarios.Offer) {
	all, err := story.All()
	if err != nil {
		p.options.Config.Logger.Error("a scenario of the program cannot be read", "err", err)
	}
	for _, r := range all {
		offers = append(offers, scenarios.Offer{ID: r.ID, File: story.File{Scenario: r.Scenario, Content: r.Content}})
	}
	return offers
}

// closeLab ends what the Lab runs, for as long as ctx allows.
func (p *program) closeLab(ctx context.Context) {
	if p.lab == nil {
		return
	}
	done := make(chan struct{})
	go func() { p.lab.Close(); close(done) }()
	select {
	case <-done:
	case <-ctx.Done():
	}
}
