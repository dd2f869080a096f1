package scenario

import (
	"context"
	"fmt"
	"maps"
	"slices"
	"strings"
	"time"

	"gatehouse/sim"
)

// NeedsGateway says where and why a scenario can be played on a gateway only; both are empty when any MQTT server will do.
func (s *Scenario) NeedsGateway() (where, why string) {
	switch s.Target {
	case Any:
		return "", ""
	case Gateway:
		return "target", "that is the target it names"
	}
	for _, name := range slices.Sorted(maps.Keys(s.Devices)) {
		d := s.Devices[name]
		path := "devices." + name
		switch {
		case d.Disabled || d.Undeployed:
			return path, "no other server knows devices that are disabled or not deployed"
		case d.Like != "" && s.clientID(name) != s.clientID(d.Like):
			return path + ".like", "any other server tells devices apart by their client ids, and these two have different ones"
		case d.Will != nil && isSync(d.Will.Topic):
			return path + ".will", syncOnly
		}
	}
	return stepsNeed("steps", s.Steps)
}

const syncOnly = "Sync topics are the gateway's own"

func isSync(topic string) bool { return topic == "sync" || strings.HasPrefix(topic, "sync/") }

func (s *Scenario) clientID(name string) string {
	if d := s.Devices[name]; d.ClientID != "" || d.NoClientID {
		return d.ClientID
	}
	return s.deviceName(name)
}

func stepsNeed(path string, steps []Step) (where, why string) {
	for i, s := range steps {
		at := fmt.Sprintf("%s[%d]", path, i)
		if why := s.needs(); why != "" {
			return at, why
		}
		if where, why := stepsNeed(at+".parallel", s.Parallel); why != "" {
			return where, why
		}
		if s.Repeat != nil {
			if where, why := stepsNeed(at+".repeat.steps", s.Repeat.Steps); why != "" {
				return where, why
			}
		}
	}
	return "", ""
}

// needs is why a step cannot be played on another server; empty when it can.
func (s Step) needs() string {
	for _, verb := range s.verbs() {
		if slices.Contains(ofRegistry, verb) {
			return "no other server can be told to " + strings.ReplaceAll(verb, "set", "set a document")
		}
	}
	switch {
	case s.Connect != nil && s.Connect.Code != nil && *s.Connect.Code > 0:
		return fmt.Sprintf("when code %d comes is the gateway's rule", *s.Connect.Code)
	case s.Connect != nil && (s.Connect.WrongSecret || s.Connect.NoCredential):
		return "what comes of a wrong credential is the gateway's rule"
	case s.Publish != nil && isSync(s.Publish.Topic), s.Subscribe != nil && isSync(s.Subscribe.Filter):
		return syncOnly
	}
	return ""
}

// leavings are what a device has left on the server that outlasts its connections. The actor's lock guards them.
type leavings struct {
	session  *sim.Options    // that of the session, which it connected with last; nil: there is none
	retained map[string]bool // topics
}

// connected notes whether the server keeps a session for the device now.
func (a *actor) connected(o sim.Options, r sim.Result) {
	a.mu.Lock()
	defer a.mu.Unlock()
	if r.Code == 0 {
		a.left.session = &o
	}
}

// retained notes what the server keeps for those who subscribe later.
func (a *actor) retained(topic string, kept bool) {
	a.mu.Lock()
	defer a.mu.Unlock()
	if a.left.retained == nil {
		a.left.retained = map[string]bool{}
	}
	a.left.retained[topic] = kept
}

// tidy removes session and retained messages of a device from a server that is not the scenario's own. A gateway forgets them with the scenario's fleet
// and service. A server that does not answer any more keeps them.
func (p *play) tidy(a *actor) {
	if _, plain := p.params.World.(Plain); !plain {
		return
	}
	a.mu.Lock()
	left := a.left
	a.mu.Unlock()
	if left.session == nil || left.session.Clean && len(left.retained) == 0 {
		return
	}
	o := *left.session
	o.Clean, o.Will, o.Faults, o.Timeout, o.Protocol = true, nil, nil, tidyTimeout, sim.MQTT311
	ctx, cancel := context.WithTimeout(context.Background(), tidyTimeout)
	defer cancel()
	d := sim.NewDevice(sim.Params{})
	defer d.Close()
	if d.Connect(ctx, o).Code != 0 {
		return
	}
	for topic, kept := range left.retained {
		if kept {
			_ = d.Publish(ctx, topic, nil, 1, true)
		}
	}
}

const tidyTimeout = 2 * time.Second
