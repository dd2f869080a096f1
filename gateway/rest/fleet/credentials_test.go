package fleet

import (
	"encoding/base64"
	"encoding/pem"
	"strings"
	"testing"
	"time"

	"github.com/stretchr/testify/require"

	"gatehouse/gateway/credential"
	"gatehouse/gateway/sid"
)

func TestAKeysSecretIsShownOnCreateOnly(t *testing.T) {
	w := newWorld(t)
	fleet := w.must(200, "GET", "/Fleets/default")
	device := w.must(201, "POST", "/Fleets/default/Devices").text("sid")
	key := w.must(201, "POST", "/Fleets/default/Keys", "FriendlyName", "Flash", "DeviceSid", device, "Secret", "mine")
	require.True(t, sid.Valid(sid.Key, key.text("sid")))
	path := "/Fleets/default/Keys/" + key.text("sid")
	same(t, object{
		"sid": key["sid"], "friendly_name": "Flash", "fleet_sid": fleet["sid"], "account_sid": w.registry.Account().SID, "device_sid": device,
		"secret": anything, "date_created": anything, "date_updated": anything,
		"url": host + "/DeployedDevices/Fleets/" + fleet.text("sid") + "/Keys/" + key.text("sid"),
	}, key)
	secret := key.text("secret")
	require.Regexp(t, `^[0-9A-Za-z]{32}$`, secret)
	kept, _ := w.registry.Key(key.text("sid"))
	require.True(t, credential.SecretMatches(kept.Salt, kept.Hash, []byte(secret)))
	for _, later := range []object{
		w.must(200, "GET", path), w.must(200, "POST", path, "FriendlyName", "x"), w.must(200, "GET", "/Fleets/default/Keys").records("keys")[0],
	} {
		require.Contains(t, later, "secret")
		require.Nil(t, later["secret"])
	}
	require.NotContains(t, w.log.text.String(), secret)
}

func TestACredentialChangesHands(t *testing.T) {
	w := newWorld(t)
	a := w.must(201, "POST", "/Fleets/default/Devices").text("sid")
	b := w.must(201, "POST", "/Fleets/default/Devices").text("sid")
	foreign := w.must(201, "POST", "/Fleets/"+w.must(201, "POST", "/Fleets").text("sid")+"/Devices").text("sid")
	text, _ := certificate(t)
	for collection, form := range map[string][]string{"Keys": nil, "Certificates": {"CertificateData", text}} {
		path := "/Fleets/default/" + collection
		made := w.must(201, "POST", path, form...)
		require.Nil(t, made["device_sid"])
		require.Nil(t, made["friendly_name"])
		one := path + "/" + made.text("sid")
		require.Equal(t, a, w.must(200, "POST", one, "DeviceSid", a)["device_sid"])
		require.Equal(t, b, w.must(200, "POST", one, "DeviceSid", b, "FriendlyName", "x")["device_sid"])
		after := w.must(200, "POST", one)
		require.Equal(t, b, after["device_sid"], "what is not given stays")
		require.Equal(t, "x", after["friendly_name"])
		key := strings.ToLower(collection)
		require.Equal(t, []string{made.text("sid")}, w.must(200, "GET", path, "DeviceSid", b).sids(key))
		require.Empty(t, w.must(200, "GET", path, "DeviceSid", a).sids(key))
		require.Empty(t, w.must(200, "GET", path, "DeviceSid", "").sids(key))
		require.Nil(t, w.must(200, "POST", one, "DeviceSid", "")["device_sid"])
		require.Equal(t, []string{made.text("sid")}, w.must(200, "GET", path, "DeviceSid", "").sids(key))
		for _, bad := range []string{"x", "TH" + strings.Repeat("0", 32), foreign, made.text("sid")} {
			require.Contains(t, w.refused(400, 20001, "POST", one, "DeviceSid", bad), "DeviceSid")
			require.Contains(t, w.refused(400, 20001, "POST", path, append(form, "DeviceSid", bad)...), "DeviceSid")
			require.Contains(t, w.refused(400, 20001, "GET", path, "DeviceSid", bad), "DeviceSid")
		}
		require.Contains(t, w.refused(400, 20001, "POST", one, "FriendlyName", strings.Repeat("x", 257)), "FriendlyName")
		w.must(204, "DELETE", one)
		for _, method := range []string{"GET", "POST", "DELETE"} {
			w.refused(404, 20404, method, one)
		}
	}
}

func TestACertificateIsKeptAndNeverReturned(t *testing.T) {
	w := newWorld(t)
	fleet := w.must(200, "GET", "/Fleets/default")
	device := w.must(201, "POST", "/Fleets/default/Devices").text("sid")
	text, thumbprint := certificate(t)
	made := w.must(201, "POST", "/Fleets/default/Certificates", "CertificateData", text, "FriendlyName", "Board", "DeviceSid", device)
	require.True(t, sid.Valid(sid.Certificate, made.text("sid")))
	fields := object{
		"sid": made["sid"], "friendly_name": "Board", "fleet_sid": fleet["sid"], "account_sid": w.registry.Account().SID, "device_sid": device,
		"thumbprint": thumbprint, "date_created": anything, "date_updated": anything,
		"url": host + "/DeployedDevices/Fleets/" + fleet.text("sid") + "/Certificates/" + made.text("sid"),
	}
	same(t, fields, made)
	path := "/Fleets/default/Certificates/" + made.text("sid")
	same(t, fields, w.must(200, "GET", path))
	same(t, fields, w.must(200, "POST", path, "CertificateData", "ignored"))
	require.Len(t, thumbprint, 64)
}

func TestACertificateIsEnrolledOnceInTheAccount(t *testing.T) {
	w := newWorld(t)
	text, _ := certificate(t)
	other := w.must(201, "POST", "/Fleets").text("sid")
	made := w.must(201, "POST", "/Fleets/"+other+"/Certificates", "CertificateData", text)
	require.Contains(t, w.refused(409, 20409, "POST", "/Fleets/default/Certificates", "CertificateData", text), made.text("sid"))
	w.must(204, "DELETE", "/Fleets/"+other+"/Certificates/"+made.text("sid"))
	w.must(201, "POST", "/Fleets/default/Certificates", "CertificateData", text)
}

func TestWhatIsNoCertificateIsRefusedWithoutBeingRepeated(t *testing.T) {
	w := newWorld(t)
	g, err := credential.GenerateP256("device", time.Now())
	require.NoError(t, err)
	w.refused(400, 20001, "POST", "/Fleets/default/Certificates")
	block, _ := pem.Decode(g.KeyPEM)
	key := base64.StdEncoding.EncodeToString(block.Bytes)
	for _, bad := range []string{
		"", "x", string(g.KeyPEM), string(g.CertPEM[:len(g.CertPEM)/2]), strings.Repeat("x", credential.MaxImport+1), "-----BEGIN CERTIFICATE-----\n!\n-----END CERTIFICATE-----\n",
	} {
		message := w.refused(400, 20001, "POST", "/Fleets/default/Certificates", "CertificateData", bad)
		require.Contains(t, message, "Parameter CertificateData ")
		require.NotContains(t, message, key[:16])
	}
	require.Empty(t, w.registry.AllCertificates())
	require.NotContains(t, w.log.text.String(), key[:16])
	// Line ends as on Windows, and a key beside it, which is passed over.
	w.must(201, "POST", "/Fleets/default/Certificates", "CertificateData", strings.ReplaceAll(string(g.CertPEM), "\n", "\r\n")+string(g.KeyPEM))
}
