// Package rules is how a virtual device reacts: when a message on a filter matches an expression, it waits, changes its state, publishes, disconnects or
// reconnects. It sends nothing and waits for nothing itself; it says what is to be done, and when.
package rules

import (
	"fmt"
	"slices"
	"strings"
	"time"

	"gatehouse/sim/script"
	"gatehouse/sim/telemetry"
)

// Bounds of a device's reactions.
const (
	MostReactions = 100
	LongestWait   = time.Hour
)

// Reaction is what a device does when a message comes. It does at least one of Set, Publish, Disconnect and Reconnect, in this order.
type Reaction struct {
	On   string             `json:"on" yaml:"on"`                         // a topic filter; the device subscribes to it
	When string             `json:"when,omitempty" yaml:"when,omitempty"` // an expression that is true or false; empty: always
	Wait telemetry.Duration `json:"wait,omitempty" yaml:"wait,omitempty"` // at most LongestWait
	// Set gives values of the state the results of expressions.
	Set        map[string]string `json:"set,omitempty" yaml:"set,omitempty"`
	Publish    *Publish          `json:"publish,omitempty" yaml:"publish,omitempty"`
	Disconnect bool              `json:"disconnect,omitempty" yaml:"disconnect,omitempty"`
	Reconnect  bool              `json:"reconnect,omitempty" yaml:"reconnect,omitempty"` // disconnects, then connects again
}

// Publish is a message to send.
type Publish struct {
	Topic   string `json:"topic" yaml:"topic"`     // a template
	Payload string `json:"payload" yaml:"payload"` // a template
	QoS     byte   `json:"qos,omitempty" yaml:"qos,omitempty"`
	Retain  bool   `json:"retain,omitempty" yaml:"retain,omitempty"`
}

// Message is one that came.
type Message struct {
	Topic   string
	Payload []byte
	QoS     byte
	Retain  bool
	At      time.Time
}

// Effect is what a reaction leads to.
type Effect struct {
	Changed    map[string]any // of the state, as it is now
	Publish    *telemetry.Message
	Disconnect bool
	Reconnect  bool
}

// Rules are the reactions of one device, checked.
type Rules struct {
	device    telemetry.Device
	reactions []reaction
}

type reaction struct {
	Reaction
	levels         []string
	when           *expression // nil: always
	set            []assignment
	topic, payload script.Template
}

type assignment struct {
	name string
	to   *expression
}

// Compile checks reactions against the device's variables and state. All problems are told at once; with any, there are no rules.
func Compile(all []Reaction, d telemetry.Device) (*Rules, []telemetry.Problem) {
	r := &Rules{device: d}
	var problems []telemetry.Problem
	if len(all) > MostReactions {
		problems = append(problems, telemetry.Problem{Path: "reactions", What: fmt.Sprintf("there are more than %d", MostReactions), Todo: "leave some out"})
		all = all[:MostReactions]
	}
	for i, one := range all {
		c := &compiler{device: &r.device, path: fmt.Sprintf("reactions[%d]", i)}
		r.reactions = append(r.reactions, c.compile(one))
		problems = append(problems, c.problems...)
	}
	if len(problems) > 0 {
		return nil, problems
	}
	return r, nil
}

// Filters are those to subscribe to, each once.
func (r *Rules) Filters() []string {
	var filters []string
	for _, one := range r.reactions {
		if !slices.Contains(filters, one.On) {
			filters = append(filters, one.On)
		}
	}
	return filters
}

// Firing is a reaction that a message has set off.
type Firing struct {
	Wait time.Duration // before Apply

	rules    *Rules
	reaction *reaction
	message  Message
}

// Match tells which reactions a message sets off. An expression that fails is an error of its reaction; the others count all the same.
func (r *Rules) Match(m Message) (firings []Firing, errs []error) {
	levels := strings.Split(m.Topic, "/")
	for i := range r.reactions {
		one := &r.reactions[i]
		if !matches(one.levels, levels) {
			continue
		}
		if one.when != nil {
			v, err := one.when.evaluate(r.scope(m))
			if err != nil {
				errs = append(errs, fmt.Errorf("reactions[%d].when: %w", i, err))
				continue
			}
			if yes, _ := v.(bool); !yes {
				continue
			}
		}
		firings = append(firings, Firing{Wait: time.Duration(one.Wait), rules: r, reaction: one, message: m})
	}
	return firings, errs
}

// Apply changes the state and tells what else to do. The expressions see the state as it is by now; when one fails, nothing has changed.
func (f Firing) Apply(at time.Time) (Effect, error) {
	e := Effect{Disconnect: f.reaction.Disconnect, Reconnect: f.reaction.Reconnect}
	s := f.rules.scope(f.message)
	values := make([]any, len(f.reaction.set))
	for i, a := range f.reaction.set {
		v, err := a.to.evaluate(s)
		if err != nil {
			return Effect{}, fmt.Errorf("set %s: %w", a.name, err)
		}
		values[i] = v
	}
	for i, a := range f.reaction.set {
		if err := f.rules.device.State.Set(a.name, values[i]); err != nil {
			return Effect{}, err
		}
		if e.Changed == nil {
			e.Changed = map[string]any{}
		}
		e.Changed[a.name], _ = f.rules.device.State.Get(a.name)
	}
	p := f.reaction.Publish
	if p == nil {
		return e, nil
	}
	look := f.rules.look(f.message, at)
	topic, err := f.reaction.topic.Fill(look)
	if err != nil {
		return e, fmt.Errorf("publish: %w", err)
	}
	payload, err := f.reaction.payload.Fill(look)
	if err != nil {
		return e, fmt.Errorf("publish: %w", err)
	}
	e.Publish = &telemetry.Message{Topic: topic, Payload: []byte(payload), QoS: p.QoS, Retain: p.Retain}
	return e, nil
}

// matches is MQTT 3.1.1, section 4.7; parts are the levels of a valid filter.
func matches(filter, topic []string) bool {
	for i, level := range filter {
		switch {
		case level == "#":
			return true
		case i >= len(topic):
			return false
		case level != "+" && level != topic[i]:
			return false
		}
	}
	return len(filter) == len(topic)
}
