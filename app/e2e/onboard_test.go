//go:build e2e && linux

package e2e

import (
	"os/exec"
	"strings"
	"testing"

	"github.com/stretchr/testify/require"

	"gatehouse/app/desktop/drive/ask"
)

// The way of a device from nothing to connected, to refused for two reasons, and back: with pointer and keyboard, and
// with the gateway's own record beside what the window says.
func TestADeviceIsOnboardedRefusedAndLetInAgain(t *testing.T) {
	w := open(t, 1280, 800)
	w.WaitText("Listening")

	w.onboardWithKey("lamp-7") // and this computer plays it
	w.Click("Connect a virtual lamp-7")
	accepted := w.WaitCode(ask.Attempt{}, 0)
	w.WaitText("lamp-7 is connected")
	w.Click("Done")

	// Disabled, it loses its connection at once, and gets code 5 when it comes back.
	w.Click("RailItem: Devices")
	w.Click("lamp-7")
	w.WaitText("Button: Disconnect")
	w.Click("Button: More")
	w.Click("Disable")
	w.WaitText("Button: Connect")
	w.WaitEnd(accepted, "device_disabled")
	w.Click("Button: Connect")
	disabled := w.WaitCode(accepted, 5)

	// The attempt says why, and its fix is a press away.
	w.Click("RailItem: Attempts")
	w.Click("Device is disabled")
	w.WaitSaid("lamp-7 is disabled")
	w.Click("Button: Enable.*")
	w.WaitSaid("lamp-7 is enabled")

	// So it gets in again, and is told of a wrong secret.
	w.Click("RailItem: Devices")
	w.Click("Button: Connect")
	mended := w.WaitCode(disabled, 0)
	w.Click("TabStrip: Connect")
	w.Click("Button: Disconnect")
	w.Click("Send a wrong secret on purpose")
	w.Click("Button: Connect")
	w.WaitCode(mended, 4)
	w.WaitText("Bad user name or password")
}

// onboardWithKey goes through the wizard until it waits for the device.
func (w *window) onboardWithKey(name string) {
	w.Helper()
	w.Click("RailItem: Devices")
	w.Click("Add your first device")
	w.Click("thermostat-9") // the example in the empty field
	w.Type(name)
	w.WaitText(name)
	w.Click("Next")
	w.Click("Generate a key")
	w.Click("Next")
	w.Click("Create " + name)
	w.WaitSaid("Waiting for " + name + "…")
}

// What the wizard shows is run in a shell, letter by letter, as if it had been copied.
func TestTheCommandThatTheWizardShowsConnectsTheDevice(t *testing.T) {
	w := open(t, 1280, 800)
	w.WaitText("Listening")
	w.onboardWithKey("lamp-7")

	command := w.shownCommand()
	out, err := exec.CommandContext(t.Context(), "sh", "-c", command).CombinedOutput()
	require.NoError(t, err, "%s\nprinted %s", command, out)
	w.WaitCode(ask.Attempt{}, 0)
	w.WaitText("lamp-7 is connected")
}

// shownCommand is the command that the wizard shows.
func (w *window) shownCommand() string {
	w.Helper()
	w.WaitText("mosquitto_pub -h .*")
	var command []string
	for _, text := range w.texts() {
		if len(command) > 0 || strings.HasPrefix(text.Text, "mosquitto_pub -h") {
			command = append(command, text.Text)
			if !strings.HasSuffix(text.Text, "\\") {
				break
			}
		}
	}
	return strings.Join(command, "\n")
}
