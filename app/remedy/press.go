package remedy

import (
	"context"
	"errors"
	"slices"

	"gatehouse/gateway/registry"
	"gatehouse/gateway/sid"
)

// act is one change and what takes it back.
type act struct {
	do, undo func(ctx context.Context) error
	// gone names what the change is about and is no longer there; empty when all of it is. May be nil.
	gone func() string
}

// reason is why an act failed, in plain words where something that it is about was deleted after the button was drawn.
func (a act) reason(err error, so string) error {
	if a.gone != nil {
		if what := a.gone(); what != "" {
			return &goneError{what + " was deleted meanwhile: " + so, err}
		}
	}
	return err
}

// goneError says that something was deleted.
type goneError struct {
	said  string
	cause error
}

func (e *goneError) Error() string { return e.said }
func (e *goneError) Unwrap() error { return e.cause }

// press is a remedy that makes changes one after the other. When one fails, those before it are taken back.
func press(label, message, deviceSID string, acts ...act) Remedy {
	return Remedy{Kind: Press, Label: label, DeviceSID: deviceSID, Do: doer(message, acts...)}
}

func doer(message string, acts ...act) func(context.Context) (Done, error) {
	return func(ctx context.Context) (Done, error) {
		for i, a := range acts {
			if err := a.do(ctx); err != nil {
				return Done{}, errors.Join(a.reason(err, "nothing was changed"), takeBack(ctx, acts[:i]))
			}
		}
		return Done{Message: message, Undo: func(ctx context.Context) error { return takeBack(ctx, acts) }}, nil
	}
}

// takeBack undoes changes, the last first.
func takeBack(ctx context.Context, acts []act) (err error) {
	for i := len(acts) - 1; i >= 0; i-- {
		if failed := acts[i].undo(ctx); failed != nil {
			err = errors.Join(err, acts[i].reason(failed, "there is nothing left to undo"))
		}
	}
	return err
}

// deleted lets what was deleted already count as deleted: undoing what was added is done then.
func deleted(err error) error {
	if errors.Is(err, registry.ErrNotFound) {
		return nil
	}
	return err
}

// thing is a record that a change is about: its SID, and what to call it.
type thing struct{ sid, called string }

// gone tells which of the things is no longer there.
func (s Source) gone(things ...thing) func() string {
	return func() string {
		for _, t := range things {
			if t.sid != "" && !s.there(t.sid) {
				return t.called
			}
		}
		return ""
	}
}

func (s Source) there(id string) (found bool) {
	switch {
	case sid.Valid(sid.Device, id):
		_, found = s.Registry.Device(id)
	case sid.Valid(sid.Deployment, id):
		_, found = s.Registry.Deployment(id)
	case sid.Valid(sid.Service, id):
		found = slices.ContainsFunc(s.Registry.Services(), func(one registry.Service) bool { return one.SID == id })
	default:
		_, found = s.owner(id)
	}
	return found
}

func aDevice(d registry.Device) thing { return thing{d.SID, "the device " + d.Name()} }

func aDeployment(d registry.Deployment) thing {
	return thing{d.SID, "the deployment " + nameOr(d.FriendlyName, sid.Short(d.SID))}
}
