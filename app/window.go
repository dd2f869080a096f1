//go:build !headless

package main

import (
	"gatehouse/app/commands"
	"gatehouse/app/desktop"
	_ "gatehouse/app/locale" // before the window's toolkit looks for a language
)

// openWindow shows the gateway in a window until the user closes it.
func openWindow(w commands.Window) error {
	return desktop.Run(desktop.Options{Config: w.Config, Version: w.Version, Demo: w.Demo})
}
