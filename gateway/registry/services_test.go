package registry

import (
	"strings"
	"testing"

	"github.com/stretchr/testify/require"
)

func TestAServiceKeepsWhatIsSetAndRefusesWhatIsWrong(t *testing.T) {
	r, _ := newRegistry(t)
	s, found := r.ServiceByName("default")
	require.True(t, found)
	require.Equal(t, 5000, s.ReachabilityDebouncingWindow(), "the default window")

	hook, on, window := "http://127.0.0.1:3000/hook", true, 1000
	changed, err := r.UpdateService(t.Context(), s.SID, ServiceChange{WebhookURL: &hook, ACLEnabled: &on, ReachabilityDebouncingWindow: &window})
	require.NoError(t, err)
	require.Equal(t, s.FriendlyName, changed.FriendlyName, "what is not named stays")
	require.True(t, changed.Updated.After(s.Updated))
	got, _ := r.Service(s.SID)
	require.Equal(t, changed, got)
	require.Equal(t, 1000, got.ReachabilityDebouncingWindow())

	long, short, far := "http://h/"+strings.Repeat("x", 2048), 999, 30001
	file, relative, near, nearer := "file:///etc/passwd", "/hook", "http://169.254.169.254/latest", "http://[fe80::1%25eth0]/"
	for field, c := range map[string]ServiceChange{
		"WebhookUrl   ": {WebhookURL: &near}, "WebhookUrl    ": {WebhookURL: &nearer}, "WebhookUrl": {WebhookURL: &file}, "WebhookUrl ": {WebhookURL: &relative}, "WebhookUrl  ": {WebhookURL: &long},
		"ReachabilityDebouncingWindow": {ReachabilityDebouncingWindow: &short}, "ReachabilityDebouncingWindow ": {ReachabilityDebouncingWindow: &far},
	} {
		_, err := r.UpdateService(t.Context(), s.SID, c)
		var invalid *InvalidError
		require.ErrorAs(t, err, &invalid)
		require.Equal(t, strings.TrimSpace(field), invalid.Field)
	}
	got, _ = r.Service(s.SID)
	require.Equal(t, changed, got, "a refused change changes nothing")

	none := ""
	_, err = r.UpdateService(t.Context(), s.SID, ServiceChange{WebhookURL: &none})
	require.NoError(t, err)
	_, err = r.UpdateService(t.Context(), "IS00000000000000000000000000000000", ServiceChange{})
	require.ErrorIs(t, err, ErrNotFound)
}

func TestTheDefaultFleetAndServiceStay(t *testing.T) {
	r, _ := newRegistry(t)
	s, _ := r.ServiceByName("default")
	f, _ := r.FleetByName("default")
	require.ErrorIs(t, r.DeleteService(t.Context(), s.SID), ErrDefault)
	require.ErrorIs(t, r.DeleteFleet(t.Context(), f.SID), ErrDefault)
	_, service := r.Service(s.SID)
	_, fleet := r.Fleet(f.SID)
	require.True(t, service && fleet)
}
