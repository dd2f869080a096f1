package remedy

import (
	"context"
	"errors"
	"testing"

	"gatehouse/gateway/attempt"
	"gatehouse/gateway/cause"
	"gatehouse/gateway/registry"
	"gatehouse/gateway/sid"
)

// book is a registry with one device that notes what is asked of it.
type book struct {
	device     registry.Device
	fleet      registry.Fleet
	deployment registry.Deployment
	service    registry.Service
	assigned   string
	enrolled   string
	fail       error
}

func newBook() *book {
	b := &book{service: registry.Service{SID: sid.New(sid.Service), FriendlyName: "Default Sync service"}}
	b.deployment = registry.Deployment{SID: sid.New(sid.Deployment), FriendlyName: "Default deployment", ServiceSID: b.service.SID}
	b.fleet = registry.Fleet{SID: sid.New(sid.Fleet), DefaultDeploymentSID: b.deployment.SID}
	b.device = registry.Device{SID: sid.New(sid.Device), FleetSID: b.fleet.SID, UniqueName: "lamp", DeploymentSID: b.deployment.SID, Enabled: true}
	return b
}

func (b *book) Device(s string) (registry.Device, bool) { return b.device, s == b.device.SID }
func (b *book) Devices() []registry.Device              { return []registry.Device{b.device} }
func (b *book) Fleet(s string) (registry.Fleet, bool)   { return b.fleet, s == b.fleet.SID }
func (b *book) Deployment(s string) (registry.Deployment, bool) {
	return b.deployment, s == b.deployment.SID
}
func (b *book) Services() []registry.Service { return []registry.Service{b.service} }

func (b *book) UpdateDevice(_ context.Context, _ string, c registry.DeviceChange) (registry.Device, error) {
	if b.fail != nil {
		return registry.Device{}, b.fail
	}
	if c.Enabled != nil {
		b.device.Enabled = *c.Enabled
	}
	if c.DeploymentSID != nil {
		b.device.DeploymentSID = *c.DeploymentSID
	}
	return b.device, nil
}

func (b *book) UpdateDeployment(_ context.Context, _ string, _, service *string) (registry.Deployment, error) {
	b.deployment.ServiceSID = *service
	return b.deployment, b.fail
}

func (b *book) AssignCredential(_ context.Context, _, device string) error {
	b.assigned = device
	return b.fail
}

func (b *book) ImportCertificate(_ context.Context, _, device, _ string, pem []byte) (registry.Certificate, error) {
	b.enrolled = device + string(pem)
	return registry.Certificate{SID: "CY1"}, b.fail
}

func (b *book) DeleteCertificate(context.Context, string) error { b.enrolled = ""; return b.fail }

// press does a remedy, checks its effect, and that undo takes it back.
func press(t *testing.T, do func(context.Context) (Done, error), effect func() bool) {
	t.Helper()
	done, err := do(t.Context())
	if err != nil || done.Message == "" || !effect() {
		t.Fatalf("%+v, %v, effect %v", done, err, effect())
	}
	if err := done.Undo(t.Context()); err != nil || effect() {
		t.Errorf("undo: %v, effect still there: %v", err, effect())
	}
}

func TestRemediesOfCode5DoWhatTheySayAndCanBeUndone(t *testing.T) {
	b := newBook()
	a := attempt.Attempt{Code: 5, DeviceSID: b.device.SID}
	for _, c := range []struct {
		cause   cause.ID
		prepare func()
		label   string
		effect  func() bool
	}{
		{cause.DeviceDisabled, func() { b.device.Enabled = false }, "Enable lamp", func() bool { return b.device.Enabled }},
		{cause.NotDeployed, func() { b.device.DeploymentSID = "" }, "Deploy lamp", func() bool { return b.device.DeploymentSID == b.deployment.SID }},
		{cause.NoService, func() { b.device.DeploymentSID, b.deployment.ServiceSID = b.deployment.SID, "" }, "Link to Default Sync service", func() bool { return b.deployment.ServiceSID == b.service.SID }},
	} {
		c.prepare()
		a.Cause = c.cause
		fix, ok := For(a, b, "")
		if !ok || fix.Kind != Press || fix.Label != c.label {
			t.Errorf("%s: %+v", c.cause, fix)
			continue
		}
		press(t, fix.Do, c.effect)
	}
}

func TestARemedyThatIsNoLongerNeededIsNotOffered(t *testing.T) {
	b := newBook()
	for _, c := range []cause.ID{cause.DeviceDisabled, cause.NotDeployed, cause.NoService} {
		if fix, ok := For(attempt.Attempt{Code: 5, Cause: c, DeviceSID: b.device.SID}, b, ""); ok {
			t.Errorf("%s: %+v", c, fix)
		}
		if fix, ok := For(attempt.Attempt{Code: 5, Cause: c, DeviceSID: "TH-gone"}, b, ""); ok {
			t.Errorf("%s of a device that is gone: %+v", c, fix)
		}
	}
	if _, ok := For(attempt.Attempt{Code: 0, Cause: cause.Accepted}, b, ""); ok {
		t.Error("an accepted attempt needs no remedy")
	}
}

func TestCredentialsAreAssignedAndEnrolledByChoice(t *testing.T) {
	b := newBook()
	fix, ok := For(attempt.Attempt{Code: 4, Cause: cause.CredentialUnassigned, CredentialSID: sid.New(sid.Key)}, b, "")
	if !ok || fix.Kind != Choose || len(fix.Choices) != 1 || fix.Choices[0].Label != "lamp" {
		t.Fatalf("%+v", fix)
	}
	press(t, fix.Choices[0].Do, func() bool { return b.assigned == b.device.SID })

	a := attempt.Attempt{Code: 4, Cause: cause.UnknownCertificate}
	if _, ok := For(a, b, ""); ok {
		t.Error("a certificate that was not recorded cannot be enrolled")
	}
	a.Steps = []attempt.Step{{Kind: attempt.ClientCertificate, Facts: []attempt.Fact{{Name: "pem", Value: "PEM"}}}}
	if fix, ok = For(a, b, ""); !ok {
		t.Fatal("no remedy")
	}
	press(t, fix.Choices[0].Do, func() bool { return b.enrolled == b.device.SID+"PEM" })
}

func TestWhatOnlyTheDeviceCanMendIsHandedOver(t *testing.T) {
	b := newBook()
	for c, want := range map[cause.ID]Remedy{
		cause.WrongSecret:   {Kind: NewKey, Label: "New key for lamp", DeviceSID: b.device.SID},
		cause.UntrustedRoot: {Kind: SaveRoot, Label: "Save root.pem"},
		cause.Plaintext:     {Kind: Copy, Label: "Copy the TLS address", Text: "mqtts://h:1"},
		cause.MQTT5:         {Kind: Copy, Label: "Copy the mosquitto option", Text: "-V mqttv311"},
	} {
		fix, ok := For(attempt.Attempt{Code: 4, Cause: c, DeviceSID: b.device.SID}, b, "mqtts://h:1")
		if !ok || fix.Kind != want.Kind || fix.Label != want.Label || fix.Text != want.Text || fix.DeviceSID != want.DeviceSID {
			t.Errorf("%s: %+v", c, fix)
		}
	}
}

func TestAFailureIsTold(t *testing.T) {
	b := newBook()
	b.device.Enabled, b.fail = false, errors.New("disk full")
	fix, _ := For(attempt.Attempt{Code: 5, Cause: cause.DeviceDisabled, DeviceSID: b.device.SID}, b, "")
	if _, err := fix.Do(t.Context()); !errors.Is(err, b.fail) {
		t.Error(err)
	}
}
