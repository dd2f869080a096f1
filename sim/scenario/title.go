package scenario

import (
	"fmt"
	"slices"
	"strings"
	"time"
)

// Title says what a step does, in the words of the file when it has a name.
func (s Step) Title() string {
	if s.Name != "" {
		return s.Name
	}
	switch {
	case s.Connect != nil:
		return connectTitle(*s.Connect)
	case s.Publish != nil:
		if s.Publish.Times > 1 {
			return fmt.Sprintf("%s publishes %d messages to %s", s.Publish.Device, s.Publish.Times, s.Publish.Topic)
		}
		return fmt.Sprintf("%s publishes to %s", s.Publish.Device, s.Publish.Topic)
	case s.Subscribe != nil:
		if s.Subscribe.Refused {
			return fmt.Sprintf("%s may not subscribe to %s", s.Subscribe.Device, s.Subscribe.Filter)
		}
		return fmt.Sprintf("%s subscribes to %s", s.Subscribe.Device, s.Subscribe.Filter)
	case s.Unsubscribe != nil:
		return fmt.Sprintf("%s unsubscribes from %s", s.Unsubscribe.Device, s.Unsubscribe.Filter)
	case s.Set != nil:
		return "set document " + s.Set.Document
	case s.Fault != nil:
		return faultTitle(*s.Fault)
	case s.ExpectMessage != nil:
		return fmt.Sprintf("%s receives %s", s.ExpectMessage.Device, messages(*s.ExpectMessage))
	case s.ExpectNone != nil:
		return fmt.Sprintf("%s receives nothing for %s", s.ExpectNone.Device, patience(s.ExpectNone.Within))
	case s.ExpectState != nil:
		return stateTitle(*s.ExpectState)
	case s.Wait != 0:
		return "wait " + s.Wait.String()
	case s.Parallel != nil:
		return fmt.Sprintf("%d steps at the same time", len(s.Parallel))
	case s.Repeat != nil:
		return fmt.Sprintf("%d times", s.Repeat.Times)
	}
	for _, v := range []struct{ verb, device string }{
		{"create", s.Create}, {"enable", s.Enable}, {"disable", s.Disable}, {"deploy", s.Deploy}, {"undeploy", s.Undeploy},
		{"give a new credential to", s.Enrol}, {"revoke the credential of", s.Revoke}, {"delete", s.Delete},
	} {
		if v.device != "" {
			return v.verb + " " + v.device
		}
	}
	for _, v := range []struct{ device, verb string }{{s.Disconnect, "disconnects"}, {s.Start, "is started"}, {s.Stop, "is stopped"}} {
		if v.device != "" {
			return v.device + " " + v.verb
		}
	}
	return "nothing"
}

func connectTitle(c Connect) string {
	code := 0
	if c.Code != nil {
		code = *c.Code
	}
	how := ""
	switch {
	case c.WrongSecret:
		how = " with a wrong secret"
	case c.NoCredential:
		how = " without a credential"
	case c.Protocol != "":
		how = " with MQTT " + c.Protocol
	}
	switch {
	case code == 0:
		return c.Device + " connects" + how
	case code < 0:
		return c.Device + " cannot connect" + how
	}
	return fmt.Sprintf("%s connects%s and is refused with code %d", c.Device, how, code)
}

func messages(e ExpectMessage) string {
	what := "a message"
	if e.Count > 1 {
		what = fmt.Sprintf("%d messages", e.Count)
	}
	if e.Topic != "" {
		what += " on " + e.Topic
	}
	return what
}

func stateTitle(e ExpectState) string {
	switch {
	case e.Connected != nil && *e.Connected:
		return e.Device + " is connected"
	case e.Connected != nil:
		return e.Device + " is not connected"
	case e.Phase != "":
		return fmt.Sprintf("%s is %s", e.Device, e.Phase)
	case e.Attempts > 0:
		return fmt.Sprintf("%s has tried %d times", e.Device, e.Attempts)
	case e.Sent > 0:
		return fmt.Sprintf("%s has sent %d messages", e.Device, e.Sent)
	}
	var all []string
	for name, v := range e.Values {
		all = append(all, fmt.Sprintf("%s is %v", name, v))
	}
	return fmt.Sprintf("%s: %s", e.Device, strings.Join(slices.Sorted(slices.Values(all)), ", "))
}

func faultTitle(f Fault) string {
	var all []string
	add := func(on bool, what string) {
		if on {
			all = append(all, what)
		}
	}
	add(f.Latency > 0, "answers late by "+time.Duration(f.Latency).String())
	add(f.Jitter > 0, "jitters")
	add(f.BytesPerSecond > 0, "has a narrow line")
	add(f.ReadPerSecond > 0, "reads slowly")
	add(f.Fragment > 0, "sends in fragments")
	add(f.HalfOpen, "is on a half-open line")
	add(f.Cut, "is cut off")
	add(f.Reset, "is reset")
	add(f.DropAcks > 0, "forgets to acknowledge")
	add(f.Duplicate > 0, "sends twice")
	add(f.IgnoreKeepAlive, "forgets its keepalive")
	add(f.ClockOff != 0, "has a wrong clock")
	add(f.Storm > 0, "connects again and again")
	add(f.Send != "", "sends "+strings.ReplaceAll(f.Send, "_", " "))
	if len(all) == 0 {
		return f.Device + " is well again"
	}
	return f.Device + " " + strings.Join(all, ", ")
}
