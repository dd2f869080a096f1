package commands

import (
	"context"
	"errors"
	"fmt"
	"regexp"
	"slices"
	"strings"

	"gatehouse/app/client"
)

var sidForm = regexp.MustCompile(`^[A-Z]{2}[0-9a-f]{32}$`)

// inFleet is the flag of commands that look for something in all fleets unless one is named.
type inFleet struct {
	Fleet string `placeholder:"FLEET" help:"Fleet, by unique name or SID. By default all are searched."`
}

// fleets are the one that was named, or all.
func (f inFleet) fleets(ctx context.Context, c call) ([]client.Fleet, error) {
	if f.Fleet != "" {
		fleet, err := c.Client.Fleet(ctx, f.Fleet)
		if err != nil {
			return nil, about("fleet", f.Fleet, fleetAdvice, err)
		}
		return []client.Fleet{fleet}, nil
	}
	var all []client.Fleet
	for fleet, err := range c.Fleets(ctx) {
		if err != nil {
			return nil, err
		}
		all = append(all, fleet)
	}
	return all, nil
}

// search asks each fleet for something, and wants it to be in exactly one.
func search[T any](ctx context.Context, c call, in inFleet, what, id, advice string, get func(fleet client.Fleet) (T, error)) (T, error) {
	var (
		found T
		where []string
	)
	fleets, err := in.fleets(ctx, c)
	if err != nil {
		return found, err
	}
	for _, fleet := range fleets {
		one, err := get(fleet)
		switch {
		case errors.Is(err, client.ErrNotFound):
			continue
		case err != nil:
			return found, about(what, id, "", err)
		}
		found, where = one, append(where, fleet.Name())
	}
	switch len(where) {
	case 0:
		return found, &missingError{what: what, id: id, advice: advice}
	case 1:
		return found, nil
	}
	return found, usage("%d fleets have a %s %s: %s; say which with --fleet", len(where), what, visible(id), visible(strings.Join(where, ", ")))
}

// device is the one with this unique name or SID.
func (f inFleet) device(ctx context.Context, c call, id string) (client.Device, error) {
	return search(ctx, c, f, "device", id, "see gatehouse device list", func(fleet client.Fleet) (client.Device, error) {
		return c.Device(ctx, fleet.SID, id)
	})
}

// deployment is the one with this SID or friendly name; an empty one stands for the fleet's default.
func deployment(ctx context.Context, c call, fleetSID, id string) (string, error) {
	if id == "" {
		fleet, err := c.Client.Fleet(ctx, fleetSID)
		if err != nil {
			return "", about("fleet", fleetSID, "", err)
		}
		if fleet.DefaultDeploymentSID == "" {
			return "", usage("fleet %s has no default deployment; name one with --deployment", visible(fleet.Name()))
		}
		return fleet.DefaultDeploymentSID, nil
	}
	var found, known []string
	for d, err := range c.Deployments(ctx, fleetSID) {
		if err != nil {
			return "", err
		}
		if d.SID == id || d.FriendlyName == id {
			found = append(found, d.SID)
		}
		known = append(known, d.SID+" "+d.FriendlyName)
	}
	switch len(found) {
	case 0:
		if len(known) == 0 {
			return "", &missingError{what: "deployment", id: id, advice: "its fleet has none"}
		}
		slices.Sort(known)
		return "", &missingError{what: "deployment", id: id, advice: "there are: " + visible(strings.Join(known, ", "))}
	case 1:
		return found[0], nil
	}
	return "", usage("%d deployments are named %s; give the SID of one: %s", len(found), visible(id), strings.Join(found, ", "))
}

// fleetAdvice is what to do when there is no such fleet.
const fleetAdvice = "gatehouse device list shows the fleets that have devices"

// missingError says that what a command is about does not exist.
type missingError struct{ what, id, advice string }

func (e *missingError) Error() string {
	text := fmt.Sprintf("there is no %s %s", e.what, visible(e.id))
	if e.advice != "" {
		text += "; " + e.advice
	}
	return text
}

// Is makes it a client.ErrNotFound.
func (e *missingError) Is(target error) bool { return target == client.ErrNotFound }

// about names what an error of the gateway is about. Of what does not exist it says just that, and what to do.
func about(what, id, advice string, err error) error {
	if errors.Is(err, client.ErrNotFound) {
		return &missingError{what: what, id: id, advice: advice}
	}
	return fmt.Errorf("%s %s: %w", what, visible(id), err)
}
