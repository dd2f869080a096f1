//go:build integration

package clients

import (
	"path/filepath"
	"slices"
	"strconv"
	"testing"

	"github.com/stretchr/testify/require"

	"gatehouse/app/remedy"
	"gatehouse/app/words"
	"gatehouse/gateway/attempt"
	"gatehouse/gateway/cause"
)

// What the window says of clients that people have at hand, and the button that it offers.
func TestWhatOrdinaryClientsDoWrongIsNamedAndMended(t *testing.T) {
	b := newBench(t)
	lamp := b.device("lamp")
	key := b.key(lamp)
	enrolled := b.certificate(lamp, "-newkey", "ec", "-pkeyopt", "ec_paramgen_curve:prime256v1")
	dir := t.TempDir()
	self := func(name string, more ...string) (cert, private string) {
		cert, private = filepath.Join(dir, name+".crt"), filepath.Join(dir, name+".key")
		args := []string{"req", "-x509", "-nodes", "-days", "30", "-subj", "/CN=" + name, "-out", cert}
		if len(more) == 0 {
			more = []string{"-newkey", "ec", "-pkeyopt", "ec_paramgen_curve:prime256v1", "-keyout", private}
		}
		run(t, "openssl", append(args, more...)...).succeeds()
		return cert, private
	}
	otherRoot, _ := self("other-root")
	stranger, strangersKey := self("stranger")
	reissued, _ := self("reissued", "-key", enrolled[3])
	port := strconv.Itoa(b.status.Port)
	publish := func(args ...string) []string {
		return append([]string{"mosquitto_pub", "-h", "localhost", "-p", port, "-t", "a", "-m", "b", "-q", "1", "-V", "mqttv311"}, args...)
	}
	root := []string{"--cafile", b.status.RootPath}
	connect := func(args ...string) []string {
		return append([]string{"openssl", "s_client", "-connect", b.status.MQTTAddr}, args...)
	}

	for name, c := range map[string]struct {
		run        []string
		cause      cause.ID
		clue       cause.ID
		short, fix string
	}{
		"mosquitto, root not installed": {publish(append([]string{"--cafile", otherRoot}, key...)...), cause.UntrustedRoot, "", "Does not trust this gateway’s root", "Save root.pem"},
		"openssl, root not installed":   {connect("-CAfile", otherRoot, "-verify_return_error"), cause.UntrustedRoot, "", "Does not trust this gateway’s root", "Save root.pem"},
		"openssl, TLS 1.1":              {connect("-tls1_1", "-cipher", "ALL:@SECLEVEL=0"), cause.TLSVersion, "", "TLS version too old", "Copy the mosquitto option"},
		"mosquitto, without TLS":        {publish(key...), cause.Plaintext, "", "Speaks MQTT without TLS", "Copy the TLS address"},
		"mosquitto, MQTT 5":             {publish(slices.Concat(root, key, []string{"-V", "mqttv5"})...), cause.MQTT5, "", "Device speaks MQTT 5", "Copy the mosquitto option"},
		"mosquitto, newline":            {publish(slices.Concat(root, []string{"-u", key[1], "-P", key[3] + "\n"})...), cause.WrongSecret, cause.SecretWhitespace, "Secret ends in a newline", "New key for lamp"},
		"mosquitto, quotes":             {publish(slices.Concat(root, []string{"-u", key[1], "-P", `"` + key[3] + `"`})...), cause.WrongSecret, cause.SecretQuoted, "Secret is in quotation marks", "New key for lamp"},
		"mosquitto, swapped":            {publish(slices.Concat(root, []string{"-u", key[3], "-P", key[1]})...), cause.UserNotKeySID, cause.SecretSwapped, "Key SID and secret are swapped", "Copy the right Key SID"},
		"mosquitto, stranger":           {publish(slices.Concat(root, []string{"--cert", stranger, "--key", strangersKey})...), cause.UnknownCertificate, "", "Certificate is not enrolled", "Enrol this certificate for…"},
		"mosquitto, reissued":           {publish(slices.Concat(root, []string{"--cert", reissued, "--key", enrolled[3]})...), cause.UnknownCertificate, "", "Certificate is not enrolled", "Enrol the reissued certificate for lamp"},
	} {
		t.Run(name, func(t *testing.T) {
			before := uint64(0)
			if newest := b.gateway.Attempts().Query(attempt.Filter{Limit: 1}).Attempts; len(newest) > 0 {
				before = newest[0].ID
			}
			run(t, c.run[0], c.run[1:]...)
			var a attempt.Attempt
			eventually(t, "the attempt is over", func() bool {
				page := b.gateway.Attempts().Query(attempt.Filter{AfterID: before, Limit: 1, Whole: true})
				if len(page.Attempts) == 0 {
					return false
				}
				a = page.Attempts[0]
				return a.Done
			})
			require.Equal(t, c.cause, a.Cause)
			if c.clue != "" {
				require.Contains(t, a.Warnings, c.clue)
			}
			require.Equal(t, c.short, words.Explain(a).Short)
			fix, _ := remedy.Source{Registry: b.gateway.Registry(), Settings: b.gateway, Address: b.status.URL}.For(a)
			require.Equal(t, c.fix, fix.Label)
		})
	}
}
