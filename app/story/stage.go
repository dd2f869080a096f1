// Package story plays scenarios on a gateway of this process: the one that runs, or one that is thrown away afterwards. It knows neither the window nor
// the command line.
package story

import (
	"context"
	"crypto/rand"
	"errors"
	"fmt"
	"os"
	"strings"
	"time"

	"gatehouse/gateway"
	"gatehouse/gateway/credential"
	"gatehouse/gateway/objects"
	"gatehouse/gateway/registry"
	"gatehouse/sim"
	"gatehouse/sim/scenario"
)

// Stage is a gateway as the world of a scenario: a fleet and a Sync service of its own, which are removed at the end, so that a scenario touches nothing of
// the user's.
type Stage struct {
	gateway *gateway.Gateway
	fleet   registry.Fleet
	service registry.Service
	now     func() time.Time
}

// FleetPrefix begins the unique names of the fleets and services that scenarios play in.
const FleetPrefix = "gatehouse-scenario-"

// NewStage makes the fleet and the service on a gateway that listens.
func NewStage(ctx context.Context, g *gateway.Gateway) (*Stage, error) {
	return newStage(ctx, g, FleetPrefix, "Scenario")
}

func newStage(ctx context.Context, g *gateway.Gateway, prefix, title string) (*Stage, error) {
	r := g.Registry()
	name := prefix + strings.ToLower(rand.Text()[:8])
	s := &Stage{gateway: g, now: time.Now}
	err := func() (err error) {
		if s.service, err = r.CreateService(ctx, name, title); err != nil {
			return err
		}
		if s.fleet, err = r.CreateFleet(ctx, name, title); err != nil {
			return err
		}
		_, err = r.UpdateDeployment(ctx, s.fleet.DefaultDeploymentSID, nil, &s.service.SID)
		return err
	}()
	if err != nil {
		return nil, errors.Join(fmt.Errorf("prepare %s: %w", strings.ToLower(title), err), s.Close())
	}
	return s, nil
}

// Close removes all that the scenario made.
func (s *Stage) Close() error {
	ctx, cancel := context.WithTimeout(context.Background(), 10*time.Second)
	defer cancel()
	var errs []error
	if s.fleet.SID != "" {
		errs = append(errs, s.gateway.Registry().DeleteFleet(ctx, s.fleet.SID))
	}
	if s.service.SID != "" {
		errs = append(errs, s.gateway.Registry().DeleteService(ctx, s.service.SID))
	}
	for i, err := range errs {
		if errors.Is(err, registry.ErrNotFound) { // the user was faster
			errs[i] = nil
		}
	}
	return errors.Join(errs...)
}

// Server is where the gateway listens.
func (s *Stage) Server() (string, []byte) { return s.gateway.Status().URL, s.gateway.RootPEM() }

// Create registers a device in the scenario's fleet.
func (s *Stage) Create(ctx context.Context, d scenario.NewDevice) (string, sim.Credential, error) {
	what := registry.NewDevice{FleetSID: s.fleet.SID, UniqueName: d.Name, Disabled: d.Disabled}
	if d.Undeployed {
		what.DeploymentSID = new("")
	}
	device, err := s.gateway.Registry().CreateDevice(ctx, what)
	if err != nil {
		return "", sim.Credential{}, err
	}
	if d.Credential == scenario.None {
		return device.SID, sim.Credential{}, nil
	}
	c, err := s.Enrol(ctx, device.SID, d.Credential)
	return device.SID, c, err
}

// Enrol gives a device a further credential.
func (s *Stage) Enrol(ctx context.Context, deviceSID string, kind scenario.CredentialKind) (sim.Credential, error) {
	if kind == scenario.Certificate {
		made, err := credential.GenerateP256(deviceSID, s.now())
		if err != nil {
			return sim.Credential{}, err
		}
		enrolled, err := s.gateway.Registry().ImportCertificate(ctx, s.fleet.SID, deviceSID, "", made.CertPEM)
		if err != nil {
			return sim.Credential{}, err
		}
		return sim.Credential{CertificateSID: enrolled.SID, CertPEM: made.CertPEM, KeyPEM: made.KeyPEM}, nil
	}
	key, secret, err := s.gateway.Registry().CreateKey(ctx, s.fleet.SID, deviceSID, "")
	if err != nil {
		return sim.Credential{}, err
	}
	return sim.Credential{KeySID: key.SID, Secret: secret}, nil
}

// Revoke removes a credential.
func (s *Stage) Revoke(ctx context.Context, _ string, c sim.Credential) error {
	if c.CertificateSID != "" {
		return s.gateway.Registry().DeleteCertificate(ctx, c.CertificateSID)
	}
	return s.gateway.Registry().DeleteKey(ctx, c.KeySID)
}

// Change does one thing to a device.
func (s *Stage) Change(ctx context.Context, deviceSID string, what scenario.Change) error {
	var c registry.DeviceChange
	switch what {
	case scenario.SetEnabled, scenario.SetDisabled:
		c.Enabled = new(what == scenario.SetEnabled)
	case scenario.SetDeployed:
		c.DeploymentSID = &s.fleet.DefaultDeploymentSID
	case scenario.SetUndeployed:
		c.DeploymentSID = new("")
	case scenario.SetDeleted:
		return s.gateway.Registry().DeleteDevice(ctx, deviceSID)
	default:
		return fmt.Errorf("%q is nothing that can be done to a device", what)
	}
	_, err := s.gateway.Registry().UpdateDevice(ctx, deviceSID, c)
	return err
}

// SetDocument writes a document, and makes it the first time.
func (s *Stage) SetDocument(ctx context.Context, name string, json []byte) error {
	o := s.gateway.Objects()
	_, err := o.Update(ctx, objects.System(), s.service.SID, objects.Document, name, objects.ObjectChange{Data: json})
	if err == nil {
		return nil
	}
	if _, missing := o.Get(s.service.SID, objects.Document, name); missing == nil {
		return err
	}
	_, err = o.Create(ctx, objects.System(), s.service.SID, objects.Document, objects.NewObject{UniqueName: name, Data: json})
	return err
}

// Throwaway is a gateway on a free port with a data folder of its own, for as long as it takes.
type Throwaway struct {
	*gateway.Gateway
	folder string
}

// NewThrowaway opens and starts one.
func NewThrowaway() (*Throwaway, error) {
	folder, err := os.MkdirTemp("", "gatehouse-scenario-")
	if err != nil {
		return nil, fmt.Errorf("throw-away gateway: %w", err)
	}
	g, err := gateway.Open(gateway.Config{DataDir: folder, MQTTAddr: "127.0.0.1:0", HTTPAddr: "off", Drain: time.Millisecond})
	if err == nil {
		if err = g.Start(); err == nil {
			return &Throwaway{g, folder}, nil
		}
		err = errors.Join(err, g.Close())
	}
	return nil, errors.Join(fmt.Errorf("throw-away gateway: %w", err), os.RemoveAll(folder))
}

// Close ends the gateway and removes its folder.
func (t *Throwaway) Close() error { return errors.Join(t.Gateway.Close(), os.RemoveAll(t.folder)) }
