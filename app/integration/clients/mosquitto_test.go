//go:build integration

package clients

import (
	"strconv"
	"testing"

	"github.com/stretchr/testify/require"

	"gatehouse/gateway/attempt"
	"gatehouse/gateway/cause"
	"gatehouse/gateway/registry"
	"gatehouse/gateway/sid"
)

func TestAKeyLetsADeviceTalkToAnother(t *testing.T) {
	b := newBench(t)
	listens, talks := b.device("display"), b.device("thermostat")
	display := b.subscribe(b.key(listens))
	b.subscribed(listens)
	b.publish(b.key(talks)).succeeds()
	display.prints("greetings hello")

	a, ok := b.newest()
	require.True(t, ok)
	require.Equal(t, attempt.Code(0), a.Code)
	require.Equal(t, talks.SID, a.DeviceSID)
}

func TestAnOpensslCertificateOfEachKindIdentifiesItsDevice(t *testing.T) {
	kinds := map[string][]string{
		"P-256":    {"-newkey", "ec", "-pkeyopt", "ec_paramgen_curve:prime256v1"},
		"P-384":    {"-newkey", "ec", "-pkeyopt", "ec_paramgen_curve:secp384r1"},
		"RSA-2048": {"-newkey", "rsa:2048"},
		"Ed25519":  {"-newkey", "ed25519"},
	}
	b := newBench(t)
	for name, newkey := range kinds {
		t.Run(name, func(t *testing.T) {
			b := &bench{t, b.gateway, b.status}
			d := b.device(name)
			// What else is presented is ignored beside a certificate. (contract, section 3)
			b.publish(b.certificate(d, newkey...), "-i", "anything", "-u", "KYnonsense", "-P", "wrong").succeeds()
			a, ok := b.newest()
			require.True(t, ok)
			require.Equal(t, attempt.Code(0), a.Code)
			require.Equal(t, d.SID, a.DeviceSID)
		})
	}
}

// What mosquitto is told, for every code that a client can bring about.
func TestMosquittoIsToldTheCode(t *testing.T) {
	b := newBench(t)
	right := b.device("right")
	key := b.key(right)
	disabled := b.device("disabled")
	enabled := false
	disabledKey := b.key(disabled)
	_, err := b.gateway.Registry().UpdateDevice(t.Context(), disabled.SID, registry.DeviceChange{Enabled: &enabled})
	require.NoError(t, err)
	stranger := b.device("stranger")
	strange := b.certificate(stranger, "-newkey", "ec", "-pkeyopt", "ec_paramgen_curve:prime256v1")
	require.NoError(t, b.gateway.Registry().DeleteDevice(t.Context(), stranger.SID))

	cases := []struct {
		name       string
		credential []string
		more       []string
		code       attempt.Code
		said       string
	}{
		{"MQTT 3.1", key, []string{"-V", "mqttv31"}, 0, ""},
		{"any client id", key, []string{"-i", "whatever/it#is+"}, 0, ""},
		{"MQTT 5", key, []string{"-V", "mqttv5"}, 1, ""},
		{"no credential", nil, nil, 2, "identifier rejected"},
		{"user name is no key", []string{"-u", "admin", "-P", "secret"}, nil, 2, "identifier rejected"},
		{"wrong secret", []string{"-u", key[1], "-P", "wrong"}, nil, 4, "bad user name or password"},
		{"unknown key", []string{"-u", sid.New(sid.Key), "-P", "secret"}, nil, 4, "bad user name or password"},
		{"certificate of a deleted device", strange, nil, 4, "bad user name or password"},
		{"disabled device", disabledKey, nil, 5, "not authorised"},
	}
	for _, c := range cases {
		t.Run(c.name, func(t *testing.T) {
			b := &bench{t, b.gateway, b.status}
			client := b.publish(c.credential, c.more...)
			if c.code == 0 {
				client.succeeds()
			} else {
				client.fails()
				require.Contains(t, client.out.String(), c.said)
			}
			a, ok := b.newest()
			require.True(t, ok)
			require.Equal(t, c.code, a.Code, "%s; mosquitto printed %q", a.Cause, client.out.String())
		})
	}
}

func TestEnablingADeviceLetsItIn(t *testing.T) {
	b := newBench(t)
	d := b.device("lamp")
	key := b.key(d)
	for _, step := range []struct {
		enabled bool
		code    attempt.Code
	}{{false, 5}, {true, 0}} {
		_, err := b.gateway.Registry().UpdateDevice(t.Context(), d.SID, registry.DeviceChange{Enabled: &step.enabled})
		require.NoError(t, err)
		b.publish(key)
		a, ok := b.newest()
		require.True(t, ok)
		require.Equal(t, step.code, a.Code)
	}
}

// ends waits until the device's first attempt has ended for the given reason.
func (b *bench) ends(d registry.Device, why cause.ID) {
	b.Helper()
	eventually(b.T, "the first connection ends: "+string(why), func() bool {
		page := b.gateway.Attempts().Query(attempt.Filter{DeviceSID: d.SID})
		return len(page.Attempts) > 0 && page.Attempts[len(page.Attempts)-1].End == why
	})
}

func TestADisabledDevicesConnectionIsClosed(t *testing.T) {
	b := newBench(t)
	d := b.device("lamp")
	b.subscribe(b.key(d))
	b.subscribed(d)
	enabled := false
	_, err := b.gateway.Registry().UpdateDevice(t.Context(), d.SID, registry.DeviceChange{Enabled: &enabled})
	require.NoError(t, err)
	b.ends(d, cause.DeviceDisabled)
}

func TestANewConnectionTakesOverFromTheOld(t *testing.T) {
	b := newBench(t)
	d := b.device("lamp")
	b.subscribe(b.key(d), "-i", "first")
	b.subscribed(d)
	b.publish(b.key(d), "-i", "second").succeeds() // another credential of the same device
	b.ends(d, cause.TakenOver)
}

func TestAMessageWaitsForADeviceThatKeepsItsSession(t *testing.T) {
	b := newBench(t)
	sleeps, talks := b.device("sleeper"), b.device("talker")
	key := b.key(sleeps)
	b.subscribe(key, "-c", "-i", "sleeper", "-E").succeeds() // subscribes and leaves
	b.publish(b.key(talks)).succeeds()

	wakes := b.subscribe(key, "-c", "-i", "other", "-C", "1") // the session is the device's, whatever the client id
	wakes.succeeds()
	require.Contains(t, wakes.out.String(), "greetings hello")
}

func TestPlaintextGetsNoService(t *testing.T) {
	b := newBench(t)
	client := run(t, "mosquitto_pub", append([]string{"-h", "127.0.0.1", "-p", strconv.Itoa(b.status.Port), "-t", "x", "-m", "y"}, b.key(b.device("lamp"))...)...)
	client.fails()
	eventually(t, "the attempt is recorded as not TLS", func() bool {
		a, ok := b.newest()
		return ok && a.Code == attempt.TCP
	})
}
