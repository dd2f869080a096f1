//go:build headless

package main

import (
	"errors"

	"gatehouse/app/commands"
)

// openWindow says that this build has none.
func openWindow(commands.Window) error {
	return errors.New("this build has no window; run `gatehouse serve`, or build the window with `make build`")
}
