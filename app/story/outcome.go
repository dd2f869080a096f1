package story

import (
	"bytes"
	"encoding/json"
	"encoding/xml"
	"fmt"
	"time"

	"gatehouse/sim/scenario"
)

// JSON writes how a scenario went, one object a line: one for the end of each step, and one for the whole.
func JSON(r scenario.Result) ([]byte, error) {
	var b bytes.Buffer
	to := json.NewEncoder(&b)
	for _, e := range r.Events {
		if err := to.Encode(StepLine(e)); err != nil {
			return nil, err
		}
	}
	err := to.Encode(EndLine(r))
	return b.Bytes(), err
}

// StepLine is the end of a step as JSON has it.
func StepLine(e scenario.Event) any {
	return struct {
		Event   string           `json:"event"`
		Path    string           `json:"path"`
		Title   string           `json:"title"`
		Round   int              `json:"round,omitempty"`
		Outcome scenario.Outcome `json:"outcome"`
		At      float64          `json:"at_ms"`
		Took    float64          `json:"took_ms"`
		Why     string           `json:"why,omitempty"`
	}{"step", e.Path, e.Title, e.Round, e.Outcome, milliseconds(e.At), milliseconds(e.Took), e.Why}
}

// EndLine is the whole as JSON has it.
func EndLine(r scenario.Result) any {
	return struct {
		Event string  `json:"event"`
		Name  string  `json:"name"`
		Held  bool    `json:"held"`
		Took  float64 `json:"took_ms"`
		Where string  `json:"where,omitempty"`
		Why   string  `json:"why,omitempty"`
	}{"end", r.Name, r.Held, milliseconds(r.Took), r.Where, r.Why}
}

func milliseconds(d time.Duration) float64 { return float64(d.Microseconds()) / 1000 }

// JUnit writes what CI servers read; its form is that of the JUnit of Apache Ant, which they share.
func JUnit(r scenario.Result) ([]byte, error) {
	type failure struct {
		Message string `xml:"message,attr"`
	}
	type testcase struct {
		Class   string    `xml:"classname,attr"`
		Name    string    `xml:"name,attr"`
		Time    string    `xml:"time,attr"`
		Failure *failure  `xml:"failure"`
		Skipped *struct{} `xml:"skipped"`
	}
	suite := struct {
		XMLName  xml.Name   `xml:"testsuite"`
		Name     string     `xml:"name,attr"`
		Tests    int        `xml:"tests,attr"`
		Failures int        `xml:"failures,attr"`
		Skipped  int        `xml:"skipped,attr"`
		Time     string     `xml:"time,attr"`
		Cases    []testcase `xml:"testcase"`
	}{Name: r.Name, Tests: len(r.Events), Time: fmt.Sprintf("%.3f", r.Took.Seconds())}
	for _, e := range r.Events {
		one := testcase{Class: r.Name, Name: e.Path + " " + e.Title, Time: fmt.Sprintf("%.3f", e.Took.Seconds())}
		switch e.Outcome {
		case scenario.Broken:
			one.Failure = &failure{e.Why}
			suite.Failures++
		case scenario.Skipped:
			one.Skipped = &struct{}{}
			suite.Skipped++
		}
		suite.Cases = append(suite.Cases, one)
	}
	text, err := xml.MarshalIndent(suite, "", "  ")
	if err != nil {
		return nil, err
	}
	return append([]byte(xml.Header), append(text, '\n')...), nil
}
