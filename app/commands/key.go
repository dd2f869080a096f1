package commands

import (
	"context"
	"errors"

	"gatehouse/app/client"
)

type keyCommands struct {
	Add  keyAdd  `cmd:"" help:"Make a further key for a device; its secret is shown once."`
	List keyList `cmd:"" help:"List keys; no secret can be shown again."`
	Rm   keyRm   `cmd:"" help:"Revoke a key."`
}

type keyAdd struct {
	remote
	inFleet
	Device       string `arg:"" help:"Unique name or SID."`
	FriendlyName string `placeholder:"TEXT" help:"Name for people."`
}

// Run adds.
func (a *keyAdd) Run(to streams) error {
	return a.on(to, func(ctx context.Context, c call) error {
		d, err := a.device(ctx, c, a.Device)
		if err != nil {
			return err
		}
		return enroll(ctx, c, d, newKey{}, a.FriendlyName)
	})
}

// enroll gives a device that exists a further credential.
func enroll(ctx context.Context, c call, d client.Device, given material, friendlyName string) error {
	held, err := given.enroll(ctx, c, d, friendlyName)
	switch {
	case errors.Is(err, client.ErrUnanswered), errors.Is(err, context.Canceled):
		// It may have been enrolled: what was written for it stays.
		return &doubtError{err: err, left: given.left(), sid: d.SID}
	case err != nil:
		return errors.Join(err, given.discard())
	}
	if err := held.tell(c, d); err != nil {
		return held.untold(err)
	}
	return nil
}

// doubtError says that a credential may have been made.
type doubtError struct {
	err       error
	left, sid string
}

func (e *doubtError) Error() string {
	return e.err.Error() + "; it may have been made nevertheless" + e.left + "; see gatehouse device show " + e.sid
}

func (e *doubtError) Unwrap() error { return e.err }

type keyList struct {
	remote
	inFleet
	Device string `arg:"" optional:"" help:"Only those of this device, by unique name or SID."`
}

// Run lists.
func (l *keyList) Run(to streams) error {
	return l.on(to, func(ctx context.Context, c call) error {
		var (
			rows  [][]string
			names names
		)
		err := eachFleet(ctx, c, l.inFleet, l.Device, func(fleet, device string) error {
			for k, err := range c.Keys(ctx, fleet, device) {
				if err != nil {
					return err
				}
				if c.json {
					if err := c.object(k.JSON); err != nil {
						return err
					}
					continue
				}
				rows = append(rows, []string{k.SID, names.of(ctx, c, k.FleetSID, k.DeviceSID), k.FriendlyName, moment(k.DateCreated)})
			}
			return nil
		})
		if err != nil || c.json {
			return err
		}
		return c.table([]string{"SID", "DEVICE", "NAME", "CREATED"}, rows, "there are no keys here; make one with: gatehouse key add DEVICE")
	})
}

// eachFleet is called for each fleet that is to be listed, or for the one of a device.
func eachFleet(ctx context.Context, c call, in inFleet, device string, list func(fleetSID, deviceSID string) error) error {
	if device != "" {
		d, err := in.device(ctx, c, device)
		if err != nil {
			return err
		}
		return list(d.FleetSID, d.SID)
	}
	fleets, err := in.fleets(ctx, c)
	if err != nil {
		return err
	}
	for _, fleet := range fleets {
		if err := list(fleet.SID, ""); err != nil {
			return err
		}
	}
	return nil
}

// names are those of devices, by SID.
type names map[string]string

// of is the name of a device, empty when the SID is. All of a fleet are asked for at once; one that has come meanwhile goes
// by its SID.
func (n *names) of(ctx context.Context, c call, fleetSID, deviceSID string) string {
	if deviceSID == "" {
		return ""
	}
	if *n == nil {
		*n = names{}
	}
	if _, asked := (*n)[fleetSID]; !asked {
		(*n)[fleetSID] = ""
		for d, err := range c.Devices(ctx, fleetSID, "") {
			if err != nil {
				break // the SID will do
			}
			(*n)[d.SID] = d.Name()
		}
	}
	if name := (*n)[deviceSID]; name != "" {
		return name
	}
	return deviceSID
}

type keyRm struct {
	remote
	inFleet
	Key string `arg:"" help:"SID of the key."`
	Yes bool   `short:"y" help:"Do not ask."`
}

// Run revokes.
func (r *keyRm) Run(to streams) error {
	return r.on(to, func(ctx context.Context, c call) error {
		k, err := search(ctx, c, r.inFleet, "key", r.Key, "see gatehouse key list", func(fleet client.Fleet) (client.Key, error) {
			return c.Key(ctx, fleet.SID, r.Key)
		})
		if err != nil {
			return err
		}
		lost := "This revokes key " + k.SID + holder(ctx, c, k.FleetSID, k.DeviceSID) + ". A connection that uses it ends at once, and its secret is of no use any more."
		if err := c.confirm(ctx, r.Yes, lost); err != nil {
			return err
		}
		if err := c.DeleteKey(ctx, k); err != nil {
			return about("key", k.SID, "it was removed meanwhile", err)
		}
		return c.gone(k.SID, "Key")
	})
}

// holder names the device of a credential, as well as it is known.
func holder(ctx context.Context, c call, fleetSID, deviceSID string) string {
	if deviceSID == "" {
		return ", which no device has"
	}
	if d, err := c.Client.Device(ctx, fleetSID, deviceSID); err == nil {
		return " of device " + visible(d.Name())
	}
	return " of device " + deviceSID
}
