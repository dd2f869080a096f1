package integration

import (
	"crypto/tls"
	"crypto/x509"
	"encoding/json"
	"encoding/pem"
	"fmt"
	"testing"

	"gatehouse/sim"
)

// TestNothingThatAVirtualDeviceShowsHoldsItsSecret looks at the console, the state and the errors of devices that connect with right and wrong
// credentials, and of one that publishes its own.
func TestNothingThatAVirtualDeviceShowsHoldsItsSecret(t *testing.T) {
	l := openLeaky(t)
	keySID, secret, pair := l.devices()
	keyPEM, err := pkcs8(pair)
	if err != nil {
		t.Fatal(err)
	}
	right := sim.Credential{KeySID: keySID, Secret: secret}
	certificate := sim.Credential{CertPEM: pem.EncodeToMemory(&pem.Block{Type: "CERTIFICATE", Bytes: pair.Certificate[0]}), KeyPEM: keyPEM}
	with := func(c sim.Credential, change func(*sim.Options)) sim.Options {
		o := sim.Options{URL: l.gateway.Status().URL, RootPEM: l.gateway.RootPEM(), ClientID: "board", Credential: c}
		if change != nil {
			change(&o)
		}
		return o
	}
	connected := 0
	for name, o := range map[string]sim.Options{
		"the right key":         with(right, func(o *sim.Options) { o.Will = &sim.Will{Topic: "gone", Payload: []byte(secret)} }),
		"a wrong secret":        with(right, func(o *sim.Options) { o.WrongSecret = true }),
		"another secret":        with(sim.Credential{KeySID: keySID, Secret: l.Text("another secret")}, nil),
		"its secret everywhere": with(sim.Credential{KeySID: secret, Secret: secret}, func(o *sim.Options) { o.ClientID = secret }),
		"a certificate":         with(certificate, nil),
		"half a certificate":    with(sim.Credential{CertPEM: certificate.CertPEM, KeyPEM: keyPEM[:len(keyPEM)/2]}, nil),
		"another server":        with(right, func(o *sim.Options) { o.URL = "mqtts://127.0.0.1:1" }),
		"secret in its address": with(right, func(o *sim.Options) { o.URL = "mqtts://me:" + l.Bare("a password in an address") + "@127.0.0.1:1" }),
	} {
		d := sim.NewDevice(sim.Params{})
		result := d.Connect(t.Context(), o)
		if result.Err == nil {
			connected++
			if name == "the right key" {
				_ = d.Publish(t.Context(), "mine/"+secret, []byte("it is "+secret), 1, false)
				_, _ = d.Subscribe(t.Context(), "to/"+secret, 0)
			}
		}
		d.Close()
		entries := d.Console(0)
		text, err := json.Marshal(entries)
		if err != nil {
			t.Fatal(err)
		}
		for _, e := range entries {
			text = fmt.Appendf(text, "\n%s %s %s", e.Summary, e.Topic, e.Payload)
		}
		l.out("the console with "+name, text)
		l.out("the state with "+name, fmt.Appendf(nil, "%v %+v %v %#v", d.State(), result, result.Err, o.Credential))
	}
	if connected < 2 {
		t.Errorf("only %d connected", connected)
	}
	l.Look(l.outputs)
}

func pkcs8(pair tls.Certificate) ([]byte, error) {
	der, err := x509.MarshalPKCS8PrivateKey(pair.PrivateKey)
	return pem.EncodeToMemory(&pem.Block{Type: "PRIVATE KEY", Bytes: der}), err
}
