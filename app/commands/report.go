package commands

import (
	"encoding/json"
	"fmt"
	"io"
	"strings"
	"sync"
	"time"

	"gatehouse/app/words"
	"gatehouse/gateway"
	"gatehouse/gateway/attempt"
	"gatehouse/gateway/cause"
	"gatehouse/gateway/lab"
	"gatehouse/gateway/registry"
)

// reporter says on standard output what happens. Its methods are called from one goroutine at a time.
type reporter interface {
	ready(gateway.Status, registry.Account)
	attempt(attempt.Attempt)
	// lost tells that so many attempts were not reported, because nobody read the earlier ones.
	lost(n int)
	// wrong says where a wrong server is.
	wrong(lab.Server)
	// lessons says what devices made of wrong servers.
	lessons([]lab.Result)
	stopped()
}

// queueLength is how many attempts may wait for a slow reader of standard output; the gateway never waits for it.
const queueLength = 4096

// queue stands between the gateway, which must not wait, and a reader that may be slow.
type queue struct {
	to      reporter
	waiting chan attempt.Attempt

	mu     sync.Mutex
	missed int
	closed bool
}

func newQueue(to reporter) *queue {
	return &queue{to: to, waiting: make(chan attempt.Attempt, queueLength)}
}

// attempt queues one without waiting; beyond the bound it is counted instead.
func (q *queue) attempt(a attempt.Attempt) {
	q.mu.Lock()
	defer q.mu.Unlock()
	if q.closed {
		return
	}
	select {
	case q.waiting <- a:
	default:
		q.missed++
	}
}

// run reports until close.
func (q *queue) run() {
	for a := range q.waiting {
		q.to.attempt(a)
		q.mu.Lock()
		missed := q.missed
		q.missed = 0
		q.mu.Unlock()
		if missed > 0 {
			q.to.lost(missed)
		}
	}
}

func (q *queue) close() {
	q.mu.Lock()
	defer q.mu.Unlock()
	q.closed = true
	close(q.waiting)
}

// events reports as JSON, one object a line.
type events struct{ to io.Writer }

func (e *events) print(event any) {
	line, err := json.Marshal(event)
	if err != nil {
		panic(err) // the events are structs of strings and numbers
	}
	_, _ = e.to.Write(append(line, '\n')) // whoever read it may be gone; the gateway goes on
}

func (e *events) ready(s gateway.Status, a registry.Account) {
	e.print(struct {
		Event      string `json:"event"`
		MQTT       string `json:"mqtt"`
		URL        string `json:"url"`
		HTTP       string `json:"http"`
		AccountSID string `json:"account_sid"`
		AuthToken  string `json:"auth_token"`
		RootCA     string `json:"root_ca"`
		Data       string `json:"data"`
	}{"ready", s.MQTTAddr, s.URL, s.HTTPURL, a.SID, a.AuthToken, s.RootPath, s.DataDir})
}

// attemptEvent is an attempt on one line. Code is null when no CONNACK was sent; empty fields are left out.
type attemptEvent struct {
	Event          string     `json:"event"`
	ID             uint64     `json:"id"`
	At             time.Time  `json:"at"`
	Code           *int       `json:"code"`
	Stage          string     `json:"stage,omitempty"` // without a code: TCP, TLS or MQTT
	Cause          cause.ID   `json:"cause"`
	Also           []cause.ID `json:"also,omitempty"`
	Warnings       []cause.ID `json:"warnings,omitempty"`
	DeviceSID      string     `json:"device_sid,omitempty"`
	Device         string     `json:"device,omitempty"`
	CredentialSID  string     `json:"credential_sid,omitempty"`
	Thumbprint     string     `json:"thumbprint,omitempty"`
	ServiceSID     string     `json:"service_sid,omitempty"`
	ClientID       string     `json:"client_id,omitempty"`
	Remote         string     `json:"remote"`
	SessionPresent bool       `json:"session_present,omitempty"`
	TookOver       string     `json:"took_over,omitempty"`
	Sentence       string     `json:"sentence"`
	Advice         string     `json:"advice,omitempty"`
}

func (e *events) attempt(a attempt.Attempt) {
	explained := words.Explain(a)
	event := attemptEvent{
		Event: "attempt", ID: a.ID, At: a.At.UTC(), Cause: a.Cause, Also: a.Also, Warnings: a.Warnings,
		DeviceSID: a.DeviceSID, Device: a.DeviceName, CredentialSID: a.CredentialSID, Thumbprint: a.Thumbprint,
		ServiceSID: a.ServiceSID, ClientID: a.ClientID, Remote: a.Remote, SessionPresent: a.Resumed, TookOver: a.TookOver,
		Sentence: explained.Cause, Advice: explained.Advice,
	}
	if a.Code.Answered() {
		event.Code = new(int(a.Code))
	} else {
		event.Stage = words.CodeLabel(a.Code)
	}
	e.print(event)
}

func (e *events) lost(n int) {
	e.print(map[string]any{"event": "lost", "attempts": n})
}

func (e *events) stopped() { e.print(map[string]any{"event": "stopped"}) }

// lines reports for people.
type lines struct{ to io.Writer }

func (l *lines) ready(s gateway.Status, _ registry.Account) {
	fmt.Fprintf(l.to, "Listening for devices on %s (%s)\n", s.URL, s.MQTTAddr)
	if s.HTTPURL != "" {
		fmt.Fprintf(l.to, "HTTP answers on          %s\n", s.HTTPURL)
	}
	fmt.Fprintf(l.to, "Devices need the root    %s\nData folder              %s\nStop with Ctrl+C\n\n", s.RootPath, s.DataDir)
}

func (l *lines) attempt(a attempt.Attempt) {
	explained := words.Explain(a)
	name := a.DeviceName
	if name == "" {
		name = "—"
	}
	said := explained.Cause
	if explained.Advice != "" {
		said += " " + explained.Advice
	}
	fmt.Fprintf(l.to, "%s  %-4s  %s  %s  %s\n", a.At.Format("15:04:05.000"), words.CodeLabel(a.Code), pad(name, 16), pad(a.Remote, 21), said)
}

func (l *lines) lost(n int) {
	fmt.Fprintf(l.to, "%s not shown: this output was read too slowly\n", words.Count(n, "attempt was", "attempts were"))
}

func (l *lines) stopped() { fmt.Fprintln(l.to, "Stopped.") }

// pad fills s with spaces to so many characters.
func pad(s string, width int) string {
	if n := width - len([]rune(s)); n > 0 {
		return s + strings.Repeat(" ", n)
	}
	return s
}
