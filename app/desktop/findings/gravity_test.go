package findings

import (
	"testing"

	"github.com/stretchr/testify/require"

	"gatehouse/gateway/attempt"
	"gatehouse/gateway/cause"
)

func TestWhatKeepsADeviceOutWeighsMoreThanWhatIsOnlyWorthKnowing(t *testing.T) {
	for kind, want := range map[cause.ID]attempt.State{
		cause.TakeoverFight: attempt.Bad, cause.IgnoresCode: attempt.Bad, cause.SameFailure: attempt.Bad,
		cause.ClockOff: attempt.Warn, cause.CertificateExpiresSoon: attempt.Warn, cause.ReconnectStorm: attempt.Warn, cause.SecretWhitespace: attempt.Warn,
		cause.HeavyKey: attempt.Good, cause.WillDiscarded: attempt.Good, cause.KeepaliveShort: attempt.Good,
		"a kind that is yet to come": attempt.Warn,
	} {
		require.Equal(t, want, Gravity(kind), kind)
	}
}
