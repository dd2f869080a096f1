package fleet

import (
	"strings"
	"testing"
	"time"

	"github.com/stretchr/testify/require"

	"gatehouse/gateway/registry"
	"gatehouse/gateway/sid"
)

func TestAFleetHasTheContractsFields(t *testing.T) {
	w := newWorld(t)
	before := time.Now().Truncate(time.Second)
	created := w.must(201, "POST", "/Fleets", "FriendlyName", "Plant", "UniqueName", "ignored", "Unknown", "ignored")
	fleet := created.text("sid")
	require.True(t, sid.Valid(sid.Fleet, fleet))
	url := host + "/DeployedDevices/Fleets/" + fleet
	same(t, object{
		"sid": fleet, "unique_name": nil, "friendly_name": "Plant", "account_sid": w.registry.Account().SID,
		"default_deployment_sid": anything, "date_created": anything, "date_updated": anything, "url": url,
		"links": map[string]any{
			"devices": url + "/Devices", "deployments": url + "/Deployments", "certificates": url + "/Certificates", "keys": url + "/Keys",
		},
	}, created)
	at, err := time.Parse("2006-01-02T15:04:05Z", created.text("date_created"))
	require.NoError(t, err)
	require.WithinRange(t, at, before, time.Now())
	require.Equal(t, created, w.must(200, "GET", "/Fleets/"+fleet))
	require.Contains(t, w.must(200, "GET", "/Fleets").sids("fleets"), fleet)
	// Every fleet starts with a default deployment that is linked to the default Sync service (contract, section 5).
	deployment := w.must(200, "GET", "/Fleets/"+fleet+"/Deployments/"+created.text("default_deployment_sid"))
	service, _ := w.registry.ServiceByName("default")
	require.Equal(t, service.SID, deployment["sync_service_sid"])
}

func TestTheFleetDefaultIsFoundByItsName(t *testing.T) {
	w := newWorld(t)
	fleet := w.must(200, "GET", "/Fleets/default")
	require.Equal(t, "default", fleet["unique_name"])
	require.Equal(t, fleet, w.must(200, "GET", "/Fleets/"+fleet.text("sid")))
	device := w.must(201, "POST", "/Fleets/default/Devices", "UniqueName", "pump 1/α")
	require.Equal(t, device, w.must(200, "GET", "/Fleets/default/Devices/pump%201%2F%CE%B1"))
	require.Equal(t, "https://board.lan/DeployedDevices/Fleets/"+fleet.text("sid"),
		w.must(200, "GET", "https://board.lan/DeployedDevices/Fleets/default")["url"], "URLs are at the host that the request named")
}

func TestAFleetsNameAndDefaultDeploymentChange(t *testing.T) {
	w := newWorld(t)
	fleet := w.must(201, "POST", "/Fleets")
	require.Nil(t, fleet["friendly_name"])
	path := "/Fleets/" + fleet.text("sid")
	other := w.must(201, "POST", path+"/Deployments", "FriendlyName", "other").text("sid")
	changed := w.must(200, "POST", path, "FriendlyName", "Plant", "DefaultDeploymentSid", other)
	require.Equal(t, "Plant", changed["friendly_name"])
	require.Equal(t, other, changed["default_deployment_sid"])
	require.Equal(t, fleet["date_created"], changed["date_created"])
	require.Equal(t, other, w.must(201, "POST", path+"/Devices")["deployment_sid"])
	require.Equal(t, "Plant", w.must(200, "POST", path)["friendly_name"], "what is not given stays")
	require.Nil(t, w.must(200, "POST", path, "FriendlyName", "")["friendly_name"])
	require.Nil(t, w.must(200, "POST", path, "DefaultDeploymentSid", "")["default_deployment_sid"])
	require.Nil(t, w.must(201, "POST", path+"/Devices")["deployment_sid"])

	require.Contains(t, w.refused(400, 20001, "POST", path, "FriendlyName", strings.Repeat("ä", 257)), "FriendlyName")
	w.must(200, "POST", path, "FriendlyName", strings.Repeat("ä", 256))
	foreign := w.must(200, "GET", "/Fleets/default").text("default_deployment_sid")
	for _, bad := range []string{"x", "DL" + strings.Repeat("0", 32), foreign, w.registry.Account().SID} {
		require.Contains(t, w.refused(400, 20001, "POST", path, "DefaultDeploymentSid", bad), "DefaultDeploymentSid")
	}
}

func TestDeletingAFleetDeletesAllInIt(t *testing.T) {
	w := newWorld(t)
	fleet := w.must(201, "POST", "/Fleets", "FriendlyName", "Plant")
	path := "/Fleets/" + fleet.text("sid")
	device := w.must(201, "POST", path+"/Devices").text("sid")
	pem, _ := certificate(t)
	loose, _ := certificate(t)
	var below []string
	below = append(below, path+"/Devices/"+device, path+"/Deployments/"+fleet.text("default_deployment_sid"))
	below = append(below, path+"/Keys/"+w.must(201, "POST", path+"/Keys", "DeviceSid", device).text("sid"))
	below = append(below, path+"/Keys/"+w.must(201, "POST", path+"/Keys").text("sid"))
	below = append(below, path+"/Certificates/"+w.must(201, "POST", path+"/Certificates", "DeviceSid", device, "CertificateData", pem).text("sid"))
	below = append(below, path+"/Certificates/"+w.must(201, "POST", path+"/Certificates", "CertificateData", loose).text("sid"))
	w.must(204, "DELETE", path)
	for _, gone := range append(below, path, path+"/Devices", path+"/Deployments", path+"/Certificates", path+"/Keys") {
		require.Contains(t, w.refused(404, 20404, "GET", gone), gone)
	}
	w.refused(404, 20404, "DELETE", path)
	w.refused(404, 20404, "POST", path)
	require.Len(t, w.must(200, "GET", "/Fleets").records("fleets"), 1)
	w.must(201, "POST", "/Fleets/default/Certificates", "CertificateData", pem)
}

func TestUnknownPathsAndMethodsAreRefused(t *testing.T) {
	w := newWorld(t)
	w.must(201, "POST", "/Fleets/default/Devices", "UniqueName", "pump")
	for _, path := range []string{
		"", "/", "/Fleets/", "/fleets", "/Fleets/nothing", "/Fleets/nothing/Devices", "/Fleets/FL" + strings.Repeat("0", 32) + "/Keys",
		"/Fleets/default/", "/Fleets/default/Devices/", "/Fleets/default/Things", "/Fleets/default/Devices/pump/Keys", "/Fleets/default/Devices/nothing",
		"/Fleets/default/Keys/KY" + strings.Repeat("0", 32), "/Fleets/default/Deployments/default", "/Fleets/default/Certificates/CY" + strings.Repeat("0", 32),
	} {
		w.refused(404, 20404, "GET", path)
	}
	for _, c := range []struct{ method, path string }{
		{"DELETE", "/Fleets"}, {"PUT", "/Fleets/default"}, {"PATCH", "/Fleets/default/Devices/pump"}, {"PUT", "/Fleets/default/Keys"},
	} {
		w.refused(405, 20004, c.method, c.path)
	}
}

func TestAStoreThatIsDownIsToldAsSuch(t *testing.T) {
	w := newWorld(t)
	require.NoError(t, w.store.Close())
	w.refused(503, 20503, "POST", "/Fleets", "FriendlyName", "Plant")
	require.Len(t, w.must(200, "GET", "/Fleets").records("fleets"), 1, "what is known can still be read")
}

// A list, whichever, pages in the order of creation, there and back.
func TestEveryListPages(t *testing.T) {
	w := newWorld(t)
	ctx := t.Context()
	fleet := w.registry.Fleets()[0].SID
	want := map[string][]string{}
	add := func(key, sid string, err error) {
		require.NoError(t, err)
		want[key] = append(want[key], sid)
	}
	add("fleets", fleet, nil)
	add("deployments", w.registry.Fleets()[0].DefaultDeploymentSID, nil)
	for range 6 {
		f, err := w.registry.CreateFleet(ctx, "", "")
		add("fleets", f.SID, err)
		d, err := w.registry.CreateDevice(ctx, registry.NewDevice{FleetSID: fleet})
		add("devices", d.SID, err)
		l, err := w.registry.CreateDeployment(ctx, fleet, "", "")
		add("deployments", l.SID, err)
		k, _, err := w.registry.CreateKey(ctx, fleet, "", "")
		add("keys", k.SID, err)
		text, _ := certificate(t)
		c, err := w.registry.ImportCertificate(ctx, fleet, "", "", []byte(text))
		add("certificates", c.SID, err)
	}
	for key, path := range map[string]string{
		"fleets": "/Fleets", "devices": "/Fleets/default/Devices", "deployments": "/Fleets/default/Deployments", "keys": "/Fleets/default/Keys",
		"certificates": "/Fleets/default/Certificates",
	} {
		require.Equal(t, want[key], w.must(200, "GET", path).sids(key))
		page := w.must(200, "GET", path, "PageSize", "4")
		meta := page["meta"].(map[string]any)
		first, _ := meta["url"].(string)
		canonical := strings.Replace(path, "/default/", "/"+fleet+"/", 1)
		require.Equal(t, map[string]any{
			"key": key, "page": 0.0, "page_size": 4.0, "url": host + "/DeployedDevices" + canonical + "?Page=0&PageSize=4",
			"first_page_url": first, "previous_page_url": nil, "next_page_url": meta["next_page_url"],
		}, meta)
		second := w.must(200, "GET", meta["next_page_url"].(string))
		require.Equal(t, want[key], append(page.sids(key), second.sids(key)...))
		meta = second["meta"].(map[string]any)
		require.Nil(t, meta["next_page_url"])
		require.Equal(t, 1.0, meta["page"])
		require.Equal(t, page.sids(key), w.must(200, "GET", meta["previous_page_url"].(string)).sids(key))
		for _, bad := range []string{"0", "x", "-5"} {
			require.Contains(t, w.refused(400, 20001, "GET", path, "PageSize", bad), "PageSize")
		}
		w.refused(400, 20001, "GET", path, "PageToken", "nonsense")
	}
}
