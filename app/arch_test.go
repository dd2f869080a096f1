package main

import (
	"encoding/json"
	"errors"
	"io"
	"os"
	"os/exec"
	"slices"
	"strings"
	"testing"
)

// listed is a package as `go list` knows it: what it imports itself, and all that this brings.
type listed struct {
	ImportPath    string
	Imports, Deps []string
}

// list asks for this module's packages as they are built with the given tags.
func list(t *testing.T, tags, pattern string) []listed {
	t.Helper()
	command := exec.Command("go", "list", "-e", "-json=ImportPath,Imports,Deps", "-tags", tags, pattern)
	command.Dir = ".."
	command.Env = append(os.Environ(), "CGO_ENABLED=1") // nothing is compiled, and the window is to be listed as well
	command.Stderr = os.Stderr
	out, err := command.Output()
	if err != nil {
		t.Fatalf("go list: %v", err)
	}
	var all []listed
	for d := json.NewDecoder(strings.NewReader(string(out))); ; {
		var one listed
		if err := d.Decode(&one); errors.Is(err, io.EOF) {
			break
		} else if err != nil {
			t.Fatalf("go list: %v", err)
		}
		all = append(all, one)
	}
	if len(all) == 0 {
		t.Fatalf("no package matches %s", pattern)
	}
	return all
}

// within reports whether a path is one of the roots or lies below one.
func within(path string, roots ...string) bool {
	return slices.ContainsFunc(roots, func(root string) bool {
		return path == root || strings.HasPrefix(path, root+"/")
	})
}

const (
	fyne       = "fyne.io"
	fyneDriver = "fyne.io/fyne/v2/app"
	windowRoot = "gatehouse/app/desktop"

	broker   = "gatehouse/gateway/broker"
	objects  = "gatehouse/gateway/objects"
	registry = "gatehouse/gateway/registry"
	rest     = "gatehouse/gateway/rest"
	webhook  = "gatehouse/gateway/webhook"
)

// The doors between the rooms open one way: app to sim and gateway, which know neither Fyne nor each other.
func TestTheRoomsKnowEachOtherOneWayOnly(t *testing.T) {
	rules := []struct {
		room    string
		mayNot  []string
		because string
	}{
		{"gatehouse/gateway", []string{"gatehouse/app", "gatehouse/sim", fyne}, "the gateway runs without an app"},
		{"gatehouse/sim", []string{"gatehouse/app", "gatehouse/gateway", fyne}, "a virtual device dials as any device would"},
		{"gatehouse/app/commands", []string{windowRoot, fyne}, "the command line builds without a window"},
		{"gatehouse/app/demo", []string{windowRoot, fyne}, "the demo runs without a window"},
		{"gatehouse/app/onboard", []string{windowRoot, fyne}, "onboarding is tested without a window"},
		{"gatehouse/app/remedy", []string{windowRoot, fyne}, "fixes are tested without a window"},
		{"gatehouse/app/check", []string{windowRoot, fyne, "gatehouse/app/client", "gatehouse/sim", broker, objects, rest, "gatehouse/gateway/listener"}, "a check sees what a device sees"},
		{"gatehouse/app/story", []string{windowRoot, fyne, "gatehouse/app/commands"}, "scenarios are played with a window or without"},
		{"gatehouse/app/lab", []string{windowRoot, fyne, "gatehouse/app/commands"}, "what the lab runs outlives its screen, and is tested without a window"},
		{"gatehouse/app/words", []string{windowRoot, fyne}, "the words are the same on the command line"},
		{"gatehouse/app/client", []string{windowRoot, fyne, broker, "gatehouse/gateway/listener"}, "a client of HTTP needs no engine"},
		{broker, []string{objects, rest, webhook, registry, "gatehouse/gateway/store", "gatehouse/gateway/listener"}, "the broker knows devices and services by SID, and objects by topic"},
		{objects, []string{broker, rest, webhook, "gatehouse/gateway/listener"}, "the objects know topics, but neither packets nor HTTP"},
		{webhook, []string{broker, rest, "gatehouse/gateway/listener"}, "webhooks tell of changes, however they came about"},
		{rest, []string{broker, "gatehouse/gateway/listener"}, "the HTTP APIs know no connections"},
		{"gatehouse/gateway/diagnosis", []string{broker, rest, objects, webhook, "gatehouse/gateway/listener"}, "diagnosis reads records and the registry, and nothing else"},
		{"gatehouse/gateway/lab", []string{rest, objects, webhook}, "a wrong server has no session and no object"},
		{registry, []string{broker, objects, rest, webhook, "gatehouse/gateway/listener"}, "the registry is what the others stand on"},
		{"gatehouse/gateway/store", []string{"gatehouse/gateway"}, "the store does not know what its values mean"},
		{"gatehouse/gateway/attempt/segment", []string{"gatehouse/gateway"}, "files of records do not know what these mean"},
		{"gatehouse/gateway/attempt", []string{broker, objects, rest, webhook, registry, "gatehouse/gateway/store", "gatehouse/gateway/listener", "gatehouse/gateway/admission"}, "the record of attempts is written to, and asks nobody"},
		{"gatehouse/gateway/finding", []string{broker, objects, rest, webhook, registry, "gatehouse/gateway/store", "gatehouse/gateway/listener"}, "findings rest on attempts alone"},
		{"gatehouse/app/report", []string{windowRoot, fyne, broker, "gatehouse/gateway/listener"}, "a report is made of what was recorded, wherever that came from"},
		{"gatehouse/gateway/inspect", []string{broker, objects, rest, registry, "gatehouse/gateway/listener"}, "the inspector knows packets alone"},
		{windowRoot + "/timeline", []string{windowRoot + "/attempts", windowRoot + "/devices", windowRoot + "/wizard", windowRoot + "/overview", windowRoot + "/fix", "gatehouse/app/remedy", "gatehouse/sim", broker, "gatehouse/gateway/listener"}, "a timeline shows what was recorded, wherever it stands"},
		{windowRoot + "/findings", []string{windowRoot + "/attempts", windowRoot + "/devices", windowRoot + "/overview", windowRoot + "/timeline"}, "findings are cards on several screens, and know none"},
		{windowRoot + "/dropped", []string{"gatehouse/gateway", "gatehouse/sim", "gatehouse/app/check"}, "what is dropped is only read, by bounds, and handed over"},
		{windowRoot + "/kit", []string{"gatehouse/app", "gatehouse/gateway", "gatehouse/sim"}, "widgets know no devices"},
	}
	packages := list(t, "migrated_fynedo", "./...")
	for _, rule := range rules {
		seen := false
		for _, p := range packages {
			if !within(p.ImportPath, rule.room) {
				continue
			}
			seen = true
			for _, dep := range p.Deps {
				if within(dep, rule.mayNot...) && !within(dep, rule.room) {
					t.Errorf("%s depends on %s, but %s", p.ImportPath, dep, rule.because)
					break // the first one says it
				}
			}
		}
		if !seen {
			t.Errorf("there is no package %s any more: mend this rule", rule.room)
		}
	}
}

// Whatever imports Fyne's driver needs cgo and OpenGL, so that is the composition root alone.
func TestOnlyTheWindowsRootImportsTheDriver(t *testing.T) {
	for _, p := range list(t, "migrated_fynedo", "./...") {
		if slices.Contains(p.Imports, fyneDriver) && p.ImportPath != windowRoot {
			t.Errorf("%s imports %s; only %s may", p.ImportPath, fyneDriver, windowRoot)
		}
	}
}

// A screen reaches another through the shell, never through its package.
func TestScreensDoNotKnowEachOther(t *testing.T) {
	screens := []string{"overview", "devices", "attempts", "sessions", "lab", "settings"}
	for _, p := range list(t, "migrated_fynedo", "./app/desktop/...") {
		for _, screen := range screens {
			if !within(p.ImportPath, windowRoot+"/"+screen) {
				continue
			}
			for _, other := range screens {
				if other != screen && slices.Contains(p.Deps, windowRoot+"/"+other) {
					t.Errorf("%s depends on the screen %s", p.ImportPath, other)
				}
			}
		}
	}
}

// The Lab knows its tabs by what every tab does, and a tab knows no other. How the steps of a scenario are drawn is no tab.
func TestTabsOfTheLabDoNotKnowEachOther(t *testing.T) {
	screen, outcome := windowRoot+"/lab", windowRoot+"/lab/outcome"
	for _, p := range list(t, "migrated_fynedo", "./app/desktop/lab/...") {
		for _, dep := range p.Deps {
			if within(dep, screen) && dep != p.ImportPath && dep != outcome {
				t.Errorf("%s depends on %s", p.ImportPath, dep)
			}
		}
	}
}

func TestTheHeadlessProgramHoldsNothingOfTheWindow(t *testing.T) {
	for _, p := range list(t, "headless", "./app") {
		for _, dep := range p.Deps {
			if within(dep, fyne, windowRoot) {
				t.Errorf("built with the tag headless, %s depends on %s", p.ImportPath, dep)
			}
		}
	}
}

// Go initialises locale before the window's toolkit only because of what it imports.
func TestTheWindowFindsALanguageBeforeItsToolkitLooksForOne(t *testing.T) {
	if p := list(t, "migrated_fynedo", "./app")[0]; !slices.Contains(p.Imports, "gatehouse/app/locale") {
		t.Errorf("%s, with the window, does not import locale", p.ImportPath)
	}
	if p := list(t, "migrated_fynedo", "./app/locale")[0]; !slices.Equal(p.Imports, []string{"os"}) {
		t.Errorf("%s imports %v; with more than os it may come too late", p.ImportPath, p.Imports)
	}
}

// The decision is pure: it reads no file, no socket and no clock but those it is given.
func TestAdmissionReachesForNothing(t *testing.T) {
	for _, p := range list(t, "headless", "./gateway/admission") {
		for _, dep := range p.Imports {
			if within(dep, "net", "os", "io", "crypto/tls", "log", "context", "gatehouse/gateway/store", "gatehouse/gateway/broker") {
				t.Errorf("%s imports %s", p.ImportPath, dep)
			}
		}
	}
}
