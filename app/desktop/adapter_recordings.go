package desktop

import (
	"gatehouse/app/desktop/lab/recordings"
	"gatehouse/app/lab"
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
				all = append(all, recordings.Device{SID: d.SID, Name: name, Live: live[d.SID], Virtual: p.bench.Virtual(d.SID)})
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
