package gateway

import (
	"context"
	"errors"
	"fmt"
	"slices"
	"sync"
	"time"

	"gatehouse/gateway/registry"
	"gatehouse/gateway/rest"
)

// DefaultHTTPAddr is loopback only.
const DefaultHTTPAddr = "127.0.0.1:8080"

// Start listens for devices, and on HTTP. A gateway that listens already stays as it is. An error is kept for Status,
// too; *listener.PortTakenError tells who holds the port.
func (g *Gateway) Start() error {
	g.turns.Lock()
	defer g.turns.Unlock()
	if g.isClosed() {
		return ErrClosed
	}
	return g.start()
}

func (g *Gateway) start() error {
	if err := g.listen(); err != nil {
		return err
	}
	return g.startHTTP()
}

// listen listens for devices, if it does not yet.
func (g *Gateway) listen() error {
	g.mu.Lock()
	settings, listening := g.settings, g.state == Listening
	g.draining = false
	g.mu.Unlock()
	if listening {
		return nil
	}
	address, err := g.listener.Listen(g.listenAddress(settings))
	g.mu.Lock()
	g.problem = err
	if g.state = Listening; err != nil {
		g.state = Failed
	}
	g.address = address
	g.mu.Unlock()
	return err
}

func (g *Gateway) startHTTP() error {
	g.mu.Lock()
	running := g.http != nil
	g.mu.Unlock()
	switch {
	case g.config.HTTPAddr == "off":
		return nil
	case running:
		return g.publishAPI() // where devices connect may be another address now
	}
	server, err := rest.Listen(rest.Params{
		Addr: g.config.HTTPAddr, Account: g.registry.Account, APIs: g.apis(), Hosts: g.authority.Names, Certificate: g.authority.Leaf,
		Healthy: g.healthy, Ready: g.ready, Metrics: g.metrics, Now: g.config.Now, Logger: g.config.Logger,
	})
	if err != nil {
		g.mu.Lock()
		g.problem = err
		g.mu.Unlock()
		return err
	}
	g.mu.Lock()
	g.http = server
	g.mu.Unlock()
	return g.publishAPI()
}

// Stop refuses new connections with code 3, closes the live ones and stops listening. Sessions and everything else
// stay; Start goes on.
func (g *Gateway) Stop(ctx context.Context) error {
	g.turns.Lock()
	defer g.turns.Unlock()
	return g.stop(ctx)
}

func (g *Gateway) stop(ctx context.Context) error {
	g.mu.Lock()
	g.draining = true
	listening := g.state == Listening
	g.mu.Unlock()
	if listening {
		// Who is on the way in learns that it is to try again later (contract, section 4), rather than find a closed port.
		select {
		case <-ctx.Done():
		case <-time.After(g.config.Drain):
		}
	}
	err := g.listener.Close(ctx)
	g.mu.Lock()
	g.state, g.address, g.problem = Stopped, nil, nil
	g.mu.Unlock()
	if err != nil {
		return fmt.Errorf("stop: %w", err)
	}
	return nil
}

// Close stops the gateway and closes the data folder. It takes at most some seconds, whatever devices do.
func (g *Gateway) Close() error {
	ctx, cancel := context.WithTimeout(context.Background(), 3*time.Second)
	defer cancel()
	g.turns.Lock()
	if g.isClosed() {
		g.turns.Unlock()
		return nil
	}
	err := g.stop(ctx)
	g.mu.Lock()
	g.closed = true
	server := g.http
	g.http = nil
	g.mu.Unlock()
	g.turns.Unlock() // background.end waits for work that may wait for its turn
	if server != nil {
		err = errors.Join(err, server.Close(ctx), g.publishAPI())
	}
	g.background.end()
	return errors.Join(err, g.store.Close())
}

func (g *Gateway) isClosed() bool {
	g.mu.Lock()
	defer g.mu.Unlock()
	return g.closed
}

// Settings are the current settings.
func (g *Gateway) Settings() Settings {
	g.mu.Lock()
	defer g.mu.Unlock()
	return g.settings
}

// SetSettings keeps new settings and applies them at once: another port or network rebinds the listener, which ends live
// connections; other names renew the server's certificate, which does not. When they cannot be kept, or the new port
// cannot be had, the gateway goes on as before and the error says why.
func (g *Gateway) SetSettings(s Settings) error {
	g.turns.Lock()
	defer g.turns.Unlock()
	return g.setSettings(s)
}

// setSettings does it. The caller has the turn.
func (g *Gateway) setSettings(s Settings) error {
	if err := s.check(); err != nil {
		return err
	}
	if g.isClosed() {
		return ErrClosed
	}
	old := g.Settings()
	if old.equal(s) {
		return nil
	}
	if err := g.authority.Renew(g.names(s)); err != nil {
		return fmt.Errorf("server certificate: %w", err)
	}
	if err := saveSettings(g.config.DataDir, s); err != nil {
		return errors.Join(err, g.authority.Renew(g.names(old)))
	}
	if err := g.apply(old, s); err != nil {
		return errors.Join(err, saveSettings(g.config.DataDir, old), g.authority.Renew(g.names(old)))
	}
	g.attempts.SetBounds(s.Attempts.Count, s.Attempts.Bytes)
	return nil
}

// apply makes new settings the current ones, and rebinds the listener if it has to move; if that fails, it goes back.
func (g *Gateway) apply(old, s Settings) error {
	g.mu.Lock()
	wasListening := g.state != Stopped
	g.settings = s
	g.mu.Unlock()
	g.hub.SetSyncTopicsOnly(s.SyncTopicsOnly)
	g.objects.SetSettings(s.objects())
	if g.listenAddress(old) == g.listenAddress(s) || !wasListening {
		return nil
	}
	err := g.rebind()
	if err == nil {
		_ = g.startHTTP() // nothing that was asked for now; Status tells when it fails
		return nil
	}
	g.hub.SetSyncTopicsOnly(old.SyncTopicsOnly)
	g.objects.SetSettings(old.objects())
	g.mu.Lock()
	g.settings = old
	g.mu.Unlock()
	return errors.Join(err, g.listen())
}

// rebind ends all connections and listens where the settings say now.
func (g *Gateway) rebind() error {
	ctx, cancel := context.WithTimeout(context.Background(), 5*time.Second)
	defer cancel()
	if err := g.stop(ctx); err != nil {
		return err
	}
	return g.listen()
}

// SetNetwork lets devices on the network connect, or only this machine's.
func (g *Gateway) SetNetwork(on bool) error {
	g.turns.Lock()
	defer g.turns.Unlock()
	s := g.Settings()
	s.Network = on
	return g.setSettings(s)
}

// changed closes the live connections that rest on what has changed in the registry, and discards the sessions of
// devices that belong to another Sync service now (contract, section 5).
func (g *Gateway) changed(c registry.Change) {
	if c.Kind == registry.KindService && c.Deleted {
		defer func() { // last, so that its devices end with the cause that they have
			g.hub.DropService(c.SID)
			g.objects.DropService(c.SID)
		}()
	}
	if len(c.Affected) == 0 {
		return
	}
	g.listener.Recheck(c.Affected)
	for _, deviceSID := range c.Affected {
		if had, _, parked := g.hub.Of(deviceSID); parked && !g.stands(deviceSID, had) {
			g.hub.DropSessionOf(deviceSID, had) // the device may have come back meanwhile, with a session of its new service
		}
	}
}

// renew replaces the server's certificate before it expires, and when the machine has got other addresses.
func (g *Gateway) renew() {
	g.turns.Lock()
	defer g.turns.Unlock()
	if g.isClosed() {
		return
	}
	if err := g.authority.Renew(g.names(g.Settings())); err != nil {
		g.config.Logger.Error("server certificate cannot be renewed", "err", err)
	}
}

// mend opens the store again after a write has failed: JetStream does not recover by itself.
func (g *Gateway) mend() {
	if g.isClosed() {
		return
	}
	if g.store.Err() != nil {
		ctx, cancel := context.WithTimeout(g.background.ctx, 10*time.Second)
		defer cancel()
		if err := g.store.Reopen(ctx); err != nil {
			g.config.Logger.Error("store cannot be opened again", "err", err)
			return
		}
	}
	if g.hub.Err() == nil { // it may learn that the store was down after that is up again
		return
	}
	if err := g.hub.Recover(); err != nil {
		g.config.Logger.Error("sessions cannot be stored again", "err", err)
	}
}

// background runs what a gateway does by itself until it is closed.
type background struct {
	ctx    context.Context
	cancel context.CancelFunc
	wg     sync.WaitGroup
	undo   []func()
}

func (b *background) start() { b.ctx, b.cancel = context.WithCancel(context.Background()) }

// add has undo called at the end.
func (b *background) add(undo func()) { b.undo = append(b.undo, undo) }

func (b *background) every(d time.Duration, do func()) {
	b.wg.Go(func() {
		tick := time.NewTicker(d)
		defer tick.Stop()
		for {
			select {
			case <-b.ctx.Done():
				return
			case <-tick.C:
				do()
			}
		}
	})
}

// end ends what runs, then undoes what was added, the last first.
func (b *background) end() {
	b.cancel()
	b.wg.Wait()
	for _, undo := range slices.Backward(b.undo) {
		undo()
	}
}
