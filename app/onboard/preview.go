package onboard

import (
	"time"

	"gatehouse/sim/agent"
	"gatehouse/sim/script"
	"gatehouse/sim/telemetry"
)

// Preview is the next n messages of one report of a behaviour, as they would be if the device were left to itself now. Nothing is sent. Without
// messages the report has a mistake, which Problems tells. It reads the files that the report names.
func (b *Bench) Preview(deviceSID string, behaviour agent.Behaviour, report, n int) []telemetry.Message {
	if report < 0 || report >= len(behaviour.Reports) {
		return nil
	}
	identity := b.Identity(deviceSID)
	state, err := script.NewState(behaviour.State)
	if err != nil {
		return nil
	}
	identity.State = state
	messages, problems := telemetry.Preview(behaviour.Reports[report], identity, b.p.Now(), n)
	if len(problems) > 0 && len(messages) == 0 {
		return nil
	}
	return messages
}

// PreviewTime is when the message of an index comes, about: jitter left aside.
func PreviewTime(r telemetry.Report, index int) time.Duration {
	return time.Duration(r.Every) * time.Duration(index)
}
