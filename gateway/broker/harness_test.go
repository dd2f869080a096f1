package broker

import (
	"bufio"
	"bytes"
	"crypto/ecdsa"
	"crypto/elliptic"
	"crypto/rand"
	"crypto/tls"
	"crypto/x509"
	"encoding/binary"
	"fmt"
	"io"
	"math/big"
	"net"
	"sync"
	"testing"
	"time"

	"github.com/stretchr/testify/require"
	"go.uber.org/goleak"

	"gatehouse/gateway/cause"
	"gatehouse/gateway/wire"
)

func TestMain(m *testing.M) { goleak.VerifyTestMain(m) }

// patience bounds everything that is waited for.
const patience = 10 * time.Second

// gate is the least that can stand where the gateway's listener stands: it reads CONNECT, takes the client identifier
// for the device SID and the user name for the service SID, and gives connections of one device their turn.
type gate struct {
	t       testing.TB
	hub     *Hub
	ln      net.Listener
	tls     *tls.Config
	tap     func(Hello) func(bool, []byte) bool
	mu      sync.Mutex
	devices map[string]*turn
	ends    map[string][]End
	raw     map[net.Conn]struct{}
	opened  []func(*Hub)
	wg      sync.WaitGroup
}

type turn struct {
	mu   sync.Mutex
	cur  *Conn
	gone chan struct{}
}

type option func(*gate, *Params)

func withSettings(s Settings) option { return func(_ *gate, p *Params) { p.Settings = s } }
func withLog(l Log) option           { return func(_ *gate, p *Params) { p.Log = l } }

// withSmallLog has the log compacted again and again.
func withSmallLog(g *gate, _ *Params) {
	g.opened = append(g.opened, func(h *Hub) {
		h.sequencer.mu.Lock()
		defer h.sequencer.mu.Unlock()
		h.compaction.small = 4 << 10
	})
}
func withTLS(g *gate, _ *Params) {
	g.tls = &tls.Config{Certificates: []tls.Certificate{testCertificate()}}
}

func serve(t testing.TB, options ...option) *gate {
	g := &gate{t: t, devices: map[string]*turn{}, ends: map[string][]End{}, raw: map[net.Conn]struct{}{}}
	var p Params
	for _, o := range options {
		o(g, &p)
	}
	hub, err := Open(p)
	require.NoError(t, err)
	g.hub = hub
	for _, o := range g.opened {
		o(hub)
	}
	ln, err := net.Listen("tcp", "127.0.0.1:0")
	require.NoError(t, err)
	g.ln = ln
	g.wg.Add(1)
	go g.accept()
	t.Cleanup(g.close)
	return g
}

func (g *gate) close() {
	_ = g.ln.Close()
	done := make(chan struct{})
	go func() {
		g.hub.Close()
		g.mu.Lock()
		for c := range g.raw {
			_ = c.Close()
		}
		g.mu.Unlock()
		g.wg.Wait()
		close(done)
	}()
	select {
	case <-done:
	case <-time.After(patience):
		g.t.Error("Close does not return")
	}
}

func (g *gate) accept() {
	defer g.wg.Done()
	for {
		nc, err := g.ln.Accept()
		if err != nil {
			return
		}
		g.mu.Lock()
		g.raw[nc] = struct{}{}
		g.mu.Unlock()
		g.wg.Add(1)
		go func() {
			defer g.wg.Done()
			g.connection(nc)
			_ = nc.Close()
			g.mu.Lock()
			delete(g.raw, nc)
			g.mu.Unlock()
		}()
	}
}

func (g *gate) connection(raw net.Conn) {
	nc := raw
	_ = raw.SetDeadline(time.Now().Add(patience))
	if g.tls != nil {
		nc = tls.Server(raw, g.tls)
	}
	header, body, err := wire.ReadConnect(nc, 64<<10)
	if err != nil {
		return
	}
	connect, err := wire.DecodeConnect(body, len(header))
	if err != nil || !connect.Supported() {
		return
	}
	hello := Hello{
		DeviceSID: connect.ClientID, ServiceSID: connect.User, Level: connect.Level, Clean: connect.Clean,
		KeepAlive: connect.KeepAlive, ClientID: connect.ClientID, Remote: raw.RemoteAddr().String(),
	}
	if g.tap != nil {
		hello.Tap = g.tap(hello)
	}
	g.mu.Lock()
	d := g.devices[hello.DeviceSID]
	if d == nil {
		d = &turn{}
		g.devices[hello.DeviceSID] = d
	}
	g.mu.Unlock()
	d.mu.Lock()
	if d.cur != nil {
		d.cur.Kill(cause.TakenOver)
		<-d.gone
	}
	c, _, _, err := g.hub.Open(nc, hello)
	if err != nil {
		d.cur = nil
		d.mu.Unlock()
		_, _ = nc.Write(wire.AppendConnack(nil, false, 3))
		return
	}
	gone := make(chan struct{})
	d.cur, d.gone = c, gone
	d.mu.Unlock()
	end := c.Run()
	g.mu.Lock()
	g.ends[hello.DeviceSID] = append(g.ends[hello.DeviceSID], end)
	g.mu.Unlock()
	close(gone)
}

// ended waits for the n-th end of a device's connections, counted from 0.
func (g *gate) ended(device string, n int) End {
	g.t.Helper()
	var end End
	g.until("connection ends", func() bool {
		g.mu.Lock()
		defer g.mu.Unlock()
		if len(g.ends[device]) <= n {
			return false
		}
		end = g.ends[device][n]
		return true
	})
	return end
}

func (g *gate) until(what string, ok func() bool) {
	g.t.Helper()
	for deadline := time.Now().Add(patience); !ok(); {
		if time.Now().After(deadline) {
			g.t.Fatalf("not in %v: %s", patience, what)
		}
		time.Sleep(time.Millisecond)
	}
}

// session is the snapshot of one device's session.
func (g *gate) session(device string) (Session, bool) {
	for _, s := range g.hub.Sessions() {
		if s.DeviceSID == device {
			return s, true
		}
	}
	return Session{}, false
}

// client is a device that says exactly what a test wants.
type client struct {
	t testing.TB
	net.Conn
	r *bufio.Reader
}

type packet struct {
	first byte
	body  []byte
}

func (p packet) kind() byte { return p.first >> 4 }
func (p packet) id() uint16 { return binary.BigEndian.Uint16(p.body) }

func (p packet) publish() (m wire.Publish) {
	m, err := wire.DecodePublish(wire.Level311, p.first, p.body, 2, "")
	if err != nil {
		panic(err)
	}
	return m
}

func (p packet) String() string {
	if p.kind() == wire.PUBLISH {
		m := p.publish()
		return fmt.Sprintf("PUBLISH %s %q QoS %d id %d dup %v retain %v", m.Topic, m.Payload, m.QoS, m.ID, m.Dup, m.Retain)
	}
	return fmt.Sprintf("type %d, % x", p.kind(), p.body)
}

func (g *gate) dial() *client {
	c, err := g.tryDial()
	require.NoError(g.t, err)
	return c
}

func (g *gate) tryDial() (*client, error) {
	nc, err := net.Dial("tcp", g.ln.Addr().String())
	if err != nil {
		return nil, err
	}
	if g.tls != nil {
		nc = tls.Client(nc, &tls.Config{InsecureSkipVerify: true}) //nolint:gosec // the certificate is of this test
	}
	c := &client{t: g.t, Conn: nc, r: bufio.NewReaderSize(nc, 64<<10)}
	g.t.Cleanup(func() { _ = nc.Close() })
	return c, nil
}

// connect returns a connected device and its session-present bit.
func (g *gate) connect(device string, clean bool) (*client, bool) {
	g.t.Helper()
	return g.connectWith(wire.Connect{ClientID: device, Clean: clean, KeepAlive: 60, HasUser: true, User: "IS1"})
}

func (g *gate) connectWith(o wire.Connect) (*client, bool) {
	g.t.Helper()
	c := g.dial()
	c.send(wire.AppendConnect(nil, o, false))
	p := c.want(wire.CONNACK)
	require.Equal(g.t, byte(0), p.body[1])
	return c, p.body[0] == 1
}

func (c *client) send(b []byte) {
	_ = c.SetWriteDeadline(time.Now().Add(patience))
	_, _ = c.Write(b) // a connection that has ended shows in what is read
}

func (c *client) read(within time.Duration) (packet, error) {
	_ = c.SetReadDeadline(time.Now().Add(within))
	first, err := c.r.ReadByte()
	if err != nil {
		return packet{}, err
	}
	n, err := binary.ReadUvarint(c.r) // the same encoding as a remaining length
	if err != nil {
		return packet{}, err
	}
	b := make([]byte, n)
	_, err = io.ReadFull(c.r, b)
	return packet{first, b}, err
}

func (c *client) want(kind byte) packet {
	c.t.Helper()
	p, err := c.read(patience)
	require.NoError(c.t, err, "waiting for type %d", kind)
	require.Equal(c.t, kind, p.kind(), "got %v", p)
	return p
}

// silent fails when a packet has come before the answer to a ping: what the gateway owed earlier would have come first.
func (c *client) silent() {
	c.t.Helper()
	c.send([]byte{wire.PINGREQ << 4, 0})
	c.want(wire.PINGRESP)
}

func (c *client) subscribe(id uint16, filter string, qos byte) byte {
	c.t.Helper()
	c.send(wire.AppendSubscribe(nil, id, wire.Subscription{Filter: filter, QoS: qos}))
	p := c.want(wire.SUBACK)
	require.Equal(c.t, id, p.id())
	return p.body[2]
}

func (c *client) publish(topic, payload string, qos byte, id uint16, retain bool) {
	c.send(wire.AppendPublish(nil, wire.Message{Topic: topic, Payload: []byte(payload), QoS: qos, ID: id, Retain: retain}))
}

// publish1 publishes at QoS 1 and waits for PUBACK.
func (c *client) publish1(topic, payload string, id uint16) {
	c.t.Helper()
	c.publish(topic, payload, 1, id, false)
	require.Equal(c.t, id, c.want(wire.PUBACK).id())
}

func (c *client) ack(kind byte, id uint16) { c.send(wire.AppendAck(nil, kind, id)) }

// closed waits until the gateway has closed the connection, and returns what came before.
func (c *client) closed() (before []packet) {
	c.t.Helper()
	for {
		p, err := c.read(patience)
		if err != nil {
			require.False(c.t, isTimeout(err), "the connection is still open")
			return before
		}
		before = append(before, p)
	}
}

// bothWays runs a claim over plain TCP and over TLS.
func bothWays(t *testing.T, claim func(t *testing.T, serve func(...option) *gate)) {
	t.Run("tcp", func(t *testing.T) {
		claim(t, func(o ...option) *gate { return serve(t, o...) })
	})
	t.Run("tls", func(t *testing.T) {
		claim(t, func(o ...option) *gate { return serve(t, append(o, withTLS)...) })
	})
}

var testCertificate = sync.OnceValue(func() tls.Certificate {
	key, err := ecdsa.GenerateKey(elliptic.P256(), rand.Reader)
	if err != nil {
		panic(err)
	}
	template := &x509.Certificate{SerialNumber: big.NewInt(1), NotAfter: time.Now().Add(time.Hour)}
	der, err := x509.CreateCertificate(rand.Reader, template, template, &key.PublicKey, key)
	if err != nil {
		panic(err)
	}
	return tls.Certificate{Certificate: [][]byte{der}, PrivateKey: key}
})

// filler is a payload of n bytes that begins with a number.
func filler(n, number int) string {
	b := bytes.Repeat([]byte{'.'}, n)
	binary.BigEndian.PutUint32(b, uint32(number))
	return string(b)
}
