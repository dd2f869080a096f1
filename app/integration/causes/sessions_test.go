package causes

import (
	"crypto/ecdsa"
	"crypto/elliptic"
	"crypto/rand"
	"crypto/rsa"
	"crypto/tls"
	"crypto/x509"
	"crypto/x509/pkix"
	"encoding/pem"
	"io"
	"math/big"
	"slices"
	"strconv"
	"strings"
	"time"

	"gatehouse/app/words"
	"gatehouse/gateway"
	"gatehouse/gateway/attempt"
	"gatehouse/gateway/cause"
	"gatehouse/gateway/credential"
	"gatehouse/gateway/registry"
	"gatehouse/gateway/wire"
)

// certificate is one of a key, valid between two times, enrolled for the device.
func (w *world) certificate(key any, public any, from, until time.Time) tls.Certificate {
	w.Helper()
	template := &x509.Certificate{SerialNumber: big.NewInt(1), Subject: pkix.Name{CommonName: w.device.UniqueName}, NotBefore: from, NotAfter: until}
	der, err := x509.CreateCertificate(rand.Reader, template, template, public, key)
	w.must(err)
	_, err = w.g.Registry().ImportCertificate(w.Context(), w.device.FleetSID, w.device.SID, "", pem.EncodeToMemory(&pem.Block{Type: "CERTIFICATE", Bytes: der}))
	w.must(err)
	w.mask(words.Thumbprint(credential.Thumbprint(der)), "012345…cdef")
	return tls.Certificate{Certificate: [][]byte{der}, PrivateKey: key}
}

func (w *world) ecdsa(from, until time.Duration) tls.Certificate {
	w.Helper()
	key, err := ecdsa.GenerateKey(elliptic.P256(), rand.Reader)
	w.must(err)
	return w.certificate(key, &key.PublicKey, time.Now().Add(from), time.Now().Add(until))
}

// warned connects, leaves, and returns what the attempt warns of.
func (w *world) warned(why cause.ID, c wire.Connect, config *tls.Config) seen {
	w.Helper()
	conn := w.sessionBy(c, config)
	w.send(conn, wire.AppendEmpty(nil, wire.DISCONNECT))
	return w.warning(w.ended(conn), why)
}

const year = 365 * 24 * time.Hour

// warnings are those of attempts that were accepted.
var warnings = []row{
	{cause: cause.WillDiscarded, how: "A CONNECT with a will", short: "Last will discarded", provoke: func(w *world) seen {
		c := w.connect()
		c.HasWill, c.WillTopic, c.WillPayload = true, "gone", []byte("x")
		return w.warned(cause.WillDiscarded, c, w.config())
	}},
	{cause: cause.CertificateExpired, how: "A client certificate that expired a year ago", short: "Certificate has expired", fix: "Copy a command that makes one", provoke: func(w *world) seen {
		return w.warned(cause.CertificateExpired, wire.Connect{Clean: true}, w.presenting(w.ecdsa(-2*year, -year)))
	}},
	{cause: cause.CertificateNotYetValid, how: "A client certificate that will be valid in a year", short: "Certificate is not valid yet", fix: "Copy a command that makes one", provoke: func(w *world) seen {
		return w.warned(cause.CertificateNotYetValid, wire.Connect{Clean: true}, w.presenting(w.ecdsa(year, 2*year)))
	}},
	{cause: cause.WeakKey, how: "A client certificate of 1024 bits RSA", short: "Weak key", fix: "Copy a command that makes one", provoke: func(w *world) seen {
		key, err := rsa.GenerateKey(rand.Reader, 1024)
		w.must(err)
		return w.warned(cause.WeakKey, wire.Connect{Clean: true}, w.presenting(w.certificate(key, &key.PublicKey, time.Now().Add(-year), time.Now().Add(year))))
	}},
	{cause: cause.BelievedConnected, how: "TLS 1.3 with the private key of another certificate: the client is done before the gateway refuses", short: "Device believed that it was connected", fix: "Copy a command that makes one", settings: &gateway.Settings{}, provoke: func(w *world) seen {
		pair := w.identity("x", false)
		pair.PrivateKey = w.identity("y", false).PrivateKey
		return w.warning(w.shake(w.presenting(pair)), cause.BelievedConnected)
	}},
	{cause: cause.CertificateExpiresSoon, how: "A client certificate that expires in ten days", short: "Certificate expires soon", fix: "Copy a command that makes one", provoke: func(w *world) seen {
		return w.warned(cause.CertificateExpiresSoon, wire.Connect{Clean: true, KeepAlive: 60}, w.presenting(w.ecdsa(-year, 10*24*time.Hour)))
	}},
	{cause: cause.HeavyKey, how: "A client certificate of 2048 bits RSA", short: "Key is heavier than need be", fix: "Copy a command that makes one", provoke: func(w *world) seen {
		key, err := rsa.GenerateKey(rand.Reader, 2048)
		w.must(err)
		return w.warned(cause.HeavyKey, wire.Connect{Clean: true, KeepAlive: 60}, w.presenting(w.certificate(key, &key.PublicKey, time.Now().Add(-year), time.Now().Add(year))))
	}},
	{cause: cause.LargeChain, how: "Four more certificates beside the device’s own", short: "Many bytes of certificates", provoke: func(w *world) seen {
		pair := w.ecdsa(-year, year)
		for range 4 {
			pair.Certificate = append(pair.Certificate, w.identity("more", false).Certificate[0])
		}
		return w.warned(cause.LargeChain, wire.Connect{Clean: true, KeepAlive: 60}, w.presenting(pair))
	}},
	{cause: cause.KeepaliveShort, how: "A keepalive of 5 s", short: "Keepalive is short", fix: "Copy the mosquitto option", provoke: func(w *world) seen {
		c := w.connect()
		c.KeepAlive = 5
		return w.warned(cause.KeepaliveShort, c, w.config())
	}},
	{cause: cause.KeepaliveOff, how: "A keepalive of 0", short: "Keepalive is off", fix: "Copy the mosquitto option", provoke: func(w *world) seen {
		c := w.connect()
		c.KeepAlive = 0
		return w.warned(cause.KeepaliveOff, c, w.config())
	}},
	{cause: cause.NameNotInCertificate, how: "A client that asks for gateway.example and does not check names", short: "Server name is not in the certificate", fix: "Add gateway.example to the certificate", provoke: func(w *world) seen {
		config := w.config()
		config.ServerName, config.InsecureSkipVerify = "gateway.example", true
		return w.warned(cause.NameNotInCertificate, w.connect(), config)
	}},
	{cause: cause.CredentialsIgnored, how: "A key beside a client certificate", short: "User name and password ignored", provoke: func(w *world) seen {
		return w.warned(cause.CredentialsIgnored, w.connect(), w.presenting(w.ecdsa(-year, year)))
	}},
}

// reported has a connected device send packets, and returns what its timeline says about one.
func (w *world) reported(why cause.ID, packets ...[]byte) seen {
	w.Helper()
	conn := w.session(w.connect())
	defer conn.Close()
	w.send(conn, packets...)
	return w.warning(w.at(conn.NetConn(), func(a attempt.Attempt) bool {
		for _, warned := range a.Warnings {
			if warned == why {
				return true
			}
		}
		return false
	}), why)
}

func subscribe(filter string) []byte {
	return wire.AppendSubscribe(nil, 1, wire.Subscription{Filter: filter, QoS: 1})
}

func publish(topic, payload string) []byte {
	return wire.AppendPublish(nil, wire.Message{Topic: topic, Payload: []byte(payload), QoS: 1, ID: 1})
}

// reports are about what a connected device asked for in vain.
var reports = []row{
	{cause: cause.SystemTopic, how: "SUBSCRIBE to $SYS/#", short: "Topic begins with $", provoke: func(w *world) seen {
		return w.reported(cause.SystemTopic, subscribe("$SYS/#"))
	}},
	{cause: cause.NotSyncTopic, how: "PUBLISH to plain/topic while only Sync topics are allowed", short: "Not a Sync topic", settings: &gateway.Settings{SyncTopicsOnly: true}, provoke: func(w *world) seen {
		return w.reported(cause.NotSyncTopic, publish("plain/topic", "1"))
	}},
	{cause: cause.SyncWildcard, how: "SUBSCRIBE to sync/docs/+", short: "Wildcard below sync/ refused", provoke: func(w *world) seen {
		return w.reported(cause.SyncWildcard, subscribe("sync/docs/+"))
	}},
	{cause: cause.InvalidFilter, how: "SUBSCRIBE to a+/b", short: "Invalid filter refused", provoke: func(w *world) seen {
		return w.reported(cause.InvalidFilter, subscribe("a+/b"))
	}},
	{cause: cause.SubscribeRefused, how: "SUBSCRIBE to a document that does not exist", short: "Subscription refused", provoke: func(w *world) seen {
		return w.reported(cause.SubscribeRefused, subscribe("sync/docs/missing"))
	}},
	{cause: cause.MessageRefused, how: "PUBLISH of half a JSON object to a document", short: "Message refused", provoke: func(w *world) seen {
		return w.reported(cause.MessageRefused, publish("sync/docs/broken", `{"a":`))
	}},
	{cause: cause.TooManySubscriptions, how: "SUBSCRIBE to 10 001 filters", short: "Subscription refused", provoke: func(w *world) seen {
		var filters []wire.Subscription
		for i := range 10_001 {
			filters = append(filters, wire.Subscription{Filter: "f/" + strconv.Itoa(i)})
		}
		var packets [][]byte
		for some := range slices.Chunk(filters, 1000) {
			packets = append(packets, wire.AppendSubscribe(nil, 1, some...))
		}
		return w.reported(cause.TooManySubscriptions, packets...)
	}},
	{cause: cause.NotRetained, how: "The 10 001st retained message of a service", short: "Message not retained", settings: &gateway.Settings{}, provoke: func(w *world) seen {
		var packets []byte
		for i := range 10_001 {
			packets = wire.AppendPublish(packets, wire.Message{Topic: "kept/" + strconv.Itoa(i), Payload: []byte("x"), Retain: true})
		}
		return w.reported(cause.NotRetained, packets)
	}},
	{
		cause: cause.SessionDiscarded, how: "More messages wait for an absent device than its session may hold", short: "Session discarded",
		settings: &gateway.Settings{Limits: gateway.Limits{SessionMessages: 3}}, provoke: func(w *world) seen {
			parked := w.park()
			talker := &world{T: w.T, g: w.g}
			talker.device = talker.add("talker")
			talker.key, talker.secret = talker.newKey(talker.device)
			conn := talker.session(talker.connect())
			defer conn.Close()
			for range 8 {
				w.send(conn, publish("news", "x"))
			}
			return w.warning(w.at(parked.NetConn(), func(a attempt.Attempt) bool { return len(a.Warnings) > 0 }), cause.SessionDiscarded)
		},
	},
}

// park has the device subscribe in a session that stays, and leave.
func (w *world) park() *tls.Conn {
	w.Helper()
	c := w.connect()
	c.Clean = false
	conn := w.session(c)
	w.send(conn, subscribe("news"))
	suback := make([]byte, 5)
	_, err := io.ReadFull(conn, suback)
	w.must(err)
	w.send(conn, wire.AppendEmpty(nil, wire.DISCONNECT))
	w.ended(conn)
	return conn
}

// ending connects, has something happen, and returns how the connection ended.
func (w *world) ending(why cause.ID, happen func(c *tls.Conn)) seen {
	w.Helper()
	conn := w.session(w.connect())
	happen(conn)
	return w.end(w.ended(conn), why)
}

// ends are those of connections that were accepted.
var ends = []row{
	{cause: cause.ClientDisconnect, how: "DISCONNECT", provoke: func(w *world) seen {
		return w.ending(cause.ClientDisconnect, func(c *tls.Conn) { w.send(c, wire.AppendEmpty(nil, wire.DISCONNECT)) })
	}},
	{cause: cause.ClientClosed, how: "The client closes without DISCONNECT", provoke: func(w *world) seen {
		return w.ending(cause.ClientClosed, func(c *tls.Conn) { _ = c.Close() })
	}},
	{cause: cause.KeepaliveExpired, how: "A keepalive of 1 s, and silence for more than 1.5 s", provoke: func(w *world) seen {
		c := w.connect()
		c.KeepAlive = 1
		return w.end(w.ended(w.session(c)), cause.KeepaliveExpired)
	}},
	{cause: cause.TakenOver, how: "A second connection of the device", provoke: func(w *world) seen {
		return w.ending(cause.TakenOver, func(*tls.Conn) { w.session(w.connect()) })
	}},
	{cause: cause.ServiceChanged, how: "The device is deployed to another Sync service", provoke: func(w *world) seen {
		return w.ending(cause.ServiceChanged, func(*tls.Conn) {
			service, err := w.g.Registry().CreateService(w.Context(), "", "other")
			w.must(err)
			other, err := w.g.Registry().CreateDeployment(w.Context(), w.device.FleetSID, "other", service.SID)
			w.must(err)
			w.change(registry.DeviceChange{DeploymentSID: &other.SID})
		})
	}},
	{cause: cause.DisconnectedByUser, how: "“Disconnect” in Sessions", provoke: func(w *world) seen {
		return w.ending(cause.DisconnectedByUser, func(*tls.Conn) { w.g.Disconnect(w.device.SID) })
	}},
	{cause: cause.SessionDropped, how: "“Drop session” in Sessions", provoke: func(w *world) seen {
		return w.ending(cause.SessionDropped, func(*tls.Conn) { w.g.DropSession(w.device.SID) })
	}},
	{cause: cause.MalformedPacket, how: "A packet of the reserved type 15", provoke: func(w *world) seen {
		return w.ending(cause.MalformedPacket, func(c *tls.Conn) { w.send(c, []byte{0xf0, 0}) })
	}},
	{cause: cause.PacketTooLarge, how: "A PUBLISH above the limit of 1 KiB", settings: &gateway.Settings{Limits: gateway.Limits{PacketBytes: 1024}}, provoke: func(w *world) seen {
		return w.ending(cause.PacketTooLarge, func(c *tls.Conn) { w.send(c, publish("a", strings.Repeat("x", 2000))) })
	}},
	{cause: cause.TopicTooLong, how: "A PUBLISH to a topic of 65 levels", provoke: func(w *world) seen {
		return w.ending(cause.TopicTooLong, func(c *tls.Conn) { w.send(c, publish(strings.Repeat("a/", 64)+"a", "x")) })
	}},
	{
		cause: cause.SessionOverflow, how: "A connected device acknowledges nothing, and more waits for it than its session may hold",
		settings: &gateway.Settings{Limits: gateway.Limits{SessionMessages: 3, Window: 1}}, provoke: func(w *world) seen {
			return w.ending(cause.SessionOverflow, func(c *tls.Conn) {
				packets := subscribe("news")
				for id := range 8 {
					packets = wire.AppendPublish(packets, wire.Message{Topic: "news", Payload: []byte("x"), QoS: 1, ID: uint16(id + 1)})
				}
				w.send(c, packets) // in one: the gateway closes before it has read all
			})
		},
	},
	{cause: cause.PublishRefused, how: "A PUBLISH of half a JSON object while strict is on", settings: &gateway.Settings{StrictPublishes: true}, provoke: func(w *world) seen {
		return w.ending(cause.PublishRefused, func(c *tls.Conn) { w.send(c, publish("sync/docs/broken", `{"a":`)) })
	}},
	{cause: cause.GatewayStopped, how: "The gateway is stopped", settings: &gateway.Settings{}, provoke: func(w *world) seen {
		return w.ending(cause.GatewayStopped, func(*tls.Conn) { w.stop() })
	}},
	{cause: cause.GatewayDied, how: "kill -9 while a device is connected", settings: &gateway.Settings{}, provoke: killed},
	{cause: cause.DeviceDisabled, how: "A connected device is disabled", provoke: func(w *world) seen {
		return w.ending(cause.DeviceDisabled, func(*tls.Conn) { w.change(registry.DeviceChange{Enabled: new(false)}) })
	}},
	{cause: cause.CredentialRevoked, how: "The key of a connected device is removed", provoke: func(w *world) seen {
		return w.ending(cause.CredentialRevoked, func(*tls.Conn) { w.must(w.g.Registry().DeleteKey(w.Context(), w.key.SID)) })
	}},
}

// findings are what several attempts show together.
var findings = []row{
	{
		cause: cause.TakeoverFight, how: "Two clients with the key of one device, each of which comes back when it is evicted", short: "Two connections fight over thermostat-7",
		fix: "Add thermostat-7-2 for the other board", provoke: func(w *world) seen {
			for i := range 12 {
				c := w.connect()
				c.ClientID = []string{"left", "right"}[i%2]
				w.session(c)
			}
			w.mask("12 times", "12 times")
			return w.pattern(cause.TakeoverFight)
		},
	},
	{cause: cause.ReconnectStorm, how: "A client that connects and leaves, again and again", short: "thermostat-7 reconnects without end", provoke: func(w *world) seen {
		for range 12 {
			conn := w.session(w.connect())
			w.send(conn, wire.AppendEmpty(nil, wire.DISCONNECT))
			w.ended(conn)
		}
		return w.pattern(cause.ReconnectStorm)
	}},
	{cause: cause.IgnoresCode, how: "A client that goes on with a wrong secret after code 4", short: "thermostat-7 ignores code 4", fix: "New key for thermostat-7", provoke: func(w *world) seen {
		for range 4 {
			w.wrong(4, w.key.SID, "0123456789abcdefABCDEF0123456789")
		}
		return w.pattern(cause.IgnoresCode)
	}},
	{cause: cause.SameFailure, how: "A client without root.pem that goes on trying", short: "Handshakes fail in the same way", fix: "Save root.pem", settings: &gateway.Settings{}, provoke: func(w *world) seen {
		config := w.config()
		config.RootCAs = x509.NewCertPool()
		for range 6 {
			w.shake(config)
		}
		return w.pattern(cause.SameFailure)
	}},
	{cause: cause.ClockOff, how: "The client answers with the alert certificate_expired, and the certificate is valid", short: "Clock of the device at 127.0.0.1 is wrong", settings: &gateway.Settings{}, provoke: func(w *world) seen {
		w.mask(w.g.Status().LeafNotAfter.UTC().Format("2006-01-02"), "2026-06-01")
		w.alerts(45)
		return w.pattern(cause.ClockOff)
	}},
}
