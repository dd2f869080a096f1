package scenario

import "fmt"

// each calls fn with every step, at all depths, in the order in which they are written.
func each(path string, steps []Step, fn func(path string, s Step)) {
	for i, s := range steps {
		at := fmt.Sprintf("%s[%d]", path, i)
		fn(at, s)
		each(at+".parallel", s.Parallel, fn)
		if s.Repeat != nil {
			each(at+".repeat.steps", s.Repeat.Steps, fn)
		}
	}
}

// NeedsCreate says where and why a scenario cannot be played on a gateway, because a device of it is never created there; both are empty when it can.
func (s *Scenario) NeedsCreate() (where, why string) {
	created := map[string]bool{}
	each(outermost, s.Steps, func(_ string, step Step) {
		if step.Create != "" {
			created[step.Create] = true
		}
	})
	each(outermost, s.Steps, func(path string, step Step) {
		for _, name := range s.registered(step) {
			if why == "" && !created[name] {
				where, why = path, fmt.Sprintf("%s is never created on the gateway: add a step create: %s before", name, name)
			}
		}
	})
	return where, why
}

// registered are the devices that the gateway must know for a step.
func (s *Scenario) registered(step Step) (names []string) {
	for _, name := range []string{step.Enable, step.Disable, step.Deploy, step.Undeploy, step.Delete, step.Enrol} {
		if name != "" {
			names = append(names, name)
		}
	}
	shows := step.Start // its credential
	switch {
	case step.Revoke != "":
		shows = step.Revoke
	case step.Connect != nil && !step.Connect.NoCredential:
		shows = step.Connect.Device
	}
	if d := s.Devices[shows]; d.Like != "" {
		shows = d.Like
	}
	if shows != "" && (s.Devices[shows].Credential != None || step.Revoke != "") {
		names = append(names, shows)
	}
	return names
}

// started tells of steps that ask a device for what only its behaviour makes, though nothing starts it.
func (c *checker) started() {
	starts := map[string]bool{}
	each(outermost, c.scenario.Steps, func(_ string, s Step) {
		if s.Start != "" {
			starts[s.Start] = true
		}
	})
	each(outermost, c.scenario.Steps, func(path string, s Step) {
		name, verb := s.Stop, "stop"
		if e := s.ExpectState; e != nil && (e.Phase != "" || len(e.Values) > 0 || e.Attempts > 0 || e.Sent > 0) {
			name, verb = e.Device, "expect_state"
		}
		if _, known := c.scenario.Devices[name]; known && !starts[name] {
			c.wrong(path+"."+verb, name+" is never started", "add a step start: "+name+" before")
		}
	})
}
