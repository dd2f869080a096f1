// Package desktop is the window: it opens the gateway and wires it to the frame and the screens. It is the one package
// that imports Fyne's driver, and so the one that needs cgo and OpenGL; everything it shows is made and tested in the
// packages below it.
package desktop

import (
	"context"
	"errors"
	"log/slog"
	"os"
	"os/signal"
	"path/filepath"
	"sync"
	"syscall"
	"time"

	"fyne.io/fyne/v2"
	"fyne.io/fyne/v2/app"
	"fyne.io/fyne/v2/theme"

	"gatehouse/app/desktop/attempts"
	"gatehouse/app/desktop/devices"
	"gatehouse/app/desktop/devices/mend"
	"gatehouse/app/desktop/drive"
	"gatehouse/app/desktop/fix"
	"gatehouse/app/desktop/frame"
	"gatehouse/app/desktop/kit"
	screen "gatehouse/app/desktop/lab"
	"gatehouse/app/desktop/lab/scenarios"
	"gatehouse/app/desktop/meter"
	"gatehouse/app/desktop/overview"
	"gatehouse/app/desktop/sessions"
	"gatehouse/app/desktop/settings"
	"gatehouse/app/desktop/shell"
	"gatehouse/app/desktop/state"
	"gatehouse/app/desktop/timeline"
	"gatehouse/app/desktop/wizard"
	"gatehouse/app/lab"
	"gatehouse/app/onboard"
	"gatehouse/assets"
	"gatehouse/gateway"
	"gatehouse/gateway/attempt"
	"gatehouse/gateway/sid"
	"gatehouse/sim"
)

// appID names the application to the desktop environment.
const appID = "org.gatehouse.Gatehouse"

// closeWithin bounds how long the program lives on after its window.
const closeWithin = 5 * time.Second

// The size of a window that has never been open.
const firstWidth, firstHeight = 1280, 800

// vaultFile is where virtual devices keep their credentials, in the data folder.
const vaultFile = "virtual-devices.json"

// setupFile is where is kept how virtual devices are played, in the data folder. It holds no secret.
const setupFile = "virtual-setups.json"

// Options say what the window shows.
type Options struct {
	Config  gateway.Config
	Version string
	Demo    bool // with devices that connect and are refused, in a fleet of their own
}

// Run shows the window until the user closes it, and then stops the gateway.
func Run(o Options) error {
	if o.Config.DataDir == "" {
		dir, err := gateway.DefaultDataDir()
		if err != nil {
			return err
		}
		o.Config.DataDir = dir
	}
	if o.Config.Logger == nil {
		o.Config.Logger = slog.New(slog.DiscardHandler)
	}
	a := app.NewWithID(appID)
	a.SetIcon(fyne.NewStaticResource("icon.png", assets.Icon))
	p := &program{options: o, app: a, window: a.NewWindow("Gatehouse"), file: state.In(o.Config.DataDir)}
	p.ctx, p.end = context.WithCancel(context.Background())
	return p.run()
}

// program is one run.
type program struct {
	options Options
	app     fyne.App
	window  fyne.Window
	file    *state.File
	was     state.State
	ctx     context.Context // ends when the window closes
	end     context.CancelFunc
	work    sync.WaitGroup // what runs until ctx ends

	// Set on the UI goroutine once the gateway is open.
	frame     *frame.Frame
	bench     *onboard.Bench
	gateway   *gateway.Gateway
	fixer     fix.Fixer
	lab       *lab.Lab
	scenarios *scenarios.View // takes files that are dropped
	size      fyne.Size       // of the window, before presenting
}

func (p *program) run() error {
	was, badState := p.file.Load()
	p.was = was
	p.size = fyne.NewSize(firstWidth, firstHeight)
	if was.Width > 0 {
		p.size = fyne.NewSize(was.Width, was.Height)
	}
	p.dress(was.Theme, was.Presenter)
	p.window.SetPadded(false)
	p.window.SetMaster()
	p.window.SetContent(opening())
	larger := scaleNow() / given()
	p.window.Resize(fyne.NewSize(p.size.Width/larger, p.size.Height/larger))
	p.window.SetCloseIntercept(p.close)
	p.window.SetOnDropped(p.drop)
	p.heedSignals()
	p.open(badState)
	p.window.ShowAndRun()
	return p.finish()
}

// heedSignals closes the window when the system asks the program to end.
func (p *program) heedSignals() {
	ctx, stop := signal.NotifyContext(p.ctx, os.Interrupt, syscall.SIGTERM)
	p.work.Go(func() {
		defer stop()
		<-ctx.Done()
		if p.ctx.Err() == nil {
			fyne.Do(p.close)
		}
	})
}

// open opens the gateway off the UI goroutine, and then shows it, or why it cannot be opened.
func (p *program) open(badState error) {
	p.work.Go(func() {
		g, err := gateway.Open(p.options.Config)
		var vault *sim.Vault
		var setups *onboard.SetupFile
		var badVault, badSetups error
		if err == nil {
			setups, badSetups = onboard.OpenSetups(filepath.Join(p.options.Config.DataDir, setupFile))
			vault, badVault = sim.OpenVault(filepath.Join(p.options.Config.DataDir, vaultFile))
			if vault == nil {
				err = errors.Join(badVault, g.Close())
				badVault = nil
			}
		}
		if err == nil {
			_ = g.Start() // the window says why not
		}
		if p.ctx.Err() != nil && g != nil {
			_ = g.Close()
			return
		}
		fyne.Do(func() {
			if p.ctx.Err() != nil {
				if g != nil {
					p.gateway = g
				}
				return
			}
			if err != nil {
				p.window.SetContent(problem(err, func() { p.window.SetContent(opening()); p.open(nil) }, p.close))
				return
			}
			p.show(g, vault, setups)
			p.tell(g, badState, badVault, badSetups)
		})
	})
}

// show builds the frame and the screens, and wires them to the gateway.
func (p *program) show(g *gateway.Gateway, vault *sim.Vault, setups onboard.Setups) {
	p.gateway = g
	at := newAdapter(g, p.options.Config.MQTTAddr != "")
	at.version = p.options.Version
	readings := &meter.Meter{}
	var f *frame.Frame
	var laboratory *screen.Screen
	f = frame.New(frame.Params{
		Window: p.window, Gateway: at, Meter: readings, Remembered: p.was, Logger: p.options.Config.Logger,
		Look:      p.dress,
		Find:      func(query string) []frame.Found { return at.find(query, f) },
		Actions:   func() []frame.Found { return append(labActions(laboratory, f), p.demoActions()...) },
		AddDevice: func() { p.onboard(at) },
		Check:     func() frame.Sheet { return p.checkup(at) },
	})
	p.frame = f
	p.bench = onboard.NewBench(onboard.BenchParams{
		Registry: g.Registry(), Vault: vault, Setups: setups, Endpoint: at.endpoint,
		NewPlayer: func(received func(sim.Message)) onboard.Player {
			return sim.NewDevice(sim.Params{Logger: p.options.Config.Logger, Received: received})
		},
	})
	registered := g.Registry().Version
	devicesScreen := devices.New(devices.Params{
		Shell: f, Registry: g.Registry(), Attempts: g.Attempts(), Bench: p.bench, Endpoint: at.endpoint,
		Connected: at.connected, Disconnect: g.Disconnect, Remedy: at.remedy, Findings: findingsOf{at},
		Timeline: p.timeline,
		Follow: func(ctx context.Context, deviceSID string, documents []string) error {
			return follow(ctx, g, deviceSID, documents)
		},
	})
	fixer := fix.Fixer{Shell: f, RootPEM: g.RootPEM, Pick: f.Pick, NewKey: func(sid string) {
		f.Go(shell.Devices, sid)
		if s, ok := devicesScreen.(interface{ NewKey(deviceSID string) }); ok {
			s.NewKey(sid)
		}
	}}
	p.fixer = fixer
	f.Add(shell.Overview, "Overview", overview.New(overview.Params{
		Fix: fixer, Log: g.Attempts(), Gateway: at, Meter: readings, Remedy: at.remedy, Registered: registered, Findings: findingsOf{at}, Demo: demoOf{p},
	}))
	f.Add(shell.Devices, "Devices", devicesScreen)
	f.Add(shell.Attempts, "Attempts", attempts.New(attempts.Params{
		Fix: fixer, Log: g.Attempts(), Remedy: at.remedy, Registered: registered, Diagnosis: g, Tracer: g,
		Findings: findingsOf{at}, Trials: at.trials, Report: at.reportOf,
	}))
	f.Add(shell.Sessions, "Sessions", sessions.New(sessions.Params{Shell: f, Gateway: at, Tracer: g}))
	laboratory = screen.New(p.labTabs(at)...)
	f.Add(shell.Lab, "Lab", laboratory)
	f.Add(shell.Settings, "Settings", settings.New(settings.Params{
		Shell: f, Gateway: settingsOf{at}, Look: f, Version: p.options.Version,
	}))
	p.window.SetContent(f.Content())
	f.Begin()
	p.work.Go(func() { f.Run(p.ctx) })
	p.startDemo()
	p.startDrive(g)
}

// tell says what was found damaged and put aside, so that nobody wonders where things went.
func (p *program) tell(g *gateway.Gateway, found ...error) {
	for _, err := range found {
		if err != nil {
			p.frame.Fail("A damaged file was put aside", err)
		}
	}
	if aside := g.Status().SetAside; len(aside) > 0 {
		p.frame.Toast("Damaged data was put aside: "+filepath.Base(aside[len(aside)-1])+". See Settings.", nil)
	}
}

// onboard opens the wizard over the devices, or goes to it when it is open.
func (p *program) onboard(at *adapter) {
	f := p.frame
	if f.Covered(shell.Devices) {
		f.Go(shell.Devices, "")
		return
	}
	w := wizard.New(wizard.Params{
		Shell: f, Registry: p.gateway.Registry(), Attempts: p.gateway.Attempts(), Bench: p.bench, Endpoint: at.endpoint, Remedy: at.remedy,
		Timeline: p.timeline,
		OnDone:   func(sid string) { f.Uncover(shell.Devices); f.Go(shell.Devices, sid) },
		OnCancel: func() { f.Uncover(shell.Devices) },
	})
	f.Cover(shell.Devices, w)
}

// timeline is how the steps of an attempt are shown outside of the screen of attempts.
func (p *program) timeline() mend.Timeline {
	return timeline.New(timeline.Actions{Copy: p.frame.Copy, Lead: p.lead})
}

// lead goes to what a link names.
func (p *program) lead(key string) {
	if sid.Valid(sid.Device, key) {
		p.frame.Go(shell.Devices, key)
		return
	}
	p.frame.Go(shell.Attempts, key)
}

// startDrive lets an end-to-end test look at the window, in builds made for one.
func (p *program) startDrive(g *gateway.Gateway) {
	stop, err := drive.Start(drive.Params{
		Window: p.window,
		SetVariant: func(v fyne.ThemeVariant) {
			choice := state.Dark
			if v == theme.VariantLight {
				choice = state.Light
			}
			p.frame.SetTheme(choice)
		},
		Go:       func(screen string) { p.frame.Go(shell.Place(screen), "") },
		Attempts: func() []attempt.Attempt { return g.Attempts().Query(attempt.Filter{Whole: true}).Attempts },
	})
	if err != nil {
		p.options.Config.Logger.Error("the test cannot look at the window", "err", err)
		return
	}
	context.AfterFunc(p.ctx, stop)
}

// dress changes theme and scale. Fyne reads the scale from the environment whenever its settings change.
func (p *program) dress(choice state.Theme, presenter bool) {
	mode := kit.FollowSystem
	switch choice {
	case state.Light:
		mode = kit.AlwaysLight
	case state.Dark:
		mode = kit.AlwaysDark
	}
	before, times := scaleNow(), float32(1)
	if p.frame != nil && before == given() {
		p.size = p.window.Canvas().Size()
	}
	if presenter {
		times = frame.PresenterScale(p.size)
	}
	setScale(times)
	p.app.Settings().SetTheme(kit.Theme{Mode: mode})
	after := scaleNow()
	if after == before || p.frame == nil {
		return
	}
	now := p.window.Canvas().Size()
	size := fyne.NewSize(now.Width*before/after, now.Height*before/after)
	if !presenter && near(size, p.size) {
		size = p.size // not a pixel more each time, for rounding
	}
	fyne.Do(func() { p.window.Resize(size) }) // once the new scale counts: the window keeps its size on the screen
}

// near reports whether two sizes differ by rounding only.
func near(a, b fyne.Size) bool {
	const rounding = 3
	return max(a.Width-b.Width, b.Width-a.Width) < rounding && max(a.Height-b.Height, b.Height-a.Height) < rounding
}

// close ends the window; what remains is done by finish, after it has gone.
func (p *program) close() {
	if p.ctx.Err() != nil {
		return
	}
	if p.frame != nil {
		if err := p.file.Save(p.frame.State()); err != nil {
			p.options.Config.Logger.Error("the window's state is not kept", "err", err)
		}
		p.frame.Close()
	}
	p.end()
	p.window.Close()
	p.app.Quit()
}

// finish stops what runs, within a bound: devices see a proper end, and data is on disk.
func (p *program) finish() error {
	p.end()
	ctx, cancel := context.WithTimeout(context.Background(), closeWithin)
	defer cancel()
	done := make(chan struct{})
	go func() { p.work.Wait(); close(done) }()
	select {
	case <-done:
	case <-ctx.Done():
	}
	if p.frame != nil {
		p.frame.Wait(ctx)
	}
	p.closeLab(ctx)
	if p.bench != nil {
		p.bench.Close()
	}
	if p.gateway == nil {
		return nil
	}
	return stopped(ctx, p.gateway)
}
