package sim

import (
	"context"
	"errors"
	"fmt"
	"net"
	"net/url"
	"strings"
	"sync"
	"sync/atomic"
	"time"

	mqtt "github.com/eclipse/paho.mqtt.golang"
)

// The errors of using a connection.
var (
	ErrNotConnected   = errors.New("the device is not connected")
	ErrConnectionLost = errors.New("the connection ended before the server acknowledged")
	ErrRefusedFilter  = errors.New("the server refused the subscription")
)

// The client library's patience.
const (
	quiesce     = 250             // milliseconds for DISCONNECT to be written
	takeTimeout = 2 * time.Second // for a message to be taken over by the writing goroutine
)

// session is an accepted connection, of either kind: Paho's for MQTT 3.1 and 3.1.1, session5 for MQTT 5.
type session interface {
	start(ctx context.Context) error
	publish(ctx context.Context, topic string, payload []byte, qos byte, retain bool) error
	subscribe(ctx context.Context, filter string, qos byte) (byte, error)
	unsubscribe(ctx context.Context, filter string) error
	disconnect(kind EndKind)
	over() <-chan struct{} // closed at the end
}

// ending is the one end of a session.
type ending struct {
	done    chan struct{}
	once    sync.Once
	leaving atomic.Bool // the device is saying goodbye: what the server does meanwhile is not the reason
	report  func(kind EndKind, err error)
}

func newEnding(report func(EndKind, error)) *ending {
	return &ending{done: make(chan struct{}), report: report}
}

func (e *ending) over() <-chan struct{} { return e.done }

func (e *ending) finish(kind EndKind, err error) {
	e.once.Do(func() {
		e.report(kind, err)
		close(e.done)
	})
}

// lost is told each error that ends a connection. The end of our own making is no reason: who made it will give one.
func (e *ending) lost(err error) {
	var v *violation
	switch {
	case e.leaving.Load(), errors.Is(err, net.ErrClosed), errors.Is(err, errEnded):
	case errors.As(err, &v):
		e.finish(EndViolation, err)
	case isClosed(err):
		e.finish(EndByServer, err)
	case strings.Contains(err.Error(), "pingresp"):
		e.finish(EndKeepAlive, err)
	default:
		e.finish(EndFailure, err)
	}
}

// pahoSession is a connection of MQTT 3.1 or 3.1.1 whose session is run by Paho.
type pahoSession struct {
	*ending
	link   *link
	client mqtt.Client
	flash  *flashView
}

func newPahoSession(l *link, answer connack, o Options, t target, flash *flashView, pingTimeout time.Duration, received func(Message), report func(EndKind, error)) *pahoSession {
	s := &pahoSession{link: l, ending: newEnding(report), flash: flash}
	opts := mqtt.NewClientOptions()
	opts.AddBroker("mqtts://" + t.address)
	opts.SetClientID("handed-over") // its CONNECT is taken by the link; ours was sent
	opts.SetProtocolVersion(uint(t.level))
	opts.SetCleanSession(o.Clean)
	opts.SetKeepAlive(time.Duration(t.keepAlive) * time.Second)
	opts.SetPingTimeout(pingTimeout)
	opts.SetWriteTimeout(takeTimeout)
	opts.SetConnectTimeout(t.timeout)
	opts.SetAutoReconnect(false)
	opts.SetConnectRetry(false)
	opts.SetOrderMatters(true)
	opts.SetStore(s.flash)
	opts.SetDefaultPublishHandler(func(_ mqtt.Client, m mqtt.Message) { // without one, Paho acknowledges nothing
		received(Message{Topic: m.Topic(), Payload: m.Payload(), QoS: m.Qos(), Retain: m.Retained(), Duplicate: m.Duplicate()})
	})
	opts.SetConnectionLostHandler(func(_ mqtt.Client, err error) {
		s.lost(err)
		if !s.leaving.Load() {
			s.finish(EndFailure, err)
		}
	})
	opts.SetCustomOpenConnectionFn(func(*url.URL, mqtt.ClientOptions) (net.Conn, error) { return l, nil })
	l.handOver(answer.packet, s.lost)
	s.client = mqtt.NewClient(opts)
	return s
}

// start lets Paho take over; with Clean Session 0 it sends again first what the server has not acknowledged.
func (s *pahoSession) start(ctx context.Context) error {
	token := s.client.Connect()
	select {
	case <-token.Done():
		return token.Error()
	case <-s.done:
		return nil // the state says how it ended
	case <-ctx.Done():
		return ctx.Err()
	}
}

// await runs a request of Paho's, which may block for takeTimeout, and waits for the acknowledgement.
func (s *pahoSession) await(ctx context.Context, request func() mqtt.Token) (mqtt.Token, error) {
	started := make(chan mqtt.Token, 1)
	go func() { started <- request() }()
	var token mqtt.Token
	select {
	case token = <-started:
	case <-s.done:
		return nil, ErrConnectionLost
	case <-ctx.Done():
		return nil, ctx.Err()
	}
	select {
	case <-token.Done():
	case <-s.done:
		select {
		case <-token.Done(): // acknowledged, then ended
		default:
			return nil, ErrConnectionLost
		}
	case <-ctx.Done():
		return nil, ctx.Err()
	}
	switch err := token.Error(); {
	case err == nil:
		return token, nil
	case errors.Is(err, mqtt.ErrNotConnected):
		return nil, ErrNotConnected
	case s.unusable(), isClosed(err), errors.As(err, new(*net.OpError)):
		return nil, fmt.Errorf("%w (%w)", ErrConnectionLost, err)
	default:
		return nil, err
	}
}

func (s *pahoSession) unusable() bool {
	select {
	case <-s.done:
		return true
	default:
		return !s.client.IsConnectionOpen()
	}
}

func (s *pahoSession) publish(ctx context.Context, topic string, payload []byte, qos byte, retain bool) error {
	_, err := s.await(ctx, func() mqtt.Token { return s.client.Publish(topic, qos, retain, payload) })
	return err
}

func (s *pahoSession) subscribe(ctx context.Context, filter string, qos byte) (byte, error) {
	token, err := s.await(ctx, func() mqtt.Token { return s.client.Subscribe(filter, qos, nil) })
	if err != nil {
		return 0, err
	}
	for _, granted := range token.(*mqtt.SubscribeToken).Result() {
		return granted, nil
	}
	return 0, ErrConnectionLost // Paho completes a token without a result when it gives up
}

func (s *pahoSession) unsubscribe(ctx context.Context, filter string) error {
	_, err := s.await(ctx, func() mqtt.Token { return s.client.Unsubscribe(filter) })
	return err
}

// disconnect sends DISCONNECT and closes, within half a second whatever the server does.
func (s *pahoSession) disconnect(kind EndKind) {
	s.leaving.Store(true)
	s.client.Disconnect(quiesce)
	_ = s.link.Close()
	s.flash.Close()
	s.finish(kind, nil)
}
