package scenario

import (
	"crypto/x509"
	"encoding/base64"
	"encoding/json"
	"fmt"
	"maps"
	"reflect"
	"slices"
	"strings"
	"time"

	"gatehouse/sim/agent"
	"gatehouse/sim/faults"
	"gatehouse/sim/rules"
	"gatehouse/sim/telemetry"
)

// checker finds what is wrong with a scenario before it is played.
type checker struct {
	scenario *Scenario
	open     func(name string) ([]byte, error)
	steps    int
	mistakes []Mistake
}

func (c *checker) wrong(path, what, todo string) {
	c.mistakes = append(c.mistakes, Mistake{Path: path, What: what, Todo: todo})
}

func (c *checker) check() {
	s := c.scenario
	if strings.TrimSpace(s.Name) == "" {
		c.wrong("name", "it is missing", "say in a few words what the scenario shows")
	}
	switch s.Target {
	case "", Gateway, Any:
	default:
		c.wrong("target", fmt.Sprintf("%q is not a target", s.Target), "use gateway or any")
	}
	if t := time.Duration(s.Timeout); t < 0 || t > LongestTimeout {
		c.wrong("timeout", "it is not between 0 and 1h", "give a duration such as 30s")
	}
	if len(s.Devices) > MostDevices {
		c.wrong("devices", fmt.Sprintf("there are more than %d", MostDevices), "leave some out")
	}
	for _, name := range slices.Sorted(maps.Keys(s.Devices)) {
		c.device(name, s.Devices[name])
	}
	if len(s.Steps) == 0 {
		c.wrong("steps", "there are none", "add what is to happen")
	}
	c.list(outermost, s.Steps, 1)
	c.started()
	if c.steps > MostSteps {
		c.wrong("steps", fmt.Sprintf("there are %d steps", c.steps), fmt.Sprintf("a scenario has at most %d; repeat can save some", MostSteps))
	}
}

func (c *checker) device(name string, d Device) {
	path := "devices." + name
	if !plainName(name) {
		c.wrong(path, fmt.Sprintf("%q is not a name for steps", name), "use letters, digits, - and _")
	}
	switch d.Credential {
	case "", Key, Certificate, None:
	default:
		c.wrong(path+".credential", fmt.Sprintf("%q is not a kind of credential", d.Credential), "use key, certificate or none")
	}
	if d.Like != "" {
		other, known := c.scenario.Devices[d.Like]
		switch {
		case !known:
			c.wrong(path+".like", c.unknown(d.Like), "name a device of this file")
		case d.Like == name || other.Like != "":
			c.wrong(path+".like", "it leads in a circle, or on", "name a device with a credential of its own")
		case d.Credential != "":
			c.wrong(path+".credential", "it uses that of "+d.Like, "leave one of the two out")
		}
	}
	c.protocol(path+".protocol", d.Protocol)
	switch d.Trust {
	case "", Root, System, Everybody:
	default:
		c.wrong(path+".trust", fmt.Sprintf("%q is not one that can be trusted", d.Trust), "use root, system or everybody")
	}
	if d.CA != "" {
		c.authorities(path+".ca", d)
	}
	if k := time.Duration(d.KeepAlive); k < 0 || k > 65535*time.Second {
		c.wrong(path+".keepalive", "it does not fit in a CONNECT", "give at most 65535s")
	}
	if d.NoKeepAlive && d.KeepAlive != 0 {
		c.wrong(path+".no_keepalive", "it has a keepalive", "leave one of the two out")
	}
	if d.NoClientID && d.ClientID != "" {
		c.wrong(path+".no_client_id", "it has a client identifier", "leave one of the two out")
	}
	if d.Pace < 0 {
		c.wrong(path+".pace", "time cannot pass backwards", "give 1 for real time, or 60 for an hour in a minute")
	}
	if w := d.Will; w != nil {
		if w.Topic == "" || w.QoS > 2 {
			c.wrong(path+".will", "it has no topic, or a QoS that does not exist", "give a topic, and a QoS of 0, 1 or 2")
		}
		c.base64(path+".will", w.Base64, w.Payload != "")
	}
	switch _, known := KindOf(d.Kind); {
	case d.Kind != "" && !known:
		c.wrong(path+".kind", fmt.Sprintf("there is no kind %q", d.Kind), "use "+alternatives(kindIDs()))
	case d.Kind != "" && d.Behaviour != nil:
		c.wrong(path+".behaviour", "it does what its kind does", "leave one of the two out")
	case d.Behaviour != nil:
		_, problems := agent.New(agent.Params{Identity: c.scenario.identity(name, c.open), Behaviour: *d.Behaviour, Pace: max(d.Pace, 0)})
		for _, p := range problems {
			c.wrong(path+".behaviour."+p.Path, p.What, p.Todo)
		}
	}
}

// authorities checks the file of those that a device trusts.
func (c *checker) authorities(path string, d Device) {
	if d.Trust != "" {
		c.wrong(path, "it says whom it trusts already", "leave one of ca and trust out")
		return
	}
	content, err := readAuthorities(d, c.open)
	switch {
	case err != nil:
		c.wrong(path, err.Error(), "name a file beside the scenario")
	case !x509.NewCertPool().AppendCertsFromPEM(content):
		c.wrong(path, d.CA+" holds no certificate", "name a PEM file, which begins with -----BEGIN CERTIFICATE-----")
	}
}

// readAuthorities reads the file of those that a device trusts.
func readAuthorities(d Device, open func(name string) ([]byte, error)) ([]byte, error) {
	if open == nil {
		return nil, fmt.Errorf("%s cannot be read: there are no files here", d.CA)
	}
	content, err := open(d.CA)
	if err != nil {
		return nil, fmt.Errorf("%s cannot be read: %w", d.CA, err)
	}
	return content, nil
}

// identity is a device as templates see it.
func (s *Scenario) identity(name string, open func(string) ([]byte, error)) telemetry.Device {
	d := s.Devices[name]
	return telemetry.Device{Name: s.deviceName(name), Vars: d.Vars, Open: open}
}

// deviceName is a device's name on the gateway.
func (s *Scenario) deviceName(name string) string {
	if d := s.Devices[name]; d.Name != "" {
		return d.Name
	}
	return name
}

func plainName(s string) bool {
	for _, r := range s {
		if r != '-' && r != '_' && (r < '0' || r > '9') && (r < 'a' || r > 'z') && (r < 'A' || r > 'Z') {
			return false
		}
	}
	return s != ""
}

func (c *checker) protocol(path, version string) {
	switch version {
	case "", "3.1", "3.1.1", "5":
	default:
		c.wrong(path, fmt.Sprintf("%q is not a version of MQTT", version), `use "3.1", "3.1.1" or "5"`)
	}
}

func (c *checker) unknown(name string) string {
	return fmt.Sprintf("there is no device %q; there are %s", name, strings.Join(slices.Sorted(maps.Keys(c.scenario.Devices)), ", "))
}

func (c *checker) known(path, name string) {
	if _, known := c.scenario.Devices[name]; !known {
		c.wrong(path, c.unknown(name), "name a device of this file")
	}
}

func (c *checker) list(path string, steps []Step, depth int) {
	if depth > DeepestNesting {
		c.wrong(path, "steps are nested too deeply", fmt.Sprintf("nest at most %d lists", DeepestNesting))
		return
	}
	for i, s := range steps {
		c.steps++
		c.step(fmt.Sprintf("%s[%d]", path, i), s, depth)
	}
}

// verbs are the things that a step does.
func (s Step) verbs() (names []string) {
	v := reflect.ValueOf(s)
	for i := range v.NumField() {
		name, _, _ := strings.Cut(v.Type().Field(i).Tag.Get("yaml"), ",")
		if name != "name" && !v.Field(i).IsZero() {
			names = append(names, name)
		}
	}
	return names
}

// ofRegistry are the verbs that only a gateway understands. Any server takes a device that was created, or does not, by its own rules.
var ofRegistry = []string{"enable", "disable", "deploy", "undeploy", "enrol", "revoke", "delete", "set"}

func (c *checker) step(path string, s Step, depth int) {
	verbs := s.verbs()
	switch len(verbs) {
	case 0:
		c.wrong(path, "nothing is done", "add one thing to do or to expect, such as connect")
		return
	case 1:
	default:
		c.wrong(path, "it does several things: "+strings.Join(verbs, ", "), "make a step of each, or use parallel")
		return
	}
	verb := verbs[0]
	path += "." + verb
	if c.scenario.Target == Any && slices.Contains(ofRegistry, verb) {
		c.wrong(path, "the target is any, and only a gateway can do that", "write target: gateway, or leave it out")
	}
	switch {
	case s.Connect != nil:
		c.connect(path, *s.Connect)
	case s.Publish != nil:
		c.publish(path, *s.Publish)
	case s.Subscribe != nil:
		c.subscribe(path, *s.Subscribe)
	case s.Unsubscribe != nil:
		c.subscribe(path, *s.Unsubscribe)
	case s.Fault != nil:
		c.fault(path, *s.Fault)
	case s.ExpectMessage != nil:
		c.expect(path, *s.ExpectMessage)
	case s.ExpectNone != nil:
		c.expect(path, *s.ExpectNone)
	case s.ExpectState != nil:
		c.state(path, *s.ExpectState)
	case s.Set != nil:
		if s.Set.Document == "" {
			c.wrong(path+".document", "it is missing", "name a document")
		}
		if !json.Valid([]byte(s.Set.JSON)) {
			c.wrong(path+".json", "it is not JSON", `write it in quotes, such as '{"led":"ON"}'`)
		}
	case s.Wait != 0:
		if s.Wait < 0 || time.Duration(s.Wait) > LongestTimeout {
			c.wrong(path, "it is not between 0 and 1h", "give a duration such as 2s")
		}
	case s.Parallel != nil:
		c.list(path, s.Parallel, depth+1)
	case s.Repeat != nil:
		if s.Repeat.Times < 1 || s.Repeat.Times > MostRepeats {
			c.wrong(path+".times", fmt.Sprintf("it is not between 1 and %d", MostRepeats), "say how often")
		}
		if len(s.Repeat.Steps) == 0 {
			c.wrong(path+".steps", "there are none", "add what is to be repeated")
		}
		c.list(path+".steps", s.Repeat.Steps, depth+1)
	default:
		name := reflect.ValueOf(s).FieldByNameFunc(func(field string) bool { return strings.EqualFold(field, verb) }).String()
		c.known(path, name)
		switch d := c.scenario.Devices[name]; {
		case verb == "start" && d.behaviour() == nil:
			c.wrong(path, "the device has no behaviour", "give it one or a kind, or use connect")
		case verb == "create" && d.Like != "":
			c.wrong(path, fmt.Sprintf("%s uses the identity of %s, and has none of its own", name, d.Like), "create "+d.Like)
		}
	}
}

func (c *checker) within(path string, d Duration) {
	if d < 0 || time.Duration(d) > LongestTimeout {
		c.wrong(path+".within", "it is not between 0 and 1h", "give a duration such as 2s")
	}
}

func (c *checker) connect(path string, s Connect) {
	c.known(path+".device", s.Device)
	c.within(path, s.Within)
	c.protocol(path+".protocol", s.Protocol)
	if s.Code != nil && (*s.Code < -1 || *s.Code > 255) {
		c.wrong(path+".code", "it is not a return code", "give 0 to 5, or -1 when the connection fails before one comes")
	}
	if s.Failure != "" && (s.Code == nil || *s.Code != -1) {
		c.wrong(path+".failure", "a code is expected", "write code: -1 as well")
	}
	if s.SessionPresent != nil && s.Code != nil && *s.Code != 0 {
		c.wrong(path+".session_present", "a refused device gets no session", "leave it out")
	}
}

func (c *checker) publish(path string, s Publish) {
	c.known(path+".device", s.Device)
	if s.Topic == "" {
		c.wrong(path+".topic", "it is missing", "give one")
	}
	c.qos(path, s.QoS)
	c.base64(path, s.Base64, s.Payload != "")
	if s.Times < 0 || s.Times > MostRepeats {
		c.wrong(path+".times", fmt.Sprintf("it is not between 1 and %d", MostRepeats), "say how often")
	}
}

// base64 checks a payload that is no text.
func (c *checker) base64(path, encoded string, asTextToo bool) {
	if _, err := base64.StdEncoding.DecodeString(encoded); err != nil {
		c.wrong(path+".base64", "it is not Base64", "encode the payload as RFC 4648, section 4, has it")
	}
	if encoded != "" && asTextToo {
		c.wrong(path+".base64", "there are two payloads", "leave one of payload and base64 out")
	}
}

func (c *checker) qos(path string, qos byte) {
	if qos > 2 {
		c.wrong(path+".qos", fmt.Sprintf("QoS %d does not exist", qos), "give 0, 1 or 2")
	}
}

func (c *checker) subscribe(path string, s Subscribe) {
	c.known(path+".device", s.Device)
	if s.Filter == "" {
		c.wrong(path+".filter", "it is missing", "give a topic filter")
	}
	c.qos(path, s.QoS)
}

func (c *checker) fault(path string, s Fault) {
	c.known(path+".device", s.Device)
	if s == (Fault{Device: s.Device}) {
		c.wrong(path, "nothing is switched", "name a fault, or none: true")
	}
	if s.Send != "" {
		if _, err := faults.Invalid(s.Send).Bytes(); err != nil {
			c.wrong(path+".send", err.Error(), "use one of "+names(faults.Invalids()))
		}
	}
	count := func(name string, v int) {
		if v < 0 {
			c.wrong(path+"."+name, "it is negative", "give 0 or more")
		}
	}
	count("bytes_per_second", s.BytesPerSecond)
	count("read_bytes_per_second", s.ReadPerSecond)
	count("fragment", s.Fragment)
	count("drop_acks", s.DropAcks)
	count("duplicate", s.Duplicate)
	delay := func(name string, v Duration) {
		if v < 0 || time.Duration(v) > faults.MaxLatency {
			c.wrong(path+"."+name, "it is not between 0 and 1m", "give a duration such as 200ms")
		}
	}
	delay("latency", s.Latency)
	delay("jitter", s.Jitter)
	if storm := time.Duration(s.Storm); storm != 0 && (storm < faults.FastestStorm || storm > LongestTimeout) {
		c.wrong(path+".storm", fmt.Sprintf("it is not between %s and 1h", faults.FastestStorm), "give a duration such as 200ms")
	}
	if s.None && s != (Fault{Device: s.Device, None: true}) {
		c.wrong(path+".none", "other faults are named as well", "leave one of the two out")
	}
}

func names[T ~string](all []T) string {
	texts := make([]string, len(all))
	for i, one := range all {
		texts[i] = string(one)
	}
	return strings.Join(texts, ", ")
}

func (c *checker) expect(path string, s ExpectMessage) {
	c.known(path+".device", s.Device)
	c.within(path, s.Within)
	c.base64(path, s.Base64, s.Payload != nil)
	if s.Count < 0 || s.Count > MostRepeats {
		c.wrong(path+".count", fmt.Sprintf("it is not between 1 and %d", MostRepeats), "say how many")
	}
	if _, problems := s.matcher(); len(problems) > 0 {
		for _, p := range problems {
			_, name, _ := strings.Cut(p.Path, ".")
			if name == "on" {
				name = "topic"
			}
			c.wrong(path+"."+name, p.What, p.Todo)
		}
	}
}

// matcher finds messages that meet an expectation.
func (s ExpectMessage) matcher() (*rules.Rules, []telemetry.Problem) {
	filter := s.Topic
	if filter == "" {
		filter = "#"
	}
	return rules.Compile([]rules.Reaction{{On: filter, When: s.When, Disconnect: true}}, telemetry.Device{})
}

func (c *checker) state(path string, s ExpectState) {
	c.known(path+".device", s.Device)
	c.within(path, s.Within)
	switch agent.Phase(s.Phase) {
	case "", agent.Connecting, agent.Connected, agent.Waiting, agent.Stopped:
	default:
		c.wrong(path+".phase", fmt.Sprintf("%q is not a phase", s.Phase), "use connecting, connected, waiting or stopped")
	}
	if s.Connected == nil && s.Phase == "" && len(s.Values) == 0 && s.Attempts == 0 && s.Sent == 0 {
		c.wrong(path, "nothing is expected", "say connected, phase, values, attempts or sent")
	}
}
