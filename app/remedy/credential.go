package remedy

import (
	"context"
	"fmt"

	"gatehouse/app/words"
	"gatehouse/gateway/attempt"
	"gatehouse/gateway/cause"
	"gatehouse/gateway/diagnosis"
	"gatehouse/gateway/registry"
	"gatehouse/gateway/sid"
)

// clueOf is what was found out about a refused key.
func clueOf(a attempt.Attempt) (diagnosis.Clue, bool) {
	for _, s := range a.Steps {
		if s.Kind != attempt.Warning {
			continue
		}
		switch id := cause.ID(s.Fact("cause")); id {
		case cause.KeySIDMistyped, cause.SecretOfOtherKey, cause.SecretSwapped, cause.UserIsDevice, cause.SecretWhitespace, cause.SecretQuoted,
			cause.SecretEncoded, cause.SecretCase, cause.SecretTooShort, cause.SecretTooLong, cause.SecretIsKeySID, cause.SecretPlaceholder:
			return diagnosis.Clue{ID: id, Facts: s.Facts}, true
		}
	}
	return diagnosis.Clue{}, false
}

// rightUser is for a user name that is no known Key SID: the right one to copy, when it was found out.
func rightUser(s Source, a attempt.Attempt) (Remedy, bool) {
	c, found := clueOf(a)
	if key, known := s.Registry.Key(c.Fact("key")); found && known {
		hint := "Set it as the user name."
		if c.ID == cause.SecretSwapped {
			hint = "Set it as the user name, and the secret as the password."
		}
		return Remedy{Kind: Copy, Label: "Copy the right Key SID", Brief: "Copy Key SID", Text: key.SID, DeviceSID: key.DeviceSID, Hint: hint}, true
	}
	if found && c.ID == cause.UserIsDevice {
		if keys := s.Registry.Keys(c.Fact("device")); len(keys) > 0 {
			return Remedy{Kind: Copy, Label: "Copy the right Key SID", Brief: "Copy Key SID", Text: keys[0].SID, DeviceSID: keys[0].DeviceSID, Hint: "Set it as the user name."}, true
		}
		return s.newKey(c.Fact("device"), "")
	}
	return keyForNamed(s, a)
}

// rightSecret is for a wrong secret: a new key, as a secret cannot be shown again, with a hint at what spoilt the old one.
func rightSecret(s Source, a attempt.Attempt) (Remedy, bool) {
	c, found := clueOf(a)
	if found && c.ID == cause.SecretOfOtherKey {
		if key, known := s.Registry.Key(c.Fact("key")); known {
			return Remedy{Kind: Copy, Label: "Copy the right Key SID", Brief: "Copy Key SID", Text: key.SID, DeviceSID: key.DeviceSID, Hint: "Set it as the user name."}, true
		}
	}
	hint := ""
	if found {
		hint = words.Explain(a).Advice
	}
	return s.newKey(a.DeviceSID, hint)
}

// keyOfUser is a new key for the device of the key that came without a secret.
func keyOfUser(s Source, a attempt.Attempt) (Remedy, bool) {
	key, found := s.Registry.Key(a.PresentedUser)
	if !found {
		return keyForNamed(s, a)
	}
	return s.newKey(key.DeviceSID, "Set the secret as the password.")
}

// keyForNamed is a new key for the device that the client id names.
func keyForNamed(s Source, a attempt.Attempt) (Remedy, bool) {
	device, found := diagnosis.Named(a, s.Registry)
	if !found {
		return Remedy{}, false
	}
	return s.newKey(device.SID, "")
}

func (s Source) newKey(deviceSID, hint string) (Remedy, bool) {
	device, found := s.Registry.Device(deviceSID)
	if !found {
		return Remedy{}, false
	}
	return Remedy{Kind: NewKey, Label: "New key for " + device.Name(), DeviceSID: device.SID, Hint: hint}, true
}

// replace is for a credential that was removed: its certificate is enrolled again, a key is replaced by a new one.
func replace(s Source, a attempt.Attempt) (Remedy, bool) {
	device, found := s.Registry.Device(a.DeviceSID)
	if pem := presentedPEM(a); pem != "" && found {
		return s.enrolFor(device, "Enrol it for "+device.Name()+" again", a, pem), true
	}
	return s.newKey(a.DeviceSID, "")
}

// assign gives a credential to the device that it names, or to one that is chosen.
func assign(s Source, a attempt.Attempt) (Remedy, bool) {
	what := "key"
	if sid.Valid(sid.Certificate, a.CredentialSID) {
		what = "certificate"
	}
	if owner, still := s.owner(a.CredentialSID); !still || owner != "" {
		return Remedy{}, false
	}
	to := func(device registry.Device) (string, act) {
		return "The " + what + " " + sid.Short(a.CredentialSID) + " belongs to " + device.Name(), s.give(a.CredentialSID, device)
	}
	if device, found := diagnosis.Named(a, s.Registry); found {
		message, one := to(device)
		return press("Assign the "+what+" to "+device.Name(), message, device.SID, one), true
	}
	return s.choose("Assign the "+what+" to…", func(device registry.Device) func(context.Context) (Done, error) {
		message, one := to(device)
		return doer(message, one)
	})
}

// give assigns a credential of nobody to a device.
func (s Source) give(credentialSID string, device registry.Device) act {
	called := "the credential " + sid.Short(credentialSID)
	return act{
		func(ctx context.Context) error {
			if owner, _ := s.owner(credentialSID); owner != "" && owner != device.SID {
				return fmt.Errorf("%s was assigned to another device meanwhile: nothing was changed", called)
			}
			return s.Registry.AssignCredential(ctx, credentialSID, device.SID)
		},
		func(ctx context.Context) error { return s.Registry.AssignCredential(ctx, credentialSID, "") },
		s.gone(thing{credentialSID, called}, aDevice(device)),
	}
}

// owner is the device of a credential; ok is false when the credential is gone.
func (s Source) owner(credentialSID string) (deviceSID string, ok bool) {
	if sid.Valid(sid.Certificate, credentialSID) {
		c, found := s.Registry.Certificate(credentialSID)
		return c.DeviceSID, found
	}
	k, found := s.Registry.Key(credentialSID)
	return k.DeviceSID, found
}

// enrol enrols a certificate: for the device that has another one for the same private key, for the device that it names, or
// for one that is chosen.
func enrol(s Source, a attempt.Attempt) (Remedy, bool) {
	pem := presentedPEM(a)
	if _, there := s.Registry.CertificateByThumbprint(a.Thumbprint); pem == "" || there {
		return Remedy{}, false
	}
	c := diagnosis.Compare(a, s.Registry)
	if owner, found := s.Registry.Device(c.DeviceSID); found && len(c.Clues) > 0 {
		switch c.Clues[0].ID {
		case cause.Reissued:
			return s.enrolFor(owner, "Enrol the reissued certificate for "+owner.Name(), a, pem), true
		case cause.CAEnrolled:
			return s.enrolFor(owner, "Enrol the device’s certificate for "+owner.Name(), a, pem), true
		}
	}
	if device, found := diagnosis.Named(a, s.Registry); found {
		return s.enrolFor(device, "Enrol this certificate for "+device.Name(), a, pem), true
	}
	return s.choose("Enrol this certificate for…", func(device registry.Device) func(context.Context) (Done, error) {
		return s.enrolFor(device, "", a, pem).Do
	})
}

// enrolFor enrols the presented certificate for a device.
func (s Source) enrolFor(device registry.Device, label string, a attempt.Attempt, pem string) Remedy {
	var enrolled registry.Certificate
	return press(label, "The certificate "+words.Thumbprint(a.Thumbprint)+" belongs to "+device.Name(), device.SID, act{
		func(ctx context.Context) (err error) {
			enrolled, err = s.Registry.ImportCertificate(ctx, device.FleetSID, device.SID, "", []byte(pem))
			return err
		},
		func(ctx context.Context) error { return deleted(s.Registry.DeleteCertificate(ctx, enrolled.SID)) },
		s.gone(aDevice(device)),
	})
}

// choose offers every device.
func (s Source) choose(label string, do func(registry.Device) func(context.Context) (Done, error)) (Remedy, bool) {
	devices := s.Registry.Devices()
	if len(devices) == 0 {
		return Remedy{}, false
	}
	remedy := Remedy{Kind: Choose, Label: label}
	for _, device := range devices {
		remedy.Choices = append(remedy.Choices, Choice{Label: device.Name(), Do: do(device)})
	}
	return remedy, true
}

// presentedPEM is the client certificate that an attempt brought.
func presentedPEM(a attempt.Attempt) string {
	for _, s := range a.Steps {
		if s.Kind == attempt.ClientCertificate {
			return s.Fact("pem")
		}
	}
	return ""
}
