//go:build e2e && linux

package e2e

import (
	"crypto/tls"
	"os"
	"os/exec"
	"path/filepath"
	"regexp"
	"strconv"
	"strings"
	"testing"
	"time"

	"github.com/stretchr/testify/require"

	"gatehouse/app/desktop/drive/ask"
)

// What the guide tells is done step by step; the pictures of it, dark and light, are the guide's.
func TestTheWindowDoesWhatTheGuideTells(t *testing.T) {
	w := open(t, 1280, 800, "--demo")
	w.WaitText("Listening")
	w.waitCodes(0, 1, 4, 5)
	w.writeCredential("board-new") // of the demo's device that has not connected yet
	for theme, chip := range w.themes() {
		w.Click("RailItem: Settings")
		w.Click(chip)
		w.readAnAttempt(theme)
		w.checkCredentials(theme)
		w.refuseInTheWizard(theme)
		w.watchADevice(theme)
		w.Click("RailItem: Overview")
		w.WaitSaid("fight over meter-garage")
		w.picture("findings-" + theme)
	}
	first := true // what was started stays while the colours change
	for theme, chip := range w.themes() {
		w.Click("RailItem: Settings")
		w.Click(chip)
		w.lookAroundTheLab(theme, first)
		first = false
	}
}

// themes are the colours of the window, and what chooses them: both for pictures, else one, for what is done is the same.
func (w *window) themes() map[string]string {
	if os.Getenv(shotsVariable) == "" {
		return map[string]string{"dark": "Chip: Dark"}
	}
	return map[string]string{"dark": "Chip: Dark", "light": "Chip: Light"}
}

func (w *window) readAnAttempt(theme string) {
	w.Helper()
	w.goToAttempt("lamp-kitchen", "New session")
	w.Click("Tabs: Presented / enrolled")
	w.WaitText("same")
	w.Shot("compare-" + theme)
	w.Click("Tabs: Packets")
	w.Click("SUBSCRIBE .*")
	w.WaitText("Topic Filter")
	w.Shot("packets-" + theme)
	w.Click("Tabs: Timeline")
	w.goToAttempt("thermostat-7", "Device is disabled")
	w.Click("Button: What if…")
	w.WaitSaid("Yes: it would be accepted now")
	w.Shot("whatif-" + theme)
	w.Click("Button: Close")
}

// goToAttempt goes to a device's attempt on the screen of attempts, wherever it is in the list.
func (w *window) goToAttempt(device, what string) {
	w.Helper()
	w.Click("RailItem: Devices")
	w.Click(device)
	w.Click("TabStrip: Attempts")
	w.Click(what)
	w.Click("Button: Show in Attempts")
}

func (w *window) checkCredentials(theme string) {
	w.Helper()
	w.drop(filepath.Join(w.home, "board.crt"), filepath.Join(w.home, "secret.key"))
	w.WaitSaid("Private key, ECDSA P-256")
	w.Click("Button: Check")
	w.WaitSaid("is not enrolled here")
	w.Shot("check-" + theme)
	w.Click("Button: Close")
}

func (w *window) refuseInTheWizard(theme string) {
	w.Helper()
	name := "lamp-" + theme
	w.Click("RailItem: Devices")
	w.Click("Button: Add a device")
	w.Click("thermostat-9") // the example in the empty field
	w.Type(name)
	w.WaitText(name)
	w.Click("Next")
	w.Click("Generate a key")
	w.Click("Next")
	w.Click("Create " + name)
	w.WaitSaid("Waiting for " + name + "…")
	newline := regexp.MustCompile(`-P (\S+)`).ReplaceAllString(w.shownCommand(), "-P \"$1\n\"")
	out, err := exec.CommandContext(w.Context(), "sh", "-c", newline).CombinedOutput()
	require.Error(w, err, "%s", out)
	w.WaitText("It tried and was refused")
	w.WaitSaid("Right key, wrong secret: what it sent ends in a newline")
	w.Shot("refused-" + theme)
	w.Click("Button: Finish later")
}

func (w *window) lookAroundTheLab(theme string, first bool) {
	w.Helper()
	w.Click("RailItem: Lab")
	if first {
		w.Click("Tabs: Recordings")
		w.Click("Button: Choose a device…")
		w.Click("meter-1 · connected, virtual")
		w.WaitSaid("It is connected")
		w.Click("Button: Record")
		w.WaitSaid("meter-1 is being recorded")
	}
	w.Click("Tabs: Scenarios")
	w.Click("Tour of the return codes")
	w.Click("Button: Play.*")
	w.WaitSaid("Everything went as expected")
	w.picture("scenarios-" + theme)

	w.Click("Tabs: Wrong servers")
	w.Click("Expired certificate")
	if first {
		w.Click("Button: Start")
		w.connectCarelessly(w.WaitText("mosquitto_.* -p [0-9]+.*").Text)
	}
	w.WaitText("Chip: All 1")
	w.picture("servers-" + theme)

	w.Click("Tabs: Fleet")
	if first {
		w.Click("Button: Make and start them")
	}
	w.WaitText("Button: Remove…")
	w.WaitText("Running")
	w.picture("fleet-" + theme)
	w.Click("Tabs: Faults")
	w.Click("50 × meter")
	if first {
		w.Click("Latency")
	}
	w.WaitSaid("50 of 50 devices have something wrong")
	w.picture("faults-" + theme)

	w.Click("Tabs: Ordinary broker")
	if first {
		w.Click("Button: Start the ordinary broker")
	}
	w.WaitText("Button: Stop it")
	w.picture("ordinary-" + theme)
	w.Click("Tabs: Recordings")
	if first {
		w.WaitText("[0-9.]+ s · connected · .*")
		w.clickOn(w.find("Button: Stop")[0]) // the page's; the header's comes last
		w.WaitSaid("meter-1 publishes to")
	}
	w.picture("recordings-" + theme)
}

func (w *window) watchADevice(theme string) {
	w.Helper()
	w.Click("RailItem: Devices")
	w.Click("meter-1")
	w.Click("TabStrip: Live")
	w.WaitSaid("Left to itself · connected")
	w.WaitText("PUBLISH")
	w.picture("live-" + theme)
}

// picture is a shot without the toasts of what was done before.
func (w *window) picture(name string) {
	w.Helper()
	toast := func() *ask.Text {
		for _, text := range w.find("Button: Close") {
			if text.X > 1000 && text.Y > 600 { // the lower right corner
				return &text
			}
		}
		return nil
	}
	for t := toast(); t != nil; t = toast() {
		w.clickOn(*t)
		until(func() bool { now := toast(); return now == nil || now.Y != t.Y })
	}
	w.Shot(name)
}

// clickOn clicks in the middle of a text that was found.
func (w *window) clickOn(t ask.Text) {
	w.Helper()
	w.move("mousemove", "--window", w.id, strconv.Itoa(t.X+t.Width/2), strconv.Itoa(t.Y+t.Height/2), "click", "1")
}

// connectCarelessly connects to the port of a shown command as a device does that takes any certificate.
func (w *window) connectCarelessly(command string) {
	w.Helper()
	port := regexp.MustCompile(`-p ([0-9]+)`).FindStringSubmatch(command)[1]
	dialer := &tls.Dialer{Config: &tls.Config{InsecureSkipVerify: true}}
	conn, err := dialer.DialContext(w.Context(), "tcp", "127.0.0.1:"+port)
	require.NoError(w, err)
	defer conn.Close()
	require.NoError(w, conn.SetDeadline(time.Now().Add(patience)))
	id := "careless-lamp"
	connect := "\x00\x04MQTT\x04\x02\x00\x3c\x00" + string(rune(len(id))) + id
	_, err = conn.Write([]byte("\x10" + string(rune(len(connect))) + connect))
	require.NoError(w, err)
	_, err = conn.Read(make([]byte, 4))
	require.NoError(w, err, strings.TrimSpace(command))
}
