package report

import (
	"encoding/json"
	"flag"
	"os"
	"path/filepath"
	"strings"
	"testing"
	"time"

	"gatehouse/gateway/admission"
	"gatehouse/gateway/attempt"
	"gatehouse/gateway/cause"
	"gatehouse/gateway/diagnosis"
	"gatehouse/gateway/finding"
	"gatehouse/gateway/wire"
)

var update = flag.Bool("update", false, "write the golden files anew")

func golden(t *testing.T, name, got string) {
	t.Helper()
	path := filepath.Join("testdata", name)
	if *update {
		if err := os.MkdirAll("testdata", 0o755); err != nil {
			t.Fatal(err)
		}
		if err := os.WriteFile(path, []byte(got), 0o644); err != nil {
			t.Fatal(err)
		}
	}
	want, err := os.ReadFile(path)
	if err != nil {
		t.Fatal(err)
	}
	if got != string(want) {
		t.Errorf("%s differs; see it with: go test ./app/report -update && git diff", path)
	}
}

func facts(kv ...string) (f []attempt.Fact) {
	for i := 0; i+1 < len(kv); i += 2 {
		f = append(f, attempt.F(kv[i], kv[i+1]))
	}
	return f
}

var at = time.Date(2026, 3, 1, 12, 0, 0, 0, time.UTC)

func packetOfBytes(offset time.Duration, outbound bool, b []byte) attempt.Packet {
	return attempt.Packet{Offset: offset, Outbound: outbound, Bytes: b, Length: len(b)}
}

// refused is a device that is disabled, with a will.
func refused() Source {
	connect := wire.AppendConnect(nil, wire.Connect{
		ClientID: "thermostat-7", KeepAlive: 60, HasUser: true, User: "KY4100000000000000000000000000009c", HasPassword: true, Password: []byte(strings.Repeat("*", 32)),
		HasWill: true, WillTopic: "last/words", WillPayload: []byte("my will is private"),
	}, false)
	a := attempt.Attempt{
		ID: 4711, At: at, Remote: "127.0.0.1:51820", Local: "127.0.0.1:8883", Code: 5, Cause: cause.DeviceDisabled, DeviceSID: "TH" + strings.Repeat("0", 31) + "7",
		DeviceName: "thermostat-7", CredentialSID: "KY4100000000000000000000000000009c", PresentedUser: "KY4100000000000000000000000000009c", ClientID: "thermostat-7",
		ServerName: "localhost", Done: true, Total: 9 * time.Millisecond, Warnings: []cause.ID{cause.WillDiscarded},
		Steps: []attempt.Step{
			{Kind: attempt.Accepted, Facts: facts("remote", "127.0.0.1:51820", "local", "127.0.0.1:8883")},
			{Offset: 2400 * time.Microsecond, Kind: attempt.ClientHello, Facts: facts("versions", "TLS 1.3, TLS 1.2", "suites", "2", "sni", "localhost")},
			{Offset: 5 * time.Millisecond, Kind: attempt.Connect, Facts: facts("protocol", "MQTT", "level", "4", "clean", "no", "keepalive", "60", "client_id", "thermostat-7", "user", "KY4100000000000000000000000000009c", "password", "present", "will", "yes", "hex", "10 5c 6d 79")},
			{Offset: 5 * time.Millisecond, Kind: attempt.Warning, State: attempt.Warn, Facts: facts("cause", "will_discarded", "topic", "last/words", "bytes", "18")},
			{Offset: 6 * time.Millisecond, Kind: attempt.Lookup, Facts: facts("by", "key", "credential", "KY4100000000000000000000000000009c", "found", "yes", "secret", "matches", "name", "thermostat-7")},
			{Offset: 6 * time.Millisecond, Kind: attempt.Verdict, State: attempt.Bad, Facts: facts("cause", "device_disabled", "code", "5")},
			{Offset: 7 * time.Millisecond, Kind: attempt.Connack, State: attempt.Bad, Facts: facts("code", "5", "hex", "20 02 00 05")},
			{Offset: 9 * time.Millisecond, Kind: attempt.Ended, Facts: facts("cause", "device_disabled", "by", "gateway", "after", "9ms")},
		},
		Packets: []attempt.Packet{packetOfBytes(5*time.Millisecond, false, connect), packetOfBytes(7*time.Millisecond, true, wire.AppendConnack(nil, false, 5))},
	}
	return Source{
		Attempt: a,
		Comparison: diagnosis.Comparison{
			By: "key", EnrolledSID: a.CredentialSID, DeviceSID: a.DeviceSID,
			Rows: []diagnosis.Row{{Name: "credential", Presented: a.CredentialSID, Enrolled: a.CredentialSID, Same: true, Known: true}, {Name: "created", Enrolled: "2026-01-01"}},
		},
		Now:      &diagnosis.Outcome{Decided: true, Verdict: admission.Verdict{Code: 5, Cause: cause.DeviceDisabled, DeviceName: "thermostat-7"}, Before: 5},
		Findings: []finding.Finding{{Kind: cause.WillDiscarded, Count: 3, First: at, Last: at.Add(time.Minute), DeviceName: "thermostat-7", Attempts: []uint64{4711}}},
		Gateway:  Gateway{Version: "1.0.0", TLS: "TLS 1.2 and 1.3", ServerNames: []string{"localhost", "127.0.0.1"}},
	}
}

// hostile is a device that writes Markdown, HTML and worse wherever it can.
func hostile() Source {
	const bad = "`x` | <img src=x onerror=alert(1)> ](javascript:1) **b** @everyone #1 https://evil.example\n# head\r\u202egnp.exe\x00\x1b[2J\xff ```"
	s := refused()
	s.Attempt.ClientID, s.Attempt.DeviceName, s.Attempt.ServerName, s.Attempt.TookOver = bad, bad, bad, bad
	for i := range s.Attempt.Steps {
		for k := range s.Attempt.Steps[i].Facts {
			switch s.Attempt.Steps[i].Facts[k].Name {
			case "client_id", "sni", "topic", "name", "versions":
				s.Attempt.Steps[i].Facts[k].Value = bad
			}
		}
	}
	s.Attempt.Packets = append(s.Attempt.Packets, packetOfBytes(time.Second, false, wire.AppendPublish(nil, wire.Message{Topic: bad, Payload: []byte(bad)})))
	s.Comparison.Rows[0].Presented = bad
	s.Gateway.ServerNames = []string{bad}
	s.Payloads = true
	return s
}

func TestReportsAreAsTheyWere(t *testing.T) {
	for name, s := range map[string]Source{"refused": refused(), "hostile": hostile()} {
		golden(t, name+".md", Markdown(s))
		text, err := JSON(s)
		if err != nil {
			t.Fatal(err)
		}
		golden(t, name+".json", string(text))
		if !json.Valid(text) {
			t.Errorf("%s: not JSON", name)
		}
	}
}
