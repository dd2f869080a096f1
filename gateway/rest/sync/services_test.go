package sync

import (
	"strings"
	"testing"

	"github.com/stretchr/testify/require"
)

func TestAServiceHasTheFieldsOfTheContract(t *testing.T) {
	w := newWorld(t)
	got := w.must(201, "POST", services, "FriendlyName", "Lamps", "WebhookUrl", "http://127.0.0.1:1/hook", "AclEnabled", "true")
	sid := got.text("sid")
	require.Regexp(t, "^IS[0-9a-f]{32}$", sid)
	want := object{
		"sid": sid, "unique_name": nil, "account_sid": w.registry.Account().SID, "friendly_name": "Lamps", "date_created": anything, "date_updated": anything,
		"url": host + services + "/" + sid, "webhook_url": "http://127.0.0.1:1/hook", "webhooks_from_rest_enabled": false,
		"reachability_webhooks_enabled": false, "acl_enabled": true, "reachability_debouncing_enabled": false, "reachability_debouncing_window": 5000.0,
		"links": map[string]any{
			"documents": host + services + "/" + sid + "/Documents", "lists": host + services + "/" + sid + "/Lists",
			"maps": host + services + "/" + sid + "/Maps", "streams": host + services + "/" + sid + "/Streams",
		},
	}
	same(t, want, got)
	require.Regexp(t, `^\d{4}-\d\d-\d\dT\d\d:\d\d:\d\dZ$`, got["date_created"])
	same(t, want, w.must(200, "GET", services+"/"+sid))
	got = w.must(200, "POST", services+"/"+sid, "FriendlyName", "Lights", "WebhookUrl", "", "AclEnabled", "false", "WebhooksFromRestEnabled", "true",
		"ReachabilityWebhooksEnabled", "true", "ReachabilityDebouncingEnabled", "true", "ReachabilityDebouncingWindow", "1000")
	for name, value := range map[string]any{
		"friendly_name": "Lights", "webhook_url": nil, "acl_enabled": false, "webhooks_from_rest_enabled": true, "reachability_webhooks_enabled": true,
		"reachability_debouncing_enabled": true, "reachability_debouncing_window": 1000.0,
	} {
		require.Equal(t, value, got[name], name)
	}
	require.Equal(t, "Lights", w.must(200, "POST", services+"/"+sid).text("friendly_name"), "what is not given stays")
}

func TestTheDefaultServiceIsFoundByItsName(t *testing.T) {
	w := newWorld(t)
	got := w.must(200, "GET", byName)
	require.Equal(t, w.service, got.text("sid"))
	require.Equal(t, "default", got.text("unique_name"))
	require.Equal(t, host+services+"/"+w.service, got.text("url"))
	w.must(201, "POST", byName+"/Documents", "UniqueName", "d")
	w.must(200, "GET", services+"/"+w.service+"/Documents/d")
}

func TestWrongParametersOfAServiceAreNamed(t *testing.T) {
	w := newWorld(t)
	for _, c := range [][2]string{
		{"ReachabilityDebouncingWindow", "999"}, {"ReachabilityDebouncingWindow", "30001"}, {"ReachabilityDebouncingWindow", "soon"},
		{"AclEnabled", "maybe"}, {"WebhooksFromRestEnabled", "1"}, {"ReachabilityWebhooksEnabled", "x"}, {"ReachabilityDebouncingEnabled", "x"},
		{"WebhookUrl", "ftp://127.0.0.1/"}, {"WebhookUrl", "hook"}, {"FriendlyName", strings.Repeat("x", 257)},
	} {
		require.Contains(t, w.refused(400, 20001, "POST", services, c[0], c[1]), c[0])
		require.Contains(t, w.refused(400, 20001, "POST", byName, c[0], c[1]), c[0])
	}
	require.Len(t, w.registry.Services(), 1)
}

func TestServicesArePagedInBothDirections(t *testing.T) {
	w := newWorld(t)
	names := []string{"Default Sync service"}
	for _, name := range []string{"a", "b", "c", "d", "e"} {
		w.must(201, "POST", services, "FriendlyName", name)
		names = append(names, name)
	}
	require.Equal(t, names, w.walk(services+"?PageSize=4", "services", func(o object) string { return o.text("friendly_name") }))
	page := w.must(200, "GET", services)
	require.EqualValues(t, 50, page.meta()["page_size"])
	w.refused(400, 20001, "GET", services+"?PageSize=0")
	w.refused(400, 20001, "GET", services+"?PageToken=nonsense")
}

func TestDeletingAServiceDeletesWhatIsInItAndUnlinksItsDeployments(t *testing.T) {
	w := newWorld(t)
	service := services + "/" + w.must(201, "POST", services, "FriendlyName", "other").text("sid")
	other := w.must(200, "GET", service).text("sid")
	document := w.must(201, "POST", service+"/Documents", "UniqueName", "d")
	fleet := w.registry.Fleets()[0].SID
	linked := w.registry.Deployments(fleet)[0].SID
	_, err := w.registry.UpdateDeployment(t.Context(), linked, nil, &other)
	require.NoError(t, err)
	w.must(204, "DELETE", service)
	w.refused(404, 54050, "GET", service)
	w.refused(404, 54050, "DELETE", service)
	w.refused(404, 54050, "GET", service+"/Documents/"+document.text("sid"))
	d, _ := w.registry.Deployment(linked)
	require.Empty(t, d.ServiceSID)

	w.refused(409, 20409, "DELETE", byName)
	w.refused(409, 20409, "DELETE", services+"/"+w.service)
	w.must(200, "GET", byName)
}

func TestUnknownPathsAndMethods(t *testing.T) {
	w := newWorld(t)
	w.must(201, "POST", byName+"/Lists", "UniqueName", "l")
	for _, path := range []string{
		"/v1", "/v1/", services + "/", byName + "/", byName + "/documents", byName + "/Documents/", byName + "/Streams/s/Permissions", byName + "/Streams/s/Items",
		byName + "/Documents/d/Items", byName + "/Lists/l/Items/0/x", "/v2/Services", "/gatehouse/v1/Services", "/gatehouse/v1/Services/default",
	} {
		w.refused(404, 20404, "GET", path)
	}
	for path, allow := range map[string]string{
		services: "GET, HEAD, OPTIONS, POST", byName: "DELETE, GET, HEAD, OPTIONS, POST", byName + "/Documents": "GET, HEAD, OPTIONS, POST",
		byName + "/Maps/m/Items/k": "DELETE, GET, HEAD, OPTIONS, POST", byName + "/Streams/s/Messages": "OPTIONS, POST",
		byName + "/Lists/l/Permissions": "GET, HEAD, OPTIONS", byName + "/Lists/l/Permissions/i": "DELETE, GET, HEAD, OPTIONS, POST",
	} {
		answer := w.raw("PUT", path)
		require.Equal(t, 405, answer.Code, path)
		require.Equal(t, allow, answer.Header().Get("Allow"), path)
	}
	w.refused(405, 20004, "GET", byName+"/Streams/s/Messages")
	w.refused(404, 54050, "GET", services+"/IS0123456789abcdef0123456789abcdef/Documents")
	w.refused(404, 54050, "POST", services+"/nowhere/Maps")
}
