package integration

import (
	"testing"

	"gatehouse/gateway/cause"
	"gatehouse/gateway/registry"
	"gatehouse/gateway/store"
)

// TestWhatRestedOnADeletedServiceIsGoneAlthoughTheProcessDiedInBetween deletes a service behind the gateway's back, as kill -9
// right after the registry's own write would leave it.
func TestWhatRestedOnADeletedServiceIsGoneAlthoughTheProcessDiedInBetween(t *testing.T) {
	dir := t.TempDir()
	g := openHTTP(t, dir)
	d, twin, o := device(t, g, "lamp")
	service, err := g.Registry().CreateService(t.Context(), "", "doomed")
	if err != nil {
		t.Fatal(err)
	}
	if _, err := g.Registry().UpdateDeployment(t.Context(), d.DeploymentSID, nil, &service.SID); err != nil {
		t.Fatal(err)
	}
	expect(t, g, twin, o, 0, cause.Accepted)
	if _, err := twin.Subscribe(t.Context(), "a/b", 1); err != nil {
		t.Fatal(err)
	}
	if err := twin.Publish(t.Context(), "a/b", []byte("x"), 1, true); err != nil {
		t.Fatal(err)
	}
	if n := g.Stats().Retained; n != 1 {
		t.Fatalf("%d messages are retained", n)
	}
	twin.Disconnect()
	if err := g.Close(); err != nil {
		t.Fatal(err)
	}

	s, err := store.Open(dir, store.Params{})
	if err != nil {
		t.Fatal(err)
	}
	r, err := registry.Open(t.Context(), registry.Params{Store: s})
	if err != nil {
		t.Fatal(err)
	}
	if err := r.DeleteService(t.Context(), service.SID); err != nil {
		t.Fatal(err)
	}
	if err := s.Close(); err != nil {
		t.Fatal(err)
	}

	g = openHTTP(t, dir)
	if stats := g.Stats(); stats.Retained != 0 || stats.Sessions != 0 {
		t.Errorf("%d retained messages and %d sessions of a service that is gone", stats.Retained, stats.Sessions)
	}
	o.URL = g.Status().URL
	expect(t, g, twin, o, 5, cause.NoService)
}
