//go:build integration

package clients

import (
	"bytes"
	"context"
	"net"
	"os/exec"
	"testing"

	"github.com/stretchr/testify/require"

	"gatehouse/gateway/attempt"
	"gatehouse/gateway/cause"
	"gatehouse/gateway/lab"
	"gatehouse/gateway/wire"
)

// outcome waits for what the newest attempt at a wrong server was judged as.
func (b *bench) outcome(kind lab.Kind, after uint64) (r lab.Result) {
	b.Helper()
	eventually(b.T, "a result of "+string(kind), func() bool {
		for _, r = range b.gateway.Lab().Results() {
			if r.Kind == kind && r.Attempt > after {
				return true
			}
		}
		return false
	})
	return r
}

// TestWhoValidatesPassesTheLessonAndWhoDoesNotFailsIt, with the switches by which people turn the checks off.
func TestWhoValidatesPassesTheLessonAndWhoDoesNotFailsIt(t *testing.T) {
	b := newBench(t)
	lamp := b.device("lamp")
	key := b.key(lamp)
	connect := wire.AppendConnect(nil, wire.Connect{ProtocolName: "MQTT", Level: 4, Clean: true, ClientID: "by-openssl", KeepAlive: 60, HasUser: true, User: key[1], HasPassword: true, Password: []byte(key[3])}, false)
	// openssl is a device when it is given a CONNECT to send.
	openssl := func(addr string, more ...string) {
		ctx, cancel := context.WithTimeout(t.Context(), patience)
		defer cancel()
		args := append([]string{"s_client", "-quiet", "-connect", addr, "-servername", "localhost", "-CAfile", b.status.RootPath}, more...)
		command := exec.CommandContext(ctx, "openssl", args...)
		command.Stdin = bytes.NewReader(connect)
		out, _ := command.CombinedOutput() // the server has the last word either way
		t.Logf("openssl printed %q", out)
		require.NoError(t, ctx.Err(), "openssl does not end")
	}
	mosquitto := func(addr string, more ...string) {
		_, port, err := net.SplitHostPort(addr)
		require.NoError(t, err)
		args := append([]string{"-h", "localhost", "-p", port, "--cafile", b.status.RootPath, "-V", "mqttv311", "-i", "by-mosquitto", "-t", "a", "-m", "b"}, key...)
		run(t, "mosquitto_pub", append(args, more...)...).fails()
	}
	careful := []string{"-verify_return_error", "-verify_hostname", "localhost"}
	for _, c := range []struct {
		name   string
		kind   lab.Kind
		device func(addr string, more ...string)
		more   []string
		want   lab.Outcome
		cause  cause.ID // of the attempt
	}{
		{"openssl that validates", "expired_certificate", openssl, careful, lab.Passed, cause.ServerCertificateExpired},
		{"openssl that does not", "expired_certificate", openssl, nil, lab.Failed, cause.LabCode},
		{"openssl that validates, TLS 1.2", "unknown_root_certificate", openssl, append([]string{"-tls1_2"}, careful...), lab.Passed, cause.UntrustedRoot},
		{"openssl that does not, TLS 1.2", "unknown_root_certificate", openssl, []string{"-tls1_2"}, lab.Failed, cause.LabCode},
		{"openssl that validates names", "wrong_name_certificate", openssl, careful, lab.Passed, cause.WrongServerName},
		{"mosquitto that validates names", "wrong_name_certificate", mosquitto, nil, lab.Passed, cause.WrongServerName},
		{"mosquitto --insecure", "wrong_name_certificate", mosquitto, []string{"--insecure"}, lab.Failed, cause.LabCode},
		{"mosquitto --insecure still looks at dates", "expired_certificate", mosquitto, []string{"--insecure"}, lab.Passed, cause.ServerCertificateExpired},
		{"mosquitto and a missing intermediate", "missing_intermediate_certificate", mosquitto, nil, lab.Passed, cause.UntrustedRoot},
		{"mosquitto and a stranger's certificate", "self_signed_certificate", mosquitto, nil, lab.Passed, cause.UntrustedRoot},
	} {
		t.Run(c.name, func(t *testing.T) {
			b := &bench{t, b.gateway, b.status}
			before := b.newestID()
			s, err := b.gateway.Lab().Start(c.kind, lab.Options{})
			require.NoError(t, err)
			defer b.gateway.Lab().Stop(c.kind)
			c.device(s.Addr, c.more...)
			r := b.outcome(c.kind, before)
			a, _ := b.gateway.Attempts().Get(r.Attempt)
			require.Equal(t, c.want, r.Outcome, "%s: %+v", a.Cause, a.Steps)
			require.Equal(t, c.cause, a.Cause, "%+v", a.Steps)
			if c.want == lab.Failed {
				require.Equal(t, lamp.SID, r.DeviceSID, "it showed who it is")
				require.Contains(t, a.Warnings, cause.LabNotValidated)
			}
		})
	}
	require.Zero(t, b.gateway.Attempts().Query(attempt.Filter{DeviceSID: lamp.SID, Causes: []cause.ID{cause.Accepted}}).Total)
}
