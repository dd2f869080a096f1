package commands

import (
	"fmt"
	"strings"

	"gatehouse/app/words/labwords"
	"gatehouse/gateway/lab"
)

// labKinds reads "all" or a list of names.
func labKinds(text string) ([]lab.Kind, error) {
	if text == "" {
		return nil, nil
	}
	var kinds []lab.Kind
	if text == "all" {
		for _, i := range lab.Kinds() {
			kinds = append(kinds, i.Kind)
		}
		return kinds, nil
	}
	for name := range strings.SplitSeq(text, ",") {
		kind := lab.Kind(strings.TrimSpace(name))
		if _, known := lab.Find(kind); !known {
			var all []string
			for _, i := range lab.Kinds() {
				all = append(all, string(i.Kind))
			}
			return nil, usage("there is no wrong server %q; there are all, %s", kind, strings.Join(all, ", "))
		}
		kinds = append(kinds, kind)
	}
	return kinds, nil
}

// startLab starts wrong servers and says where each is. Return codes come one after another.
func startLab(l *lab.Lab, kinds []lab.Kind, report reporter) error {
	for _, kind := range kinds {
		s, err := l.Start(kind, lab.Options{Code: lab.Tour})
		if err != nil {
			return fmt.Errorf("wrong server %s: %w", kind, err)
		}
		report.wrong(s)
	}
	return nil
}

func (e *events) wrong(s lab.Server) {
	e.print(struct {
		Event  string `json:"event"`
		Server string `json:"server"`
		URL    string `json:"url"`
		Until  string `json:"until"`
	}{"lab", string(s.Kind), s.URL, s.Until.UTC().Format("2006-01-02T15:04:05Z")})
}

func (l *lines) wrong(s lab.Server) {
	_, shows, _ := labwords.Kind(s.Kind)
	fmt.Fprintf(l.to, "%s  %s  %s\n", pad(string(s.Kind), 33), pad(s.URL, 28), shows)
}

func (e *events) lessons(results []lab.Result) {
	for _, r := range results {
		_, sentence := labwords.Outcome(r)
		e.print(struct {
			Event    string      `json:"event"`
			Server   lab.Kind    `json:"server"`
			Device   string      `json:"device"`
			SID      string      `json:"device_sid,omitempty"`
			KnownBy  string      `json:"known_by,omitempty"`
			Peer     string      `json:"peer"`
			Outcome  lab.Outcome `json:"outcome"`
			Attempt  uint64      `json:"attempt"`
			Sentence string      `json:"sentence"`
		}{"lab_result", r.Kind, r.Name, r.DeviceSID, r.KnownBy, r.Peer, r.Outcome, r.Attempt, sentence})
	}
}

func (l *lines) lessons(results []lab.Result) {
	if len(results) > 0 {
		fmt.Fprintf(l.to, "\nWhat devices made of the wrong servers\n\n%s\n", lab.Markdown(results))
	}
}
