package sync

import (
	"gatehouse/gateway/objects"
	"gatehouse/gateway/registry"
	"gatehouse/gateway/rest/web"
)

// showPermission is a map, since the name of one field depends on the kind of object.
func (a *api) showPermission(r *web.Request, o objects.Object, p objects.Permission) map[string]any {
	c := collectionOf(o.Kind)
	return map[string]any{
		"account_sid": a.registry.Account().SID, "service_sid": o.ServiceSID, c.field: o.SID,
		"identity": p.Identity, "read": p.Read, "write": p.Write, "manage": p.Manage,
		"url": r.Absolute(Base, "Services", o.ServiceSID, c.path, o.SID, "Permissions", p.Identity),
	}
}

func (a *api) listPermissions(r *web.Request, s registry.Service, c *collection) (web.Response, error) {
	o, err := a.objects.Get(s.SID, c.kind, r.Path("id"))
	if err != nil {
		return web.Response{}, err
	}
	all, _, err := a.objects.Permissions(s.SID, c.kind, o.SID, objects.Range{})
	if err != nil {
		return web.Response{}, err
	}
	paging, err := r.Paging()
	if err != nil {
		return web.Response{}, err
	}
	page := web.Select(paging, all, func(p objects.Permission) string { return p.Identity })
	at := r.Absolute(Base, "Services", s.SID, c.path, o.SID, "Permissions")
	return web.OK(web.List(paging, at, "permissions", page, func(p objects.Permission) any { return a.showPermission(r, o, p) })), nil
}

func (a *api) readPermission(r *web.Request, s registry.Service, c *collection) (web.Response, error) {
	o, err := a.objects.Get(s.SID, c.kind, r.Path("id"))
	if err != nil {
		return web.Response{}, err
	}
	p, err := a.objects.Permission(s.SID, c.kind, o.SID, r.Path("identity"))
	if err != nil {
		return web.Response{}, err
	}
	return web.OK(a.showPermission(r, o, p)), nil
}

func (a *api) setPermission(r *web.Request, s registry.Service, c *collection) (web.Response, error) {
	o, err := a.objects.Get(s.SID, c.kind, r.Path("id"))
	if err != nil {
		return web.Response{}, err
	}
	p, err := a.objects.Permission(s.SID, c.kind, o.SID, r.Path("identity"))
	if err != nil && objects.KindOf(err) != objects.NoPermission {
		return web.Response{}, err
	}
	p.Identity = r.Path("identity")
	for name, right := range map[string]*bool{"Read": &p.Read, "Write": &p.Write, "Manage": &p.Manage} {
		if given := r.Form().Bool(name); given != nil {
			*right = *given
		}
	}
	if err := r.Form().Err(); err != nil {
		return web.Response{}, err
	}
	if p, err = a.objects.SetPermission(r.Context(), objects.System(), s.SID, c.kind, o.SID, p); err != nil {
		return web.Response{}, err
	}
	return web.OK(a.showPermission(r, o, p)), nil
}

func (a *api) deletePermission(r *web.Request, s registry.Service, c *collection) (web.Response, error) {
	return done(a.objects.DeletePermission(r.Context(), objects.System(), s.SID, c.kind, r.Path("id"), r.Path("identity")))
}
