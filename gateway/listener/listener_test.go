package listener

import (
	"bytes"
	"crypto/tls"
	"errors"
	"io"
	"net"
	"strconv"
	"strings"
	"sync/atomic"
	"testing"
	"time"

	"gatehouse/gateway/admission"
	"gatehouse/gateway/attempt"
	"gatehouse/gateway/broker"
	"gatehouse/gateway/cause"
	"gatehouse/gateway/credential"
	"gatehouse/gateway/registry"
	"gatehouse/gateway/sid"
	"gatehouse/gateway/wire"
)

func TestADeviceIsLetInByKeyAndByCertificate(t *testing.T) {
	w := newWorld(t, Settings{})
	byKey, byCert := w.withKey("lamp"), w.withCertificate(t, "pump")
	for _, version := range []uint16{tls.VersionTLS12, tls.VersionTLS13} {
		for name, i := range map[string]identity{"key": byKey, "certificate": byCert} {
			for _, protocol := range []wire.Connect{{ProtocolName: "MQTT", Level: 4}, {ProtocolName: "MQTT", Level: 3}, {ProtocolName: "MQIsdp", Level: 3}} {
				c := config(&i.cert)
				c.MaxVersion = version
				conn := w.dial(t, c)
				hello := i.connect()
				hello.ProtocolName, hello.Level = protocol.ProtocolName, protocol.Level
				connack, err := offer(conn, wire.AppendConnect(nil, hello, false))
				if err != nil || connack != [4]byte{0x20, 2, 0, 0} {
					t.Fatalf("%s, %s %d: CONNACK %x, %v", name, protocol.ProtocolName, protocol.Level, connack, err)
				}
				if !alive(conn) {
					t.Errorf("%s: no PINGRESP", name)
				}
				a := w.last(t)
				if a.Code != 0 || !a.Live || a.DeviceSID != i.device || a.CredentialSID != i.credential || a.ServiceSID != w.service || a.ClientID != "test" {
					t.Errorf("%s: attempt %+v", name, a)
				}
				if got := step(a, attempt.Handshake); got.Fact("version") != tls.VersionName(version) || got.Fact("suite") == "" || got.Fact("group") != "X25519" {
					t.Errorf("%s: handshake %+v", name, got)
				}
				_, _ = conn.Write(wire.AppendEmpty(nil, wire.DISCONNECT))
				if a = w.lastDone(t); a.End != cause.ClientDisconnect || a.Steps[len(a.Steps)-1].Fact("by") != "device" {
					t.Errorf("%s: end %s", name, a.End)
				}
				conn.NetConn().Close()
			}
		}
	}
	if n := w.people.authenticated[byKey.device]; n != 6 {
		t.Errorf("authenticated %d times", n)
	}
}

func TestTheTimelineHoldsEveryStepWithItsFacts(t *testing.T) {
	w := newWorld(t, Settings{})
	i := w.withKey("lamp")
	conn := w.connected(t, i)
	_, _ = conn.Write(wire.AppendEmpty(nil, wire.DISCONNECT))
	a := w.lastDone(t)
	if got := kinds(a); got != "accepted client_hello server_chain no_certificate handshake connect lookup verdict session connack ended" {
		t.Errorf("steps: %s", got)
	}
	for kind, facts := range map[attempt.Kind]map[string]string{
		attempt.ClientHello: {"sni": "localhost"},
		attempt.ServerChain: {"leaf": "ECDSA P-256", "name": "localhost", "intermediates": "1"},
		attempt.Connect:     {"protocol": "MQTT", "level": "4", "clean": "yes", "keepalive": "60", "client_id": "test", "user": i.credential, "password": "present", "will": "no"},
		attempt.Lookup:      {"by": "key", "credential": i.credential, "found": "yes", "secret": "matches", "device": i.device, "name": "lamp"},
		attempt.Verdict:     {"cause": "accepted", "code": "0"},
		attempt.Session:     {"present": "no", "pending": "0"},
		attempt.Connack:     {"code": "0", "hex": "20 02 00 00"},
	} {
		for name, want := range facts {
			if got := step(a, kind).Fact(name); got != want {
				t.Errorf("%s: %s is %q, want %q", kind, name, got, want)
			}
		}
	}
	for _, name := range []string{"versions", "suites", "suite_names", "groups", "signatures"} {
		if step(a, attempt.ClientHello).Fact(name) == "" {
			t.Errorf("the ClientHello lacks %s", name)
		}
	}
	if len(a.Packets) != 3 || a.Packets[0].Bytes[0] != 0x10 || !a.Packets[1].Outbound || a.Packets[2].Bytes[0] != 0xe0 {
		t.Errorf("packets %+v", a.Packets)
	}
	if holdsSecret(t, a, i.secret) {
		t.Error("the secret was recorded")
	}
}

// refusal is a CONNECT that is answered with a code.
type refusal struct {
	packet []byte
	cert   *tls.Certificate
	code   byte
	why    cause.ID
}

func refusals5(t *testing.T, w *world) map[string]refusal {
	good, disabled, undeployed, revoked, unassigned := w.withKey("good"), w.withKey("off"), w.withKey("undeployed"), w.withKey("revoked"), w.withKey("unassigned")
	w.people.change(disabled.device, func(d *registry.Device) { d.Enabled = false })
	w.people.change(undeployed.device, func(d *registry.Device) { d.DeploymentSID = "" })
	delete(w.people.keys, revoked.credential)
	w.people.graves[revoked.credential] = registry.Tombstone{CredentialSID: revoked.credential, DeviceSID: revoked.device, DeviceName: "revoked"}
	orphan := w.people.keys[unassigned.credential]
	orphan.DeviceSID = ""
	w.people.keys[unassigned.credential] = orphan
	unknown := good
	unknown.credential = sid.New(sid.Key)
	wrong := good
	wrong.secret = "not the secret"
	stranger := clientCertificate(t, nil)
	packet := func(i identity) []byte { return wire.AppendConnect(nil, i.connect(), false) }
	user := func(name string, password []byte) []byte {
		return wire.AppendConnect(nil, wire.Connect{HasUser: true, User: name, HasPassword: password != nil, Password: password}, false)
	}
	return map[string]refusal{
		"MQTT 5":                       {packet: wire.AppendConnect(nil, wire.Connect{Level: 5, Clean: true, HasUser: true, User: good.credential, HasPassword: true, Password: []byte(good.secret)}, true), code: 1, why: cause.MQTT5},
		"another protocol":             {packet: wire.AppendConnect(nil, wire.Connect{ProtocolName: "AMQP", Level: 4}, false), code: 1, why: cause.UnsupportedProtocol},
		"no credential":                {packet: packet(identity{}), code: 2, why: cause.NoCredential},
		"user is no Key SID":           {packet: user("admin", []byte("hunter2hunter2")), code: 2, why: cause.UserNotKeySID},
		"no password":                  {packet: user(good.credential, nil), code: 2, why: cause.PasswordMissing},
		"empty password":               {packet: user(good.credential, []byte{}), code: 2, why: cause.PasswordMissing},
		"unknown key":                  {packet: packet(unknown), code: 4, why: cause.UnknownKey},
		"wrong secret":                 {packet: packet(wrong), code: 4, why: cause.WrongSecret},
		"revoked key":                  {packet: packet(revoked), code: 4, why: cause.CredentialRevoked},
		"unassigned key":               {packet: packet(unassigned), code: 4, why: cause.CredentialUnassigned},
		"unknown certificate":          {packet: packet(identity{}), cert: &stranger, code: 4, why: cause.UnknownCertificate},
		"certificate beats a good key": {packet: packet(good), cert: &stranger, code: 4, why: cause.UnknownCertificate},
		"disabled":                     {packet: packet(disabled), code: 5, why: cause.DeviceDisabled},
		"not deployed":                 {packet: packet(undeployed), code: 5, why: cause.NotDeployed},
	}
}

func TestEveryRefusalSendsItsCodeAndThenCloses(t *testing.T) {
	w := newWorld(t, Settings{SecretDelay: time.Millisecond})
	for name, r := range refusals5(t, w) {
		for _, version := range []uint16{tls.VersionTLS12, tls.VersionTLS13} {
			c := config(r.cert)
			c.MaxVersion = version
			conn := w.dial(t, c)
			connack, err := offer(conn, r.packet)
			if err != nil || connack != [4]byte{0x20, 2, 0, r.code} {
				t.Errorf("%s: CONNACK %x, %v", name, connack, err)
				continue
			}
			if _, err := conn.Read(make([]byte, 1)); !errors.Is(err, io.EOF) { // close_notify, not a reset
				t.Errorf("%s: after the CONNACK: %v", name, err)
			}
			conn.NetConn().Close()
			a := w.lastDone(t)
			if a.Code != attempt.Code(r.code) || a.Cause != r.why || a.Live || step(a, attempt.Connack).Fact("code") != strconv.Itoa(int(r.code)) {
				t.Errorf("%s: code %d, cause %s, steps %s", name, a.Code, a.Cause, kinds(a))
			}
			if r.code >= 4 && step(a, attempt.Lookup).Kind == "" {
				t.Errorf("%s: no lookup was recorded", name)
			}
			for _, secret := range []string{"hunter2", "not the secret"} {
				if holdsSecret(t, a, secret) {
					t.Errorf("%s: a password was recorded", name)
				}
			}
			for _, k := range w.people.keys {
				if len(k.Hash) > 0 && holdsSecret(t, a, string(k.Hash)) {
					t.Errorf("%s: a hash was recorded", name)
				}
			}
		}
	}
}

func TestTheGatewaysStateIsCode3AfterTheProtocolAndBeforeTheCredential(t *testing.T) {
	w := newWorld(t, Settings{})
	good := w.withKey("good")
	for state, why := range map[admission.Service]cause.ID{admission.Draining: cause.Draining, admission.Maintenance: cause.Maintenance, admission.StoreDown: cause.StoreDown} {
		w.state.Store(int32(state))
		for _, packet := range [][]byte{wire.AppendConnect(nil, good.connect(), false), wire.AppendConnect(nil, wire.Connect{}, false)} {
			conn := w.dial(t, config(nil))
			connack, err := offer(conn, packet)
			if err != nil || connack[3] != 3 {
				t.Errorf("%s: %x, %v", why, connack, err)
			}
			conn.NetConn().Close()
			if a := w.lastDone(t); a.Cause != why {
				t.Errorf("cause %s, want %s", a.Cause, why)
			}
		}
		if connack, err := offer(w.dial(t, config(nil)), wire.AppendConnect(nil, wire.Connect{Level: 5}, true)); err != nil || connack[3] != 1 {
			t.Errorf("MQTT 5: %x, %v", connack, err)
		}
	}
}

func TestAClientThatSendsOnAfterItsConnectStillGetsTheRefusal(t *testing.T) {
	w := newWorld(t, Settings{SecretDelay: time.Millisecond})
	wrong := w.withKey("lamp")
	wrong.secret = "wrong"
	packet := wire.AppendConnect(nil, wrong.connect(), false)
	packet = append(packet, wire.AppendPublish(nil, wire.Message{Topic: "a", Payload: make([]byte, 100_000)})...)
	for range 20 {
		conn := w.dial(t, config(nil))
		connack, err := offer(conn, packet)
		if err != nil || connack[3] != 4 {
			t.Fatalf("CONNACK %x, %v", connack, err)
		}
		conn.NetConn().Close()
	}
}

func TestAMalformedConnectIsClosedWithoutAnswerAndExplained(t *testing.T) {
	w := newWorld(t, Settings{MaxConnect: 1000})
	good := wire.AppendConnect(nil, w.withKey("lamp").connect(), false)
	edit := func(fn func([]byte) []byte) []byte { return fn(bytes.Clone(good)) }
	for name, c := range map[string]struct {
		packet []byte
		offset string
		rule   string
	}{
		"reserved flag":      {edit(func(b []byte) []byte { b[9] |= 1; return b }), "9", "MQTT-3.1.2-3"},
		"not a CONNECT":      {[]byte{0x30, 3, 0, 1, 'a'}, "0", "MQTT-3.1.0-1"},
		"header flags":       {edit(func(b []byte) []byte { b[0] = 0x11; return b }), "0", "MQTT-2.2.2-2"},
		"user without flag":  {edit(func(b []byte) []byte { b[9] &^= 0xc0; return b }), "18", "MQTT-3.1.2-18"},
		"remaining length":   {[]byte{0x10, 0xff, 0xff, 0xff, 0xff}, "4", ""},
		"larger than 64 KiB": {[]byte{0x10, 0xff, 0xff, 0x7f}, "", ""},
		"bytes left over":    {edit(func(b []byte) []byte { b[1] += 2; return append(b, 1, 2) }), strconv.Itoa(len(good)), ""},
	} {
		conn := w.dial(t, config(nil))
		if _, err := conn.Write(c.packet); err != nil {
			t.Fatal(err)
		}
		if got, err := io.ReadAll(conn); len(got) > 0 || err != nil {
			t.Errorf("%s: got %x, %v", name, got, err)
		}
		conn.NetConn().Close()
		a := w.lastDone(t)
		end := a.Steps[len(a.Steps)-1]
		if a.Code != attempt.NoAnswer || a.Cause != cause.MalformedConnect {
			t.Errorf("%s: code %d, cause %s", name, a.Code, a.Cause)
		}
		if c.offset != "" && end.Fact("offset") != c.offset || c.rule != "" && end.Fact("rule") != c.rule || end.Fact("reason") == "" {
			t.Errorf("%s: end %+v", name, end)
		}
	}
}

func TestNoSecretOfAnUndecodableConnectIsRecorded(t *testing.T) {
	const secret = "correct-horse-battery"
	w := newWorld(t, Settings{})
	full := wire.Connect{Clean: true, ClientID: "board-1", HasUser: true, User: "KY-someone", HasPassword: true, Password: []byte(secret)}
	v311 := wire.AppendConnect(nil, full, false)
	full.Level = 5
	v5 := wire.AppendConnect(nil, full, true)
	edit := func(b []byte, fn func([]byte) []byte) []byte { return fn(bytes.Clone(b)) }
	for name, packet := range map[string][]byte{
		"MQTT 5":             v5,
		"reserved flag":      edit(v311, func(b []byte) []byte { b[9] |= 1; return b }),
		"flags forgotten":    edit(v311, func(b []byte) []byte { b[9] = 2; return b }),
		"will QoS 3":         edit(v311, func(b []byte) []byte { b[9] |= 0x1c; return b }),
		"left over":          edit(v311, func(b []byte) []byte { b[1]++; return append(b, 0) }),
		"truncated":          v311[:len(v311)-1],
		"secret as user":     wire.AppendConnect(nil, wire.Connect{HasUser: true, User: secret}, false),
		"secret as user +":   wire.AppendConnect(nil, wire.Connect{HasUser: true, User: secret, HasPassword: true, Password: []byte(secret)}, false),
		"unknown protocol":   edit(v311, func(b []byte) []byte { b[4] = 'X'; return b }),
		"client id too long": edit(v311, func(b []byte) []byte { b[12] = 0xff; return b }),
	} {
		conn := w.dial(t, config(nil))
		if _, err := conn.Write(packet); err != nil {
			t.Fatal(err)
		}
		_ = conn.CloseWrite()
		_, _ = io.ReadAll(conn)
		conn.NetConn().Close()
		if a := w.lastDone(t); holdsSecret(t, a, secret) || holdsSecret(t, a, secret[4:12]) {
			t.Errorf("%s: the secret was recorded", name)
		} else if name != "truncated" && len(a.Packets) == 0 {
			t.Errorf("%s: no bytes were recorded", name)
		}
	}
	raw := w.dialRaw(t)
	_, _ = raw.Write(v311)
	_, _ = io.ReadAll(raw)
	if a := w.lastDone(t); a.Cause != cause.Plaintext || holdsSecret(t, a, secret[:8]) {
		t.Errorf("plaintext: %s", a.Cause)
	}
}

// People put secrets into any field, and beside other things.
func TestASecretInOtherFieldsOfAConnectIsNotRecorded(t *testing.T) {
	const secret = "correct-horse-battery"
	w := newWorld(t, Settings{})
	i := w.withKey("lamp")
	for name, c := range map[string]wire.Connect{
		"in the client id":           {ClientID: "lamp:" + secret + ":1", User: i.credential, Password: []byte(secret)},
		"twice in the client id":     {ClientID: secret + secret, User: i.credential, Password: []byte(secret)},
		"in the topic of a will":     {ClientID: "lamp", HasWill: true, WillTopic: "a/" + secret, WillPayload: []byte(secret), User: i.credential, Password: []byte(secret)},
		"the whole client id, short": {ClientID: "horse", User: i.credential, Password: []byte("horse")},
		"asterisks":                  {ClientID: "************", User: i.credential, Password: []byte("************")},
		"in the user name":           {ClientID: "lamp", User: i.credential + " " + secret, Password: []byte(secret)},
	} {
		c.HasUser, c.HasPassword, c.Clean, c.KeepAlive = true, true, true, 60
		conn := w.dial(t, config(nil))
		_, _ = conn.Write(wire.AppendConnect(nil, c, false))
		_, _ = io.ReadAll(conn)
		conn.NetConn().Close()
		a := w.lastDone(t)
		if name != "asterisks" && holdsSecret(t, a, string(c.Password)) {
			t.Errorf("%s: the secret was recorded: %+v", name, a)
		}
		if a.Code != 4 && name != "in the user name" || len(a.Packets) == 0 {
			t.Errorf("%s: code %d, %d packets", name, a.Code, len(a.Packets))
		}
	}
}

func TestWhatIsNotTLSIsNamedAndGetsNoService(t *testing.T) {
	w := newWorld(t, Settings{})
	for name, c := range map[string]struct {
		send   string
		why    cause.ID
		code   attempt.Code
		answer string
	}{
		"MQTT":       {string(wire.AppendConnect(nil, wire.Connect{ClientID: "x"}, false)), cause.Plaintext, attempt.TCP, ""},
		"MQTT 3.1":   {string(wire.AppendConnect(nil, wire.Connect{ProtocolName: "MQIsdp", Level: 3}, false)), cause.Plaintext, attempt.TCP, ""},
		"half MQTT":  {"\x10", cause.Plaintext, attempt.TCP, ""},
		"HTTP":       {"GET / HTTP/1.1\r\nHost: x\r\n\r\n", cause.PlaintextHTTP, attempt.TCP, "HTTP/1.0 400"},
		"garbage":    {"\xde\xad\xbe\xef and more of it, at length", cause.NotTLS, attempt.TCP, ""},
		"SSL 2.0":    {"\x80\x2e\x01\x03\x01\x00\x15\x00\x00\x00\x10\x01\x00\x80\x03\x00", cause.SSL2, attempt.TLS, ""},
		"false TLS":  {"\x16 hello, this is no record", cause.NotTLS, attempt.TCP, ""},
		"byte stray": {"\x00", cause.NotTLS, attempt.TCP, ""},
	} {
		conn := w.dialRaw(t)
		if _, err := io.WriteString(conn, c.send); err != nil {
			t.Fatal(err)
		}
		got, err := io.ReadAll(conn)
		if err != nil || !strings.HasPrefix(string(got), c.answer) || c.answer == "" && len(got) > 0 {
			t.Errorf("%s: got %q, %v", name, got, err)
		}
		conn.Close()
		if a := w.lastDone(t); a.Cause != c.why || a.Code != c.code {
			t.Errorf("%s: code %d, cause %s", name, a.Code, a.Cause)
		}
	}
	conn := w.dialRaw(t)
	conn.Close()
	if a := w.lastDone(t); a.Cause != cause.NothingSent || a.Steps[len(a.Steps)-1].Fact("by") != "device" {
		t.Errorf("nothing: %s", a.Cause)
	}
}

func TestOneDeadlineCoversHandshakeAndConnect(t *testing.T) {
	const deadline = 400 * time.Millisecond
	w := newWorld(t, Settings{Deadline: deadline})
	for name, c := range map[string]struct {
		do  func(net.Conn)
		why cause.ID
	}{
		"silent":     {func(net.Conn) {}, cause.NothingSent},
		"half hello": {func(c net.Conn) { _, _ = c.Write([]byte{0x16, 3, 1, 2, 0, 1}) }, cause.HandshakeTimeout},
		"no CONNECT": {func(c net.Conn) { _ = tls.Client(c, config(nil)).Handshake() }, cause.ConnectTimeout},
		"trickling": {func(c net.Conn) {
			conn := tls.Client(c, config(nil))
			for _, b := range wire.AppendConnect(nil, wire.Connect{ClientID: strings.Repeat("x", 200)}, false) {
				if _, err := conn.Write([]byte{b}); err != nil {
					return
				}
				time.Sleep(10 * time.Millisecond) // slow on purpose: this peer trickles
			}
		}, cause.ConnectTimeout},
	} {
		began := time.Now()
		conn := w.dialRaw(t)
		go c.do(conn)
		a := w.lastDone(t)
		if took := time.Since(began); took < deadline || took > deadline+2*time.Second {
			t.Errorf("%s: cut after %s", name, took)
		}
		if a.Cause != c.why {
			t.Errorf("%s: %s", name, a.Cause)
		}
		conn.Close()
	}
}

func TestAThousandSilentPeersDoNotDelayADevice(t *testing.T) {
	const deadline = 3 * time.Second
	w := newWorld(t, Settings{Deadline: deadline})
	i := w.withKey("lamp")
	var silent []net.Conn
	for range 1000 {
		silent = append(silent, w.dialRaw(t))
	}
	eventually(t, "all have been accepted", func() bool { return w.lobby.len() == 1000 })
	began := time.Now()
	conn := w.connected(t, i)
	if took := time.Since(began); took > time.Second {
		t.Errorf("a device waited %s", took)
	}
	if n := w.lobby.len(); n > 1000 {
		t.Errorf("%d are in the lobby", n)
	}
	eventually(t, "all silent peers are cut", func() bool { return w.lobby.len() == 0 })
	if took := time.Since(began); took > deadline+2*time.Second {
		t.Errorf("the last was cut after %s", took)
	}
	for _, c := range silent {
		if !ended(c) {
			t.Fatal("a silent peer is still connected")
		}
		c.Close()
	}
	if !alive(conn) {
		t.Error("the device was cut, too")
	}
	// One of them made room for the device, the others ran into the deadline.
	if n := w.log.Query(attempt.Filter{Causes: []cause.ID{cause.NothingSent}}).Total; n != 999 {
		t.Errorf("%d sent nothing", n)
	}
	if n := w.log.Query(attempt.Filter{Causes: []cause.ID{cause.TooManyHandshakes}}).Total; n != 1 {
		t.Errorf("%d made room", n)
	}
}

func TestBeyondTheLimitOfHandshakesTheNewcomerIsTurnedAway(t *testing.T) {
	w := newWorld(t, Settings{Unfinished: 3})
	var held []*tls.Conn
	for range 3 {
		held = append(held, w.dial(t, config(nil))) // they have spoken, and do not send CONNECT
	}
	if conn := w.dialRaw(t); !ended(conn) {
		t.Error("a fourth was let in")
	}
	if a := w.lastDone(t); a.Cause != cause.TooManyHandshakes || a.Code != attempt.TLS {
		t.Errorf("%s", a.Cause)
	}
	held[0].Close()
	eventually(t, "there is room again", func() bool { return w.lobby.len() == 2 })
	w.connected(t, w.withKey("lamp"))
}

func TestAPanicEndsOneConnectionOnly(t *testing.T) {
	w := newWorld(t, Settings{})
	other := w.connected(t, w.withKey("other"))
	i := w.withKey("lamp")
	w.people.mu.Lock()
	w.people.onKey = func() { panic("a fault in the registry") }
	w.people.mu.Unlock()
	if _, _, err := w.tryConnect(i); err == nil {
		t.Error("it was answered")
	}
	if a := w.lastDone(t); a.Cause != cause.InternalError {
		t.Errorf("%s", a.Cause)
	}
	w.people.mu.Lock()
	w.people.onKey = nil
	w.people.mu.Unlock()
	if !alive(other) {
		t.Error("another connection ended, too")
	}
	w.connected(t, i)
}

// panicsFirst is an engine that fails once.
type panicsFirst struct {
	engine
	used atomic.Bool
}

func (e *panicsFirst) open(nc net.Conn, hello broker.Hello) (served, bool, int, error) {
	if e.used.CompareAndSwap(false, true) {
		panic("a fault in the broker")
	}
	return e.engine.open(nc, hello)
}

func TestAPanicOfTheBrokerLeavesTheDevicesSeatFree(t *testing.T) {
	w := newWorld(t, Settings{}, func(w *world) { w.engine = &panicsFirst{engine: w.engine} })
	i := w.withKey("lamp")
	if _, _, err := w.tryConnect(i); err == nil {
		t.Error("it was answered")
	}
	w.lastDone(t)
	if !alive(w.connected(t, i)) {
		t.Error("the device is locked out")
	}
}

func TestAWillIsDiscardedWithAWarning(t *testing.T) {
	w := newWorld(t, Settings{})
	i := w.withKey("lamp")
	c := i.connect()
	c.HasWill, c.WillTopic, c.WillQoS, c.WillPayload = true, "gone", 1, []byte("bye")
	if connack, err := offer(w.dial(t, config(nil)), wire.AppendConnect(nil, c, false)); err != nil || connack[3] != 0 {
		t.Fatalf("%x, %v", connack, err)
	}
	a := w.last(t)
	if len(a.Warnings) != 1 || a.Warnings[0] != cause.WillDiscarded || step(a, attempt.Warning).Fact("topic") != "gone" || step(a, attempt.Connect).Fact("will") != "yes" {
		t.Errorf("warnings %v, %+v", a.Warnings, step(a, attempt.Warning))
	}
}

func TestWithACertificateTheRestIsIgnoredAndSaid(t *testing.T) {
	w := newWorld(t, Settings{})
	i := w.withCertificate(t, "pump")
	c := i.connect()
	c.HasUser, c.User, c.HasPassword, c.Password = true, sid.New(sid.Key), true, []byte("whatever it is")
	if connack, err := offer(w.dial(t, config(&i.cert)), wire.AppendConnect(nil, c, false)); err != nil || connack[3] != 0 {
		t.Fatalf("%x, %v", connack, err)
	}
	a := w.last(t)
	if len(a.Warnings) != 1 || a.Warnings[0] != cause.CredentialsIgnored || holdsSecret(t, a, "whatever it is") {
		t.Errorf("warnings %v", a.Warnings)
	}
	if got := step(a, attempt.ClientCertificate); got.Fact("sha256") != credential.Thumbprint(i.cert.Certificate[0]) || got.Fact("key") != "ECDSA P-256" || !strings.Contains(got.Fact("pem"), "BEGIN CERTIFICATE") {
		t.Errorf("certificate %+v", got)
	}
}
