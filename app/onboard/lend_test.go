package onboard_test

import (
	"os"
	"path/filepath"
	"testing"

	"github.com/stretchr/testify/assert"
	"github.com/stretchr/testify/require"

	"gatehouse/app/onboard"
	"gatehouse/app/onboard/onboardtest"
	"gatehouse/sim"
)

func TestWhatIsLentIsPlayedAndNeverWritten(t *testing.T) {
	path := filepath.Join(t.TempDir(), "setups.json")
	setups, err := onboard.OpenSetups(path)
	require.NoError(t, err)
	vault := &onboardtest.Vault{}
	player := &onboardtest.Player{}
	b := onboard.NewBench(onboard.BenchParams{
		Registry: onboardtest.NewRegistry(), Vault: vault, Setups: setups,
		Endpoint:  func() onboard.Endpoint { return onboard.Endpoint{Host: "localhost", Port: 8883} },
		NewPlayer: func(func(sim.Message)) onboard.Player { return player },
	})
	t.Cleanup(b.Close)
	const device = "THlent"
	assert.False(t, b.Virtual(device))

	b.Lend(device, sim.Credential{KeySID: "KY1", Secret: "secret-of-KY1"}, onboard.Setup{Options: onboard.Options{ClientID: "lamp"}, Kind: "lamp", Pace: 4})
	assert.True(t, b.Virtual(device))
	assert.True(t, b.Lent(device))
	assert.Equal(t, "lamp", b.Setup(device).Kind)
	require.NoError(t, b.Keep(device, onboard.Material{Method: onboard.GenerateKey, SID: "KY2", Secret: "secret-of-KY2"}))
	require.NoError(t, b.Change(device, func(s *onboard.Setup) { s.Pace = 2 }))
	assert.InDelta(t, 2, b.Setup(device).Pace, 0)
	require.Len(t, b.Credentials(device), 2)
	assert.Equal(t, "KY2", b.Credentials(device)[0].KeySID, "the newest comes first")
	assert.Equal(t, "KY1", b.Credentials(device)[b.Setup(device).Options.Credential].KeySID, "and it goes on with the one that it had")

	assert.Empty(t, vault.Get(device), "no secret of it is kept")
	_, err = os.Stat(path)
	require.ErrorIs(t, err, os.ErrNotExist, "nor how it is played")
	require.NoError(t, b.Remove(device))
	assert.False(t, b.Virtual(device))
	assert.Empty(t, b.Setup(device).Kind)
}
