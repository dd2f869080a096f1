package commands

import (
	"context"
	"errors"
	"net/url"
	"slices"
	"strconv"
	"strings"

	"gatehouse/app/client"
	"gatehouse/app/words"
)

type deviceCommands struct {
	Add      deviceAdd      `cmd:"" help:"Add a device, with a credential if one is asked for."`
	List     deviceList     `cmd:"" help:"List devices."`
	Show     deviceShow     `cmd:"" help:"Show a device with its credentials."`
	Enable   deviceEnable   `cmd:"" help:"Let devices connect."`
	Disable  deviceDisable  `cmd:"" help:"Refuse devices with code 5; live connections end at once."`
	Deploy   deviceDeploy   `cmd:"" help:"Assign devices to a deployment, and so to its Sync service."`
	Undeploy deviceUndeploy `cmd:"" help:"Take devices out of their deployment; they are refused with code 5."`
	Rm       deviceRm       `cmd:"" help:"Delete devices with their credentials and sessions."`
}

// devices are what a command is about: one or more.
type devices struct {
	remote
	inFleet
	Devices []string `arg:"" name:"device" help:"Unique name or SID."`
}

// all finds every device before anything is done to one.
func (d devices) all(ctx context.Context, c call) ([]client.Device, error) {
	var all []client.Device
	for _, id := range d.Devices {
		device, err := d.device(ctx, c, id)
		if err != nil {
			return nil, err
		}
		if !slices.ContainsFunc(all, func(other client.Device) bool { return other.SID == device.SID }) {
			all = append(all, device)
		}
	}
	return all, nil
}

// change updates every device with what form says of it, and prints each.
func (d devices) change(to streams, done string, form func(context.Context, call, client.Device) (url.Values, error)) error {
	return d.on(to, func(ctx context.Context, c call) error {
		all, err := d.all(ctx, c)
		if err != nil {
			return err
		}
		for _, device := range all {
			change, err := form(ctx, c, device)
			if err != nil {
				return err
			}
			changed, err := c.UpdateDevice(ctx, device, change)
			if err != nil {
				return about("device", device.Name(), "it was removed meanwhile", err)
			}
			if c.json {
				err = c.object(changed.JSON)
			} else {
				err = c.printf("%s (%s) is %s.\n", visible(changed.Name()), changed.SID, done)
			}
			if err != nil {
				return err
			}
		}
		return nil
	})
}

// always is a change that is the same for every device.
func always(name, value string) func(context.Context, call, client.Device) (url.Values, error) {
	return func(context.Context, call, client.Device) (url.Values, error) { return url.Values{name: {value}}, nil }
}

type deviceEnable struct{ devices }

// Run enables.
func (c *deviceEnable) Run(to streams) error {
	return c.change(to, "enabled", always("Enabled", "true"))
}

type deviceDisable struct{ devices }

// Run disables.
func (c *deviceDisable) Run(to streams) error {
	return c.change(to, "disabled", always("Enabled", "false"))
}

type deviceDeploy struct {
	devices
	Deployment string `placeholder:"DEPLOYMENT" help:"By SID or friendly name. By default that of the fleet."`
}

// Run deploys.
func (c *deviceDeploy) Run(to streams) error {
	return c.change(to, "deployed", func(ctx context.Context, k call, d client.Device) (url.Values, error) {
		sid, err := deployment(ctx, k, d.FleetSID, c.Deployment)
		return url.Values{"DeploymentSid": {sid}}, err
	})
}

type deviceUndeploy struct{ devices }

// Run undeploys.
func (c *deviceUndeploy) Run(to streams) error {
	return c.change(to, "not deployed any more", always("DeploymentSid", ""))
}

type deviceList struct {
	remote
	inFleet
	Deployment string `placeholder:"DEPLOYMENT" help:"Only those of this deployment, by SID or friendly name."`
}

// Run lists.
func (l *deviceList) Run(to streams) error {
	return l.on(to, func(ctx context.Context, c call) error {
		fleets, err := l.fleets(ctx, c)
		if err != nil {
			return err
		}
		var rows [][]string
		found := l.Deployment == ""
		for _, fleet := range fleets {
			only := ""
			if l.Deployment != "" {
				if only, err = deployment(ctx, c, fleet.SID, l.Deployment); errors.Is(err, client.ErrNotFound) {
					continue
				} else if err != nil {
					return err
				}
				found = true
			}
			listed, err := l.in(ctx, c, fleet, only)
			if err != nil {
				return err
			}
			rows = append(rows, listed...)
		}
		switch {
		case !found:
			return &missingError{what: "deployment", id: l.Deployment, advice: "gatehouse device show DEVICE shows that of a device"}
		case c.json:
			return nil
		}
		return c.table([]string{"NAME", "SID", "FLEET", "STATE", "IDENTITY", "LAST CONNECTED"}, rows,
			"there are no devices here; add one with: gatehouse device add NAME --key")
	})
}

// in lists the devices of a fleet: as rows of a table, or at once as JSON.
func (l *deviceList) in(ctx context.Context, c call, fleet client.Fleet, deploymentSID string) (rows [][]string, err error) {
	for d, err := range c.Devices(ctx, fleet.SID, deploymentSID) {
		if err != nil {
			return nil, err
		}
		if !c.json {
			rows = append(rows, []string{d.Name(), d.SID, fleet.Name(), state(d), d.Identity, moment(d.DateAuthenticated)})
		} else if err := c.object(d.JSON); err != nil {
			return nil, err
		}
	}
	return rows, nil
}

// state says whether a device may connect.
func state(d client.Device) string {
	switch {
	case !d.Enabled:
		return "disabled"
	case d.DeploymentSID == "":
		return "not deployed"
	}
	return "enabled"
}

type deviceShow struct {
	remote
	inFleet
	Device string `arg:"" help:"Unique name or SID."`
}

// Run shows.
func (s *deviceShow) Run(to streams) error {
	return s.on(to, func(ctx context.Context, c call) error {
		d, err := s.device(ctx, c, s.Device)
		if err != nil {
			return err
		}
		if c.json {
			return c.object(d.JSON)
		}
		rows, err := describe(ctx, c, d)
		if err != nil {
			return err
		}
		return c.table([]string{"Device", d.Name()}, rows, "")
	})
}

// describe is what there is to say of a device, with its credentials.
func describe(ctx context.Context, c call, d client.Device) ([][]string, error) {
	fleet, err := c.Client.Fleet(ctx, d.FleetSID)
	if err != nil {
		return nil, err
	}
	rows := [][]string{{"SID", d.SID}}
	if d.FriendlyName != "" {
		rows = append(rows, []string{"Friendly name", d.FriendlyName})
	}
	rows = append(rows, [][]string{
		{"Fleet", fleet.Name() + " " + fleet.SID},
		{"State", state(d)},
		{"Deployment", d.DeploymentSID},
		{"Identity", d.Identity},
		{"Created", moment(d.DateCreated)},
		{"Last connected", moment(d.DateAuthenticated)},
	}...)
	held, err := credentialsOf(ctx, c, d)
	if err != nil {
		return nil, err
	}
	for _, k := range held.keys {
		rows = append(rows, []string{"Key", strings.TrimSpace(k.SID + "  " + k.FriendlyName)})
	}
	for _, k := range held.certificates {
		rows = append(rows, []string{"Certificate", strings.TrimSpace(k.SID + "  SHA-256 " + k.Thumbprint + "  " + k.FriendlyName)})
	}
	return rows, nil
}

// credentials are all that a device can prove itself with.
type credentials struct {
	keys         []client.Key
	certificates []client.Certificate
}

func credentialsOf(ctx context.Context, c call, d client.Device) (held credentials, err error) {
	for k, err := range c.Keys(ctx, d.FleetSID, d.SID) {
		if err != nil {
			return held, err
		}
		held.keys = append(held.keys, k)
	}
	for certificate, err := range c.Certificates(ctx, d.FleetSID, d.SID) {
		if err != nil {
			return held, err
		}
		held.certificates = append(held.certificates, certificate)
	}
	return held, nil
}

// String counts them: "1 key and 2 certificates".
func (h credentials) String() string {
	return words.Count(len(h.keys), "key", "keys") + " and " + words.Count(len(h.certificates), "certificate", "certificates")
}

type deviceRm struct {
	devices
	Yes bool `short:"y" help:"Do not ask."`
}

// Run deletes.
func (r *deviceRm) Run(to streams) error {
	return r.on(to, func(ctx context.Context, c call) error {
		all, err := r.all(ctx, c)
		if err != nil {
			return err
		}
		if !r.Yes {
			question, err := r.question(ctx, c, all)
			if err != nil {
				return err
			}
			if err := c.confirm(ctx, false, question); err != nil {
				return err
			}
		}
		for _, d := range all {
			if err := c.DeleteDevice(ctx, d); err != nil {
				return about("device", d.Name(), "it was removed meanwhile", err)
			}
			if err := c.gone(d.SID, "Device "+visible(d.Name())); err != nil {
				return err
			}
		}
		return nil
	})
}

// question names what will be lost.
func (r *deviceRm) question(ctx context.Context, c call, all []client.Device) (string, error) {
	var lost []string
	for _, d := range all {
		held, err := credentialsOf(ctx, c, d)
		if err != nil {
			return "", err
		}
		lost = append(lost, "device "+visible(d.Name())+" ("+d.SID+") with "+held.String())
	}
	return "This deletes " + strings.Join(lost, ", ") + ", ends the connection, and discards the session with all messages that wait in it.", nil
}

// gone tells that something was removed.
func (c call) gone(sid, what string) error {
	if c.json {
		return c.print(`{"sid":` + strconv.Quote(sid) + `,"removed":true}` + "\n")
	}
	return c.printf("%s (%s) was removed.\n", what, sid)
}
