package check_test

import (
	"context"
	"os"
	"testing"
	"time"

	"github.com/stretchr/testify/require"
	"go.uber.org/goleak"

	"gatehouse/app/check"
	"gatehouse/app/check/checktest"
	"gatehouse/gateway"
	"gatehouse/gateway/attempt"
	"gatehouse/gateway/credential"
	"gatehouse/gateway/registry"
)

// bench is this gateway, in a data folder of its own.
type bench struct {
	*testing.T
	*gateway.Gateway
	root []byte
}

func newBench(t *testing.T, drain time.Duration) *bench {
	t.Helper()
	leak := goleak.IgnoreCurrent()
	t.Cleanup(func() { goleak.VerifyNone(t, leak) })
	g, err := gateway.Open(gateway.Config{DataDir: t.TempDir(), MQTTAddr: "127.0.0.1:0", HTTPAddr: "off", Drain: drain})
	require.NoError(t, err)
	t.Cleanup(func() { require.NoError(t, g.Close()) })
	require.NoError(t, g.Start())
	root, err := os.ReadFile(g.Status().RootPath)
	require.NoError(t, err)
	return &bench{t, g, root}
}

func (b *bench) device(name string) registry.Device {
	b.Helper()
	d, err := b.Registry().CreateDevice(b.Context(), registry.NewDevice{UniqueName: name})
	require.NoError(b, err)
	return d
}

// with is a check of this gateway, with a key of the device if there is one.
func (b *bench) with(d *registry.Device) check.Options {
	b.Helper()
	o := check.Options{Target: b.Status().URL, CA: b.root, CAName: "root.pem"}
	if d != nil {
		key, secret, err := b.Registry().CreateKey(b.Context(), d.FleetSID, d.SID, "")
		require.NoError(b, err)
		o.User, o.Password = key.SID, []byte(secret)
	}
	return o
}

func (b *bench) golden(name string, o check.Options, code, exit int) {
	b.Helper()
	result, text := checktest.Run(b, o)
	require.Equal(b, code, result.Code, text)
	require.Equal(b, exit, result.Exit, text)
	if len(o.Password) > 0 {
		require.NotContains(b, text, string(o.Password))
	}
	checktest.Golden(b.T, name, text)
}

func TestTheGatewaysAnswersAsADeviceSeesThem(t *testing.T) {
	b := newBench(t, 2*time.Second)
	lamp := b.device("lamp")

	made, err := credential.GenerateP256("lamp", time.Now())
	require.NoError(t, err)
	_, err = b.Registry().ImportCertificate(t.Context(), lamp.FleetSID, lamp.SID, "", made.CertPEM)
	require.NoError(t, err)
	o := b.with(nil)
	o.Files = []check.File{{Name: "lamp.crt.pem", Content: made.CertPEM, As: check.CertificateRole}, {Name: "lamp.key.pem", Content: made.KeyPEM, As: check.KeyRole}}
	b.golden("accepted-certificate", o, 0, check.ExitAccepted)

	b.golden("accepted-key", b.with(&lamp), 0, check.ExitAccepted)
	b.golden("refused-2", b.with(nil), 2, check.ExitCode+2)

	o = b.with(&lamp)
	o.Password = []byte("no-such-secret")
	b.golden("refused-4", o, 4, check.ExitCode+4)

	off := b.device("off")
	enabled := false
	_, err = b.Registry().UpdateDevice(t.Context(), off.SID, registry.DeviceChange{Enabled: &enabled})
	require.NoError(t, err)
	b.golden("refused-5", b.with(&off), 5, check.ExitCode+5)

	o = b.with(&lamp)
	stopped := make(chan error, 1)
	go func() { stopped <- b.Stop(context.WithoutCancel(t.Context())) }()
	require.Eventually(t, func() bool { r, _ := checktest.Run(t, o); return r.Code == 3 }, time.Second, time.Millisecond)
	b.golden("refused-3", o, 3, check.ExitCode+3)
	require.NoError(t, <-stopped)
}

// The session is neither discarded nor read empty, and the round trip leaves no subscription behind.
func TestACheckHarmsNothing(t *testing.T) {
	b := newBench(t, time.Millisecond)
	lamp := b.device("lamp")
	o := b.with(&lamp)
	o.RoundTrip = true
	for range 2 {
		result, text := checktest.Run(t, o)
		require.Equal(t, check.ExitAccepted, result.Exit, text)
		require.Contains(t, text, "Message there and back")
	}
	result, text := checktest.Run(t, o)
	require.Contains(t, text, "Session resumed")
	require.Zero(t, result.Code)
	sessions := b.Sessions()
	require.Len(t, sessions, 1)
	require.Empty(t, sessions[0].Subscriptions)
	page := b.Attempts().Query(attempt.Filter{Limit: 1})
	require.Equal(t, attempt.Code(0), page.Attempts[0].Code)
	require.Empty(t, page.Attempts[0].Warnings, "the gateway finds fault with the check")
}

// Without the gateway's root the device does not know it: nothing of the credential may reach it.
func TestACredentialIsNotGivenToAStranger(t *testing.T) {
	b := newBench(t, time.Millisecond)
	lamp := b.device("lamp")
	made, err := credential.GenerateP256("lamp", time.Now())
	require.NoError(t, err)
	other, err := credential.GenerateP256("other root", time.Now())
	require.NoError(t, err)
	o := b.with(&lamp)
	o.CA, o.CAName = other.CertPEM, "other.pem"
	o.Files = []check.File{{Name: "lamp.pem", Content: append(made.CertPEM, made.KeyPEM...)}}
	b.golden("stranger", o, -1, check.ExitTrust)
	require.Eventually(t, func() bool {
		page := b.Attempts().Query(attempt.Filter{Limit: 1})
		return len(page.Attempts) == 1 && page.Attempts[0].Done
	}, 5*time.Second, time.Millisecond)
	a := b.Attempts().Query(attempt.Filter{Limit: 1}).Attempts[0]
	require.Empty(t, a.Thumbprint, "the certificate was sent")
	require.Empty(t, a.PresentedUser, "the user name was sent")

	o.Insecure = true
	result, text := checktest.Run(t, o)
	require.Equal(t, 4, result.Code, text) // it is not enrolled, which is the gateway's answer to it
}
