package check

import (
	"bytes"
	"strings"

	"gatehouse/gateway/attempt"
	"gatehouse/gateway/sid"
)

// remarks are what can be seen of a user name and password without a server. Nothing of either is shown.
func remarks(o Options) []Step {
	var all []Step
	say := func(id, title, detail, advice string) {
		all = append(all, Step{ID: StepIdentity, State: attempt.Warn, Title: title, Detail: detail, Advice: advice, Facts: facts("problem", id)})
	}
	if o.User == "" {
		return nil
	}
	for _, part := range []struct{ name, value string }{{"user name", o.User}, {"password", string(o.Password)}} {
		bare := strings.TrimSpace(part.value)
		switch {
		case bare != part.value:
			say("white_space", "White space in the "+part.name, "The "+part.name+" begins or ends with a space or line end, which is sent with it.", "Take it away; a text editor may have added it.")
		case len(bare) > 1 && (bare[0] == '"' || bare[0] == '\'') && bare[len(bare)-1] == bare[0]:
			say("quotes", "Quotes around the "+part.name, "The quotes are sent with it.", "Take them away, unless they belong to it.")
		case strings.ContainsRune(bare, 0):
			say("nul", "The "+part.name+" holds a zero byte", "Most servers do not take that.", "Is it the right file, and is it text?")
		}
	}
	if swapped(o) {
		say("swapped", "User name and password look swapped", "The password has the form of a Key SID, and the user name has not.", "Give the Key SID as the user name and the secret as the password.")
	}
	return all
}

// swapped reports whether the user name may be the secret.
func swapped(o Options) bool {
	return sid.Valid(sid.Key, string(bytes.TrimSpace(o.Password))) && !sid.Valid(sid.Key, strings.TrimSpace(o.User))
}

// shownUser is the user name, unless it may be the secret.
func (r *run) shownUser() string {
	if swapped(r.o) {
		return ""
	}
	return r.o.User
}

func (r *run) userName() string {
	if name := r.shownUser(); name != "" {
		return "user name “" + name + "”"
	}
	return "a user name"
}
