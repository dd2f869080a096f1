package remedy

import (
	"strings"
	"testing"

	"gatehouse/gateway/attempt"
	"gatehouse/gateway/cause"
	"gatehouse/gateway/diagnosis"
	"gatehouse/gateway/registry"
	"gatehouse/gateway/sid"
)

// refuses fails the test when an error does not say all of it in plain words.
func refuses(t *testing.T, err error, words ...string) {
	t.Helper()
	if err == nil {
		t.Fatalf("nothing was wrong, though %q", words)
	}
	for _, word := range words {
		if !strings.Contains(err.Error(), word) {
			t.Errorf("%q does not say %q", err, word)
		}
	}
	if strings.Contains(err.Error(), "not found") || strings.Contains(err.Error(), "Sid ") {
		t.Errorf("%q speaks to programs", err)
	}
}

// disabled is the attempt of the lamp, which may not connect.
func (w *world) disabled() attempt.Attempt {
	w.t.Helper()
	_, err := w.UpdateDevice(w.t.Context(), w.lamp.SID, registry.DeviceChange{Enabled: new(false)})
	w.must(err)
	return attempt.Attempt{Code: 5, Cause: cause.DeviceDisabled, DeviceSID: w.lamp.SID, DeviceName: "lamp", CredentialSID: w.key.SID}
}

func TestAFixWhoseDeviceWasDeletedMeanwhileSaysSo(t *testing.T) {
	w := newWorld(t)
	a := w.disabled()
	fix, _ := w.source().For(a)
	enable := trial(t, w.source().Trials(a), "Enable lamp")
	w.must(w.DeleteDevice(t.Context(), w.lamp.SID))
	for _, r := range []Remedy{fix, enable.Do} {
		done, err := r.Do(t.Context())
		refuses(t, err, "the device lamp was deleted meanwhile", "nothing was changed")
		if done.Message != "" || done.Undo != nil {
			t.Errorf("%+v is called done", done)
		}
	}
}

func TestUndoAfterTheDeviceWasDeletedSaysSo(t *testing.T) {
	w := newWorld(t)
	fix, _ := w.source().For(w.disabled())
	done, err := fix.Do(t.Context())
	w.must(err)
	w.must(w.DeleteDevice(t.Context(), w.lamp.SID))
	refuses(t, done.Undo(t.Context()), "the device lamp was deleted meanwhile", "nothing left to undo")
}

func TestAFixAndItsUndoAfterTheFleetWasDeleted(t *testing.T) {
	w := newWorld(t)
	ctx := t.Context()
	fleet, err := w.CreateFleet(ctx, "hall", "")
	w.must(err)
	door, err := w.CreateDevice(ctx, registry.NewDevice{FleetSID: fleet.SID, UniqueName: "door", Disabled: true})
	w.must(err)
	a := attempt.Attempt{Code: 5, Cause: cause.DeviceDisabled, DeviceSID: door.SID, DeviceName: "door"}
	fix, _ := w.source().For(a)
	done, err := fix.Do(ctx)
	w.must(err)
	w.must(w.DeleteFleet(ctx, fleet.SID))
	refuses(t, done.Undo(ctx), "the device door was deleted meanwhile")
	_, err = fix.Do(ctx)
	refuses(t, err, "the device door was deleted meanwhile")
}

func TestADeploymentThatWasDeletedMeanwhileIsNamed(t *testing.T) {
	w := newWorld(t)
	ctx := t.Context()
	hall, err := w.CreateDeployment(ctx, w.lamp.FleetSID, "hall", "")
	w.must(err)
	deploy := trial(t, w.source().Trials(attempt.Attempt{Code: 5, DeviceSID: w.lamp.SID}), "Deploy lamp to hall")
	w.must(w.DeleteDeployment(ctx, hall.SID))
	_, err = deploy.Do.Do(ctx)
	refuses(t, err, "the deployment hall was deleted meanwhile", "nothing was changed")
	if w.now().DeploymentSID != w.lamp.DeploymentSID {
		t.Error("the lamp lost its deployment")
	}
}

func TestUndoGivesBackTheDeploymentThatTheDeviceHadWhenTheButtonWasPressed(t *testing.T) {
	w := newWorld(t)
	ctx := t.Context()
	_, err := w.CreateDeployment(ctx, w.lamp.FleetSID, "hall", "")
	w.must(err)
	attic, err := w.CreateDeployment(ctx, w.lamp.FleetSID, "attic", "")
	w.must(err)
	deploy := trial(t, w.source().Trials(attempt.Attempt{Code: 5, DeviceSID: w.lamp.SID}), "Deploy lamp to hall")
	_, err = w.UpdateDevice(ctx, w.lamp.SID, registry.DeviceChange{DeploymentSID: &attic.SID}) // by another
	w.must(err)
	done, err := deploy.Do.Do(ctx)
	w.must(err)
	again, err := deploy.Do.Do(ctx) // the button was pressed twice
	w.must(err)
	for _, undo := range []Done{again, done} {
		w.must(undo.Undo(ctx))
		if w.now().DeploymentSID != attic.SID {
			t.Error("the lamp is not in the attic")
		}
	}
}

func TestACredentialThatAnotherGaveAwayOrDeletedMeanwhileIsNotTakenBack(t *testing.T) {
	w := newWorld(t)
	ctx := t.Context()
	door := w.add("door")
	w.must(w.AssignCredential(ctx, w.key.SID, ""))
	a := attempt.Attempt{Code: 4, Cause: cause.CredentialUnassigned, CredentialSID: w.key.SID}
	toLamp := trial(t, w.source().Trials(a), "Assign "+sid.Short(w.key.SID)+" to lamp")
	w.must(w.AssignCredential(ctx, w.key.SID, door.SID))
	_, err := toLamp.Do.Do(ctx)
	refuses(t, err, "was assigned to another device meanwhile", "nothing was changed")
	if k, _ := w.Key(w.key.SID); k.DeviceSID != door.SID {
		t.Error("the door lost its key")
	}
	w.must(w.AssignCredential(ctx, w.key.SID, ""))
	done, err := toLamp.Do.Do(ctx)
	w.must(err)
	w.must(w.DeleteKey(ctx, w.key.SID))
	refuses(t, done.Undo(ctx), sid.Short(w.key.SID)+" was deleted meanwhile", "nothing left to undo")
	_, err = toLamp.Do.Do(ctx)
	refuses(t, err, sid.Short(w.key.SID)+" was deleted meanwhile", "nothing was changed")
}

func TestEnrollingForADeviceThatWasDeletedMeanwhileSaysSo(t *testing.T) {
	w := newWorld(t)
	a, _ := presenting(t, "stranger", cause.UnknownCertificate)
	var enrol Trial
	for _, one := range w.source().Trials(a) {
		if one.Change == (diagnosis.Change{Enrol: w.lamp.SID}) {
			enrol = one
		}
	}
	w.must(w.DeleteDevice(t.Context(), w.lamp.SID))
	_, err := enrol.Do.Do(t.Context())
	refuses(t, err, "the device lamp was deleted meanwhile", "nothing was changed")
	if _, there := w.CertificateByThumbprint(a.Thumbprint); there {
		t.Error("the certificate is enrolled all the same")
	}
}

func TestUndoOfWhatWasDeletedByHandIsDone(t *testing.T) {
	w := newWorld(t)
	ctx := t.Context()
	a, _ := presenting(t, "lamp", cause.UnknownCertificate)
	enrol, _ := w.source().For(a)
	done, err := enrol.Do(ctx)
	w.must(err)
	c, _ := w.CertificateByThumbprint(a.Thumbprint)
	w.must(w.DeleteCertificate(ctx, c.SID))
	w.must(done.Undo(ctx))

	again, _ := w.source().For(attempt.Attempt{Code: 4, Cause: cause.DeviceDeleted, DeviceSID: sid.New(sid.Device), DeviceName: "bell"})
	done, err = again.Do(ctx)
	w.must(err)
	bell, _ := w.DeviceByName(w.lamp.FleetSID, "bell")
	w.must(w.DeleteDevice(ctx, bell.SID))
	w.must(done.Undo(ctx))
}

func TestUndoDoesNotDeleteADeviceThatWasGivenAKeyMeanwhile(t *testing.T) {
	w := newWorld(t)
	ctx := t.Context()
	again, _ := w.source().For(attempt.Attempt{Code: 4, Cause: cause.DeviceDeleted, DeviceSID: sid.New(sid.Device), DeviceName: "bell"})
	done, err := again.Do(ctx)
	w.must(err)
	bell, _ := w.DeviceByName(w.lamp.FleetSID, "bell")
	_, _, err = w.CreateKey(ctx, "", bell.SID, "")
	w.must(err)
	refuses(t, done.Undo(ctx), "the device bell has a key by now")
	if _, there := w.Device(bell.SID); !there {
		t.Error("the bell is gone with its key")
	}
}
