package registry

import (
	"fmt"
	"log/slog"
	"time"
)

// Account owns everything. Its token is the password of the HTTP APIs; an account prints, logs and encodes without it.
type Account struct {
	SID       string `json:"sid"`
	AuthToken string `json:"-"` // 32 hexadecimal digits
}

// String leaves the token out.
func (a Account) String() string { return "account " + a.SID + " (token withheld)" }

// GoString is String: %#v must not show the token either.
func (a Account) GoString() string { return a.String() }

// LogValue is String.
func (a Account) LogValue() slog.Value { return slog.StringValue(a.String()) }

// Fleet holds devices, deployments and credentials.
type Fleet struct {
	SID                  string    `json:"sid"`
	UniqueName           string    `json:"unique_name"`
	FriendlyName         string    `json:"friendly_name"`
	DefaultDeploymentSID string    `json:"default_deployment_sid"`
	Created              time.Time `json:"created"`
	Updated              time.Time `json:"updated"`
}

// Device is one thing that may connect.
type Device struct {
	SID           string    `json:"sid"`
	FleetSID      string    `json:"fleet_sid"`
	UniqueName    string    `json:"unique_name"`
	FriendlyName  string    `json:"friendly_name"`
	Identity      string    `json:"identity"`
	Enabled       bool      `json:"enabled"`
	DeploymentSID string    `json:"deployment_sid"` // empty: not deployed
	Created       time.Time `json:"created"`
	Updated       time.Time `json:"updated"`
	Authenticated time.Time `json:"authenticated"` // last accepted connect; zero before the first
}

// Name is what people call the device: its unique name, else its friendly name, else its SID.
func (d Device) Name() string {
	switch {
	case d.UniqueName != "":
		return d.UniqueName
	case d.FriendlyName != "":
		return d.FriendlyName
	}
	return d.SID
}

// Deployment links devices to a Sync service.
type Deployment struct {
	SID          string    `json:"sid"`
	FleetSID     string    `json:"fleet_sid"`
	FriendlyName string    `json:"friendly_name"`
	ServiceSID   string    `json:"service_sid"` // empty: its devices count as not deployed
	Created      time.Time `json:"created"`
	Updated      time.Time `json:"updated"`
}

// Certificate is an enrolled client certificate.
type Certificate struct {
	SID          string    `json:"sid"`
	FleetSID     string    `json:"fleet_sid"`
	DeviceSID    string    `json:"device_sid"` // empty: not assigned
	FriendlyName string    `json:"friendly_name"`
	Thumbprint   string    `json:"thumbprint"` // SHA-256 of the DER, lower-case hex
	DER          []byte    `json:"der"`
	Created      time.Time `json:"created"`
	Updated      time.Time `json:"updated"`
}

// Key is a device key. Its secret is kept only as a salted hash.
type Key struct {
	SID          string    `json:"sid"`
	FleetSID     string    `json:"fleet_sid"`
	DeviceSID    string    `json:"device_sid"` // empty: not assigned
	FriendlyName string    `json:"friendly_name"`
	Salt         []byte    `json:"salt"`
	Hash         []byte    `json:"hash"` // SHA-256 of salt and secret
	Created      time.Time `json:"created"`
	Updated      time.Time `json:"updated"`
}

// String leaves salt and hash out.
func (k Key) String() string {
	return fmt.Sprintf("key %s of device %q in fleet %s", k.SID, k.DeviceSID, k.FleetSID)
}

// GoString is String.
func (k Key) GoString() string { return k.String() }

// LogValue is String.
func (k Key) LogValue() slog.Value { return slog.StringValue(k.String()) }

// Service is a Sync service: what the devices of its deployments share.
type Service struct {
	SID          string    `json:"sid"`
	UniqueName   string    `json:"unique_name"`
	FriendlyName string    `json:"friendly_name"`
	Created      time.Time `json:"created"`
	Updated      time.Time `json:"updated"`

	WebhookURL                    string `json:"webhook_url,omitempty"` // empty: none
	ACLEnabled                    bool   `json:"acl_enabled,omitempty"` // devices need permissions
	WebhooksFromRESTEnabled       bool   `json:"webhooks_from_rest_enabled,omitempty"`
	ReachabilityWebhooksEnabled   bool   `json:"reachability_webhooks_enabled,omitempty"`
	ReachabilityDebouncingEnabled bool   `json:"reachability_debouncing_enabled,omitempty"`
	ReachabilityDebouncing        int    `json:"reachability_debouncing_window,omitempty"` // ms; 0 stands for 5000
}

// ReachabilityDebouncingWindow is for how long, in ms, a device must stay away or back before that is told.
func (s Service) ReachabilityDebouncingWindow() int {
	if s.ReachabilityDebouncing == 0 {
		return defaultDebouncingTime
	}
	return s.ReachabilityDebouncing
}

// Tombstone remembers a credential that was removed, so that its use can be explained.
type Tombstone struct {
	CredentialSID string    `json:"credential_sid"`
	Thumbprint    string    `json:"thumbprint,omitempty"`
	DeviceSID     string    `json:"device_sid,omitempty"`
	DeviceName    string    `json:"device_name,omitempty"`
	WithDevice    bool      `json:"with_device"` // it went because its device was deleted
	At            time.Time `json:"at"`
}
