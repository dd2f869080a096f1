package commands

import (
	"context"
	"errors"
	"fmt"
	"net/url"
	"strings"
	"time"

	"gatehouse/app/client"
)

type deviceAdd struct {
	remote
	Name         string `arg:"" help:"Unique name in the fleet, at most 128 characters."`
	Fleet        string `placeholder:"FLEET" default:"default" help:"Fleet, by unique name or SID. By default the fleet default."`
	FriendlyName string `placeholder:"TEXT" help:"Name for people."`
	Identity     string `placeholder:"TEXT" help:"What permissions know the device by. By default its SID."`
	Deployment   string `placeholder:"DEPLOYMENT" xor:"deploy" help:"By SID or friendly name. By default that of the fleet."`
	NotDeployed  bool   `xor:"deploy" help:"Leave the device out of every deployment: it is refused with code 5 until it is deployed."`
	Disabled     bool   `help:"Refuse the device with code 5 until it is enabled."`

	Key          bool   `xor:"credential" help:"Make a key; its secret is shown once."`
	GenerateCert string `placeholder:"DIR" xor:"credential" help:"Make a P-256 key and a certificate here, write both to a folder, and enrol the certificate."`
	Cert         string `placeholder:"FILE" xor:"credential" help:"Enrol the device's own certificate, PEM or DER."`
}

// Help is shown below the flags.
func (a *deviceAdd) Help() string {
	return `Private keys are made on this computer, written so that only you can read them, never over another file, and sent nowhere.
When the credential cannot be made, the device is removed again.

Examples:
  gatehouse device add lamp --key
  gatehouse device add meter --generate-cert ~/keys
  gatehouse device add pump --cert pump.crt --identity pump-7`
}

// Run adds.
func (a *deviceAdd) Run(to streams) error {
	if strings.TrimSpace(a.Name) == "" {
		return usage("a device needs a name; write: gatehouse device add NAME")
	}
	return a.on(to, func(ctx context.Context, c call) error {
		given, err := a.given()
		if err != nil {
			return err
		}
		d, err := a.create(ctx, c)
		if err != nil {
			return errors.Join(err, given.discard())
		}
		held, err := given.enroll(ctx, c, d, "")
		if err != nil {
			return undo(c, d, given, err)
		}
		return a.tell(c, d, held)
	})
}

// given is the credential that was asked for, made or read on this computer but known to no gateway yet.
func (a *deviceAdd) given() (material, error) {
	switch {
	case a.Key:
		return newKey{}, nil
	case a.GenerateCert != "":
		return makePair(a.GenerateCert, a.Name, time.Now())
	case a.Cert != "":
		return readCertificate(a.Cert)
	}
	return nothing{}, nil
}

func (a *deviceAdd) create(ctx context.Context, c call) (client.Device, error) {
	form := url.Values{"UniqueName": {a.Name}}
	if a.FriendlyName != "" {
		form.Set("FriendlyName", a.FriendlyName)
	}
	if a.Identity != "" {
		form.Set("Identity", a.Identity)
	}
	if a.Disabled {
		form.Set("Enabled", "false")
	}
	if a.NotDeployed {
		form.Set("DeploymentSid", "")
	}
	if a.Deployment != "" {
		sid, err := deployment(ctx, c, a.Fleet, a.Deployment)
		if err != nil {
			return client.Device{}, err
		}
		form.Set("DeploymentSid", sid)
	}
	d, err := c.CreateDevice(ctx, a.Fleet, form)
	switch {
	case err == nil:
		return d, nil
	case errors.Is(err, client.ErrNotFound):
		return d, &missingError{what: "fleet", id: a.Fleet, advice: fleetAdvice}
	case errors.Is(err, client.ErrConflict):
		return d, fmt.Errorf("device %s: %w; choose another name, or see it with: gatehouse device list", visible(a.Name), err)
	case errors.Is(err, client.ErrUnanswered), errors.Is(err, context.Canceled):
		return d, fmt.Errorf("device %s may have been added without a credential: %w; see gatehouse device list", visible(a.Name), err)
	}
	return d, about("device", a.Name, "", err)
}

// undo removes a device that did not get its credential, so that the call can be made again. What cannot be undone is
// named.
func undo(c call, d client.Device, given material, why error) error {
	// The user may have interrupted the command; this is still to be done.
	ctx, cancel := context.WithTimeout(context.Background(), 10*time.Second)
	defer cancel()
	if err := c.DeleteDevice(ctx, d); err != nil && !errors.Is(err, client.ErrNotFound) {
		// The credential may have been enrolled although no answer came, so that what was made for it stays, too.
		return fmt.Errorf("%w; device %s exists and may lack its credential%s; remove it with: gatehouse device rm %s", why, visible(d.Name()), given.left(), d.SID)
	}
	return errors.Join(fmt.Errorf("%w; the device was removed again, and nothing is left of it", why), given.discard())
}

// tell prints what was added.
func (a *deviceAdd) tell(c call, d client.Device, held enrolled) error {
	if c.json {
		if err := c.object(d.JSON); err != nil {
			return held.untold(err)
		}
	} else if err := c.printf("Device %s (%s) was added to the fleet %s.\n", visible(d.Name()), d.SID, visible(a.Fleet)); err != nil {
		return held.untold(err)
	}
	if err := held.tell(c, d); err != nil {
		return held.untold(err)
	}
	switch {
	case c.json:
	case !d.Enabled:
		c.note("the device is refused with code 5 until: gatehouse device enable %s", d.SID)
	case d.DeploymentSID == "":
		c.note("the device is refused with code 5 until: gatehouse device deploy %s", d.SID)
	}
	return nil
}
