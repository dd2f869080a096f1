// Command gatehouse runs an MQTT device gateway on this machine, in a window or from the command line.
package main

import (
	"os"

	"gatehouse/app/commands"
)

func main() {
	os.Exit(commands.Run(os.Args[1:], os.Stdout, os.Stderr, openWindow))
}
