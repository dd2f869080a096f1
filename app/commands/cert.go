package commands

import (
	"context"
	"time"

	"gatehouse/app/client"
)

type certCommands struct {
	Add  certAdd  `cmd:"" help:"Enrol a further certificate for a device."`
	List certList `cmd:"" help:"List certificates."`
	Rm   certRm   `cmd:"" help:"Revoke a certificate."`
}

type certAdd struct {
	remote
	inFleet
	Device       string `arg:"" help:"Unique name or SID."`
	File         string `arg:"" optional:"" help:"The device's own certificate, PEM or DER."`
	GenerateCert string `placeholder:"DIR" help:"Make a P-256 key and a certificate here instead, and write both to a folder."`
	FriendlyName string `placeholder:"TEXT" help:"Name for people."`
}

// Help is shown below the flags.
func (a *certAdd) Help() string {
	return `Examples:
  gatehouse cert add lamp lamp.crt
  gatehouse cert add lamp --generate-cert ~/keys`
}

// Run adds.
func (a *certAdd) Run(to streams) error {
	if (a.File == "") == (a.GenerateCert == "") {
		return usage("give one certificate: a FILE, or --generate-cert DIR to make one")
	}
	return a.on(to, func(ctx context.Context, c call) error {
		d, err := a.device(ctx, c, a.Device)
		if err != nil {
			return err
		}
		var given material
		if a.File != "" {
			given, err = readCertificate(a.File)
		} else {
			given, err = makePair(a.GenerateCert, d.Name(), time.Now())
		}
		if err != nil {
			return err
		}
		return enroll(ctx, c, d, given, a.FriendlyName)
	})
}

type certList struct {
	remote
	inFleet
	Device string `arg:"" optional:"" help:"Only those of this device, by unique name or SID."`
}

// Run lists.
func (l *certList) Run(to streams) error {
	return l.on(to, func(ctx context.Context, c call) error {
		var (
			rows  [][]string
			names names
		)
		err := eachFleet(ctx, c, l.inFleet, l.Device, func(fleet, device string) error {
			for k, err := range c.Certificates(ctx, fleet, device) {
				if err != nil {
					return err
				}
				if c.json {
					if err := c.object(k.JSON); err != nil {
						return err
					}
					continue
				}
				rows = append(rows, []string{k.SID, names.of(ctx, c, k.FleetSID, k.DeviceSID), k.Thumbprint, k.FriendlyName, moment(k.DateCreated)})
			}
			return nil
		})
		if err != nil || c.json {
			return err
		}
		return c.table([]string{"SID", "DEVICE", "SHA-256", "NAME", "CREATED"}, rows,
			"there are no certificates here; enrol one with: gatehouse cert add DEVICE FILE")
	})
}

type certRm struct {
	remote
	inFleet
	Cert string `arg:"" help:"SID of the certificate."`
	Yes  bool   `short:"y" help:"Do not ask."`
}

// Run revokes.
func (r *certRm) Run(to streams) error {
	return r.on(to, func(ctx context.Context, c call) error {
		k, err := search(ctx, c, r.inFleet, "certificate", r.Cert, "see gatehouse cert list", func(fleet client.Fleet) (client.Certificate, error) {
			return c.Certificate(ctx, fleet.SID, r.Cert)
		})
		if err != nil {
			return err
		}
		lost := "This revokes certificate " + k.SID + holder(ctx, c, k.FleetSID, k.DeviceSID) + ". A connection that uses it ends at once, and the device cannot come back with it."
		if err := c.confirm(ctx, r.Yes, lost); err != nil {
			return err
		}
		if err := c.DeleteCertificate(ctx, k); err != nil {
			return about("certificate", k.SID, "it was removed meanwhile", err)
		}
		return c.gone(k.SID, "Certificate")
	})
}
