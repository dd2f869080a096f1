package causes

import (
	"crypto/tls"
	"slices"
	"time"

	"gatehouse/gateway"
	"gatehouse/gateway/attempt"
	"gatehouse/gateway/cause"
	"gatehouse/gateway/registry"
	"gatehouse/gateway/sid"
	"gatehouse/gateway/wire"
)

// codes are the ends with a CONNACK that do not hang on the credential.
var codes = []row{
	{cause: cause.Accepted, how: "Eclipse Paho with a right key", short: "New session", provoke: func(w *world) seen {
		return w.refusal(w.saidToPaho(0, w.key.SID, w.secret), cause.Accepted)
	}},
	{cause: cause.MQTT5, how: "CONNECT with protocol level 5", short: "Device speaks MQTT 5", fix: "Copy the mosquitto option", provoke: func(w *world) seen {
		c := w.connect()
		c.Level = 5
		return w.refusal(w.refused(1, wire.AppendConnect(nil, c, true)), cause.MQTT5)
	}},
	{cause: cause.UnsupportedProtocol, how: "CONNECT with protocol level 6", short: "Unknown protocol version", fix: "Copy the mosquitto option", provoke: func(w *world) seen {
		packet := bytesOf(w.connect())
		packet[slices.Index(packet, 'T')+2] = 6 // M, Q, T, T, level
		return w.refusal(w.refused(1, packet), cause.UnsupportedProtocol)
	}},
	{
		cause: cause.RateLimited, how: "A second connect within a second, where one is allowed", short: "Connecting too fast",
		settings: &gateway.Settings{Limits: gateway.Limits{ConnectsPerSecond: 1}}, provoke: func(w *world) seen {
			return w.refusal(w.limited(), cause.RateLimited)
		},
	},
	{cause: cause.Draining, how: "A connect while the gateway is being stopped", short: "Gateway is stopping", settings: &gateway.Settings{}, provoke: func(w *world) seen {
		w.g = newGateway(w.T, gateway.Settings{}, 3*time.Second)
		w.device = w.add("board")
		w.key, w.secret = w.newKey(w.device)
		stopped := make(chan struct{})
		go func() { defer close(stopped); w.stop() }()
		var conn *tls.Conn
		w.eventually("a connect is told to come back later", func() bool {
			conn = w.tls(w.config())
			return answer(conn, bytesOf(w.connect())) == 3
		})
		a := w.done(conn.NetConn())
		<-stopped
		return w.refusal(a, cause.Draining)
	}},
}

// credentials are the refusals of codes 2, 4 and 5.
var credentials = []row{
	{cause: cause.NoCredential, how: "CONNECT without a user name", short: "No credential", provoke: func(w *world) seen {
		return w.refusal(w.refused(2, bytesOf(wire.Connect{Clean: true, ClientID: "x"})), cause.NoCredential)
	}},
	{cause: cause.NoCredential, how: "The same, with the device’s name as client ID", short: "No credential", fix: "New key for thermostat-7", provoke: func(w *world) seen {
		return w.refusal(w.refused(2, bytesOf(wire.Connect{Clean: true, ClientID: w.device.UniqueName})), cause.NoCredential)
	}},
	{cause: cause.UserNotKeySID, how: "User name “somebody”", short: "User name is not a Key SID", provoke: func(w *world) seen {
		return w.refusal(w.wrong(2, "somebody", "something"), cause.UserNotKeySID)
	}},
	{cause: cause.PasswordMissing, how: "A Key SID without a password", short: "Password is missing", fix: "New key for thermostat-7", provoke: func(w *world) seen {
		c := w.connect()
		c.HasPassword, c.Password = false, nil
		return w.refusal(w.refused(2, bytesOf(c)), cause.PasswordMissing)
	}},
	{cause: cause.UnknownKey, how: "Eclipse Paho with a Key SID that does not exist", short: "Key KY41…9c is unknown", provoke: func(w *world) seen {
		user := sid.New(sid.Key)
		w.mask(sid.Short(user), "KY41…9c")
		return w.refusal(w.saidToPaho(4, user, "0123456789abcdefABCDEF0123456789"), cause.UnknownKey)
	}},
	{cause: cause.WrongSecret, how: "Eclipse Paho with a password that is 32 letters and digits, but not the secret", short: "Wrong secret for KY41…9c", fix: "New key for thermostat-7", provoke: func(w *world) seen {
		return w.refusal(w.saidToPaho(4, w.key.SID, "0123456789abcdefABCDEF0123456789"), cause.WrongSecret)
	}},
	{cause: cause.UnknownCertificate, how: "A certificate that is not enrolled", short: "Certificate is not enrolled", fix: "Enrol this certificate for…", provoke: func(w *world) seen {
		return w.refusal(w.refusedBy(4, bytesOf(wire.Connect{Clean: true}), w.presenting(w.identity("stranger", false))), cause.UnknownCertificate)
	}},
	{cause: cause.UnknownCertificate, how: "The same, with the device’s name as Common Name", short: "Certificate is not enrolled", fix: "Enrol this certificate for thermostat-7", provoke: func(w *world) seen {
		a := w.refusedBy(4, bytesOf(wire.Connect{Clean: true}), w.presenting(w.identity(w.device.UniqueName, false)))
		return w.refusal(a, cause.UnknownCertificate)
	}},
	{cause: cause.CredentialUnassigned, how: "A key that belongs to no device", short: "Credential has no device", fix: "Assign the key to…", provoke: func(w *world) seen {
		w.must(w.g.Registry().AssignCredential(w.Context(), w.key.SID, ""))
		return w.refusal(w.refused(4, bytesOf(w.connect())), cause.CredentialUnassigned)
	}},
	{cause: cause.CredentialRevoked, how: "A key that was removed", short: "Credential was removed", fix: "New key for thermostat-7", provoke: func(w *world) seen {
		w.must(w.g.Registry().DeleteKey(w.Context(), w.key.SID))
		return w.refusal(w.refused(4, bytesOf(w.connect())), cause.CredentialRevoked)
	}},
	{cause: cause.CredentialRevoked, how: "A certificate that was removed", short: "Credential was removed", fix: "Enrol it for thermostat-7 again", provoke: func(w *world) seen {
		pair := w.identity("x", true)
		enrolled := w.g.Registry().Certificates(w.device.SID)[0]
		w.mask(sid.Short(enrolled.SID), "CY41…9c")
		w.must(w.g.Registry().DeleteCertificate(w.Context(), enrolled.SID))
		return w.refusal(w.refusedBy(4, bytesOf(wire.Connect{Clean: true}), w.presenting(pair)), cause.CredentialRevoked)
	}},
	{cause: cause.DeviceDeleted, how: "The key of a device that was deleted", short: "Device was deleted", fix: "Add thermostat-7 again", provoke: func(w *world) seen {
		w.must(w.g.Registry().DeleteDevice(w.Context(), w.device.SID))
		return w.refusal(w.refused(4, bytesOf(w.connect())), cause.DeviceDeleted)
	}},
	{cause: cause.DeviceDisabled, how: "A right key of a disabled device", short: "Device is disabled", fix: "Enable thermostat-7", provoke: func(w *world) seen {
		w.change(registry.DeviceChange{Enabled: new(false)})
		return w.mended(w.refusal(w.refused(5, bytesOf(w.connect())), cause.DeviceDisabled))
	}},
	{cause: cause.DeviceDisabled, how: "The same, not deployed either", short: "Device is disabled", fix: "Enable and deploy thermostat-7", provoke: func(w *world) seen {
		w.change(registry.DeviceChange{Enabled: new(false), DeploymentSID: new("")})
		return w.mended(w.refusal(w.refused(5, bytesOf(w.connect())), cause.DeviceDisabled))
	}},
	{cause: cause.NotDeployed, how: "A right key of a device without a deployment", short: "Not deployed to a service", fix: "Deploy thermostat-7", provoke: func(w *world) seen {
		w.change(registry.DeviceChange{DeploymentSID: new("")})
		return w.mended(w.refusal(w.refused(5, bytesOf(w.connect())), cause.NotDeployed))
	}},
	{cause: cause.NoService, how: "A right key of a device whose deployment has no Sync service", short: "Deployment has no service", fix: "Link to Default Sync service", provoke: func(w *world) seen {
		empty, err := w.g.Registry().CreateDeployment(w.Context(), w.device.FleetSID, "empty", "")
		w.must(err)
		w.change(registry.DeviceChange{DeploymentSID: &empty.SID})
		return w.mended(w.refusal(w.refused(5, bytesOf(w.connect())), cause.NoService))
	}},
}

// limited is the attempt that is refused of two whose CONNECT comes at the same time, where one a second is allowed.
func (w *world) limited() attempt.Attempt {
	w.Helper()
	first, second := w.tls(w.config()), w.tls(w.config())
	w.send(first, bytesOf(w.connect()))
	w.send(second, bytesOf(w.connect()))
	for _, c := range []*tls.Conn{first, second} {
		decided := w.at(c.NetConn(), func(a attempt.Attempt) bool { return a.Live || a.Done })
		if decided.Code == 3 {
			return w.done(c.NetConn())
		}
	}
	w.Fatal("both were let in")
	return attempt.Attempt{}
}

// mended presses the button of the device's newest refusal and has it connect again, which must be accepted; then undo refuses
// it again.
func (w *world) mended(s seen) seen {
	w.Helper()
	a := w.g.Attempts().Query(attempt.Filter{DeviceSID: w.device.SID, Limit: 1, Whole: true}).Attempts[0]
	if o := w.g.WouldPass(a); !o.Decided || o.Changed {
		w.Errorf("before the fix: %+v", o)
	}
	fix, ok := w.source().For(a)
	if !ok || fix.Do == nil {
		w.Fatalf("%+v", fix)
	}
	done, err := fix.Do(w.Context())
	w.must(err)
	if o := w.g.WouldPass(a); !o.Decided || !o.Changed || !o.Verdict.Accepted() {
		w.Errorf("after the fix: %+v", o)
	}
	conn := w.session(w.connect())
	w.must(done.Undo(w.Context()))
	w.ended(conn)
	w.refused(5, bytesOf(w.connect()))
	return s
}

// tls10 is what boards of 2012 offer.
func tls10(c *tls.Config) *tls.Config {
	c.MinVersion, c.MaxVersion = tls.VersionTLS10, tls.VersionTLS11
	return c
}
