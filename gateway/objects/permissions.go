package objects

import (
	"context"
	"time"
	"unicode/utf8"

	"gatehouse/gateway/store"
)

// permits reports whether an identity may do what is wanted; of no object nobody may.
func (s *state) permits(identity string, want Permission) bool {
	if s == nil {
		return false
	}
	has, _ := s.permissions.get(identity)
	return (has.Read || !want.Read) && (has.Write || !want.Write) && (has.Manage || !want.Manage)
}

// mayRead reports whether a device may read an object now. It never waits.
func (o *Objects) mayRead(service string, kind Kind, id, device string) bool {
	obj := o.space(service).find(kind, id)
	if obj == nil {
		return false
	}
	s, found := o.params.Registry.Service(service)
	return found && (!s.ACLEnabled || obj.state.Load().permits(o.writer(device, 0).Name(), Permission{Read: true}))
}

// writer is the device as the one who does something.
func (o *Objects) writer(device string, attempt uint64) Writer {
	d, _ := o.params.Registry.Device(device)
	return Writer{DeviceSID: device, Identity: d.Identity, AttemptID: attempt}
}

// Permissions are those of an object, by identity, and how many there are without the range. Kinds of errors: NoService,
// NotFound.
func (o *Objects) Permissions(service string, kind Kind, id string, r Range) ([]Permission, int, error) {
	_, s, err := o.look(service, kind, id)
	if err != nil {
		return nil, 0, err
	}
	all := []Permission{}
	s.permissions.each(r.Offset, func(_ string, p Permission) bool {
		if r.Limit > 0 && len(all) == r.Limit {
			return false
		}
		all = append(all, p)
		return true
	})
	return all, s.permissions.count, nil
}

// Permission is that of one identity. Kinds of errors: NoService, NotFound, NoPermission.
func (o *Objects) Permission(service string, kind Kind, id, identity string) (Permission, error) {
	_, s, err := o.look(service, kind, id)
	if err != nil {
		return Permission{}, err
	}
	p, found := s.permissions.get(identity)
	if !found {
		return Permission{}, request{kind: kind, id: id}.fail(NoPermission, "%s has no permission of its own", identity)
	}
	return p, nil
}

// SetPermission creates or replaces the permission of p.Identity on a document, list or map. Kinds of errors: NoService, NotFound,
// BadIdentity, Full.
func (o *Objects) SetPermission(ctx context.Context, w Writer, service string, kind Kind, id string, p Permission) (Permission, error) {
	r := request{writer: w, service: service, kind: kind, id: id}
	if n := utf8.RuneCountInString(p.Identity); n == 0 || n > MaxIdentity || !utf8.ValidString(p.Identity) {
		return Permission{}, r.fail(BadIdentity, "an identity has 1 to %d characters", MaxIdentity)
	}
	err := o.change(ctx, r, func(obj *object, before *state, at time.Time) (step, error) {
		if _, known := before.permissions.get(p.Identity); !known && before.permissions.count >= o.settings.Load().ItemsPerObject {
			return step{}, r.fail(Full, "it has %d permissions; no more are allowed", before.permissions.count)
		}
		next := *before
		next.permissions = before.permissions.with(p.Identity, p)
		return step{next: &next, ops: []store.Op{obj.putPermission(p)}, changes: []Change{obj.changed(Permitted, w, at, before, nil)}}, nil
	})
	if err != nil {
		return Permission{}, err
	}
	return p, nil
}

// DeletePermission removes the permission of an identity, which then may do nothing. Kinds of errors: NoService, NotFound,
// NoPermission.
func (o *Objects) DeletePermission(ctx context.Context, w Writer, service string, kind Kind, id, identity string) error {
	r := request{writer: w, service: service, kind: kind, id: id}
	return o.change(ctx, r, func(obj *object, before *state, at time.Time) (step, error) {
		if _, found := before.permissions.get(identity); !found {
			return step{}, r.fail(NoPermission, "%s has no permission of its own", identity)
		}
		next := *before
		next.permissions = before.permissions.without(identity)
		return step{
			next: &next, ops: []store.Op{{Key: obj.permissionKey(identity), Delete: true}},
			changes: []Change{obj.changed(Permitted, w, at, before, nil)},
		}, nil
	})
}
