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

// PreviewTime is after how long the message of an index comes when the device's time passes at a pace (0: as ours), about: jitter left aside.
func PreviewTime(r telemetry.Report, pace float64, index int) time.Duration {
	if pace <= 0 {
		pace = 1
	}
	return time.Duration(float64(r.Every) / pace * float64(index)).Round(10 * time.Millisecond)
}
