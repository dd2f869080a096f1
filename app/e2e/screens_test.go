//go:build e2e && linux

package e2e

import (
	"bytes"
	"image/png"
	"os"
	"strings"
	"testing"

	"github.com/stretchr/testify/require"

	"gatehouse/app/desktop/drive/ask"
)

// Every screen shows the demo's devices and attempts, dark and light. The pictures are those of the guide.
func TestEveryScreenShowsTheDemo(t *testing.T) {
	w := open(t, 1280, 800, "--demo")
	w.WaitText("Listening")
	w.waitCodes(0, 1, 4, 5)

	// What a person would choose to see more of.
	w.Click("RailItem: Attempts")
	w.Click("Device is disabled")
	w.WaitSaid("thermostat-7 is disabled")
	w.Click("RailItem: Devices")
	w.Click("lamp-kitchen")
	w.Click("TabStrip: Attempts")
	w.Click("RailItem: Sessions")
	w.Click("meter-1")

	pictures := map[string]string{}
	for _, theme := range []string{"dark", "light"} {
		w.Click("RailItem: Settings")
		w.Click("Chip: " + map[string]string{"dark": "Dark", "light": "Light"}[theme])
		for _, screen := range []string{"Overview", "Devices", "Attempts", "Sessions", "Settings"} {
			w.Click("RailItem: " + screen)
			w.WaitText("RailItem: " + screen)
			pictures[screen+theme] = w.Shot(strings.ToLower(screen) + "-" + theme)
		}
		w.Click("RailItem: Devices")
		w.Click("Button: Add a device")
		w.Click("thermostat-9")
		w.Type("board-9")
		w.WaitText("board-9")
		w.Click("Next")
		w.WaitText("Generate a key")
		pictures["Wizard"+theme] = w.Shot("wizard-" + theme)
		w.Click("Button: Cancel")
		w.WaitText("RailItem: Devices")
	}
	seen := map[string]string{}
	for name, path := range pictures {
		content, err := os.ReadFile(path)
		require.NoError(t, err)
		require.Greater(t, colours(t, content), 20, "%s is blank", name)
		require.Empty(t, seen[string(content)], "%s looks the same", name)
		seen[string(content)] = name
	}
}

// waitCodes waits until each of the codes has been answered at least once.
func (w *window) waitCodes(codes ...int) {
	w.Helper()
	answered := func() bool {
		seen := map[int]bool{}
		for _, a := range w.ask(ask.Request{Do: ask.Attempts}).Attempts {
			seen[a.Code] = true
		}
		for _, code := range codes {
			if !seen[code] {
				return false
			}
		}
		return true
	}
	if !until(answered) {
		w.lost("not all of the codes %v were answered", codes)
	}
}

// colours counts how many different colours a picture has.
func colours(t *testing.T, picture []byte) int {
	t.Helper()
	decoded, err := png.Decode(bytes.NewReader(picture))
	require.NoError(t, err)
	type colour struct{ r, g, b uint32 }
	seen := map[colour]bool{}
	for y := decoded.Bounds().Min.Y; y < decoded.Bounds().Max.Y; y++ {
		for x := decoded.Bounds().Min.X; x < decoded.Bounds().Max.X; x++ {
			r, g, b, _ := decoded.At(x, y).RGBA()
			seen[colour{r, g, b}] = true
		}
	}
	return len(seen)
}
