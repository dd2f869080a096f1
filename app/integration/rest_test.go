package integration

import (
	"encoding/json"
	"io"
	"net/http"
	"net/url"
	"strings"
	"testing"
	"time"

	"gatehouse/gateway"
	"gatehouse/gateway/attempt"
	"gatehouse/gateway/cause"
	"gatehouse/gateway/registry"
	"gatehouse/sim"
)

// api is the HTTP API of a gateway, as its account.
type api struct {
	t       *testing.T
	gateway *gateway.Gateway
	client  *http.Client
}

func openWithHTTP(t *testing.T) api {
	t.Helper()
	g, err := gateway.Open(gateway.Config{DataDir: t.TempDir(), MQTTAddr: "127.0.0.1:0", HTTPAddr: "127.0.0.1:0"})
	if err != nil {
		t.Fatal(err)
	}
	transport := &http.Transport{}
	t.Cleanup(func() {
		transport.CloseIdleConnections()
		if err := g.Close(); err != nil {
			t.Error(err)
		}
	})
	if err := g.Start(); err != nil {
		t.Fatal(err)
	}
	return api{t, g, &http.Client{Transport: transport, Timeout: 10 * time.Second}}
}

// do sends a form, and returns the body of an answer that has this status.
func (a api) do(status int, method, path string, form url.Values) []byte {
	a.t.Helper()
	r, err := http.NewRequestWithContext(a.t.Context(), method, a.gateway.Status().HTTPURL+path, strings.NewReader(form.Encode()))
	if err != nil {
		a.t.Fatal(err)
	}
	account := a.gateway.Registry().Account()
	r.SetBasicAuth(account.SID, account.AuthToken)
	if method == http.MethodPost {
		r.Header.Set("Content-Type", "application/x-www-form-urlencoded")
	}
	answer, err := a.client.Do(r)
	if err != nil {
		a.t.Fatal(err)
	}
	defer answer.Body.Close()
	body, err := io.ReadAll(answer.Body)
	if err != nil {
		a.t.Fatal(err)
	}
	if answer.StatusCode != status {
		a.t.Fatalf("%s %s: %d %s, want %d", method, path, answer.StatusCode, body, status)
	}
	return body
}

// post is do for a resource of the device management.
func (a api) post(status int, path string, form url.Values) (resource struct {
	SID           string `json:"sid"`
	Secret        string `json:"secret"`
	Deployment    string `json:"deployment_sid"`
	Authenticated string `json:"date_authenticated"`
}) {
	a.t.Helper()
	if err := json.Unmarshal(a.do(status, "POST", "/DeployedDevices/Fleets"+path, form), &resource); err != nil {
		a.t.Fatal(err)
	}
	return resource
}

// TestWhatTheHTTPAPIChangesHoldsWhenItAnswers: a connection that rests on what was changed is gone by then.
func TestWhatTheHTTPAPIChangesHoldsWhenItAnswers(t *testing.T) {
	a := openWithHTTP(t)
	for name, c := range map[string]struct {
		change func(fleet, device, key, deployment string)
		why    cause.ID
	}{
		"the device is disabled": {func(fleet, device, _, _ string) {
			a.post(200, fleet+"/Devices/"+device, url.Values{"Enabled": {"false"}})
		}, cause.DeviceDisabled},
		"the device is undeployed": {func(fleet, device, _, _ string) {
			a.post(200, fleet+"/Devices/"+device, url.Values{"DeploymentSid": {""}})
		}, cause.NotDeployed},
		"the key is deleted": {func(fleet, _, key, _ string) {
			a.do(204, "DELETE", "/DeployedDevices/Fleets"+fleet+"/Keys/"+key, nil)
		}, cause.CredentialRevoked},
		"the key is taken from the device": {func(fleet, _, key, _ string) {
			a.post(200, fleet+"/Keys/"+key, url.Values{"DeviceSid": {""}})
		}, cause.CredentialUnassigned},
		"the deployment is deleted": {func(fleet, _, _, deployment string) {
			a.do(204, "DELETE", "/DeployedDevices/Fleets"+fleet+"/Deployments/"+deployment, nil)
		}, cause.NotDeployed},
		"the deployment loses its service": {func(fleet, _, _, deployment string) {
			a.post(200, fleet+"/Deployments/"+deployment, url.Values{"SyncServiceSid": {""}})
		}, cause.NoService},
		"the device is deleted": {func(fleet, device, _, _ string) {
			a.do(204, "DELETE", "/DeployedDevices/Fleets"+fleet+"/Devices/"+device, nil)
		}, cause.DeviceDeleted},
		"the fleet is deleted": {func(fleet, _, _, _ string) {
			a.do(204, "DELETE", "/DeployedDevices/Fleets"+fleet, nil)
		}, cause.DeviceDeleted},
	} {
		t.Run(name, func(t *testing.T) {
			a := a
			a.t = t
			fleet := "/" + a.post(201, "", url.Values{"FriendlyName": {name}}).SID
			device := a.post(201, fleet+"/Devices", url.Values{"UniqueName": {"board"}})
			if device.Authenticated != "" {
				t.Error("authenticated before the first connect")
			}
			key := a.post(201, fleet+"/Keys", url.Values{"DeviceSid": {device.SID}})
			twin := sim.NewDevice(sim.Params{})
			t.Cleanup(twin.Close)
			o := sim.Options{
				URL: a.gateway.Status().URL, RootPEM: a.gateway.RootPEM(), Credential: sim.Credential{KeySID: key.SID, Secret: key.Secret},
			}
			if r := twin.Connect(t.Context(), o); r.Code != 0 {
				t.Fatalf("code %d: %v", r.Code, r.Err)
			}
			if a.post(200, fleet+"/Devices/board", nil).Authenticated == "" {
				t.Error("not authenticated after a connect")
			}
			c.change(fleet, device.SID, key.SID, device.Deployment)
			if n := a.gateway.Stats().Connected; n != 0 {
				t.Errorf("%d connections after the answer", n)
			}
			again := twin.Connect(t.Context(), o)
			decided := last(t, a.gateway)
			if again.Code == 0 || decided.Cause != c.why {
				t.Errorf("afterwards code %d for %s, want %s", again.Code, decided.Cause, c.why)
			}
		})
	}
}

// TestTheHTTPAPIAndTheRegistrySeeEachOtherAtOnce, so the window and the API do.
func TestTheHTTPAPIAndTheRegistrySeeEachOtherAtOnce(t *testing.T) {
	a := openWithHTTP(t)
	var told []registry.Change
	cancel := a.gateway.Registry().OnChange(func(c registry.Change) { told = append(told, c) })
	device := a.post(201, "/default/Devices", url.Values{"UniqueName": {"board"}})
	cancel()
	if len(told) != 1 || told[0].SID != device.SID {
		t.Errorf("%+v was told", told)
	}
	if _, err := a.gateway.Registry().UpdateDevice(t.Context(), device.SID, registry.DeviceChange{FriendlyName: new("Board")}); err != nil {
		t.Fatal(err)
	}
	if body := a.do(200, "GET", "/DeployedDevices/Fleets/default/Devices/board", nil); !strings.Contains(string(body), `"friendly_name":"Board"`) {
		t.Errorf("%s", body)
	}
}

func TestMetricsTellOfDevicesAndTheStore(t *testing.T) {
	a := openWithHTTP(t)
	_, twin, o := device(t, a.gateway, "board")
	_, _, refused := device(t, a.gateway, "other")
	refused.WrongSecret = true
	if r := twin.Connect(t.Context(), o); r.Code != 0 {
		t.Fatal(r.Err)
	}
	stranger := sim.NewDevice(sim.Params{})
	t.Cleanup(stranger.Close)
	stranger.Connect(t.Context(), refused)
	if decided := last(t, a.gateway); decided.Code != attempt.Code(4) {
		t.Fatal(decided)
	}
	text := string(a.do(200, "GET", "/metrics", nil))
	for _, line := range []string{
		`gatehouse_connects_total{cause="accepted",code="0"} 1`, `gatehouse_connects_total{cause="wrong_secret",code="4"} 1`,
		"gatehouse_sessions_connected 1", "gatehouse_sessions 1", "gatehouse_handshake_seconds_count 2", "gatehouse_outbox_messages 0",
	} {
		if !strings.Contains(text, "\n"+line+"\n") {
			t.Errorf("no %s in\n%s", line, text)
		}
	}
	if !strings.Contains(text, `gatehouse_store_write_seconds_count{kind="bucket"}`) || strings.Contains(text, a.gateway.Registry().Account().AuthToken) {
		t.Error(text)
	}
	a.do(200, "GET", "/readyz", nil)
	if err := a.gateway.Stop(t.Context()); err != nil {
		t.Fatal(err)
	}
	a.do(503, "GET", "/healthz", nil)
	a.do(503, "GET", "/readyz", nil)
}
