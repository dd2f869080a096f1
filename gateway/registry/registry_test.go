package registry

import (
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"log/slog"
	"strings"
	"sync"
	"testing"
	"time"

	"github.com/stretchr/testify/require"
	"go.uber.org/goleak"

	"gatehouse/gateway/cause"
	"gatehouse/gateway/credential"
	"gatehouse/gateway/sid"
	"gatehouse/gateway/store"
)

// fakeBucket is a store in memory that can be told to fail.
type fakeBucket struct {
	mu      sync.Mutex
	values  map[string][]byte
	failure error
}

func (f *fakeBucket) All(context.Context) ([]store.Entry, error) {
	f.mu.Lock()
	defer f.mu.Unlock()
	var entries []store.Entry
	for key, value := range f.values {
		entries = append(entries, store.Entry{Key: key, Value: value})
	}
	return entries, nil
}

func (f *fakeBucket) Apply(_ context.Context, ops []store.Op) error {
	f.mu.Lock()
	defer f.mu.Unlock()
	if f.failure != nil {
		return f.failure
	}
	for _, op := range ops {
		if op.Delete {
			delete(f.values, op.Key)
		} else {
			f.values[op.Key] = op.Value
		}
	}
	return nil
}

func newRegistry(t testing.TB) (*Registry, *fakeBucket) {
	t.Helper()
	b := &fakeBucket{values: map[string][]byte{}}
	return reopen(t, b), b
}

func reopen(t testing.TB, b *fakeBucket) *Registry {
	t.Helper()
	r, err := openOn(context.Background(), b, Params{AuthenticatedEvery: time.Hour})
	require.NoError(t, err)
	t.Cleanup(func() { _ = r.Close(context.Background()) })
	return r
}

func device(t testing.TB, r *Registry, name string) Device {
	t.Helper()
	d, err := r.CreateDevice(t.Context(), NewDevice{UniqueName: name})
	require.NoError(t, err)
	return d
}

func certificatePEM(t testing.TB) []byte {
	t.Helper()
	g, err := credential.GenerateP256("device", time.Now())
	require.NoError(t, err)
	return g.CertPEM
}

func TestTheFirstStartMakesTheDefaults(t *testing.T) {
	r, b := newRegistry(t)
	require.True(t, sid.Valid(sid.Account, r.Account().SID))
	require.Regexp(t, "^[0-9a-f]{32}$", r.Account().AuthToken)
	require.Len(t, r.Fleets(), 1)
	fleet, found := r.FleetByName("default")
	require.True(t, found)
	require.Len(t, r.Deployments(fleet.SID), 1)
	require.Len(t, r.Services(), 1)
	require.Equal(t, r.Deployments(fleet.SID)[0].SID, fleet.DefaultDeploymentSID)
	require.Equal(t, r.Services()[0].SID, r.Deployments("")[0].ServiceSID)

	d := device(t, r, "thermostat")
	require.Equal(t, fleet.DefaultDeploymentSID, d.DeploymentSID)
	require.True(t, d.Enabled)
	service, why := r.EffectiveService(d)
	require.Empty(t, why)
	require.Equal(t, r.Services()[0].SID, service)

	again := reopen(t, b)
	require.Equal(t, r.Account().AuthToken, again.Account().AuthToken)
	require.Equal(t, r.Devices(), again.Devices())
	require.Equal(t, r.Fleets(), again.Fleets())
}

func TestNamesHaveBounds(t *testing.T) {
	r, _ := newRegistry(t)
	for field, n := range map[string]NewDevice{
		"UniqueName":    {UniqueName: strings.Repeat("ä", 129)},
		"FriendlyName":  {FriendlyName: strings.Repeat("x", 257)},
		"Identity":      {Identity: strings.Repeat("x", 257)},
		"DeploymentSid": {DeploymentSID: new("DL00000000000000000000000000000000")},
	} {
		_, err := r.CreateDevice(t.Context(), n)
		var invalid *InvalidError
		require.ErrorAs(t, err, &invalid)
		require.Equal(t, field, invalid.Field)
	}
	for _, name := range []string{"TH0123456789abcdef0123456789abcdef", "ZZ0123456789abcdef0123456789abcdef", "a\x00b", "\xff"} {
		_, err := r.CreateDevice(t.Context(), NewDevice{UniqueName: name})
		var invalid *InvalidError
		require.ErrorAs(t, err, &invalid, "%q", name)
	}
	_, err := r.CreateDevice(t.Context(), NewDevice{
		UniqueName: strings.Repeat("ä", 128), FriendlyName: strings.Repeat("x", 256), Identity: strings.Repeat("x", 256), DeploymentSID: new(""),
	})
	require.NoError(t, err)
	require.Len(t, r.Devices(), 1)
}

func TestAUniqueNameIsTakenOncePerFleet(t *testing.T) {
	r, _ := newRegistry(t)
	first := device(t, r, "pump")
	_, err := r.CreateDevice(t.Context(), NewDevice{UniqueName: "pump"})
	var exists *ExistsError
	require.ErrorAs(t, err, &exists)
	require.Equal(t, first.SID, exists.SID)
	require.ErrorIs(t, err, ErrExists)
	other, err := r.CreateFleet(t.Context(), "plant", "")
	require.NoError(t, err)
	_, err = r.CreateDevice(t.Context(), NewDevice{FleetSID: other.SID, UniqueName: "pump"})
	require.NoError(t, err)
	found, ok := r.DeviceByName("", "pump")
	require.True(t, ok)
	require.Equal(t, first.SID, found.SID)
	require.NoError(t, r.DeleteDevice(t.Context(), first.SID))
	device(t, r, "pump")
	_, err = r.CreateFleet(t.Context(), "plant", "")
	require.ErrorIs(t, err, ErrExists)
}

func TestACredentialBelongsToAtMostOneDevice(t *testing.T) {
	r, _ := newRegistry(t)
	a, b := device(t, r, "a"), device(t, r, "b")
	k, secret, err := r.CreateKey(t.Context(), "", a.SID, "key")
	require.NoError(t, err)
	require.True(t, credential.SecretMatches(k.Salt, k.Hash, []byte(secret)))
	var changes []Change
	cancel := r.OnChange(func(c Change) { changes = append(changes, c) })
	require.NoError(t, r.AssignCredential(t.Context(), k.SID, b.SID))
	require.Empty(t, r.Keys(a.SID))
	require.Len(t, r.Keys(b.SID), 1)
	require.Len(t, changes, 1)
	require.ElementsMatch(t, []string{a.SID, b.SID}, changes[0].Affected, "both may have to be disconnected")
	cancel()
	require.NoError(t, r.AssignCredential(t.Context(), k.SID, ""))
	require.Len(t, changes, 1)
	require.Empty(t, r.Keys(b.SID))
	require.Len(t, r.AllKeys(), 1)
	other, err := r.CreateFleet(t.Context(), "", "other")
	require.NoError(t, err)
	foreign, err := r.CreateDevice(t.Context(), NewDevice{FleetSID: other.SID})
	require.NoError(t, err)
	require.Error(t, r.AssignCredential(t.Context(), k.SID, foreign.SID))
}

func TestACertificateIsEnrolledOnce(t *testing.T) {
	r, _ := newRegistry(t)
	d := device(t, r, "a")
	data := certificatePEM(t)
	c, err := r.ImportCertificate(t.Context(), "", d.SID, "", data)
	require.NoError(t, err)
	found, ok := r.CertificateByThumbprint(c.Thumbprint)
	require.True(t, ok)
	require.Equal(t, c, found)
	_, err = r.ImportCertificate(t.Context(), "", "", "", data)
	var exists *ExistsError
	require.ErrorAs(t, err, &exists)
	require.Equal(t, ExistsError{What: "certificate", SID: c.SID}, *exists)
	require.NoError(t, r.DeleteCertificate(t.Context(), c.SID))
	_, ok = r.CertificateByThumbprint(c.Thumbprint)
	require.False(t, ok)
	stone, ok := r.Tombstone(c.Thumbprint)
	require.True(t, ok)
	require.Equal(t, d.SID, stone.DeviceSID)
	require.False(t, stone.WithDevice)
	_, err = r.ImportCertificate(t.Context(), "", "", "", data)
	require.NoError(t, err)
	_, err = r.ImportCertificate(t.Context(), "", "", "", []byte("no certificate"))
	var problem *credential.ImportError
	require.ErrorAs(t, err, &problem)
}

func TestDeletingADeviceTakesItsCredentialsAndLeavesTombstones(t *testing.T) {
	r, b := newRegistry(t)
	d := device(t, r, "pump")
	k, _, err := r.CreateKey(t.Context(), "", d.SID, "")
	require.NoError(t, err)
	c, err := r.ImportCertificate(t.Context(), "", d.SID, "", certificatePEM(t))
	require.NoError(t, err)
	require.NoError(t, r.DeleteDevice(t.Context(), d.SID))
	for _, r := range []*Registry{r, reopen(t, b)} {
		require.Empty(t, r.Devices())
		require.Empty(t, r.AllKeys())
		require.Empty(t, r.AllCertificates())
		for _, name := range []string{k.SID, c.SID, c.Thumbprint} {
			stone, found := r.Tombstone(name)
			require.True(t, found)
			require.Equal(t, "pump", stone.DeviceName)
			require.True(t, stone.WithDevice)
		}
	}
	require.ErrorIs(t, r.DeleteDevice(t.Context(), d.SID), ErrNotFound)
}

func TestDeletingAFleetDeletesAllInIt(t *testing.T) {
	r, b := newRegistry(t)
	keep := device(t, r, "keep")
	f, err := r.CreateFleet(t.Context(), "plant", "")
	require.NoError(t, err)
	d, err := r.CreateDevice(t.Context(), NewDevice{FleetSID: f.SID})
	require.NoError(t, err)
	for _, deviceSID := range []string{d.SID, ""} {
		_, _, err = r.CreateKey(t.Context(), f.SID, deviceSID, "")
		require.NoError(t, err)
		_, err = r.ImportCertificate(t.Context(), f.SID, deviceSID, "", certificatePEM(t))
		require.NoError(t, err)
	}
	affected := map[string]bool{}
	r.OnChange(func(c Change) {
		for _, device := range c.Affected {
			affected[device] = true
		}
	})
	require.NoError(t, r.DeleteFleet(t.Context(), f.SID))
	require.Equal(t, map[string]bool{d.SID: true}, affected)
	for _, r := range []*Registry{r, reopen(t, b)} {
		require.Len(t, r.Fleets(), 1)
		require.Len(t, r.Deployments(""), 1)
		require.Len(t, r.Devices(), 1)
		require.Equal(t, keep.SID, r.Devices()[0].SID)
		require.Empty(t, r.AllKeys())
		require.Empty(t, r.AllCertificates())
	}
}

func TestDeletingADeploymentLeavesItsDevicesUndeployed(t *testing.T) {
	r, b := newRegistry(t)
	d := device(t, r, "a")
	require.NoError(t, r.DeleteDeployment(t.Context(), d.DeploymentSID))
	for _, r := range []*Registry{r, reopen(t, b)} {
		found, _ := r.Device(d.SID)
		require.Empty(t, found.DeploymentSID)
		_, why := r.EffectiveService(found)
		require.Equal(t, cause.NotDeployed, why)
		require.Empty(t, r.Fleets()[0].DefaultDeploymentSID)
	}
}

func TestChangingTheServiceAffectsTheDevicesOfTheDeployment(t *testing.T) {
	r, _ := newRegistry(t)
	d := device(t, r, "a")
	s, err := r.CreateService(t.Context(), "second", "")
	require.NoError(t, err)
	var last Change
	r.OnChange(func(c Change) { last = c })
	_, err = r.UpdateDeployment(t.Context(), d.DeploymentSID, new("renamed"), nil)
	require.NoError(t, err)
	require.Empty(t, last.Affected, "a new name changes nothing for devices")
	_, err = r.UpdateDeployment(t.Context(), d.DeploymentSID, nil, &s.SID)
	require.NoError(t, err)
	require.Equal(t, []string{d.SID}, last.Affected)
	require.NoError(t, r.DeleteService(t.Context(), s.SID))
	require.Equal(t, []string{d.SID}, last.Affected)
	_, why := r.EffectiveService(d)
	require.Equal(t, cause.NoService, why)
	_, err = r.UpdateDeployment(t.Context(), d.DeploymentSID, nil, &s.SID)
	var invalid *InvalidError
	require.ErrorAs(t, err, &invalid)
}

func TestTombstonesAreBounded(t *testing.T) {
	gs := newGraves()
	for n := range uint64(maxGraves + 5) {
		gs.add(grave{Number: n, Tombstone: Tombstone{CredentialSID: fmt.Sprint(n), Thumbprint: "same"}})
	}
	require.Len(t, gs.slots, maxGraves)
	require.LessOrEqual(t, len(gs.names), maxGraves+1)
	_, found := gs.find("4")
	require.False(t, found)
	_, found = gs.find("5")
	require.True(t, found)
	stone, found := gs.find("same")
	require.True(t, found)
	require.Equal(t, fmt.Sprint(maxGraves+4), stone.CredentialSID)
}

func TestAFailedWriteChangesNothing(t *testing.T) {
	r, b := newRegistry(t)
	d := device(t, r, "a")
	version := r.Version()
	b.failure = errors.New("disk full")
	r.OnChange(func(Change) { t.Error("nothing changed") })
	_, err := r.CreateDevice(t.Context(), NewDevice{UniqueName: "b"})
	require.ErrorIs(t, err, b.failure)
	_, err = r.UpdateDevice(t.Context(), d.SID, DeviceChange{Enabled: new(false)})
	require.ErrorIs(t, err, b.failure)
	require.ErrorIs(t, r.DeleteDevice(t.Context(), d.SID), b.failure)
	require.Equal(t, []Device{d}, r.Devices())
	require.Equal(t, version, r.Version())
}

func TestAcceptedConnectsAreWrittenInBatches(t *testing.T) {
	r, b := newRegistry(t)
	d := device(t, r, "a")
	at := time.Date(2026, 1, 2, 3, 4, 5, 0, time.UTC)
	r.Authenticated(d.SID, at)
	r.Authenticated(d.SID, at.Add(-time.Hour))
	r.Authenticated("TH00000000000000000000000000000000", at)
	found, _ := r.Device(d.SID)
	require.Equal(t, at, found.Authenticated)
	stored, _ := reopen(t, b).Device(d.SID)
	require.Zero(t, stored.Authenticated, "not written yet")
	_, err := r.UpdateDevice(t.Context(), d.SID, DeviceChange{Identity: new("me")})
	require.NoError(t, err)
	require.NoError(t, r.Close(t.Context()))
	stored, _ = reopen(t, b).Device(d.SID)
	require.Equal(t, at, stored.Authenticated)
	require.Equal(t, "me", stored.Identity)
}

func TestSecretsDoNotShow(t *testing.T) {
	r, _ := newRegistry(t)
	token := r.Account().AuthToken
	k, secret, err := r.CreateKey(t.Context(), "", "", "")
	require.NoError(t, err)
	var text strings.Builder
	log := slog.New(slog.NewJSONHandler(&text, nil))
	log.Info("account", "account", r.Account(), "key", k)
	encoded, err := json.Marshal(map[string]any{"account": r.Account()})
	require.NoError(t, err)
	text.Write(encoded)
	fmt.Fprintf(&text, "%v %+v %#v %s %v %#v", r.Account(), r.Account(), r.Account(), r.Account(), k, k)
	for _, hidden := range []string{token, secret, string(k.Hash), fmt.Sprint(k.Hash)} {
		require.NotContains(t, text.String(), hidden)
	}
	rotated, err := r.RotateToken(t.Context())
	require.NoError(t, err)
	require.NotEqual(t, token, rotated.AuthToken)
	require.Equal(t, rotated, r.Account())
}

func TestReadersAndWritersDoNotDisturbEachOther(t *testing.T) {
	r, _ := newRegistry(t)
	d := device(t, r, "a")
	stop := make(chan struct{})
	var wg sync.WaitGroup
	wg.Go(func() {
		for n := 0; ; n++ {
			select {
			case <-stop:
				return
			default:
				r.Authenticated(d.SID, time.Unix(int64(n), 0))
				r.Devices()
				r.EffectiveService(d)
				r.Keys(d.SID)
			}
		}
	})
	for range 200 {
		k, _, err := r.CreateKey(t.Context(), "", d.SID, "")
		require.NoError(t, err)
		_, err = r.UpdateDevice(t.Context(), d.SID, DeviceChange{Identity: &k.SID})
		require.NoError(t, err)
		require.NoError(t, r.DeleteKey(t.Context(), k.SID))
	}
	close(stop)
	wg.Wait()
}

func TestTheRegistryIsReadAgainWhenTheStoreIsReopened(t *testing.T) {
	defer goleak.VerifyNone(t, goleak.IgnoreCurrent())
	dir := t.TempDir()
	s, err := store.Open(dir, store.Params{})
	require.NoError(t, err)
	r, err := Open(t.Context(), Params{Store: s})
	require.NoError(t, err)
	d := device(t, r, "a")
	var told []Change
	r.OnChange(func(c Change) { told = append(told, c) })
	require.NoError(t, s.Reopen(t.Context()))
	require.Equal(t, []Change{{Kind: KindAll, Affected: []string{d.SID}}}, told)
	require.Len(t, r.Devices(), 1)
	device(t, r, "b")
	require.NoError(t, r.Close(t.Context()))
	require.NoError(t, s.Close())
}

func BenchmarkLookups(b *testing.B) {
	r, _ := newRegistry(b)
	var keys []Key
	var thumbs []string
	for n := range 10000 {
		d := device(b, r, fmt.Sprint(n))
		k, _, err := r.CreateKey(b.Context(), "", d.SID, "")
		require.NoError(b, err)
		keys = append(keys, k)
		r.memory.addCertificate(Certificate{SID: fmt.Sprint("CY", n), DeviceSID: d.SID, Thumbprint: fmt.Sprintf("%064d", n)})
		thumbs = append(thumbs, fmt.Sprintf("%064d", n))
	}
	b.Run("key device and service", func(b *testing.B) {
		b.ReportAllocs()
		for n := 0; b.Loop(); n++ {
			k, _ := r.Key(keys[n%len(keys)].SID)
			d, _ := r.Device(k.DeviceSID)
			if _, why := r.EffectiveService(d); why != "" {
				b.Fatal(why)
			}
		}
	})
	b.Run("certificate by thumbprint", func(b *testing.B) {
		b.ReportAllocs()
		for n := 0; b.Loop(); n++ {
			if _, found := r.CertificateByThumbprint(thumbs[n%len(thumbs)]); !found {
				b.Fatal("not found")
			}
		}
	})
	b.Run("parallel", func(b *testing.B) {
		b.RunParallel(func(pb *testing.PB) {
			for n := 0; pb.Next(); n++ {
				k, _ := r.Key(keys[n%len(keys)].SID)
				r.Device(k.DeviceSID)
			}
		})
	})
	b.Run("all devices", func(b *testing.B) {
		for b.Loop() {
			r.Devices()
		}
	})
}
