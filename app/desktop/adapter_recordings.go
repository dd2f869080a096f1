package desktop

import (
	"gatehouse/app/desktop/lab/recordings"
	"gatehouse/app/lab"
	"gatehouse/sim"
	"gatehouse/sim/record"
)

// recordingsTab is the Lab's tab of what devices did.
func (p *program) recordingsTab(at *adapter, listening func() bool) *recordings.View {
	return recordings.New(recordings.Params{
		Shell: p.frame, Recorder: p.lab.Recordings(), Runs: p.lab.Runs(), Pick: p.frame.Pick, Listening: listening,
		Devices: func() (all []recordings.Device) {
			live := at.connected()
			for _, d := range p.gateway.Registry().Devices() {
				name := d.UniqueName
				if name == "" {
					name = d.SID
				}
				all = append(all, recordings.Device{SID: d.SID, Name: name, Live: live[d.SID] || p.bench.Connected(d.SID), Virtual: p.bench.Virtual(d.SID)})
			}
			return all
		},
		As: func(deviceSID string) (lab.As, bool) {
			held := p.bench.Credentials(deviceSID)
			if len(held) == 0 {
				return lab.As{}, false
			}
			return lab.As{SID: deviceSID, Credential: held[0]}, true
		},
	})
}

// virtualSecrets are those of the keys that this computer plays a device with.
func (p *program) virtualSecrets(deviceSID string) (secrets []string) {
	for _, c := range p.bench.Credentials(deviceSID) {
		if c.Secret != "" {
			secrets = append(secrets, c.Secret)
		}
	}
	return secrets
}

// virtualElsewhere is a virtual device that connects to another server than this gateway.
func (p *program) virtualElsewhere(deviceSID string) (lab.Elsewhere, bool) {
	if !p.bench.Virtual(deviceSID) || p.bench.Setup(deviceSID).Options.Target == "" {
		return lab.Elsewhere{}, false
	}
	return lab.Elsewhere{
		Console: func(after uint64) []sim.Entry {
			if player, ok := p.bench.Player(deviceSID); ok { // there is none before it connects for the first time
				return player.Console(after)
			}
			return nil
		},
		Connected: func() bool { return p.bench.Connected(deviceSID) },
		Subscriptions: func() []sim.Subscription {
			if player, ok := p.bench.Player(deviceSID); ok {
				return player.Subscriptions()
			}
			return nil
		},
		Connect: func() record.Connect {
			o := p.bench.Setup(deviceSID).Options
			c := record.Connect{Protocol: map[int]string{sim.MQTT31: "3.1", sim.MQTT5: "5"}[o.Protocol], ClientID: o.ClientID, Clean: o.Clean, KeepAlive: o.KeepAlive}
			if c.Protocol == "" {
				c.Protocol = "3.1.1"
			}
			if held := p.bench.Credentials(deviceSID); len(held) > 0 {
				c.Certificate = len(held[min(max(o.Credential, 0), len(held)-1)].CertPEM) > 0
			}
			if w := o.Will; w != nil {
				c.Will = &record.Will{Topic: w.Topic, Payload: w.Payload, QoS: w.QoS, Retain: w.Retain}
			}
			return c
		},
	}, true
}
