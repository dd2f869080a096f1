// Package checkup is "Check credentials": a sheet that takes the files and the secret that a device has, says what each
// is and what is wrong with it, and then tries what the device would do, step by step, against this gateway or any other
// server. Nothing of it is stored, and closing it wipes what was given. It knows neither how files are read nor how a
// check is made: both are behind Checker.
package checkup

import (
	"context"
	"time"

	"gatehouse/app/desktop/fix"
	"gatehouse/app/desktop/shell"
	"gatehouse/app/remedy"
	"gatehouse/gateway/attempt"
)

// Bounds of what is taken at once.
const (
	MostFiles = 16
	MostBytes = 1 << 20 // of one file
)

// Problem is something that is wrong with a file, or with files together.
type Problem struct {
	State  attempt.State // Good is only a remark
	What   string
	Advice string
}

// Found is what a file is.
type Found struct {
	Name      string
	Title     string // "Certificate of meter-3, P-256"
	Detail    string // "valid until 20 February 2027"
	Encrypted bool   // a passphrase is needed
	// Thumbprint and PEM are of a device's certificate; empty for anything else.
	Thumbprint string
	PEM        []byte
	Problems   []Problem
}

// Options are what is tried.
type Options struct {
	Target     string // mqtts://host:port
	Here       bool   // it is this gateway
	Files      []shell.File
	Passphrase []byte
	User       string
	Password   []byte
	RoundTrip  bool // subscribe and publish as well
}

// Step is one step of a check, as it ended.
type Step struct {
	ID            string
	Offset        time.Duration // since the check began
	State         attempt.State
	Title, Detail string
	Advice        string
	Facts         [][2]string
}

// Result is how a check ended.
type Result struct {
	Code    attempt.Code // of the CONNACK; not Answered when none came
	Reached string       // and then, in a word, where the check ended: "TLS", "Files"
	Summary string
	Advice  string
}

// Checker reads files and makes checks. Both are called off the UI goroutine; neither keeps what it is given.
type Checker interface {
	// Inspect says what each file is, in their order, and what is wrong with them together.
	Inspect(files []shell.File, passphrase []byte) (each []Found, together []Problem)
	// Shown is an address without the user name and password that people write into it.
	Shown(address string) string
	// Run makes one check and tells each step, on its own goroutine, as soon as it has ended.
	Run(ctx context.Context, o Options, each func(Step)) Result
}

// Owner is whose a credential is here.
type Owner struct {
	Known     bool
	DeviceSID string
	Device    string
	Connected bool // now: a check ends that connection
}

// Gateway is what the sheet asks of this gateway. Everything but Target is called off the UI goroutine.
type Gateway interface {
	// Target is where devices connect to; empty while it does not listen.
	Target() string
	// Owner is whose certificate or key this is; either may be empty.
	Owner(thumbprint, keySID string) Owner
	// Enrol is the choice of a device for a certificate that is not enrolled; ok is false when there is nobody to choose.
	Enrol(pem []byte, thumbprint string) (r remedy.Remedy, ok bool)
	// Seen is how the gateway saw a check that began at a time and presented a certificate or a key. It may wait a few seconds for that.
	Seen(ctx context.Context, began time.Time, thumbprint, keySID string) Seen
}

// Seen is how the gateway saw a check; zero when it did not.
type Seen struct {
	Attempt uint64
	Said    string // why it was refused; the gateway tells more than it tells a device
}

// Params are what the sheet stands on. All fields but Now are required.
type Params struct {
	Fix     fix.Fixer // with the shell
	Gateway Gateway
	Checker Checker
	// Close closes the sheet.
	Close func()
	// Now is the clock; nil means time.Now.
	Now func() time.Time
}
