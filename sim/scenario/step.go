package scenario

// Step is one line of the story: a name for people, and exactly one thing that is done or expected.
type Step struct {
	Name string `json:"name,omitempty" yaml:"name,omitempty"`

	// What the registry is told. Each names a device.
	Create   string `json:"create,omitempty" yaml:"create,omitempty"` // registers it with its credential
	Enable   string `json:"enable,omitempty" yaml:"enable,omitempty"`
	Disable  string `json:"disable,omitempty" yaml:"disable,omitempty"`
	Deploy   string `json:"deploy,omitempty" yaml:"deploy,omitempty"`
	Undeploy string `json:"undeploy,omitempty" yaml:"undeploy,omitempty"`
	Enrol    string `json:"enrol,omitempty" yaml:"enrol,omitempty"`   // a new credential, which the device uses from now on
	Revoke   string `json:"revoke,omitempty" yaml:"revoke,omitempty"` // its credential
	Delete   string `json:"delete,omitempty" yaml:"delete,omitempty"`
	Set      *Set   `json:"set,omitempty" yaml:"set,omitempty"` // a Sync document

	// What a device does.
	Connect     *Connect   `json:"connect,omitempty" yaml:"connect,omitempty"`
	Disconnect  string     `json:"disconnect,omitempty" yaml:"disconnect,omitempty"`
	Start       string     `json:"start,omitempty" yaml:"start,omitempty"` // leaves it to its behaviour
	Stop        string     `json:"stop,omitempty" yaml:"stop,omitempty"`
	Publish     *Publish   `json:"publish,omitempty" yaml:"publish,omitempty"`
	Subscribe   *Subscribe `json:"subscribe,omitempty" yaml:"subscribe,omitempty"`
	Unsubscribe *Subscribe `json:"unsubscribe,omitempty" yaml:"unsubscribe,omitempty"`
	Fault       *Fault     `json:"fault,omitempty" yaml:"fault,omitempty"`

	// What is expected.
	ExpectMessage *ExpectMessage `json:"expect_message,omitempty" yaml:"expect_message,omitempty"`
	ExpectNone    *ExpectMessage `json:"expect_no_message,omitempty" yaml:"expect_no_message,omitempty"` // within the time
	ExpectState   *ExpectState   `json:"expect_state,omitempty" yaml:"expect_state,omitempty"`

	// How steps follow each other.
	Wait     Duration `json:"wait,omitempty" yaml:"wait,omitempty"`
	Parallel []Step   `json:"parallel,omitempty" yaml:"parallel,omitempty"`
	Repeat   *Repeat  `json:"repeat,omitempty" yaml:"repeat,omitempty"`
}

// Connect is one attempt to connect, and what is expected of it.
type Connect struct {
	Device         string   `json:"device" yaml:"device"`
	Code           *int     `json:"code,omitempty" yaml:"code,omitempty"`       // 0; -1: none, as the connection fails before
	Within         Duration `json:"within,omitempty" yaml:"within,omitempty"`   // DefaultPatience
	Failure        string   `json:"failure,omitempty" yaml:"failure,omitempty"` // with code -1: a part of the sentence that says why
	SessionPresent *bool    `json:"session_present,omitempty" yaml:"session_present,omitempty"`
	WrongSecret    bool     `json:"wrong_secret,omitempty" yaml:"wrong_secret,omitempty"`
	NoCredential   bool     `json:"no_credential,omitempty" yaml:"no_credential,omitempty"`
	Protocol       string   `json:"protocol,omitempty" yaml:"protocol,omitempty"` // for this attempt only
}

// Publish is a message that a device sends; with QoS 1 and 2 its acknowledgement is waited for.
type Publish struct {
	Device  string `json:"device" yaml:"device"`
	Topic   string `json:"topic" yaml:"topic"`
	Payload string `json:"payload,omitempty" yaml:"payload,omitempty"`
	Base64  string `json:"base64,omitempty" yaml:"base64,omitempty"` // in place of Payload, for what is no text; nothing is filled in
	QoS     byte   `json:"qos,omitempty" yaml:"qos,omitempty"`
	Retain  bool   `json:"retain,omitempty" yaml:"retain,omitempty"`
	Times   int    `json:"times,omitempty" yaml:"times,omitempty"` // 1; {n} counts, see Literal
}

// Subscribe is a filter that a device asks for, or gives up.
type Subscribe struct {
	Device  string `json:"device" yaml:"device"`
	Filter  string `json:"filter" yaml:"filter"`
	QoS     byte   `json:"qos,omitempty" yaml:"qos,omitempty"`
	Refused bool   `json:"refused,omitempty" yaml:"refused,omitempty"` // the server is expected to refuse it
}

// Set writes a Sync document as the gateway's owner would.
type Set struct {
	Document string `json:"document" yaml:"document"`
	JSON     string `json:"json" yaml:"json"`
}

// ExpectMessage waits for a message that a device receives. Messages that came since the device's last expectation was met count as well.
type ExpectMessage struct {
	Device  string   `json:"device" yaml:"device"`
	Topic   string   `json:"topic,omitempty" yaml:"topic,omitempty"`     // a filter; empty: any
	Payload *string  `json:"payload,omitempty" yaml:"payload,omitempty"` // whole
	Base64  string   `json:"base64,omitempty" yaml:"base64,omitempty"`   // the whole payload, in place of Payload
	When    string   `json:"when,omitempty" yaml:"when,omitempty"`       // an expression over topic, text, json, size, qos and retain
	Count   int      `json:"count,omitempty" yaml:"count,omitempty"`     // 1
	Within  Duration `json:"within,omitempty" yaml:"within,omitempty"`
}

// ExpectState waits until a device is as described.
type ExpectState struct {
	Device    string         `json:"device" yaml:"device"`
	Connected *bool          `json:"connected,omitempty" yaml:"connected,omitempty"`
	Phase     agentPhase     `json:"phase,omitempty" yaml:"phase,omitempty"`   // of one that was started: connecting, connected, waiting or stopped
	Values    map[string]any `json:"values,omitempty" yaml:"values,omitempty"` // of its state, or as it last reported
	Attempts  int            `json:"attempts,omitempty" yaml:"attempts,omitempty"`
	Sent      int            `json:"sent,omitempty" yaml:"sent,omitempty"` // messages of one that was started, at least
	Within    Duration       `json:"within,omitempty" yaml:"within,omitempty"`
}

type agentPhase string

// Fault switches what is wrong with a device's connection and client, at once. It says all that is wrong from now on: what it does not name is well again.
type Fault struct {
	Device          string   `json:"device" yaml:"device"`
	Latency         Duration `json:"latency,omitempty" yaml:"latency,omitempty"`
	Jitter          Duration `json:"jitter,omitempty" yaml:"jitter,omitempty"`
	BytesPerSecond  int      `json:"bytes_per_second,omitempty" yaml:"bytes_per_second,omitempty"`
	ReadPerSecond   int      `json:"read_bytes_per_second,omitempty" yaml:"read_bytes_per_second,omitempty"`
	Fragment        int      `json:"fragment,omitempty" yaml:"fragment,omitempty"`
	HalfOpen        bool     `json:"half_open,omitempty" yaml:"half_open,omitempty"`
	Cut             bool     `json:"cut,omitempty" yaml:"cut,omitempty"`
	Reset           bool     `json:"reset,omitempty" yaml:"reset,omitempty"`
	DropAcks        int      `json:"drop_acks,omitempty" yaml:"drop_acks,omitempty"`
	Duplicate       int      `json:"duplicate,omitempty" yaml:"duplicate,omitempty"`
	IgnoreKeepAlive bool     `json:"ignore_keepalive,omitempty" yaml:"ignore_keepalive,omitempty"`
	ClockOff        Duration `json:"clock_off,omitempty" yaml:"clock_off,omitempty"` // beside the device's own, from its next connect on
	Storm           Duration `json:"storm,omitempty" yaml:"storm,omitempty"`         // one that was started connects anew so often
	Send            string   `json:"send,omitempty" yaml:"send,omitempty"`           // one of the packets out of the specification
	None            bool     `json:"none,omitempty" yaml:"none,omitempty"`           // everything is well again
}

// Repeat plays steps again and again.
type Repeat struct {
	Times int    `json:"times" yaml:"times"`
	Steps []Step `json:"steps" yaml:"steps"`
}
