// Package gateway is the device gateway as a whole: it opens the data folder, listens for devices, and answers what is
// going on. It is the facade of the packages below it, which do the work; whoever shows the gateway needs this package
// and the records that it hands out. It knows neither a window nor a command line, and nothing here waits for one.
package gateway

import (
	"context"
	"errors"
	"fmt"
	"log/slog"
	"net"
	"path/filepath"
	"strconv"
	"sync"
	"time"

	"gatehouse/gateway/admission"
	"gatehouse/gateway/attempt"
	"gatehouse/gateway/broker"
	"gatehouse/gateway/cause"
	"gatehouse/gateway/diagnosis"
	"gatehouse/gateway/finding"
	"gatehouse/gateway/lab"
	"gatehouse/gateway/listener"
	"gatehouse/gateway/objects"
	"gatehouse/gateway/pki"
	"gatehouse/gateway/registry"
	"gatehouse/gateway/rest"
	"gatehouse/gateway/rest/metrics"
	"gatehouse/gateway/store"
	"gatehouse/gateway/webhook"
)

// Config says where a gateway keeps its data and where it listens. The zero value is the default everywhere.
type Config struct {
	// DataDir is the data folder; empty stands for DefaultDataDir.
	DataDir string
	// MQTTAddr is host:port of the listener and overrides the settings; port 0 takes a free one. Empty leaves it to the
	// settings: port 8883 on loopback.
	MQTTAddr string
	// HTTPAddr is host:port of the HTTP listener; empty stands for 127.0.0.1:8080, "off" for none.
	HTTPAddr string
	// Names are added to those in the server's certificate, before those of the settings.
	Names []string

	Version string // of the program, for reports

	Logger *slog.Logger     // nil discards
	Now    func() time.Time // nil is time.Now
	// OnAttempt is told each attempt once it is decided, and must not block. May be nil.
	OnAttempt func(attempt.Attempt)
	// Drain is how long a gateway that stops still answers newcomers, with code 3, before it closes its port; zero stands
	// for 300 ms.
	Drain time.Duration

	given func() time.Time // Now as it was given
}

// State is what the gateway does as a whole.
type State int

// A gateway that Failed wanted to listen and could not; Status says why.
const (
	Stopped State = iota
	Listening
	Failed
)

// Status is a snapshot of the gateway for people.
type Status struct {
	State    State
	MQTTAddr string // as bound: "127.0.0.1:8883"
	URL      string // as devices reach it: "mqtts://localhost:8883"
	Host     string // the host of the URL, the certificate's Common Name
	Port     int
	HTTPURL  string
	Network  bool // devices on the network may connect

	LeafNotAfter time.Time
	Names        []string // in the server's certificate
	RootPath     string
	DataDir      string

	// Problem is why the gateway is not listening, or what else is wrong; nil when all is well.
	Problem error
	// SetAside are the folders and files that were found damaged, earlier or now, and put out of the way.
	SetAside []string
}

// ErrClosed is returned by what needs an open gateway.
var ErrClosed = errors.New("gateway is closed")

// Gateway is an open data folder with a listener that can be started and stopped. All methods are safe for use by many
// goroutines; the snapshots never wait for a disk or a device.
type Gateway struct {
	config    Config
	store     *store.Store
	registry  *registry.Registry
	authority *pki.Authority
	attempts  *attempt.Log
	findings  *finding.Log
	hub       *broker.Hub
	objects   *objects.Objects
	webhooks  *webhook.Webhooks
	listener  *listener.Listener
	lab       *lab.Lab
	metrics   *metrics.Metrics
	background
	reported struct{ notice, refusal uint64 } // the last that are on a timeline; report only

	// turns serialises Start, Stop, SetSettings and Close; it is taken before mu and never the other way round.
	turns sync.Mutex

	mu       sync.Mutex // guards what follows; nothing is called while it is held
	settings Settings
	state    State
	address  net.Addr
	problem  error
	setAside []string
	draining bool
	closed   bool
	http     *rest.Server
}

// Open opens the data folder and everything in it, without listening yet. Errors worth telling apart: *store.InUseError
// when another instance has the folder, *store.DamagedError when a file of the store is damaged.
func Open(config Config) (*Gateway, error) {
	if err := config.complete(); err != nil {
		return nil, err
	}
	if err := makeDataDir(config.DataDir); err != nil {
		return nil, err
	}
	g := &Gateway{config: config, metrics: metrics.New()}
	s, err := store.Open(config.DataDir, store.Params{
		Logger: config.Logger, Now: config.Now, OnWrite: g.metrics.Write,
		Always: peekSettings(config.DataDir).Durable == DurableAlways,
	})
	if err != nil {
		return nil, err
	}
	g.store = s
	if err := g.open(); err != nil {
		_ = s.Close()
		return nil, err
	}
	return g, nil
}

func (c *Config) complete() (err error) {
	if c.DataDir == "" {
		if c.DataDir, err = DefaultDataDir(); err != nil {
			return err
		}
	}
	if c.DataDir, err = filepath.Abs(c.DataDir); err != nil {
		return fmt.Errorf("data folder: %w", err)
	}
	if c.HTTPAddr == "" {
		c.HTTPAddr = DefaultHTTPAddr
	}
	if c.Logger == nil {
		c.Logger = slog.New(slog.DiscardHandler)
	}
	if c.given = c.Now; c.Now == nil {
		c.Now = time.Now
	}
	if c.Drain <= 0 {
		c.Drain = 300 * time.Millisecond
	}
	for _, name := range c.Names {
		if err := checkName(name); err != nil {
			return err
		}
	}
	return nil
}

// open builds what stands on the store; what it had built before an error is closed again.
func (g *Gateway) open() error {
	ctx, cancel := context.WithTimeout(context.Background(), time.Minute)
	defer cancel()
	g.background.start()
	for _, build := range []func(context.Context) error{g.openSettings, g.openRegistry, g.openAuthority, g.openHub, g.openObjects, g.openListener, g.openLab} {
		if err := build(ctx); err != nil {
			g.background.end()
			return err
		}
	}
	g.reconcile()
	g.background.add(g.registry.OnChange(g.changed))
	g.background.every(time.Hour, g.renew)
	g.background.every(2*time.Second, g.mend)
	g.background.every(250*time.Millisecond, g.report)
	return nil
}

func (g *Gateway) openSettings(context.Context) error {
	settings, aside, err := loadSettings(g.config.DataDir, g.config.Now())
	if err != nil {
		return err
	}
	g.settings, g.setAside = settings, store.EarlierDamage(g.config.DataDir)
	if aside != "" {
		g.setAside = append(g.setAside, aside)
	}
	return nil
}

func (g *Gateway) openRegistry(ctx context.Context) (err error) {
	c := g.config
	if g.registry, err = registry.Open(ctx, registry.Params{Store: g.store, Now: c.Now, Logger: c.Logger}); err != nil {
		return fmt.Errorf("registry: %w", err)
	}
	g.background.add(func() {
		ctx, cancel := context.WithTimeout(context.Background(), 3*time.Second)
		defer cancel()
		// A registry that cannot note the last connects any more has lost nothing that was promised.
		if late := g.registry.Close(ctx); late != nil {
			c.Logger.Warn("times of the last connects are not kept", "err", late)
		}
	})
	return nil
}

func (g *Gateway) openAuthority(context.Context) (err error) {
	c := g.config
	if g.authority, err = pki.Open(pki.Params{Dir: filepath.Join(c.DataDir, "pki"), Names: g.names(g.settings), Now: c.Now, Logger: c.Logger}); err != nil {
		return fmt.Errorf("certificates: %w", err)
	}
	g.openAttempts()
	g.attempts.OnDecided(func(a attempt.Attempt) {
		if a.Server == "" { // the lab's refusals are on purpose
			g.metrics.Attempt(a)
		}
		if c.OnAttempt != nil {
			if whole, kept := g.attempts.Get(a.ID); kept {
				a = whole
			}
			c.OnAttempt(a)
		}
	})
	return nil
}

// openHub recovers the sessions from their log.
func (g *Gateway) openHub(ctx context.Context) error {
	log, err := g.store.Log(ctx, "sessions")
	if err != nil {
		return fmt.Errorf("sessions: %w", err)
	}
	limits := g.settings.Limits
	g.hub, err = broker.Open(broker.Params{
		Log: log, Objects: objectTopics{g}, Now: g.config.Now, Logger: g.config.Logger, Settings: broker.Settings{
			SyncTopicsOnly: g.settings.SyncTopicsOnly, Window: limits.Window, MaxPacket: limits.PacketBytes,
			SessionMessages: limits.SessionMessages, SessionBytes: int64(limits.SessionBytes),
		},
	})
	if err != nil {
		return fmt.Errorf("sessions: %w", err)
	}
	g.background.add(g.hub.Close)
	g.metrics.Traffic(g.traffic)
	return nil
}

func (g *Gateway) openListener(context.Context) error {
	c, limits := g.config, g.settings.Limits
	g.listener = listener.New(listener.Params{
		Hub: g.hub, Log: g.attempts, Registry: g.registry, Authority: g.authority, State: g.serviceState, Now: c.Now, Logger: c.Logger,
		Clues: diagnosis.NewSecrets(g.registry, c.Now).Clues,
		Settings: listener.Settings{
			ConnectsPerSecond: limits.ConnectsPerSecond, ConnectsPerSecondPerAddress: limits.ConnectsPerSecondPerAddress,
			Unfinished: limits.Unfinished, UnfinishedPerAddress: limits.UnfinishedPerAddress,
			TLS: pki.Policy{PostQuantum: g.settings.PostQuantum},
		},
	})
	return nil
}

// names are those in the server's certificate.
func (g *Gateway) names(s Settings) []string {
	added := append(append([]string(nil), g.config.Names...), s.Names...)
	return hostNames(added, g.onNetwork(s))
}

// onNetwork reports whether the listener is bound to more than loopback.
func (g *Gateway) onNetwork(s Settings) bool {
	if g.config.MQTTAddr == "" {
		return s.Network
	}
	host, _, err := net.SplitHostPort(g.config.MQTTAddr)
	if err != nil {
		return false
	}
	ip := net.ParseIP(host)
	return host != "localhost" && (ip == nil || !ip.IsLoopback())
}

// address is where to listen.
func (g *Gateway) listenAddress(s Settings) string {
	if g.config.MQTTAddr != "" {
		return g.config.MQTTAddr
	}
	host := "127.0.0.1"
	if s.Network {
		host = ""
	}
	return net.JoinHostPort(host, strconv.Itoa(s.port()))
}

// serviceState is asked for every connection.
func (g *Gateway) serviceState() admission.Service {
	if g.storeErr() != nil {
		return admission.StoreDown
	}
	g.mu.Lock()
	defer g.mu.Unlock()
	if g.draining {
		return admission.Draining
	}
	return admission.Open
}

// storeErr is why nothing can be stored, nil while it can.
func (g *Gateway) storeErr() error {
	if err := g.store.Err(); err != nil {
		return err
	}
	return g.hub.Err()
}

// Registry is who may connect.
func (g *Gateway) Registry() *registry.Registry { return g.registry }

// Attempts is the record of every connection attempt, as far back as it is kept; see [Settings].
func (g *Gateway) Attempts() *attempt.Log { return g.attempts }

// Objects are the Sync objects of all services.
func (g *Gateway) Objects() *objects.Objects { return g.objects }

// Webhooks are what the receivers of the services' events are yet to be told.
func (g *Gateway) Webhooks() *webhook.Webhooks { return g.webhooks }

// Retained are the retained messages of a service under a filter, in no order and at most limit.
func (g *Gateway) Retained(serviceSID, filter string, limit int) []broker.Seen {
	return g.hub.Retained(serviceSID, filter, limit)
}

// Watch follows the messages of a service under a filter until it is closed.
func (g *Gateway) Watch(serviceSID, filter string) *broker.Watch {
	return g.hub.Watch(serviceSID, filter)
}

// Sessions is a snapshot of all sessions, live and parked.
func (g *Gateway) Sessions() []broker.Session { return g.hub.Sessions() }

// Stats are counters since the gateway was opened.
func (g *Gateway) Stats() broker.Stats { return g.hub.Stats() }

// Disconnect closes a device's connection; it reports whether there was one. The device may connect again.
func (g *Gateway) Disconnect(deviceSID string) bool {
	return g.listener.Disconnect(deviceSID, cause.DisconnectedByUser)
}

// DropSession closes a device's connection and discards its session with all that waits in it; it reports whether there
// was one.
func (g *Gateway) DropSession(deviceSID string) bool {
	live := g.listener.Disconnect(deviceSID, cause.SessionDropped)
	return g.hub.DropSession(deviceSID) || live
}

// RootPEM is the root certificate that devices need.
func (g *Gateway) RootPEM() []byte { return g.authority.RootPEM() }

// Status is a snapshot.
func (g *Gateway) Status() Status {
	g.mu.Lock()
	s := Status{
		State: g.state, Problem: g.problem, SetAside: append([]string(nil), g.setAside...), DataDir: g.config.DataDir,
		Network: g.onNetwork(g.settings), Port: g.settings.port(),
	}
	address, settings, server := g.address, g.settings, g.http
	g.mu.Unlock()
	if s.Problem == nil {
		s.Problem = g.storeErr()
	}
	s.LeafNotAfter, s.Names, s.RootPath = g.authority.NotAfter(), g.authority.Names(), g.authority.RootPath()
	s.Host = "localhost"
	if names := g.names(settings); len(names) > 0 {
		s.Host = names[0]
	}
	if address != nil {
		s.MQTTAddr = address.String()
		if _, port, err := net.SplitHostPort(s.MQTTAddr); err == nil {
			s.Port, _ = strconv.Atoi(port)
		}
	} else if _, port, err := net.SplitHostPort(g.listenAddress(settings)); err == nil {
		s.Port, _ = strconv.Atoi(port)
	}
	s.URL = "mqtts://" + net.JoinHostPort(s.Host, strconv.Itoa(s.Port))
	if server != nil {
		s.HTTPURL = server.URL()
	}
	return s
}
