package fleet

import (
	"strings"
	"testing"
	"time"

	"github.com/stretchr/testify/require"

	"gatehouse/gateway/sid"
)

func TestADeviceHasTheContractsFields(t *testing.T) {
	w := newWorld(t)
	fleet := w.must(200, "GET", "/Fleets/default")
	device := w.must(201, "POST", "/Fleets/default/Devices", "UniqueName", "pump", "FriendlyName", "Pump", "Identity", "pump-1")
	require.True(t, sid.Valid(sid.Device, device.text("sid")))
	same(t, object{
		"sid": device["sid"], "unique_name": "pump", "friendly_name": "Pump", "fleet_sid": fleet["sid"], "account_sid": w.registry.Account().SID,
		"enabled": true, "deployment_sid": fleet["default_deployment_sid"], "identity": "pump-1", "date_created": anything, "date_updated": anything,
		"date_authenticated": nil, "url": host + "/DeployedDevices/Fleets/" + fleet.text("sid") + "/Devices/" + device.text("sid"),
	}, device)
	w.registry.Authenticated(device.text("sid"), time.Date(2017, 8, 14, 19, 19, 30, 5, time.UTC))
	require.Equal(t, "2017-08-14T19:19:30Z", w.must(200, "GET", "/Fleets/default/Devices/pump")["date_authenticated"])
}

func TestADeviceIsCreatedAsItsParametersSay(t *testing.T) {
	w := newWorld(t)
	const devices = "/Fleets/default/Devices"
	other := w.must(201, "POST", "/Fleets/default/Deployments").text("sid")
	bare := w.must(201, "POST", devices)
	require.Nil(t, bare["unique_name"])
	require.Nil(t, bare["friendly_name"])
	require.Nil(t, bare["identity"])
	require.Equal(t, true, bare["enabled"])
	require.Equal(t, other, w.must(201, "POST", devices, "DeploymentSid", other)["deployment_sid"])
	require.Nil(t, w.must(201, "POST", devices, "DeploymentSid", "")["deployment_sid"])
	require.Equal(t, false, w.must(201, "POST", devices, "Enabled", "false")["enabled"])
	require.Equal(t, true, w.must(201, "POST", devices, "Enabled", "True")["enabled"])
	w.must(201, "POST", devices, "UniqueName", strings.Repeat("ä", 128), "FriendlyName", strings.Repeat("ä", 256), "Identity", strings.Repeat("ä", 256))
	before := len(w.registry.Devices())
	for _, c := range []struct{ name, value string }{
		{"UniqueName", strings.Repeat("ä", 129)},
		{"UniqueName", "TH" + strings.Repeat("0", 32)},
		{"UniqueName", "a\x00b"},
		{"UniqueName", "\xff"},
		{"FriendlyName", strings.Repeat("x", 257)},
		{"FriendlyName", "a\nb"},
		{"Identity", strings.Repeat("x", 257)},
		{"Enabled", "yes"},
		{"Enabled", ""},
		{"DeploymentSid", "DL" + strings.Repeat("0", 32)},
		{"DeploymentSid", bare.text("sid")},
		{"DeploymentSid", "default"},
	} {
		require.Contains(t, w.refused(400, 20001, "POST", devices, c.name, c.value), "Parameter "+c.name+" ", "%s=%q", c.name, c.value)
	}
	require.Len(t, w.registry.Devices(), before, "nothing came of what was refused")
}

func TestAUniqueNameIsTakenOncePerFleet(t *testing.T) {
	w := newWorld(t)
	first := w.must(201, "POST", "/Fleets/default/Devices", "UniqueName", "pump")
	require.Contains(t, w.refused(409, 20409, "POST", "/Fleets/default/Devices", "UniqueName", "pump"), first.text("sid"))
	other := w.must(201, "POST", "/Fleets").text("sid")
	second := w.must(201, "POST", "/Fleets/"+other+"/Devices", "UniqueName", "pump")
	require.Equal(t, second, w.must(200, "GET", "/Fleets/"+other+"/Devices/pump"))
	w.refused(404, 20404, "GET", "/Fleets/"+other+"/Devices/"+first.text("sid"))
	w.must(204, "DELETE", "/Fleets/default/Devices/pump")
	w.must(201, "POST", "/Fleets/default/Devices", "UniqueName", "pump")
}

func TestADeviceChangesButForItsUniqueName(t *testing.T) {
	w := newWorld(t)
	device := w.must(201, "POST", "/Fleets/default/Devices", "UniqueName", "pump")
	other := w.must(201, "POST", "/Fleets/default/Deployments").text("sid")
	const path = "/Fleets/default/Devices/pump"
	changed := w.must(200, "POST", path, "UniqueName", "valve", "FriendlyName", "Pump", "Identity", "p", "DeploymentSid", other, "Enabled", "false")
	for name, want := range map[string]any{
		"sid": device["sid"], "unique_name": "pump", "friendly_name": "Pump", "identity": "p", "deployment_sid": other, "enabled": false,
	} {
		require.Equal(t, want, changed[name], name)
	}
	require.Equal(t, changed, w.must(200, "GET", "/Fleets/default/Devices/"+device.text("sid")))
	again := w.must(200, "POST", path)
	delete(changed, "date_updated")
	delete(again, "date_updated")
	require.Equal(t, changed, again, "what is not given stays")
	require.Nil(t, w.must(200, "POST", path, "DeploymentSid", "")["deployment_sid"])
	foreign := w.must(201, "POST", "/Fleets").text("default_deployment_sid")
	for _, c := range []struct{ name, value string }{
		{"FriendlyName", strings.Repeat("x", 257)}, {"Identity", strings.Repeat("x", 257)}, {"Enabled", "1"}, {"DeploymentSid", foreign}, {"DeploymentSid", "x"},
	} {
		require.Contains(t, w.refused(400, 20001, "POST", path, c.name, c.value), c.name)
	}
}

func TestDeletingADeviceDeletesItsCredentials(t *testing.T) {
	w := newWorld(t)
	device := w.must(201, "POST", "/Fleets/default/Devices").text("sid")
	key := w.must(201, "POST", "/Fleets/default/Keys", "DeviceSid", device).text("sid")
	loose := w.must(201, "POST", "/Fleets/default/Keys").text("sid")
	w.must(204, "DELETE", "/Fleets/default/Devices/"+device)
	w.refused(404, 20404, "DELETE", "/Fleets/default/Devices/"+device)
	w.refused(404, 20404, "GET", "/Fleets/default/Keys/"+key)
	w.must(200, "GET", "/Fleets/default/Keys/"+loose)
}

func TestDevicesAreFilteredByDeployment(t *testing.T) {
	w := newWorld(t)
	other := w.must(201, "POST", "/Fleets/default/Deployments").text("sid")
	a := w.must(201, "POST", "/Fleets/default/Devices").text("sid")
	b := w.must(201, "POST", "/Fleets/default/Devices", "DeploymentSid", other).text("sid")
	c := w.must(201, "POST", "/Fleets/default/Devices", "DeploymentSid", other).text("sid")
	d := w.must(201, "POST", "/Fleets/default/Devices", "DeploymentSid", "").text("sid")
	require.Equal(t, []string{a, b, c, d}, w.must(200, "GET", "/Fleets/default/Devices").sids("devices"))
	first := w.must(200, "GET", "/Fleets/default/Devices", "DeploymentSid", other, "PageSize", "1")
	require.Equal(t, []string{b}, first.sids("devices"))
	second := w.must(200, "GET", first["meta"].(map[string]any)["next_page_url"].(string))
	require.Equal(t, []string{c}, second.sids("devices"), "the link repeats the filter")
	require.Nil(t, second["meta"].(map[string]any)["next_page_url"])
	require.Equal(t, []string{d}, w.must(200, "GET", "/Fleets/default/Devices", "DeploymentSid", "").sids("devices"), "those of none")
	for _, bad := range []string{"x", "DL" + strings.Repeat("0", 32), a} {
		require.Contains(t, w.refused(400, 20001, "GET", "/Fleets/default/Devices", "DeploymentSid", bad), "DeploymentSid")
	}
}

func TestADeploymentLinksDevicesToAService(t *testing.T) {
	w := newWorld(t)
	fleet := w.must(200, "GET", "/Fleets/default")
	service := w.registry.Services()[0].SID
	deployment := w.must(201, "POST", "/Fleets/default/Deployments", "FriendlyName", "Live", "SyncServiceSid", service)
	require.True(t, sid.Valid(sid.Deployment, deployment.text("sid")))
	path := "/Fleets/default/Deployments/" + deployment.text("sid")
	same(t, object{
		"sid": deployment["sid"], "friendly_name": "Live", "fleet_sid": fleet["sid"], "account_sid": w.registry.Account().SID, "sync_service_sid": service,
		"date_created": anything, "date_updated": anything,
		"url": host + "/DeployedDevices/Fleets/" + fleet.text("sid") + "/Deployments/" + deployment.text("sid"),
	}, deployment)
	require.Equal(t, deployment, w.must(200, "GET", path))
	none := w.must(201, "POST", "/Fleets/default/Deployments")
	require.Nil(t, none["sync_service_sid"])
	require.Nil(t, none["friendly_name"])
	changed := w.must(200, "POST", path, "FriendlyName", "Test")
	require.Equal(t, "Test", changed["friendly_name"])
	require.Equal(t, service, changed["sync_service_sid"])
	require.Nil(t, w.must(200, "POST", path, "SyncServiceSid", "")["sync_service_sid"])
	require.Equal(t, service, w.must(200, "POST", path, "SyncServiceSid", service)["sync_service_sid"])
	for _, at := range []string{path, "/Fleets/default/Deployments"} {
		require.Contains(t, w.refused(400, 20001, "POST", at, "FriendlyName", strings.Repeat("x", 257)), "FriendlyName")
		for _, bad := range []string{"x", "default", "IS" + strings.Repeat("0", 32), fleet.text("sid")} {
			require.Contains(t, w.refused(400, 20001, "POST", at, "SyncServiceSid", bad), "SyncServiceSid")
		}
	}
}

func TestDeletingADeploymentLeavesItsDevicesUndeployed(t *testing.T) {
	w := newWorld(t)
	fleet := w.must(200, "GET", "/Fleets/default")
	w.must(201, "POST", "/Fleets/default/Devices", "UniqueName", "pump")
	path := "/Fleets/default/Deployments/" + fleet.text("default_deployment_sid")
	w.must(204, "DELETE", path)
	require.Nil(t, w.must(200, "GET", "/Fleets/default/Devices/pump")["deployment_sid"])
	require.Nil(t, w.must(200, "GET", "/Fleets/default")["default_deployment_sid"])
	for _, method := range []string{"GET", "POST", "DELETE"} {
		w.refused(404, 20404, method, path)
	}
}
