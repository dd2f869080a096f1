//go:build linux

package main

import (
	"fmt"
	"os"
	"path/filepath"
	"sync"
	"sync/atomic"
	"time"
)

// How many devices connect again and again at once, and how many stay connected.
const (
	connecting = 8
	staying    = 1000
)

// measureGateway measures the gateway without a window.
func measureGateway(program, dir string, lasting time.Duration) error {
	data := filepath.Join(dir, "gateway")
	devices, err := register(data, staying)
	if err != nil {
		return err
	}
	p, err := serve(program, data)
	if err != nil {
		return err
	}
	defer p.stop()
	to, err := p.target()
	if err != nil {
		return err
	}
	row(fmt.Sprintf("gateway at rest, %d devices registered: memory", staying), "%d MB", p.memory()/mega)
	row("gateway at rest: CPU of one core", "%.1f %%", p.load(lasting))
	if err := measureMessages(to, devices[:2], lasting, "", fleeting...); err != nil {
		return fmt.Errorf("messages: %w", err)
	}
	if err := measureMessages(to, devices[:2], lasting, "", stored...); err != nil {
		return fmt.Errorf("stored messages: %w", err)
	}
	if err := measureStaying(p, to, devices, lasting); err != nil {
		return fmt.Errorf("sessions: %w", err)
	}
	for _, byCertificate := range []bool{false, true} {
		if err := measureConnects(p, to, devices[:connecting], byCertificate, lasting); err != nil {
			return fmt.Errorf("connects: %w", err)
		}
	}
	return nil
}

// measureAlways measures what is stored on a gateway that has every write on the disk before it is acknowledged.
func measureAlways(program, dir string, lasting time.Duration) error {
	data := filepath.Join(dir, "always")
	devices, err := register(data, 2)
	if err != nil {
		return err
	}
	// The settings are written as a user would write them.
	if err := os.WriteFile(filepath.Join(data, "settings.json"), []byte(`{"durable":"always"}`), 0o600); err != nil {
		return err
	}
	p, err := serve(program, data)
	if err != nil {
		return err
	}
	defer p.stop()
	to, err := p.target()
	if err != nil {
		return err
	}
	return measureMessages(to, devices, lasting, ", durable: always", stored...)
}

// measureConnects has some devices connect and leave, again and again.
func measureConnects(p *process, to target, devices []identity, byCertificate bool, lasting time.Duration) error {
	var count atomic.Int64
	var failed error
	var once sync.Once
	var all sync.WaitGroup
	before, began := p.cpu(), time.Now()
	for _, who := range devices {
		all.Go(func() {
			for time.Since(began) < lasting {
				d, err := to.connect(who, byCertificate, true)
				if err != nil {
					once.Do(func() { failed = err })
					return
				}
				count.Add(1)
				_ = d.Close()
			}
		})
	}
	all.Wait()
	n, what := float64(count.Load()), "key"
	if byCertificate {
		what = "certificate"
	}
	row(fmt.Sprintf("connects by %s, full TLS 1.3 handshakes, %d at once", what, len(devices)), "%.0f/s", n/time.Since(began).Seconds())
	row("the gateway's CPU for each of them", "%.2f ms", float64(p.cpu()-before)/float64(time.Millisecond)/n)
	return failed
}

// measureStaying has all devices connect and stay.
func measureStaying(p *process, to target, devices []identity, lasting time.Duration) error {
	before := p.memory()
	for _, who := range devices {
		d, err := to.connect(who, false, true)
		if err != nil {
			return err
		}
		defer d.Close()
	}
	row("CPU of one core with "+fmt.Sprint(len(devices))+" idle sessions", "%.1f %%", p.load(lasting))
	row("memory for each idle session", "%d KB", (p.memory()-before)>>10/int64(len(devices)))
	return nil
}
