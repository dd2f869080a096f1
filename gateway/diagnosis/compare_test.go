package diagnosis

import (
	"testing"
	"time"

	"gatehouse/gateway/admission"
	"gatehouse/gateway/attempt"
	"gatehouse/gateway/cause"
	"gatehouse/gateway/credential"
	"gatehouse/gateway/registry"
	"gatehouse/gateway/sid"
)

// row finds a row by its name.
func rowOf(t *testing.T, c Comparison, name string) Row {
	t.Helper()
	for _, r := range c.Rows {
		if r.Name == name {
			return r
		}
	}
	t.Fatalf("no row %s in %+v", name, c.Rows)
	return Row{}
}

func has(c Comparison, id cause.ID) bool {
	for _, one := range c.Clues {
		if one.ID == id {
			return true
		}
	}
	return false
}

var (
	future = time.Date(2036, 1, 1, 0, 0, 0, 0, time.UTC)
	past   = time.Date(2020, 1, 1, 0, 0, 0, 0, time.UTC)
)

func TestACertificateStandsBesideTheEnrolledOneThatItResembles(t *testing.T) {
	f := newFarm()
	key, caKey := newKey(t), newKey(t)
	first := (*issuer)(nil).issue(t, "lamp", key, future)
	again := (*issuer)(nil).issue(t, "lamp", key, future)
	stranger := (*issuer)(nil).issue(t, "nobody", newKey(t), future)
	namesake := (*issuer)(nil).issue(t, "lamp", newKey(t), future)
	ca := (*issuer)(nil).issue(t, "our CA", caKey, future)
	signed := (&issuer{ca, caKey}).issue(t, "signed", newKey(t), future)
	lamp := f.enrol(first.Raw, f.lamp.FleetSID, f.lamp.SID)

	same := Compare(presenting(first), f)
	if same.By != "certificate" || same.EnrolledSID != lamp.SID || same.DeviceSID != f.lamp.SID || same.FleetSID != f.lamp.FleetSID || len(same.Clues) != 0 {
		t.Errorf("the same: %+v", same)
	}
	for _, r := range same.Rows {
		if r.Name != "fleet" && (!r.Known || !r.Same) {
			t.Errorf("the same: %+v", r)
		}
	}

	reissued := Compare(presenting(again), f)
	if reissued.EnrolledSID != lamp.SID || len(reissued.Clues) != 1 || reissued.Clues[0].ID != cause.Reissued || reissued.Clues[0].Fact("name") != "lamp" {
		t.Errorf("reissued: %+v", reissued)
	}
	if !rowOf(t, reissued, "public_key").Same || rowOf(t, reissued, "sha256").Same || rowOf(t, reissued, "serial").Same || !rowOf(t, reissued, "subject").Same {
		t.Errorf("reissued: %+v", reissued.Rows)
	}

	other := Compare(presenting(namesake), f)
	if other.EnrolledSID != lamp.SID || len(other.Clues) != 1 || other.Clues[0].ID != cause.SameNameOtherKey || rowOf(t, other, "public_key").Same {
		t.Errorf("same name: %+v", other)
	}

	none := Compare(presenting(stranger), f)
	if none.EnrolledSID != "" || len(none.Clues) != 0 || rowOf(t, none, "sha256").Known || rowOf(t, none, "sha256").Presented == "" || rowOf(t, none, "key_type").Presented != "ECDSA P-256" {
		t.Errorf("stranger: %+v", none)
	}

	authority := f.enrol(ca.Raw, f.lamp.FleetSID, f.lamp.SID)
	byCA := Compare(presenting(signed), f)
	if byCA.EnrolledSID != authority.SID || len(byCA.Clues) != 1 || byCA.Clues[0].ID != cause.CAEnrolled {
		t.Errorf("CA: %+v", byCA)
	}
}

func TestAnIssuerOfTheSameNameThatDidNotSignIsNoCA(t *testing.T) {
	f := newFarm()
	trueKey := newKey(t)
	trueCA := (*issuer)(nil).issue(t, "our CA", trueKey, future)
	falseCA := (*issuer)(nil).issue(t, "our CA", newKey(t), future)
	f.enrol(falseCA.Raw, f.lamp.FleetSID, f.lamp.SID)
	c := Compare(presenting((&issuer{trueCA, trueKey}).issue(t, "signed", newKey(t), future)), f)
	if c.EnrolledSID != "" || len(c.Clues) != 0 {
		t.Errorf("%+v", c)
	}
}

func TestACertificateOfAnotherDeviceIsTold(t *testing.T) {
	f := newFarm()
	fan := f.device(f.lamp.FleetSID, f.lamp.DeploymentSID, "fan")
	named := (*issuer)(nil).issue(t, "fan", newKey(t), past)
	f.enrol(named.Raw, f.lamp.FleetSID, f.lamp.SID)
	c := Compare(presenting(named), f)
	if len(c.Clues) != 2 || c.Clues[0].ID != cause.EnrolledForOther || c.Clues[0].Fact("name") != "lamp" || c.Clues[0].Fact("was") != "fan" || c.Clues[1].ID != cause.EnrolledExpired {
		t.Errorf("%+v", c.Clues)
	}
	if r := rowOf(t, c, "device"); r.Same || r.Presented != "fan" || r.Enrolled != "lamp" {
		t.Errorf("%+v", r)
	}
	elsewhere := (*issuer)(nil).issue(t, "pump", newKey(t), future)
	f.enrol(elsewhere.Raw, f.lamp.FleetSID, f.lamp.SID)
	if c = Compare(presenting(elsewhere), f); !has(c, cause.EnrolledInOtherFleet) || has(c, cause.EnrolledForOther) || c.Clues[0].Fact("fleet_name") != "default" {
		t.Errorf("%+v", c.Clues)
	}
	// The client id names the device as well, but not against the certificate itself.
	own := (*issuer)(nil).issue(t, "lamp", newKey(t), future)
	f.enrol(own.Raw, f.lamp.FleetSID, f.lamp.SID)
	a := presenting(own)
	a.ClientID = fan.UniqueName
	if c = Compare(a, f); len(c.Clues) != 0 {
		t.Errorf("%+v", c.Clues)
	}
}

func TestAKeyStandsBesideItsRecord(t *testing.T) {
	f := newFarm()
	record := func(user, password string) attempt.Attempt { return recordOf(f, user, password) }
	right := Compare(record(f.key.SID, f.secret), f)
	if right.By != "key" || right.EnrolledSID != f.key.SID || !rowOf(t, right, "secret").Same || !rowOf(t, right, "credential").Same || rowOf(t, right, "created").Enrolled == "" {
		t.Errorf("%+v", right)
	}
	wrong := Compare(record(f.key.SID, "x"), f)
	if r := rowOf(t, wrong, "secret"); !r.Known || r.Same || r.Presented != "differs" {
		t.Errorf("%+v", r)
	}
	typo := []byte(f.key.SID)
	typo[5], typo[6] = typo[6], typo[5]
	if typo[5] == typo[6] {
		typo[5] ^= 1 // a digit's neighbour, or a letter's
	}
	if sid.Valid(sid.Key, string(typo)) {
		near := Compare(record(string(typo), f.secret), f)
		if near.EnrolledSID != f.key.SID || near.Clues[0].ID != cause.KeySIDMistyped || rowOf(t, near, "secret").Known {
			t.Errorf("%+v", near)
		}
	}
	a := record(f.key.SID, f.secret)
	changed := f.key
	changed.Salt, changed.Hash = credential.HashSecret([]byte("another"))
	f.keys[f.key.SID] = changed
	if c := Compare(a, f); rowOf(t, c, "secret").Known || !has(c, cause.SecretChanged) {
		t.Errorf("%+v", c)
	}
	f.keys[f.key.SID] = f.key
	a.ClientID = "pump"
	if c := Compare(a, f); !has(c, cause.KeyOfOtherDevice) || rowOf(t, c, "device").Same {
		t.Errorf("%+v", c)
	}
	a.ClientID = ""
	moved := f.key
	moved.DeviceSID = f.pump.SID
	f.keys[f.key.SID] = moved
	if c := Compare(a, f); !has(c, cause.CredentialSinceMoved) {
		t.Errorf("%+v", c)
	}
	if c := Compare(attempt.Attempt{Code: attempt.TLS}, f); c.By != "" || len(c.Rows) != 0 {
		t.Errorf("nothing was presented: %+v", c)
	}
	if c := Compare(record("me", "you"), f); c.By != "key" || c.EnrolledSID != "" {
		t.Errorf("a user name that is not kept: %+v", c)
	}
}

// recordOf is what the listener keeps of a connection with a key.
func recordOf(w Registry, user, password string) attempt.Attempt {
	return record(w, admission.Presented{ProtocolName: "MQTT", ProtocolLevel: 4, HasUser: true, User: user, HasPassword: true, Password: []byte(password)}, admission.Open)
}

func record(w Registry, p admission.Presented, s admission.Service) attempt.Attempt {
	v := admission.Decide(p, s, w)
	in := Inputs(p, s, v)
	a := attempt.Attempt{Code: attempt.Code(v.Code), Cause: v.Cause, Thumbprint: p.Thumbprint, DeviceSID: v.DeviceSID, CredentialSID: v.CredentialSID, Inputs: &in}
	if sid.Valid(sid.Key, p.User) {
		a.PresentedUser = p.User
	}
	return a
}

func BenchmarkCompareStrangerWith10000(b *testing.B) {
	f := newFarm()
	caKey := newKey(b)
	ca := (*issuer)(nil).issue(b, "our CA", caKey, future)
	one := (&issuer{ca, caKey}).issue(b, "one", newKey(b), future)
	for i := range 10000 {
		c := registry.Certificate{SID: sid.New(sid.Certificate), FleetSID: f.lamp.FleetSID, DER: append([]byte(nil), one.Raw...), Thumbprint: string(rune(i)) + "x"}
		f.certificates[c.Thumbprint] = c
	}
	a := presenting((&issuer{ca, caKey}).issue(b, "stranger", newKey(b), future))
	for b.Loop() {
		if c := Compare(a, f); c.EnrolledSID != "" {
			b.Fatal(c)
		}
	}
}

func TestPartsAreFoundByTheirPlace(t *testing.T) {
	for _, name := range []string{"a", "lamp", string(make([]byte, 60))} {
		c := (*issuer)(nil).issue(t, "x"+name, newKey(t), future)
		if subject, key := partsOf(c.Raw); string(subject) != string(c.RawSubject) || string(key) != string(c.RawSubjectPublicKeyInfo) {
			t.Errorf("%q", name)
		}
		for cut := range len(c.Raw) {
			partsOf(c.Raw[:cut]) // does not panic
		}
	}
}
