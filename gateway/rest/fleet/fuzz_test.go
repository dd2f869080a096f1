package fleet

import (
	"encoding/json"
	"net/http"
	"net/http/httptest"
	"strings"
	"testing"

	"github.com/stretchr/testify/require"

	"gatehouse/gateway/registry"
)

// Whatever a form holds: the API answers JSON, and nothing that it takes goes beyond the contract's bounds.
func FuzzDeviceManagementForms(f *testing.F) {
	f.Add(uint8(0), "UniqueName=pump&FriendlyName=Pump&Identity=x&Enabled=false&DeploymentSid=")
	f.Add(uint8(1), "FriendlyName=%00&DefaultDeploymentSid=DL")
	f.Add(uint8(2), "CertificateData=-----BEGIN+CERTIFICATE-----%0AMAA%3D%0A-----END+CERTIFICATE-----")
	f.Add(uint8(3), "DeviceSid=TH00000000000000000000000000000000&FriendlyName=%FF")
	f.Add(uint8(4), "PageSize=1&Page=0&PageToken=PAeA&DeviceSid=")
	f.Add(uint8(5), "SyncServiceSid=IS&SyncServiceSid=")
	w := newWorld(f)
	device, err := w.registry.CreateDevice(f.Context(), registry.NewDevice{UniqueName: "fuzzed"})
	require.NoError(f, err)
	key, _, err := w.registry.CreateKey(f.Context(), "", device.SID, "")
	require.NoError(f, err)
	deployment := w.registry.Fleets()[0].DefaultDeploymentSID
	targets := []struct{ method, path string }{
		{"POST", "/Devices/fuzzed"}, {"POST", ""}, {"POST", "/Certificates"}, {"POST", "/Keys/" + key.SID}, {"GET", "/Keys"}, {"POST", "/Deployments/" + deployment},
		{"GET", "/Devices"},
	}
	f.Fuzz(func(t *testing.T, which uint8, form string) {
		target := targets[int(which)%len(targets)]
		r := httptest.NewRequest(target.method, host+"/DeployedDevices/Fleets/default"+target.path, strings.NewReader(form))
		r.Header.Set("Content-Type", "application/x-www-form-urlencoded")
		if target.method == "GET" {
			r.URL.RawQuery = form
		}
		answer := httptest.NewRecorder()
		w.api.ServeHTTP(answer, r)
		if !json.Valid(answer.Body.Bytes()) {
			t.Fatalf("%d is no JSON: %q", answer.Code, answer.Body)
		}
		switch answer.Code {
		case http.StatusOK, http.StatusCreated, http.StatusBadRequest, http.StatusConflict, http.StatusRequestEntityTooLarge:
		default:
			t.Fatalf("%s %s with %q: %d %s", target.method, target.path, form, answer.Code, answer.Body)
		}
		d, _ := w.registry.Device(device.SID)
		if len([]rune(d.FriendlyName)) > 256 || len([]rune(d.Identity)) > 256 || d.UniqueName != "fuzzed" {
			t.Fatalf("%q made %+v", form, d)
		}
	})
}
