package lab

import (
	"errors"
	"fmt"
	"net"
	"strconv"
	"sync"
	"syscall"
	"time"

	"gatehouse/gateway"
	"gatehouse/sim/ordinary"
	"gatehouse/sim/telemetry"
)

// BrokerPlan is how the ordinary broker is to be run.
type BrokerPlan struct {
	Port     int  // 0: a free one
	Network  bool // devices on the network can connect as well, with user name and password
	User     string
	Password string
}

// mostSecret bounds user name and password, whose lengths have two bytes in MQTT; people type less.
const mostSecret = 256

// Check tells what is wrong with a plan; Path is port, user or password.
func (p BrokerPlan) Check() (problems []telemetry.Problem) {
	wrong := func(path, what, todo string) {
		problems = append(problems, telemetry.Problem{Path: path, What: what, Todo: todo})
	}
	if p.Port < 0 || p.Port > 65535 {
		wrong("port", "a port is a number from 1 to 65535", "leave the field empty for a free one")
	}
	switch {
	case p.Network && p.Password == "":
		wrong("password", "without a password only this machine may connect", "give a password, or keep to this machine")
	case p.Password != "" && p.User == "":
		wrong("user", "a password goes with a user name", "give a user name, or no password")
	case p.User != "" && p.Password == "":
		wrong("password", "a user name goes with a password", "give a password, or no user name")
	}
	if len(p.User) > mostSecret {
		wrong("user", fmt.Sprintf("it is longer than %d bytes", mostSecret), "shorten it")
	}
	if len(p.Password) > mostSecret {
		wrong("password", fmt.Sprintf("it is longer than %d bytes", mostSecret), "shorten it")
	}
	return problems
}

// ErrPortTaken is returned when something else listens on the port.
var ErrPortTaken = errors.New("another program listens there, or the gateway itself: give another port, or leave the field empty for a free one")

// ErrPortForbidden is returned for a port that this user may not take.
var ErrPortForbidden = errors.New("this user may not take that port: give one above 1023")

// BrokerState is the ordinary broker at one moment. It can be compared with ==.
type BrokerState struct {
	Running  bool
	URL      string // where devices connect
	Network  bool
	Locked   bool          // with user name and password
	For      time.Duration // it has run, in whole seconds
	Clients  int           // connected now
	Received int64
	Sent     int64
	Retained int64 // messages that are kept for subscribers to come
	Filters  int64 // subscriptions
}

// Target is an MQTT server other than the gateway, for devices of the lab.
type Target struct {
	URL     string
	RootPEM []byte // the authorities to trust; empty: those of the system
	User    string
	Secret  string
}

// Broker is the ordinary broker, at most one. Its methods wait for nothing but each other and the network's own bounds.
type Broker struct {
	gateway *gateway.Gateway
	params  Params

	turns  sync.Mutex // one start or stop after the other
	mu     sync.Mutex
	broker *ordinary.Broker // nil: it does not run
	plan   BrokerPlan
	since  time.Time
	closed bool
}

func newBroker(p Params) *Broker { return &Broker{gateway: p.Gateway, params: p} }

// Start starts the broker. The error may be ErrRunning, a telemetry.Problem, or wrap ErrPortTaken or ErrPortForbidden.
func (b *Broker) Start(p BrokerPlan) error {
	if problems := p.Check(); len(problems) > 0 {
		return problems[0]
	}
	b.turns.Lock()
	defer b.turns.Unlock()
	b.mu.Lock()
	running, closed := b.broker != nil, b.closed
	b.mu.Unlock()
	switch {
	case closed:
		return ErrClosed
	case running:
		return errors.New("the ordinary broker runs already")
	}
	host := "127.0.0.1"
	if p.Network {
		host = ""
	}
	addr := net.JoinHostPort(host, strconv.Itoa(p.Port))
	started, err := ordinary.Start(ordinary.Params{
		Addr: addr, TLS: b.gateway.ServerTLS(), User: p.User, Password: p.Password, MaxClients: mostClients, Logger: b.params.Logger,
	})
	switch {
	case errors.Is(err, errPortTaken):
		return fmt.Errorf("port %d is taken: %w", p.Port, ErrPortTaken)
	case errors.Is(err, syscall.EACCES):
		return fmt.Errorf("port %d is not free for everybody: %w", p.Port, ErrPortForbidden)
	case err != nil:
		return err
	}
	b.mu.Lock()
	defer b.mu.Unlock()
	b.broker, b.plan, b.since = started, p, b.params.Now()
	return nil
}

// mostClients are connected to the broker at once: more than a fleet has devices.
const mostClients = MostDevices + 1000

// Stop ends the broker and all its connections; that it does not run is no error.
func (b *Broker) Stop() error {
	b.turns.Lock()
	defer b.turns.Unlock()
	b.mu.Lock()
	running := b.broker
	b.broker, b.plan = nil, BrokerPlan{}
	b.mu.Unlock()
	if running == nil {
		return nil
	}
	if err := running.Close(); err != nil {
		return fmt.Errorf("stop ordinary broker: %w", err)
	}
	return nil
}

// State is a snapshot.
func (b *Broker) State() BrokerState {
	b.mu.Lock()
	defer b.mu.Unlock()
	if b.broker == nil {
		return BrokerState{}
	}
	s := b.broker.Stats()
	return BrokerState{
		Running: true, URL: b.url(), Network: b.plan.Network, Locked: b.plan.Password != "", For: b.params.Now().Sub(b.since).Truncate(time.Second),
		Clients: s.Clients, Received: s.Received, Sent: s.Sent, Retained: s.Retained, Filters: s.Filter,
	}
}

// Target is the broker as devices of this machine reach it; false when it does not run.
func (b *Broker) Target() (Target, bool) {
	b.mu.Lock()
	defer b.mu.Unlock()
	if b.broker == nil {
		return Target{}, false
	}
	_, port, _ := net.SplitHostPort(b.broker.Addr())
	return Target{URL: "mqtts://" + net.JoinHostPort("localhost", port), RootPEM: b.gateway.RootPEM(), User: b.plan.User, Secret: b.plan.Password}, true
}

// url is where devices connect, by a name that the certificate holds. The caller holds mu.
func (b *Broker) url() string {
	if !b.plan.Network {
		return b.broker.URL()
	}
	_, port, _ := net.SplitHostPort(b.broker.Addr())
	host := "localhost"
	for _, name := range b.gateway.Status().Names {
		if ip := net.ParseIP(name); name != "localhost" && (ip == nil || !ip.IsLoopback()) {
			host = name
			break
		}
	}
	return "mqtts://" + net.JoinHostPort(host, port)
}

// close ends the broker for good.
func (b *Broker) close() {
	b.mu.Lock()
	b.closed = true
	b.mu.Unlock()
	_ = b.Stop() // the process ends
}
