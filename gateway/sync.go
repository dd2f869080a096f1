package gateway

import (
	"context"
	"errors"
	"fmt"
	"strconv"

	"gatehouse/gateway/attempt"
	"gatehouse/gateway/broker"
	"gatehouse/gateway/cause"
	"gatehouse/gateway/objects"
	"gatehouse/gateway/webhook"
)

// openObjects opens the Sync objects and the webhooks that tell of their changes.
func (g *Gateway) openObjects(ctx context.Context) (err error) {
	c := g.config
	if g.webhooks, err = webhook.Open(ctx, webhook.Params{Store: g.store, Registry: g.registry, Now: c.Now, Logger: c.Logger}); err != nil {
		return err
	}
	g.background.add(g.webhooks.Close)
	g.objects, err = objects.Open(ctx, objects.Params{
		Store: g.store, Registry: g.registry, Deliver: g.deliver, Hook: g.webhooks, Settings: g.settings.objects(),
		Now: c.Now, Logger: c.Logger,
	})
	if err != nil {
		return fmt.Errorf("objects: %w", err)
	}
	g.background.add(g.objects.Close)
	return nil
}

func (s Settings) objects() objects.Settings {
	return objects.Settings{Strict: s.StrictPublishes, History: s.Limits.ObjectHistory}
}

// objectTopics shows the objects to the broker, which knows them by topic only. The two packages do not know each other.
type objectTopics struct{ g *Gateway }

func (t objectTopics) Publish(p broker.ObjectPublish) error {
	err := t.g.objects.Publish(p.ServiceSID, p.DeviceSID, p.Topic, p.Payload, p.AttemptID)
	if errors.Is(err, objects.ErrStrict) {
		return broker.ErrStrict
	}
	return err
}

func (t objectTopics) MaySubscribe(serviceSID, deviceSID, topic string) bool {
	return t.g.objects.MaySubscribe(serviceSID, deviceSID, topic)
}

func (t objectTopics) Snapshot(serviceSID, deviceSID, topic string, yield func(topic string, payload []byte) bool) {
	t.g.objects.Snapshot(serviceSID, deviceSID, topic, yield)
}

// deliver hands a change of an object to its subscribers.
func (g *Gateway) deliver(u objects.Update, stored func(error)) {
	routes := make([]broker.Route, len(u.Routes))
	for i, r := range u.Routes {
		routes[i] = broker.Route(r)
	}
	g.hub.Update(broker.Update{ServiceSID: u.ServiceSID, Routes: routes, Payload: u.Payload, May: u.May}, stored)
}

// reports are the notices of the broker as causes.
var reports = map[broker.NoticeKind]cause.ID{
	broker.SystemTopic: cause.SystemTopic, broker.NotSyncTopic: cause.NotSyncTopic, broker.SyncWildcard: cause.SyncWildcard,
	broker.NotRetained: cause.NotRetained, broker.InvalidFilter: cause.InvalidFilter, broker.SessionOverflow: cause.SessionDiscarded,
	broker.TooManyFilters: cause.TooManySubscriptions, broker.NoObjects: cause.SubscribeRefused,
}

// report puts what the broker and the objects have noticed on the timelines of the connections that it is about.
func (g *Gateway) report() {
	for _, n := range g.hub.Notices(g.reported.notice) {
		g.reported.notice = n.Seq
		facts := []attempt.Fact{}
		if n.Topic != "" {
			facts = append(facts, attempt.F("topic", n.Topic))
		}
		if n.Lost > 0 {
			facts = append(facts, attempt.F("lost", strconv.Itoa(n.Lost)))
		}
		g.attempts.Warn(n.AttemptID, reports[n.Kind], facts...) // of a session that came from the disk there is none
	}
	for _, r := range g.objects.Refusals(g.reported.refusal) {
		g.reported.refusal = r.Seq
		why, id := cause.MessageRefused, r.AttemptID
		if r.Subscribe {
			why = cause.SubscribeRefused
			_, id, _ = g.hub.Of(r.DeviceSID)
		}
		g.attempts.Warn(id, why, attempt.F("topic", r.Topic), attempt.F("reason", r.Reason))
	}
}

// reconcile discards sessions and retained messages that rest on nothing any more: the process may have died between a
// change of the registry and what follows from it.
func (g *Gateway) reconcile() {
	for _, service := range g.hub.Services() {
		if _, found := g.registry.Service(service); !found {
			g.hub.DropService(service)
		}
	}
	for _, s := range g.hub.Sessions() {
		if !g.stands(s.DeviceSID, s.ServiceSID) {
			g.hub.DropSessionOf(s.DeviceSID, s.ServiceSID)
		}
	}
}

// stands reports whether a device's session of this service may go on: the service is still the device's (contract,
// section 5).
func (g *Gateway) stands(deviceSID, serviceSID string) bool {
	device, found := g.registry.Device(deviceSID)
	if !found {
		return false
	}
	service, _ := g.registry.EffectiveService(device)
	return service == serviceSID
}
