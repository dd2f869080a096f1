package words

import (
	"strings"

	"gatehouse/gateway/attempt"
	"gatehouse/gateway/cause"
	"gatehouse/gateway/diagnosis"
	"gatehouse/gateway/sid"
)

// clueWords has what each clue about a refused credential says. They sharpen the sentence of the cause that the clue
// belongs to, so they are written to stand in its place. In braces stands what is put in from the clue.
var clueWords = map[cause.ID]sentence{
	cause.SecretWhitespace: {
		"Secret {where} {space}", "Right key, wrong secret: what it sent {where} {space}.", "Without it the secret is right.",
		"Send the password without it; reading it from a file often adds one.",
	},
	cause.SecretQuoted: {
		"Secret is in quotation marks", "Right key, wrong secret: what it sent has quotation marks around it.", "Without them the secret is right.",
		"Take the quotation marks out of the device’s configuration.",
	},
	cause.SecretEncoded: {
		"Secret is {encoded}", "Right key, wrong secret: what it sent is {encoded}.", "Once decoded, the secret is right.",
		"Send the secret as it was shown, not encoded.",
	},
	cause.SecretCase: {
		"Secret has letters of one case only", "Right key, wrong secret: what it sent has letters of one case only.", "Secrets made here have both.",
		"Find out what turns the secret into one case, or whether it is the secret of another service.",
	},
	cause.SecretTooShort: {
		"Secret is too short", "Right key, wrong secret: what it sent is shorter than a secret is.", "",
		"Look for a limit on the length of the password in the device, or copy the secret whole.",
	},
	cause.SecretTooLong: {
		"Secret is too long", "Right key, wrong secret: what it sent is longer than a secret is.", "{begins}",
		"Send the secret alone, without anything before or after it.",
	},
	cause.SecretOfOtherKey: {
		"Secret of another key", "The secret is right for another key: {key}{of}.", "Key SID and secret do not belong together.",
		"Send the Key SID and the secret of the same key.",
	},
	cause.SecretSwapped: {
		"Key SID and secret are swapped", "Key SID and secret are swapped.", "{fits}", "Put the Key SID into the user name and the secret into the password.",
	},
	cause.SecretIsKeySID: {
		"Key SID sent as password", "Right key, wrong secret: it sent a Key SID as password.", "", "Set the password to the key’s secret.",
	},
	cause.SecretPlaceholder: {
		"Placeholder sent as secret", "Right key, wrong secret: what it sent is a placeholder out of an example.", "",
		"Put the key’s secret in its place.",
	},
	cause.KeySIDMistyped: {
		"Key SID is mistyped", "The user name is almost Key SID {key}{of}: {how}.", "{fits}", "Copy the Key SID {key} into the device.",
	},
	cause.UserPlaceholder: {
		"Placeholder sent as user name", "The user name is a placeholder out of an example.", "", "Put the Key SID in its place.",
	},
	cause.UserIsDevice: {
		"User name is a device, not a key", "The user name is {namekind} {device}, not that of a key.", "",
		"Set the user name to the SID of one of its keys: KY and 32 hexadecimal digits.",
	},
	cause.UserIsOtherSID: {
		"User name is not a key’s SID", "The user name is the SID of {other}, not of a key.", "",
		"Set the user name to a Key SID: KY and 32 hexadecimal digits.",
	},
	cause.Reissued: {
		"Reissued certificate", "The certificate is new, but its private key is enrolled{for}.", "It was reissued after it was enrolled: the thumbprint is another.",
		"Enrol the reissued certificate.",
	},
	cause.EnrolledForOther: {
		"Enrolled, but for another device", "The certificate is enrolled, but for {device}.", "It names {was}.", "Assign it to the device that uses it.",
	},
	cause.EnrolledInOtherFleet: {
		"Enrolled in another fleet", "The certificate is enrolled in another fleet{infleet}.", "", "Enrol it in the fleet of its device.",
	},
	cause.CAEnrolled: {
		"The CA is enrolled, not the device", "You enrolled the CA, not the device’s certificate.", "A device is known by its own certificate; who signed it does not count.",
		"Enrol the device’s certificate.",
	},
	cause.SameNameOtherKey: {
		"Same name, other private key", "A certificate with the same subject is enrolled{for}, but it has another private key.", "",
		"Enrol the one that the device uses, if you trust it.",
	},
	cause.EnrolledExpired: {
		"Enrolled certificate has expired", "The enrolled certificate has expired.", "It is accepted all the same.", "Renew it, and enrol the new one.",
	},
	cause.KeyOfOtherDevice: {
		"Key of another device", "The key belongs to {device}, but the client ID names {was}.", "", "Make a key for each device.",
	},
	cause.CredentialSinceMoved: {
		"Belongs to another device now", "Since then it was assigned to {device}.", "", "",
	},
	cause.SecretChanged: {
		"The secret has changed since", "The key’s secret has changed since.", "Only the device can tell whether it has the new one.", "Have the device try again.",
	},
}

// Clue is what a clue says, in a sentence.
func Clue(c diagnosis.Clue) string {
	w, known := clueWords[c.ID]
	if !known {
		title, detail := Warning(c.ID)
		return strings.TrimSuffix(title+": "+detail, ": ") + "."
	}
	fill := clueFiller(c)
	return strings.TrimSpace(fill.Replace(w.cause) + " " + fill.Replace(w.more))
}

// ClueAdvice is what to do about a clue, one sentence; empty when there is nothing to do.
func ClueAdvice(c diagnosis.Clue) string { return clueFiller(c).Replace(clueWords[c.ID].advice) }

// clueOf is the first clue among an attempt's warnings that has words of its own.
func clueOf(a attempt.Attempt) (diagnosis.Clue, bool) {
	for _, s := range a.Steps {
		if s.Kind != attempt.Warning {
			continue
		}
		if id := cause.ID(s.Fact("cause")); sharpens[id] {
			return diagnosis.Clue{ID: id, Facts: s.Facts}, true
		}
	}
	return diagnosis.Clue{}, false
}

// sharper is the clue's sentence in the place of the cause's, where the clue says more; what the cause says beside it stays.
func sharper(s sentence, c diagnosis.Clue, fill *strings.Replacer) sentence {
	w := clueWords[c.ID]
	if w.more == "" {
		w.more = s.more
	}
	w.more = fill.Replace(w.more)
	return w
}

// sharpens are the clues that say more than the cause of the refusal does.
var sharpens = map[cause.ID]bool{
	cause.SecretWhitespace: true, cause.SecretQuoted: true, cause.SecretEncoded: true, cause.SecretCase: true, cause.SecretTooShort: true,
	cause.SecretTooLong: true, cause.SecretOfOtherKey: true, cause.SecretSwapped: true, cause.SecretIsKeySID: true, cause.SecretPlaceholder: true,
	cause.KeySIDMistyped: true, cause.UserPlaceholder: true, cause.UserIsDevice: true, cause.UserIsOtherSID: true,
}

func clueFiller(c diagnosis.Clue) *strings.Replacer {
	where, begins, fits := "ends in", "", ""
	switch c.Fact("at") {
	case "start":
		where = "begins with"
	case "both":
		where = "is between"
	}
	space := map[string]string{"newline": "a newline", "space": "a space", "tab": "a tab", "nul": "a NUL byte", "mark": "a byte order mark"}[c.Fact("what")]
	if space == "" {
		space = "white space"
	}
	if where == "is between" {
		space = map[string]string{"newline": "newlines", "space": "spaces", "tab": "tabs", "nul": "NUL bytes"}[c.Fact("what")]
		if space == "" {
			space = "white space"
		}
	}
	if c.Fact("secret") == "matches" {
		begins, fits = "The right secret is in it.", "The secret is right."
	} else if c.Fact("secret") == "differs" {
		fits = "The secret is not right either."
	}
	encoded := map[string]string{"url": "URL-encoded", "base64": "base64", "hex": "hexadecimal"}[c.Fact("as")]
	how := map[string]string{
		"typo": "one character differs", "missing": "one character is missing", "extra": "one character too many", "case": "its letters are in another case", "white_space": "there is white space around it",
		"quotes": "there are quotation marks around it", "url": "it is URL-encoded",
	}[c.Fact("how")]
	other := map[string]string{"certificate": "a certificate", "account": "the account", "fleet": "a fleet", "deployment": "a deployment", "service": "a Sync service"}[c.Fact("what")]
	kind := "the SID of"
	if c.Fact("how") == "name" {
		kind = "the name of"
	}
	device := c.Fact("name")
	if device == "" {
		device = sid.Short(c.Fact("device"))
	}
	of, bound, fleet := "", "", ""
	if device != "" {
		of, bound = " of "+device, " for "+device
	}
	if name := c.Fact("fleet_name"); name != "" {
		fleet = ": " + name
	}
	return strings.NewReplacer(
		"{where}", where, "{space}", space, "{encoded}", orUnknown(encoded), "{key}", sid.Short(c.Fact("key")), "{of}", of, "{for}", bound, "{infleet}", fleet,
		"{begins}", begins, "{fits}", fits, "{how}", orUnknown(how), "{other}", orUnknown(other), "{namekind}", kind, "{device}", device, "{was}", c.Fact("was"),
	)
}
