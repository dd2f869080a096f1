package report

import (
	"encoding/json"
	"flag"
	"fmt"
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

func TestTheSameSourceMakesTheSameReport(t *testing.T) {
	s := hostile()
	one, err := JSON(s)
	if err != nil {
		t.Fatal(err)
	}
	for range 20 {
		two, err := JSON(s)
		if err != nil || string(one) != string(two) || Markdown(s) != Markdown(hostile()) {
			t.Fatal("it differs")
		}
	}
}

// A report is bounded, whatever was recorded, and says what it left out.
func TestAReportIsBounded(t *testing.T) {
	for name, filling := range map[string]string{
		"long text": strings.Repeat("lorem ipsum ", 350), "control characters": strings.Repeat("\x01", 4<<10), "quotes": strings.Repeat(`"\`, 2<<10),
		"backticks": strings.Repeat("`", 4<<10), "Markdown": strings.Repeat("*_|", 1400),
	} {
		s := refused()
		for range 260 {
			s.Attempt.Steps = append(s.Attempt.Steps, attempt.Step{Kind: attempt.Warning, State: attempt.Warn, Facts: facts("cause", filling, "topic", filling, "reason", filling, filling, filling)})
		}
		for range 70 {
			s.Attempt.Packets = append(s.Attempt.Packets, packetOfBytes(time.Second, false, wire.AppendPublish(nil, wire.Message{Topic: filling[:4000], Payload: []byte(filling)})))
			s.Findings = append(s.Findings, finding.Finding{Kind: cause.WillDiscarded, DeviceName: filling, Attempts: make([]uint64, 16)})
			s.Gateway.ServerNames = append(s.Gateway.ServerNames, filling)
			s.Comparison.Rows = append(s.Comparison.Rows, diagnosis.Row{Name: filling, Presented: filling, Enrolled: filling})
			s.Comparison.Clues = append(s.Comparison.Clues, diagnosis.Clue{ID: cause.ID(filling)})
		}
		s.Attempt.DeviceName, s.Attempt.ClientID, s.Payloads = filling, filling, true
		markdown := Markdown(s)
		text, err := JSON(s)
		if err != nil {
			t.Fatal(err)
		}
		if len(markdown) > MaxBytes || len(text) > MaxBytes {
			t.Errorf("%s: %d bytes of Markdown, %d of JSON", name, len(markdown), len(text))
		}
		if !strings.Contains(markdown, "Cut, because") || !strings.Contains(string(text), `"cut"`) || !json.Valid(text) {
			t.Errorf("%s: it does not say that it was cut", name)
		}
	}
}

func TestWhatLooksLikeASecretIsMasked(t *testing.T) {
	for text, want := range map[string]bool{
		"thermostat-7":                                 false,
		"thermostat-living-room-first-floor-7":         false,
		"Building_12.Floor_3.Room_301.Sensor_Temp.001": false,
		"KY4100000000000000000000000000009c":           false, // a SID names, and opens nothing
		"aaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaa":     false,
		"0b8f6f7e1c9d4a52b7a1d3c4e5f60718":             true, // hex
		"dGhpcyBpcyBhIHNlY3JldCBpbiBiYXNlNjQh":         true, // base64
		"3f2b8a1e-9c4d-4e7f-8a6b-1c2d3e4f5a6b":         true, // a UUID: whether it opens something is not known
		"MFRGGZDFMZTWQ2LKNNWG23TPOBYXE43UOV3HO6DZPI":   true, // base32
		"board 0b8f6f7e1c9d4a52b7a1d3c4e5f60718 again": true,
		"xZ7%2Bq9Lw3RtY5uI8oPaS2dF4gH6jK1lZ0":          true,
	} {
		if got := masked(text); (got != text) != want {
			t.Errorf("%q becomes %q", text, got)
		} else if want && strings.Contains(got, text[8:24]) {
			t.Errorf("%q is still in %q", text, got)
		}
	}
}

// What looks like a secret is masked wherever it stands: in fields, facts, sentences, packets and their bytes.
func TestAMaskedClientIDIsNowhere(t *testing.T) {
	const id = "0b8f6f7e1c9d4a52b7a1d3c4e5f60718"
	s := refused()
	s.Attempt.ClientID = id
	for i, st := range s.Attempt.Steps {
		for k, f := range st.Facts {
			if f.Name == "client_id" {
				s.Attempt.Steps[i].Facts[k].Value = id
			}
		}
	}
	s.Attempt.Steps = append(s.Attempt.Steps, attempt.Step{Kind: attempt.Warning, Facts: facts("cause", "taken_over", "new_client_id", id, "error", "for "+id)})
	s.Attempt.Packets[0].Bytes = wire.AppendConnect(nil, wire.Connect{ClientID: id}, false)
	s.Findings[0].Parties = []finding.Party{{ClientID: id}}
	text, err := JSON(s)
	if err != nil {
		t.Fatal(err)
	}
	for _, out := range []string{Markdown(s), string(text)} {
		for _, form := range []string{id, id[6:20], fmt.Sprintf("%x", id[6:20]), fmt.Sprintf("% x", id[6:20])} {
			if strings.Contains(out, form) {
				t.Errorf("the report holds %q", form)
			}
		}
		if !strings.Contains(out, "masked, 32 characters") {
			t.Error("it does not say that something was masked")
		}
	}
	if s.Attempt.Steps[2].Fact("client_id") != id {
		t.Error("the attempt itself was changed")
	}
}

func TestAPrivateKeyIsCutOut(t *testing.T) {
	s := refused()
	key := "-----BEGIN EC PRIVATE KEY-----\nMHcCAQEEIAbcdefghijklmnop\n-----END EC PRIVATE KEY-----"
	s.Attempt.DeviceName = "lamp " + key + " lamp"
	s.Attempt.Steps[3].Facts[1].Value = key[:40] // the end was not recorded
	if text := Markdown(s); strings.Contains(text, "MHcC") || strings.Contains(text, "BEGIN EC") || !strings.Contains(text, "a private key was here") {
		t.Error(text)
	}
}

// Each line that holds what a device chose is inert: outside of code spans nothing means anything to Markdown.
func TestNothingThatADeviceChoseMeansAnythingInMarkdown(t *testing.T) {
	fenced := false // a dump in a block of code, which has no backticks of its own
	for line := range strings.Lines(Markdown(hostile())) {
		if strings.HasPrefix(line, "```") {
			fenced = !fenced
		}
		if fenced {
			continue
		}
		plain := outsideOfCode(line)
		for _, mark := range []string{"<img", "](", "@everyone", "https://", "**b**"} {
			if strings.Contains(plain, mark) {
				t.Errorf("%q is live in %q", mark, line)
			}
		}
		if strings.HasPrefix(line, "|") && strings.Contains(line, "evil") && strings.Count(line, "|") > 6 {
			t.Errorf("a bar ends a cell of %q", line)
		}
	}
}

// outsideOfCode is a line without its code spans and escaped characters.
func outsideOfCode(line string) string {
	var out strings.Builder
	for i := 0; i < len(line); {
		switch {
		case line[i] == '\\' && i+1 < len(line):
			i += 2
		case line[i] == '`':
			n := len(line[i:]) - len(strings.TrimLeft(line[i:], "`"))
			end := strings.Index(line[i+n:], line[i:i+n])
			if end < 0 {
				return out.String() + line[i:]
			}
			i += n + end + n
		default:
			out.WriteByte(line[i])
			i++
		}
	}
	return out.String()
}

// TestARowOfSecretsSaysWhatWasCompared: a secret is never kept, so a bare dash beside it would look like a gap.
func TestARowOfSecretsSaysWhatWasCompared(t *testing.T) {
	s := refused()
	s.Comparison.Rows = append(s.Comparison.Rows, diagnosis.Row{Name: "secret", Presented: "differs", Known: true})
	if text := Markdown(s); !strings.Contains(text, "does not match") || !strings.Contains(text, "kept as a salted hash") {
		t.Error(text)
	}
}

func TestAFindingIsProvedByItsAttempts(t *testing.T) {
	all := []finding.Finding{{ID: 1, Attempts: []uint64{7, 9}}, {ID: 2, Attempts: []uint64{8}}, {ID: 3, Attempts: []uint64{9}}}
	if proved := ProvedBy(9, all); len(proved) != 2 || proved[0].ID != 1 || proved[1].ID != 3 {
		t.Errorf("%+v", proved)
	}
	if proved := ProvedBy(10, all); len(proved) > 0 {
		t.Errorf("%+v", proved)
	}
}
