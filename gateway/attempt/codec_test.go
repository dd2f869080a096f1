package attempt

import (
	"encoding/json"
	"reflect"
	"testing"
	"time"

	"pgregory.net/rapid"

	"gatehouse/gateway/cause"
)

// fill sets every field, also those that are added later, to something that is not zero.
func fill(t *rapid.T, v reflect.Value, name string) {
	switch v.Kind() {
	case reflect.String:
		v.SetString(rapid.StringN(1, 20, -1).Draw(t, name))
	case reflect.Bool:
		v.SetBool(true)
	case reflect.Int, reflect.Int64:
		v.SetInt(rapid.Int64Range(-5, 1<<40).Filter(func(n int64) bool { return n != 0 }).Draw(t, name))
	case reflect.Uint8, reflect.Uint64:
		v.SetUint(rapid.Uint64Range(1, 255).Draw(t, name))
	case reflect.Slice:
		n := rapid.IntRange(1, 3).Draw(t, name)
		v.Set(reflect.MakeSlice(v.Type(), n, n))
		for i := range n {
			fill(t, v.Index(i), name)
		}
	case reflect.Pointer:
		v.Set(reflect.New(v.Type().Elem()))
		fill(t, v.Elem(), name)
	case reflect.Struct:
		if v.Type() == reflect.TypeFor[time.Time]() {
			v.Set(reflect.ValueOf(time.Unix(0, rapid.Int64Range(1, 1<<60).Draw(t, name))))
			return
		}
		for i := range v.NumField() {
			fill(t, v.Field(i), v.Type().Field(i).Name)
		}
	default:
		t.Fatalf("%s is of a kind that the test does not know: %s", name, v.Kind())
	}
}

func TestEveryFieldOfAnAttemptIsReadBackAsItWasWritten(t *testing.T) {
	rapid.Check(t, func(t *rapid.T) {
		var a Attempt
		fill(t, reflect.ValueOf(&a).Elem(), "attempt")
		got, err := decodeAttempt(encodeAttempt(nil, &a))
		if err != nil {
			t.Fatal(err)
		}
		if !reflect.DeepEqual(got, a) {
			t.Fatalf("wrote %+v\nread  %+v", a, got)
		}
	})
}

func TestAnAttemptWithNothingButItsIDIsReadBack(t *testing.T) {
	a := Attempt{ID: 7, At: time.Unix(1, 2), Code: NoAnswer}
	if got, err := decodeAttempt(encodeAttempt(nil, &a)); err != nil || !reflect.DeepEqual(got, a) {
		t.Fatalf("%+v, %v", got, err)
	}
}

func TestFieldsOfALaterVersionAreSkipped(t *testing.T) {
	a := Attempt{ID: 7, At: time.Unix(1, 2), Cause: cause.UnknownKey, Steps: []Step{{Kind: Connect}}}
	b := encodeAttempt(nil, &a)
	added := putText(putInt(nil, 90, 12345), 91, "something new")
	b = append(append(append([]byte{}, b[:4]...), added...), b[4:]...)
	b[0] += byte(len(added))
	if got, err := decodeAttempt(b); err != nil || !reflect.DeepEqual(got, a) {
		t.Fatalf("%+v, %v", got, err)
	}
}

func TestNoBytesMakeDecodingPanic(t *testing.T) {
	whole := encodeAttempt(nil, &Attempt{ID: 7, At: time.Unix(1, 2), Inputs: &Inputs{KeyHash: "x", Service: 3}, Steps: []Step{{Kind: Connect, Facts: []Fact{{"a", "b"}}}}, Packets: []Packet{{Bytes: []byte("xyz"), Length: 9}}})
	for n := range whole {
		_, _ = decodeAttempt(whole[:n])
	}
	rapid.Check(t, func(t *rapid.T) {
		b := append([]byte{}, whole...)
		for range rapid.IntRange(1, 4).Draw(t, "changes") {
			b[rapid.IntRange(0, len(b)-1).Draw(t, "at")] = rapid.Byte().Draw(t, "to")
		}
		_, _ = decodeAttempt(b)
	})
}

// usual is an attempt such as a device with a certificate leaves.
func usual() *Attempt {
	l := NewLog(Params{})
	r := l.Begin("192.0.2.7:47110", "192.0.2.1:8883")
	r.Step(ClientHello, Good, F("versions", "TLS 1.3 TLS 1.2"), F("suites", "17"), F("suite_names", "TLS_AES_128_GCM_SHA256 TLS_AES_256_GCM_SHA384 TLS_CHACHA20_POLY1305_SHA256 TLS_ECDHE_ECDSA_WITH_AES_128_GCM_SHA256"), F("sni", "gateway.local"), F("groups", "X25519 P-256 P-384"), F("signatures", "ECDSAWithP256AndSHA256 PSSWithSHA256"))
	r.Step(ServerChain, Good, F("leaf", "ECDSA P-256"), F("name", "gateway.local"), F("not_after", "2026-06-01T12:00:00Z"), F("intermediates", "1"))
	r.Step(ClientCertificate, Good, F("subject", "CN=thermostat-7"), F("issuer", "CN=Factory CA"), F("serial", "7512903847120938471209"), F("not_before", "2026-01-01T00:00:00Z"), F("not_after", "2036-01-01T00:00:00Z"), F("key", "ECDSA P-256"), F("sha256", "0123456789abcdef0123456789abcdef0123456789abcdef0123456789abcdef"), F("sha1", "0123456789abcdef0123456789abcdef01234567"))
	r.Step(Handshake, Good, F("version", "TLS 1.3"), F("suite", "TLS_AES_128_GCM_SHA256"), F("group", "X25519"), F("resumed", "no"))
	r.Step(Connect, Good, F("protocol", "MQTT"), F("level", "4"), F("clean", "no"), F("keepalive", "60"), F("client_id", "thermostat-7"), F("user", "absent"), F("password", "absent"), F("will", "no"), F("hex", "10 18 00 04 4d 51 54 54 04 00 00 3c 00 0c 74 68 65 72 6d 6f 73 74 61 74 2d 37"))
	r.Packet(false, make([]byte, 26))
	r.Identify(func(a *Attempt) {
		a.DeviceSID, a.DeviceName, a.CredentialSID = "TH0123456789abcdef0123456789abcdef", "thermostat-7", "CY0123456789abcdef0123456789abcdef"
		a.ServiceSID, a.ClientID, a.ServerName = "IS0123456789abcdef0123456789abcdef", "thermostat-7", "gateway.local"
		a.Thumbprint = "0123456789abcdef0123456789abcdef0123456789abcdef0123456789abcdef"
		a.Inputs = &Inputs{ProtocolName: "MQTT", ProtocolLevel: 4}
	})
	r.Step(Lookup, Good, F("by", "certificate"), F("credential", "CY0123456789abcdef0123456789abcdef"), F("found", "yes"), F("device", "TH0123456789abcdef0123456789abcdef"), F("name", "thermostat-7"))
	r.Decide(0, cause.Accepted)
	r.Packet(true, []byte{0x20, 2, 0, 0})
	r.Step(Connack, Good, F("code", "0"), F("hex", "20 02 00 00"))
	r.Accepted(false, 0)
	r.End(cause.ClientClosed, "device", nil)
	a, _ := l.Get(r.ID())
	return &a
}

func BenchmarkEncode(b *testing.B) {
	a := usual()
	buffer := encodeAttempt(nil, a)
	b.ReportMetric(float64(len(buffer)), "bytes")
	b.ReportAllocs()
	for b.Loop() {
		buffer = encodeAttempt(buffer[:0], a)
	}
}

func BenchmarkEncodeAsJSON(b *testing.B) {
	a := usual()
	b.ReportAllocs()
	for b.Loop() {
		if _, err := json.Marshal(a); err != nil {
			b.Fatal(err)
		}
	}
}

func BenchmarkDecode(b *testing.B) {
	buffer := encodeAttempt(nil, usual())
	b.ReportAllocs()
	for b.Loop() {
		if _, err := decodeAttempt(buffer); err != nil {
			b.Fatal(err)
		}
	}
}
