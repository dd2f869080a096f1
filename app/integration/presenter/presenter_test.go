// Package presenter holds a test of what the window shows while others look on.
package presenter

import (
	"crypto/tls"
	"io"
	"net"
	"strconv"
	"strings"
	"testing"
	"time"

	"fyne.io/fyne/v2"
	"fyne.io/fyne/v2/canvas"

	"gatehouse/app/desktop/attempts"
	"gatehouse/app/desktop/devices"
	"gatehouse/app/desktop/devices/screentest"
	"gatehouse/app/desktop/fix"
	"gatehouse/app/desktop/kit"
	"gatehouse/app/desktop/shell"
	"gatehouse/app/desktop/shelltest"
	"gatehouse/app/desktop/wizard"
	"gatehouse/app/integration/planted"
	"gatehouse/app/onboard"
	"gatehouse/app/onboard/onboardtest"
	"gatehouse/app/remedy"
	"gatehouse/gateway"
	"gatehouse/gateway/attempt"
	"gatehouse/gateway/registry"
	"gatehouse/gateway/wire"
	"gatehouse/sim"
)

// texts are all that is drawn as text in o.
func texts(o fyne.CanvasObject) string {
	var out strings.Builder
	shelltest.Each(o, func(o fyne.CanvasObject) {
		switch text := o.(type) {
		case *canvas.Text:
			out.WriteString(text.Text + "\n")
		case *kit.Text:
			out.WriteString(text.String() + "\n")
		}
	})
	return out.String()
}

// stage is a gateway with a device whose credentials are planted secrets, and attempts of it.
type stage struct {
	planted.Secrets
	gateway *gateway.Gateway
	device  registry.Device
	vault   *onboardtest.Vault
}

func newStage(t *testing.T) *stage {
	s := &stage{Secrets: planted.Secrets{T: t}, vault: &onboardtest.Vault{}}
	var err error
	if s.gateway, err = gateway.Open(gateway.Config{DataDir: t.TempDir(), MQTTAddr: "127.0.0.1:0", HTTPAddr: "off"}); err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() { _ = s.gateway.Close() })
	if err := s.gateway.Start(); err != nil {
		t.Fatal(err)
	}
	r := s.gateway.Registry()
	if s.device, err = r.CreateDevice(t.Context(), registry.NewDevice{UniqueName: "lamp"}); err != nil {
		t.Fatal(err)
	}
	key, secret, err := r.CreateKey(t.Context(), s.device.FleetSID, s.device.SID, "")
	if err != nil {
		t.Fatal(err)
	}
	s.Add("the secret of a key", secret)
	if err := s.vault.Put(s.device.SID, sim.Credential{KeySID: key.SID, Secret: secret}); err != nil {
		t.Fatal(err)
	}
	connect := wire.Connect{
		ClientID: "lamp", HasUser: true, User: key.SID, HasPassword: true, Password: []byte(secret),
		HasWill: true, WillTopic: "w", WillPayload: []byte(s.Text("the payload of a will")),
	}
	right := wire.AppendConnect(nil, connect, false)
	connect.Password = []byte(s.Text("a wrong password"))
	wrong := wire.AppendConnect(nil, connect, false)
	connect.User = s.Text("a user name that is a secret")
	for _, b := range [][]byte{right, wrong, wire.AppendConnect(nil, connect, false), append(right[:len(right):len(right)], right...), right[:len(right)-3]} {
		s.say(b)
	}
	return s
}

// say sends bytes as the device, and waits for the end.
func (s *stage) say(b []byte) {
	c, err := tls.DialWithDialer(&net.Dialer{Timeout: 5 * time.Second}, "tcp", s.gateway.Status().MQTTAddr, &tls.Config{InsecureSkipVerify: true})
	if err != nil {
		s.T.Fatal(err)
	}
	defer c.Close()
	_ = c.SetDeadline(time.Now().Add(10 * time.Second))
	if _, err := c.Write(b); err != nil {
		s.T.Fatal(err)
	}
	_ = c.CloseWrite()
	_, _ = io.Copy(io.Discard, c)
}

// all is every attempt, when each is over.
func (s *stage) all(n int) []attempt.Attempt {
	for deadline := time.Now().Add(10 * time.Second); ; time.Sleep(10 * time.Millisecond) {
		page := s.gateway.Attempts().Query(attempt.Filter{})
		done := 0
		for _, a := range page.Attempts {
			if a.Done {
				done++
			}
		}
		switch {
		case done == n:
			return page.Attempts
		case time.Now().After(deadline):
			s.T.Fatalf("%d of %d attempts are over", done, n)
		}
	}
}

// TestThePresentersWindowShowsNoSecret opens each attempt and each tab of it and of its device, as one does before an audience.
func TestThePresentersWindowShowsNoSecret(t *testing.T) {
	s := newStage(t)
	all := s.all(5)
	sh := screentest.New(t)
	sh.Masked = true
	g := s.gateway
	remedies := func(attempt.Attempt) (remedy.Remedy, bool) { return remedy.Remedy{}, false }
	list := attempts.New(attempts.Params{Fix: fix.Fixer{Shell: sh, RootPEM: g.RootPEM}, Log: g.Attempts(), Remedy: remedies})
	var outputs []planted.Output
	for _, a := range all {
		shown := s.tabs(sh, list, strconv.FormatUint(a.ID, 10), "Timeline", "Presented / enrolled", "Packets", "Raw")
		if !strings.Contains(shown, "CONNECT") {
			t.Errorf("attempt %d is not shown:\n%s", a.ID, shown)
		}
		outputs = append(outputs, planted.Output{Name: "attempt " + strconv.FormatUint(a.ID, 10), Text: []byte(shown)})
	}
	endpoint := func() onboard.Endpoint {
		at := g.Status()
		return onboard.Endpoint{Listening: true, Host: at.Host, Port: at.Port, RootPath: at.RootPath, RootPEM: g.RootPEM()}
	}
	bench := onboard.NewBench(onboard.BenchParams{Registry: g.Registry(), Vault: s.vault, Endpoint: endpoint, NewPlayer: func(func(sim.Message)) onboard.Player { return &onboardtest.Player{} }})
	place := devices.New(devices.Params{Shell: sh, Registry: g.Registry(), Attempts: g.Attempts(), Bench: bench, Endpoint: endpoint, Remedy: remedies})
	shown := s.tabs(sh, place, s.device.SID, "Identity", "Credentials", "Connect", "Live", "Attempts", "Snippets")
	if !strings.Contains(shown, "lamp") || !strings.Contains(shown, "mosquitto_pub") {
		t.Errorf("the device is not shown:\n%s", shown)
	}
	s.Look(append(outputs, planted.Output{Name: "the device", Text: []byte(shown)}))
}

// tabs shows a thing on a screen, and returns what is drawn on each of the tabs.
func (s *stage) tabs(sh *shelltest.Shell, screen shell.Screen, key string, labels ...string) string {
	screentest.Put(sh, screen.Content())
	shelltest.Tick(screen)
	screen.Show(key)
	var shown strings.Builder
	for _, label := range labels {
		shelltest.Tick(screen)
		if tab := screentest.Find(screen.Content(), label); tab != nil {
			tab.Tapped(&fyne.PointEvent{})
		}
		shelltest.Tick(screen)
		shown.WriteString(texts(screen.Content()))
	}
	return shown.String()
}

// TestPresenterModeIsWhatHidesASecretThatIsShownOnce makes a key where the window shows its secret: on a device's page, and in the
// wizard with its snippets. Without presenter mode the secret must be found, else the search finds nothing.
func TestPresenterModeIsWhatHidesASecretThatIsShownOnce(t *testing.T) {
	for _, presenting := range []bool{false, true} {
		s := newStage(t)
		s.all(5)
		sh := screentest.New(t)
		sh.Masked = presenting
		g := s.gateway
		endpoint := func() onboard.Endpoint {
			at := g.Status()
			return onboard.Endpoint{Listening: true, Host: at.Host, Port: at.Port, RootPath: at.RootPath, RootPEM: g.RootPEM()}
		}
		bench := onboard.NewBench(onboard.BenchParams{Registry: g.Registry(), Vault: s.vault, Endpoint: endpoint, NewPlayer: func(func(sim.Message)) onboard.Player { return &onboardtest.Player{} }})
		remedies := func(attempt.Attempt) (remedy.Remedy, bool) { return remedy.Remedy{}, false }
		copied := "Copy"
		if presenting {
			copied = "Copy with secret"
		}
		look := func(where, what, secret string, o fyne.CanvasObject) {
			t.Helper()
			s.Add(what, secret)
			shown := texts(o)
			if !strings.Contains(shown, "board") && !strings.Contains(shown, "lamp") {
				t.Fatalf("%s shows no device:\n%s", where, shown)
			}
			if held := s.Held([]byte(strings.Join(strings.Fields(shown), "")), what); held == presenting {
				t.Errorf("presenter mode %v, and it is %v that %s shows %s:\n%s", presenting, held, where, what, shown)
			}
		}

		place := devices.New(devices.Params{Shell: sh, Registry: g.Registry(), Attempts: g.Attempts(), Bench: bench, Endpoint: endpoint, Remedy: remedies})
		screentest.Put(sh, place.Content())
		shelltest.Tick(place)
		place.Show(s.device.SID)
		shelltest.Tick(place)
		place.(interface{ NewKey(string) }).NewKey(s.device.SID)
		shelltest.Tick(place)
		screentest.Press(t, place.Content(), copied)
		look("the panel of a new key", "the secret of a new key", sh.Copied[len(sh.Copied)-1][1], place.Content())

		w := wizard.New(wizard.Params{
			Shell: sh, Registry: g.Registry(), Attempts: g.Attempts(), Bench: bench, Endpoint: endpoint, Remedy: remedies,
			OnDone: func(string) {}, OnCancel: func() {},
		})
		screentest.Put(sh, w.Content())
		shelltest.Each(w.Content(), func(o fyne.CanvasObject) {
			if entry, ok := o.(interface {
				fyne.Focusable
				SetText(string)
			}); ok {
				entry.SetText("board")
			}
		})
		for _, label := range []string{"Next", "Generate a key", "Next", "Create board", "Secret", copied} {
			screentest.Press(t, w.Content(), label)
		}
		secret := sh.Copied[len(sh.Copied)-1][1]
		look("the wizard's secret", "the secret of the wizard", secret, w.Content())
		screentest.Press(t, w.Content(), "mosquitto_pub")
		look("the wizard's snippet", "the secret of the wizard", secret, w.Content())
	}
}
