package causes

import (
	"net"
	"net/url"
	"time"

	mqtt "github.com/eclipse/paho.mqtt.golang"

	"gatehouse/gateway/attempt"
)

// byPaho connects with Eclipse Paho, as programs for devices do, and leaves. It tells the code that Paho saw.
func (w *world) byPaho(user, password string) (code byte, over attempt.Attempt) {
	w.Helper()
	conn := w.tls(w.config())
	options := mqtt.NewClientOptions().AddBroker("ssl://localhost").SetClientID("client").SetUsername(user).SetPassword(password).
		SetProtocolVersion(4).SetCleanSession(true).SetAutoReconnect(false).SetConnectRetry(false).SetConnectTimeout(20 * time.Second).
		SetCustomOpenConnectionFn(func(*url.URL, mqtt.ClientOptions) (net.Conn, error) { return conn, nil })
	client := mqtt.NewClient(options)
	token := client.Connect()
	if !token.WaitTimeout(30 * time.Second) {
		w.Fatal("Paho got no answer")
	}
	client.Disconnect(100)
	_ = conn.Close()
	return token.(*mqtt.ConnectToken).ReturnCode(), w.done(conn.NetConn())
}

// saidToPaho is an attempt of Paho that must get a code.
func (w *world) saidToPaho(want byte, user, password string) attempt.Attempt {
	w.Helper()
	code, over := w.byPaho(user, password)
	if code != want {
		w.Errorf("Paho saw code %d, want %d", code, want)
	}
	return over
}
