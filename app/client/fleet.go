package client

import (
	"context"
	"encoding/json"
	"fmt"
	"iter"
	"log/slog"
	"net/url"
	"time"
)

const fleets = "/DeployedDevices/Fleets"

// DefaultFleet is the unique name of the fleet that every account begins with.
const DefaultFleet = "default"

// Fleet holds devices, deployments and credentials. JSON of this and of the other records is the gateway's own answer.
type Fleet struct {
	SID                  string `json:"sid"`
	UniqueName           string `json:"unique_name"`
	FriendlyName         string `json:"friendly_name"`
	DefaultDeploymentSID string `json:"default_deployment_sid"`

	JSON json.RawMessage `json:"-"`
}

// Name is what people call the fleet.
func (f Fleet) Name() string { return first(f.UniqueName, f.FriendlyName, f.SID) }

// Device is one thing that may connect.
type Device struct {
	SID               string    `json:"sid"`
	UniqueName        string    `json:"unique_name"`
	FriendlyName      string    `json:"friendly_name"`
	FleetSID          string    `json:"fleet_sid"`
	Enabled           bool      `json:"enabled"`
	DeploymentSID     string    `json:"deployment_sid"` // empty: not deployed
	Identity          string    `json:"identity"`
	DateCreated       time.Time `json:"date_created"`
	DateUpdated       time.Time `json:"date_updated"`
	DateAuthenticated time.Time `json:"date_authenticated"` // zero before the first accepted connect

	JSON json.RawMessage `json:"-"`
}

// Name is what people call the device.
func (d Device) Name() string { return first(d.UniqueName, d.FriendlyName, d.SID) }

// Deployment links devices to a Sync service.
type Deployment struct {
	SID            string `json:"sid"`
	FriendlyName   string `json:"friendly_name"`
	FleetSID       string `json:"fleet_sid"`
	SyncServiceSID string `json:"sync_service_sid"` // empty: its devices count as not deployed

	JSON json.RawMessage `json:"-"`
}

// Key is a device key. Its secret is there in the answer to its creation only; a key prints and logs without it.
type Key struct {
	SID          string    `json:"sid"`
	FriendlyName string    `json:"friendly_name"`
	FleetSID     string    `json:"fleet_sid"`
	DeviceSID    string    `json:"device_sid"` // empty: not assigned
	Secret       string    `json:"secret"`
	DateCreated  time.Time `json:"date_created"`

	JSON json.RawMessage `json:"-"` // holds the secret when Secret does
}

// String leaves the secret out.
func (k Key) String() string { return "key " + k.SID + " (secret withheld)" }

// GoString is String: %#v must not show the secret either.
func (k Key) GoString() string { return k.String() }

// LogValue is String.
func (k Key) LogValue() slog.Value { return slog.StringValue(k.String()) }

// Certificate is an enrolled client certificate.
type Certificate struct {
	SID          string    `json:"sid"`
	FriendlyName string    `json:"friendly_name"`
	FleetSID     string    `json:"fleet_sid"`
	DeviceSID    string    `json:"device_sid"` // empty: not assigned
	Thumbprint   string    `json:"thumbprint"` // SHA-256 of the DER, lower-case hex
	DateCreated  time.Time `json:"date_created"`

	JSON json.RawMessage `json:"-"`
}

func first(names ...string) string {
	for _, name := range names {
		if name != "" {
			return name
		}
	}
	return ""
}

// keep decodes an object and keeps its text. An object without a SID, or a key for it, is not one of the gateway's.
func keep(text []byte, into any, kept *json.RawMessage, sid *string) error {
	if err := json.Unmarshal(text, into); err != nil {
		return err
	}
	if *sid == "" {
		return fmt.Errorf("a record without a SID")
	}
	*kept = append(json.RawMessage(nil), text...)
	return nil
}

// UnmarshalJSON implements json.Unmarshaler.
func (f *Fleet) UnmarshalJSON(text []byte) error {
	type plain Fleet
	return keep(text, (*plain)(f), &f.JSON, &f.SID)
}

// UnmarshalJSON implements json.Unmarshaler.
func (d *Device) UnmarshalJSON(text []byte) error {
	type plain Device
	return keep(text, (*plain)(d), &d.JSON, &d.SID)
}

// UnmarshalJSON implements json.Unmarshaler.
func (d *Deployment) UnmarshalJSON(text []byte) error {
	type plain Deployment
	return keep(text, (*plain)(d), &d.JSON, &d.SID)
}

// UnmarshalJSON implements json.Unmarshaler.
func (k *Key) UnmarshalJSON(text []byte) error {
	type plain Key
	return keep(text, (*plain)(k), &k.JSON, &k.SID)
}

// UnmarshalJSON implements json.Unmarshaler.
func (c *Certificate) UnmarshalJSON(text []byte) error {
	type plain Certificate
	return keep(text, (*plain)(c), &c.JSON, &c.SID)
}

// Fleets are all fleets of the account.
func (c *Client) Fleets(ctx context.Context) iter.Seq2[Fleet, error] {
	return all[Fleet](ctx, c, fleets, nil, "fleets")
}

// Fleet is the one with this SID or unique name.
func (c *Client) Fleet(ctx context.Context, fleet string) (Fleet, error) {
	return fetch[Fleet](ctx, c, segments(fleets, fleet))
}

// Devices are those of a fleet, of one deployment when it is given.
func (c *Client) Devices(ctx context.Context, fleet, deploymentSID string) iter.Seq2[Device, error] {
	return all[Device](ctx, c, segments(fleets, fleet, "Devices"), only("DeploymentSid", deploymentSID), "devices")
}

// Device is the one of a fleet with this SID or unique name.
func (c *Client) Device(ctx context.Context, fleet, device string) (Device, error) {
	return fetch[Device](ctx, c, segments(fleets, fleet, "Devices", device))
}

// CreateDevice makes a device. The form's fields are those of the API: UniqueName, FriendlyName, Identity, DeploymentSid,
// Enabled.
func (c *Client) CreateDevice(ctx context.Context, fleet string, form url.Values) (Device, error) {
	return post[Device](ctx, c, segments(fleets, fleet, "Devices"), form, "")
}

// UpdateDevice changes what the form names.
func (c *Client) UpdateDevice(ctx context.Context, d Device, form url.Values) (Device, error) {
	return post[Device](ctx, c, segments(fleets, d.FleetSID, "Devices", d.SID), form, "")
}

// DeleteDevice deletes a device with its keys and certificates.
func (c *Client) DeleteDevice(ctx context.Context, d Device) error {
	return c.remove(ctx, segments(fleets, d.FleetSID, "Devices", d.SID), "")
}

// Deployments are those of a fleet.
func (c *Client) Deployments(ctx context.Context, fleet string) iter.Seq2[Deployment, error] {
	return all[Deployment](ctx, c, segments(fleets, fleet, "Deployments"), nil, "deployments")
}

// Keys are those of a fleet, of one device when it is given.
func (c *Client) Keys(ctx context.Context, fleet, deviceSID string) iter.Seq2[Key, error] {
	return all[Key](ctx, c, segments(fleets, fleet, "Keys"), only("DeviceSid", deviceSID), "keys")
}

// Key is the one of a fleet with this SID.
func (c *Client) Key(ctx context.Context, fleet, sid string) (Key, error) {
	return fetch[Key](ctx, c, segments(fleets, fleet, "Keys", sid))
}

// CreateKey makes a key for a device; only this answer holds the secret.
func (c *Client) CreateKey(ctx context.Context, d Device, friendlyName string) (Key, error) {
	return post[Key](ctx, c, segments(fleets, d.FleetSID, "Keys"), url.Values{"DeviceSid": {d.SID}, "FriendlyName": {friendlyName}}, "")
}

// DeleteKey revokes a key.
func (c *Client) DeleteKey(ctx context.Context, k Key) error {
	return c.remove(ctx, segments(fleets, k.FleetSID, "Keys", k.SID), "")
}

// Certificates are those of a fleet, of one device when it is given.
func (c *Client) Certificates(ctx context.Context, fleet, deviceSID string) iter.Seq2[Certificate, error] {
	return all[Certificate](ctx, c, segments(fleets, fleet, "Certificates"), only("DeviceSid", deviceSID), "certificates")
}

// Certificate is the one of a fleet with this SID.
func (c *Client) Certificate(ctx context.Context, fleet, sid string) (Certificate, error) {
	return fetch[Certificate](ctx, c, segments(fleets, fleet, "Certificates", sid))
}

// EnrollCertificate enrols a certificate for a device. The PEM must hold no private key.
func (c *Client) EnrollCertificate(ctx context.Context, d Device, friendlyName string, pem []byte) (Certificate, error) {
	return post[Certificate](ctx, c, segments(fleets, d.FleetSID, "Certificates"),
		url.Values{"CertificateData": {string(pem)}, "DeviceSid": {d.SID}, "FriendlyName": {friendlyName}}, "")
}

// DeleteCertificate revokes a certificate.
func (c *Client) DeleteCertificate(ctx context.Context, certificate Certificate) error {
	return c.remove(ctx, segments(fleets, certificate.FleetSID, "Certificates", certificate.SID), "")
}

// only is a list's filter, none for an empty value.
func only(name, value string) url.Values {
	if value == "" {
		return nil
	}
	return url.Values{name: {value}}
}
