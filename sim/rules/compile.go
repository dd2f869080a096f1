package rules

import (
	"encoding/json"
	"fmt"
	"maps"
	"math"
	"reflect"
	"slices"
	"strings"
	"time"
	"unicode/utf8"

	"github.com/expr-lang/expr"
	"github.com/expr-lang/expr/types"
	"github.com/expr-lang/expr/vm"

	"gatehouse/sim/script"
	"gatehouse/sim/telemetry"
)

// maxNodes bounds the size of an expression.
const maxNodes = 500

// compiler checks one reaction.
type compiler struct {
	device   *telemetry.Device
	path     string
	problems []telemetry.Problem
}

func (c *compiler) wrong(name, what, todo string) {
	c.problems = append(c.problems, telemetry.Problem{Path: c.path + "." + name, What: what, Todo: todo})
}

func (c *compiler) compile(r Reaction) reaction {
	one := reaction{Reaction: r, levels: strings.Split(r.On, "/")}
	if what := wrongFilter(r.On); what != "" {
		c.wrong("on", what, "give a topic filter such as sync/docs/BoardLED or alerts/#")
	}
	if w := time.Duration(r.Wait); w < 0 || w > LongestWait {
		c.wrong("wait", "it is not between 0 and 1h", "give a time such as 500ms")
	}
	if r.When != "" {
		one.when = c.expression("when", r.When, reflect.Bool)
	}
	for _, name := range slices.Sorted(maps.Keys(r.Set)) {
		old, known := c.device.State.Get(name)
		if !known {
			c.wrong("set."+name, "the device has no such state", "add it to the device’s state, with its first value")
			continue
		}
		one.set = append(one.set, assignment{name, c.expression("set."+name, r.Set[name], reflect.TypeOf(old).Kind())})
	}
	if p := r.Publish; p != nil {
		one.topic, one.payload = c.template("publish.topic", p.Topic), c.template("publish.payload", p.Payload)
		switch {
		case p.Topic == "":
			c.wrong("publish.topic", "it is missing", "give one, such as {device}/state")
		case strings.ContainsAny(p.Topic, "+#"):
			c.wrong("publish.topic", "a message cannot be sent to a wildcard", "leave + and # out")
		}
		if p.QoS > 2 {
			c.wrong("publish.qos", fmt.Sprintf("QoS %d does not exist", p.QoS), "give 0, 1 or 2")
		}
	}
	if len(r.Set) == 0 && r.Publish == nil && !r.Disconnect && !r.Reconnect {
		c.wrong("on", "nothing is done when a message comes", "add set, publish, disconnect or reconnect")
	}
	if r.Disconnect && r.Reconnect {
		c.wrong("reconnect", "disconnect is given as well", "keep one of them; reconnect disconnects first")
	}
	return one
}

// wrongFilter says what is wrong with a filter (MQTT 3.1.1, section 4.7.1).
func wrongFilter(filter string) string {
	if filter == "" {
		return "it is missing"
	}
	if !utf8.ValidString(filter) || strings.ContainsRune(filter, 0) || len(filter) > math.MaxUint16 {
		return "it cannot be put into a packet"
	}
	levels := strings.Split(filter, "/")
	for i, level := range levels {
		switch {
		case level == "#" && i < len(levels)-1:
			return "# is not its last level"
		case level != "#" && level != "+" && strings.ContainsAny(level, "#+"):
			return "# and + stand for a whole level"
		}
	}
	return ""
}

func (c *compiler) template(name, text string) script.Template {
	t, err := script.Parse(text)
	if err != nil {
		c.wrong(name, err.Error(), "write {{ for a brace")
		return t
	}
	look := (&Rules{device: *c.device}).look(Message{}, time.Time{})
	for _, n := range t.Names() {
		if _, known := look(n); !known {
			c.wrong(name, "{"+n+"} is not known", "use device, sid, topic, text, time, unix, ms, and the device’s variables and state")
		}
	}
	return t
}

// expression is compiled, for one goroutine at a time.
type expression struct {
	program *vm.Program
	machine vm.VM
}

// expression compiles one whose result is of a kind, as far as that can be known before.
func (c *compiler) expression(name, source string, kind reflect.Kind) *expression {
	program, err := expr.Compile(source, expr.Env(c.types()), expr.MaxNodes(maxNodes))
	if err != nil {
		first, _, _ := strings.Cut(err.Error(), "\n")
		c.wrong(name, first, "use topic, text, json, size, qos, retain, device, sid, and the device’s variables and state")
		return nil
	}
	if result := program.Node().Type(); result.Kind() != reflect.Interface && !fits(result.Kind(), kind) {
		c.wrong(name, fmt.Sprintf("it gives a %s", spoken(result.Kind())), fmt.Sprintf("write one that gives a %s", spoken(kind)))
	}
	return &expression{program: program}
}

// types are those of what expressions see.
func (c *compiler) types() types.Map {
	all := types.Map{}
	for name, v := range (&Rules{device: *c.device}).scope(Message{}) {
		all[name] = types.TypeOf(v)
	}
	all["json"] = types.Any // it depends on the message
	return all
}

func fits(got, want reflect.Kind) bool {
	number := func(k reflect.Kind) bool { return k >= reflect.Int && k <= reflect.Float64 }
	return got == want || number(got) && number(want)
}

func spoken(k reflect.Kind) string {
	switch k {
	case reflect.Bool:
		return "true or false"
	case reflect.String:
		return "text"
	case reflect.Float64, reflect.Int:
		return "number"
	}
	return k.String()
}

func (e *expression) evaluate(scope map[string]any) (any, error) {
	v, err := e.machine.Run(e.program, scope)
	if err != nil {
		first, _, _ := strings.Cut(err.Error(), "\n")
		return nil, fmt.Errorf("%s", first)
	}
	return v, nil
}

// scope is what expressions see of a message: topic, levels, text, json (nil when it is none), size, qos, retain, and of the device: device, sid, its variables and
// its state.
func (r *Rules) scope(m Message) map[string]any {
	env := map[string]any{
		"topic": m.Topic, "levels": strings.Split(m.Topic, "/"), "text": string(m.Payload), "json": decoded(m.Payload), "size": len(m.Payload),
		"qos": int(m.QoS), "retain": m.Retain, "device": r.device.Name, "sid": r.device.SID,
	}
	for name, v := range r.device.Vars {
		env[name] = v
	}
	maps.Copy(env, r.device.State.All())
	return env
}

// decoded is a payload as JSON values; nil when it is not JSON.
func decoded(payload []byte) any {
	var v any
	if json.Unmarshal(payload, &v) != nil {
		return nil
	}
	return v
}

// look finds a name of a template.
func (r *Rules) look(m Message, at time.Time) func(string) (any, bool) {
	return func(name string) (any, bool) {
		if v, known := r.device.State.Get(name); known {
			return v, true
		}
		if v, known := r.device.Vars[name]; known {
			return v, true
		}
		switch name {
		case "device":
			return r.device.Name, true
		case "sid":
			return r.device.SID, true
		case "topic":
			return m.Topic, true
		case "text":
			return string(m.Payload), true
		case "time":
			return at.UTC().Format("2006-01-02T15:04:05.000Z"), true
		case "unix":
			return fmt.Sprint(at.Unix()), true
		case "ms":
			return fmt.Sprint(at.UnixMilli()), true
		}
		return nil, false
	}
}
