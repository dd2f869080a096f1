package diagnosis

import (
	"encoding/base64"
	"encoding/hex"
	"encoding/json"
	"fmt"
	"net/url"
	"strings"
	"testing"
	"time"

	"gatehouse/gateway/admission"
	"gatehouse/gateway/cause"
	"gatehouse/gateway/credential"
	"gatehouse/gateway/registry"
	"gatehouse/gateway/sid"
)

// refused has a user name and a password judged, and diagnosed.
func refused(t *testing.T, s *Secrets, w *world, user, password string) []Clue {
	t.Helper()
	p := admission.Presented{ProtocolName: "MQTT", ProtocolLevel: 4, HasUser: true, User: user, HasPassword: true, Password: []byte(password)}
	v := admission.Decide(p, admission.Open, w)
	if v.Accepted() {
		t.Fatalf("%s was accepted", user)
	}
	clues := s.Clues(p, v)
	if string(p.Password) != password {
		t.Error("the password was changed")
	}
	return clues
}

// clock is a time that tests move.
type clock struct{ at time.Time }

func (c *clock) now() time.Time { return c.at }

func (c *clock) add(d time.Duration) { c.at = c.at.Add(d) }

// farm is a world with two fleets.
type farm struct {
	*world
	lamp, pump      registry.Device
	key, spare, far registry.Key // of lamp, of lamp too, of a device in another fleet
	secret          string
	spareSecret     string
	farSecret       string
	clock           *clock
	secrets         *Secrets
}

func newFarm() *farm {
	w := newWorld()
	f := &farm{world: w, clock: &clock{time.Unix(1e9, 0)}}
	fleet, other := w.fleet("default"), w.fleet("other")
	f.lamp = w.device(fleet.SID, w.deployment(fleet.SID, sid.New(sid.Service)), "lamp")
	f.pump = w.device(other.SID, "", "pump")
	for { // a secret that URL encoding and letter case change
		if f.key, f.secret = w.key(f.lamp); strings.ToUpper(f.secret) != f.secret && strings.ToLower(f.secret) != f.secret {
			break
		}
	}
	f.spare, f.spareSecret = w.key(f.lamp)
	f.far, f.farSecret = w.key(f.pump)
	f.secrets = NewSecrets(w, f.clock.now)
	return f
}

// said is a clue as it is compared in tests: its ID and its facts but for names.
func said(clues []Clue) string {
	var all []string
	for _, c := range clues {
		text := string(c.ID)
		for _, f := range c.Facts {
			if f.Name != "device" && f.Name != "name" {
				text += " " + f.Name + "=" + f.Value
			}
		}
		all = append(all, text)
	}
	return strings.Join(all, "; ")
}

func TestAWrongSecretIsReadInOtherWays(t *testing.T) {
	f := newFarm()
	percent := func(s string) string { // every character, as some encoders do
		return "%" + strings.ToUpper(strings.Join(strings.Split(hexPairs(s), " "), "%"))
	}
	for password, want := range map[string]string{
		f.secret + "\n":                  "secret_whitespace at=end what=newline",
		f.secret + "\r\n":                "secret_whitespace at=end what=newline",
		"  " + f.secret:                  "secret_whitespace at=start what=space",
		"\t" + f.secret + "\t":           "secret_whitespace at=both what=tab",
		f.secret + "\x00":                "secret_whitespace at=end what=nul",
		"\ufeff" + f.secret:              "secret_whitespace at=start what=mark",
		" " + f.secret + "\n":            "secret_whitespace at=both what=white_space",
		`"` + f.secret + `"`:             "secret_quoted",
		`'` + f.secret + `'`:             "secret_quoted",
		"“" + f.secret + "”":             "secret_quoted",
		`"` + f.secret + "\"\r\n":        "secret_quoted",
		`"` + f.secret:                   "secret_quoted",
		"<" + f.secret + ">":             "secret_quoted",
		percent(f.secret):                "secret_encoded as=url",
		url.QueryEscape(f.secret + "\n"): "secret_encoded as=url",
		base64.StdEncoding.EncodeToString([]byte(f.secret)):        "secret_encoded as=base64",
		base64.RawURLEncoding.EncodeToString([]byte(f.secret)):     "secret_encoded as=base64",
		base64.StdEncoding.EncodeToString([]byte(f.secret + "\n")): "secret_encoded as=base64",
		hex.EncodeToString([]byte(f.secret)):                       "secret_encoded as=hex",
		string(otherCase([]byte(f.secret))):                        "secret_case",
		strings.ToLower(f.secret):                                  "secret_case",
		strings.ToUpper(f.secret):                                  "secret_case",
		f.secret[:31]:                                              "secret_too_short",
		f.secret[:8] + "\n":                                        "secret_too_short",
		f.secret + f.secret[:4]:                                    "secret_too_long secret=matches",
		"password=" + f.secret + ";":                               "secret_too_long secret=matches",
		f.key.SID + ":" + f.secret:                                 "secret_too_long secret=matches",
		strings.Repeat("ab", 20):                                   "secret_too_long",
		strings.Repeat("a", 2000):                                  "secret_too_long",
		f.key.SID:                                                  "secret_is_key_sid",
		"<secret>":                                                 "secret_placeholder",
		"YOUR_SECRET":                                              "secret_placeholder",
		"password":                                                 "secret_placeholder",
		"${SECRET}":                                                "secret_placeholder",
		"********":                                                 "secret_placeholder",
		f.spareSecret:                                              "secret_of_other_key key=" + f.spare.SID,
		f.farSecret:                                                "secret_of_other_key key=" + f.far.SID,
		f.farSecret + "\n":                                         "secret_of_other_key key=" + f.far.SID,
		credential.NewSecret():                                     "",
	} {
		if got := said(refused(t, f.secrets, f.world, f.key.SID, password)); got != want {
			t.Errorf("%q, want %q", got, want)
		}
	}
}

func hexPairs(s string) string { return fmt.Sprintf("% x", s) }

func TestAWrongUserNameIsReadInOtherWays(t *testing.T) {
	f := newFarm()
	k := f.key.SID
	flip := map[byte]string{'0': "1"}
	other := "0"
	if k[10] == '0' {
		other = flip['0']
	}
	typo := k[:10] + other + k[11:]
	mistyped := "key_sid_mistyped key=" + k
	for _, c := range []struct{ user, password, want string }{
		{typo, f.secret, mistyped + " how=typo secret=matches"},
		{typo, f.farSecret, mistyped + " how=typo secret=differs"},
		{typo, f.secret + "\n", mistyped + " how=typo secret=differs; secret_whitespace at=end what=newline"},
		{k[:20] + k[21:], f.secret, mistyped + " how=missing secret=matches"},
		{k[:20] + "0" + k[20:], f.secret, mistyped + " how=extra secret=matches"},
		{k[2:], f.secret, mistyped + " how=prefix secret=matches"},
		{strings.ToLower(k), f.secret, mistyped + " how=case secret=matches"},
		{strings.ToUpper(k), f.secret, mistyped + " how=case secret=matches"},
		{k + "\n", f.secret, mistyped + " how=white_space secret=matches"},
		{" " + k, "", ""}, // no password: code 2 for the user name all the same
		{`"` + k + `"`, f.secret, mistyped + " how=quotes secret=matches"},
		{"“" + k + "”", f.secret, mistyped + " how=quotes secret=matches"},
		{k + "%0A", f.secret, mistyped + " how=url secret=matches"},
		{f.secret, k, "secret_swapped key=" + k + " secret=matches"},
		{f.farSecret, k, "secret_swapped key=" + k + " secret=differs"},
		{f.secret + "\n", k + "\n", "secret_swapped key=" + k + " secret=matches"},
		{f.secret, sid.New(sid.Key), "secret_swapped"},
		{f.lamp.SID, f.secret, "user_is_device how=sid"},
		{"pump", f.secret, "user_is_device how=name"},
		{sid.New(sid.Certificate), f.secret, "user_is_other_sid what=certificate"},
		{sid.New(sid.Account), f.secret, "user_is_other_sid what=account"},
		{"<Key SID>", f.secret, "user_placeholder"},
		{"KYxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxx", f.secret, "user_placeholder"},
		{sid.New(sid.Key), f.secret, "secret_of_other_key key=" + k},
		{sid.New(sid.Key), "<secret>", "secret_placeholder"},
		{sid.New(sid.Key), credential.NewSecret(), ""},
		{"somebody", "something", ""},
		{strings.Repeat("x", 60000), "y", ""},
	} {
		got := said(refused(t, f.secrets, f.world, c.user, c.password))
		if c.password == "" {
			c.want = mistyped + " how=white_space"
		}
		if got != c.want {
			t.Errorf("%q with %d bytes: %q, want %q", c.user[:min(len(c.user), 40)], len(c.password), got, c.want)
		}
	}
}

func TestTwoNearKeysAreToldApartByTheSecret(t *testing.T) {
	f := newFarm()
	twin := f.far
	for i := 2; i < sid.Length; i++ { // the text is one off from both
		if f.key.SID[i] != '0' && f.key.SID[i] != '1' {
			twin.SID = f.key.SID[:i] + "0" + f.key.SID[i+1:]
			f.keys[twin.SID] = twin
			user := f.key.SID[:i] + "1" + f.key.SID[i+1:]
			if got := refused(t, f.secrets, f.world, user, f.farSecret); got[0].Fact("key") != twin.SID {
				t.Errorf("%+v", got)
			}
			if got := refused(t, f.secrets, f.world, user, f.secret); got[0].Fact("key") != f.key.SID {
				t.Errorf("%+v", got)
			}
			return
		}
	}
}

// Whatever was sent, nothing of it may come out: neither whole nor in part, and no length.
func TestCluesHoldNoPartOfWhatWasSent(t *testing.T) {
	f := newFarm()
	for range 50 {
		unknown := credential.NewSecret()
		for _, pair := range [][2]string{
			{f.key.SID, f.secret + "\n"}, {f.key.SID, `"` + f.secret}, {f.key.SID, unknown}, {unknown, f.key.SID}, {unknown + "\n", unknown}, {f.secret, f.key.SID},
			{f.key.SID, f.farSecret}, {f.key.SID, unknown[:20]}, {f.lamp.SID, unknown}, {sid.New(sid.Key), f.secret}, {unknown, unknown}, {f.key.SID, unknown + unknown},
		} {
			text, err := json.Marshal(refused(t, f.secrets, f.world, pair[0], pair[1]))
			if err != nil {
				t.Fatal(err)
			}
			for _, secret := range []string{unknown, f.secret, f.farSecret} {
				for i := 0; i+6 <= len(secret); i++ {
					if strings.Contains(string(text), secret[i:i+6]) {
						t.Fatalf("%s holds a part of a secret", text)
					}
				}
			}
			for _, length := range []string{"20", "31", "33", "64"} {
				if strings.Contains(string(text), `"`+length+`"`) {
					t.Fatalf("%s holds a length", text)
				}
			}
		}
	}
}

func TestOnlyRefusedKeysAreDiagnosed(t *testing.T) {
	f := newFarm()
	p := admission.Presented{ProtocolName: "MQTT", ProtocolLevel: 4, HasUser: true, User: f.key.SID, HasPassword: true, Password: []byte(f.secret + "\n")}
	wrong := admission.Decide(p, admission.Open, f)
	with := p
	with.Thumbprint = "ab"
	for name, got := range map[string][]Clue{
		"certificate": f.secrets.Clues(with, wrong),
		"accepted":    f.secrets.Clues(p, admission.Verdict{}),
		"code 3":      f.secrets.Clues(p, admission.Decide(p, admission.Draining, f)),
		"code 5":      f.secrets.Clues(p, admission.Verdict{Code: 5, Cause: cause.DeviceDisabled}),
		"no user":     f.secrets.Clues(admission.Presented{}, wrong),
	} {
		if len(got) > 0 {
			t.Errorf("%s: %+v", name, got)
		}
	}
}

func TestAFloodIsNotDiagnosedWithoutBound(t *testing.T) {
	f := newFarm()
	fleet := f.fleet("large")
	device := f.device(fleet.SID, "", "many")
	for range 2000 {
		k := registry.Key{SID: sid.New(sid.Key), FleetSID: f.lamp.FleetSID, DeviceSID: device.SID, Salt: f.key.Salt, Hash: make([]byte, 32)}
		f.keys[k.SID] = k
	}
	f.version++
	unknown := credential.NewSecret()
	spent := func() int {
		before := f.secrets.tokens
		refused(t, f.secrets, f.world, f.key.SID, unknown)
		return int(before - f.secrets.tokens)
	}
	if n := spent(); n > maxHashes || n < maxHashes-10 {
		t.Errorf("one call spent %d hashes", n)
	}
	for range 100 {
		spent()
	}
	if n := spent(); n != 0 {
		t.Errorf("%d hashes were spent beyond the bound of all", n)
	}
	f.clock.add(time.Minute)
	if got := said(refused(t, f.secrets, f.world, f.key.SID, f.secret+"\n")); got != "secret_whitespace at=end what=newline" {
		t.Errorf("after the flood: %q", got)
	}
	if f.listed > 2 {
		t.Errorf("all keys were listed %d times for a registry that did not change", f.listed)
	}
}

func BenchmarkClues(b *testing.B) {
	f := newFarm()
	device := f.device(f.lamp.FleetSID, "", "many")
	for range 10000 {
		k := registry.Key{SID: sid.New(sid.Key), FleetSID: f.lamp.FleetSID, DeviceSID: device.SID, Salt: f.key.Salt, Hash: make([]byte, 32)}
		f.keys[k.SID] = k
	}
	f.version++
	unknown := credential.NewSecret()
	p := admission.Presented{ProtocolName: "MQTT", ProtocolLevel: 4, HasUser: true, User: f.key.SID, HasPassword: true, Password: []byte(unknown)}
	v := admission.Decide(p, admission.Open, f)
	for b.Loop() {
		f.clock.add(time.Second)
		f.secrets.Clues(p, v)
	}
}
