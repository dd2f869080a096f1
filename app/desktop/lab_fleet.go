package desktop

import (
	"context"

	"gatehouse/app/desktop/lab/fleet"
	"gatehouse/app/desktop/lab/ordinary"
)

// fleetTab is the tab of generated fleets.
func (p *program) fleetTab() *fleet.View {
	return fleet.New(fleet.Params{Shell: p.frame, Fleets: p.lab.Fleets(), Ordinary: func() bool { return p.lab.Broker().State().Running }})
}

// ordinaryTab is the tab of the ordinary broker.
func (p *program) ordinaryTab() *ordinary.View {
	return ordinary.New(ordinary.Params{
		Shell: p.frame, Broker: p.lab.Broker(), RootPEM: p.gateway.RootPEM, Pick: p.frame.Pick,
		Devices: func() (virtual []ordinary.Device) {
			for _, d := range p.gateway.Registry().Devices() {
				if p.bench.Virtual(d.SID) {
					virtual = append(virtual, ordinary.Device{SID: d.SID, Name: d.Name()})
				}
			}
			return virtual
		},
		Point: func(ctx context.Context, deviceSID, url string) error {
			o := p.bench.Setup(deviceSID).Options
			o.Target = url
			return p.bench.Connect(ctx, deviceSID, o).Err
		},
	})
}
