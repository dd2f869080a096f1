package remedy

import (
	"slices"
	"testing"

	"gatehouse/gateway/attempt"
	"gatehouse/gateway/cause"
	"gatehouse/gateway/diagnosis"
	"gatehouse/gateway/registry"
	"gatehouse/gateway/sid"
)

// trial is the offered one with a label.
func trial(t *testing.T, all []Trial, label string) Trial {
	t.Helper()
	var labels []string
	for _, one := range all {
		if one.Label == label {
			return one
		}
		labels = append(labels, one.Label)
	}
	t.Fatalf("%q is not offered, but %q", label, labels)
	return Trial{}
}

func offered(all []Trial, change diagnosis.Change) bool {
	return slices.ContainsFunc(all, func(one Trial) bool { return one.Change == change })
}

func TestTrialsOfADeviceAreWhatItIsNotYet(t *testing.T) {
	w := newWorld(t)
	hall, err := w.CreateDeployment(t.Context(), w.lamp.FleetSID, "hall", "")
	w.must(err)
	a := attempt.Attempt{Code: 5, DeviceSID: w.lamp.SID, CredentialSID: w.key.SID}
	if offered(w.source().Trials(a), diagnosis.Change{Enable: true}) {
		t.Error("an enabled device is offered to be enabled")
	}
	_, err = w.UpdateDevice(t.Context(), w.lamp.SID, registry.DeviceChange{Enabled: new(false)})
	w.must(err)
	all := w.source().Trials(a)
	enable := trial(t, all, "Enable lamp")
	if !enable.Change.Enable || !enable.Doable {
		t.Errorf("%+v", enable)
	}
	pressed(t, enable.Do.Do, "lamp is enabled", func() bool { return w.now().Enabled })
	pressed(t, trial(t, all, "Deploy lamp to hall").Do.Do, "lamp is deployed to hall", func() bool { return w.now().DeploymentSID == hall.SID })
	_, err = w.UpdateDevice(t.Context(), w.lamp.SID, registry.DeviceChange{DeploymentSID: &hall.SID})
	w.must(err)
	if offered(w.source().Trials(a), diagnosis.Change{DeploymentSID: hall.SID}) {
		t.Error("the deployment that the device has is offered")
	}
}

func TestAnotherCredentialCanBeTriedButNotDoneForTheDevice(t *testing.T) {
	w := newWorld(t)
	other, _, err := w.CreateKey(t.Context(), "", w.lamp.SID, "")
	w.must(err)
	all := w.source().Trials(attempt.Attempt{Code: 4, DeviceSID: w.lamp.SID, CredentialSID: w.key.SID})
	if one := trial(t, all, "Present key "+sid.Short(other.SID)+" with its secret"); one.Doable || one.Change.CredentialSID != other.SID {
		t.Errorf("%+v", one)
	}
	if offered(all, diagnosis.Change{CredentialSID: w.key.SID}) {
		t.Error("the credential that was presented is offered instead of itself")
	}
}

func TestACredentialOfNobodyIsTriedWithEveryDevice(t *testing.T) {
	w := newWorld(t)
	w.add("door")
	w.must(w.AssignCredential(t.Context(), w.key.SID, ""))
	a := attempt.Attempt{Code: 4, Cause: cause.CredentialUnassigned, CredentialSID: w.key.SID}
	all := w.source().Trials(a)
	trial(t, all, "Assign "+sid.Short(w.key.SID)+" to door")
	pressed(t, trial(t, all, "Assign "+sid.Short(w.key.SID)+" to lamp").Do.Do, "belongs to lamp",
		func() bool { k, _ := w.Key(w.key.SID); return k.DeviceSID == w.lamp.SID })
	w.must(w.AssignCredential(t.Context(), w.key.SID, w.lamp.SID))
	if all := w.source().Trials(a); len(all) > 0 {
		t.Errorf("a key that has a device by now is offered to %d", len(all))
	}
}

func TestAnUnknownCertificateIsTriedWithEveryDevice(t *testing.T) {
	w := newWorld(t)
	a, _ := presenting(t, "stranger", cause.UnknownCertificate)
	twin, err := w.CreateDevice(t.Context(), registry.NewDevice{UniqueName: "lamp-2", FriendlyName: w.lamp.Name()})
	w.must(err)
	var ofTwin Trial
	for _, one := range w.source().Trials(a) {
		if one.Change.Enrol == twin.SID {
			ofTwin = one
		}
	}
	owner := func() string { c, _ := w.CertificateByThumbprint(a.Thumbprint); return c.DeviceSID }
	pressed(t, ofTwin.Do.Do, "belongs to", func() bool { return owner() == twin.SID }) // not the other one of that name
	if _, err := ofTwin.Do.Do(t.Context()); err != nil {
		t.Fatal(err)
	}
	if all := w.source().Trials(a); len(all) > 0 {
		t.Errorf("%d are offered for a certificate that is enrolled by now", len(all))
	}
	a.Thumbprint, a.Steps = "", nil
	if all := w.source().Trials(a); len(all) > 0 {
		t.Errorf("%d are offered for no certificate at all", len(all))
	}
}

func TestOfAKindOnlySoManyAreTried(t *testing.T) {
	w := newWorld(t)
	for range mostTried {
		_, err := w.CreateDeployment(t.Context(), w.lamp.FleetSID, "", "")
		w.must(err)
	}
	if n := len(w.source().Trials(attempt.Attempt{Code: 5, DeviceSID: w.lamp.SID, CredentialSID: w.key.SID})); n > mostTried {
		t.Errorf("%d are offered", n)
	}
}
