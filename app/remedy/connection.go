package remedy

import (
	"context"
	"net"
	"slices"
	"strings"

	"gatehouse/gateway/attempt"
)

// copyOption is an option of mosquitto's clients, which people try things out with.
func copyOption(option string) func(Source, attempt.Attempt) (Remedy, bool) {
	return func(Source, attempt.Attempt) (Remedy, bool) {
		return Remedy{Kind: Copy, Label: "Copy the mosquitto option", Brief: "Copy " + option, Text: option}, true
	}
}

func copyAddress(s Source, _ attempt.Attempt) (Remedy, bool) {
	return Remedy{Kind: Copy, Label: "Copy the TLS address", Brief: "Copy address", Text: s.Address}, s.Address != ""
}

func saveRoot(Source, attempt.Attempt) (Remedy, bool) {
	return Remedy{Kind: SaveRoot, Label: "Save root.pem"}, true
}

// copyGenerate is a command that makes a key and a certificate that any TLS stack can use.
func copyGenerate(_ Source, a attempt.Attempt) (Remedy, bool) {
	name := a.DeviceName
	if name == "" || strings.Trim(name, "abcdefghijklmnopqrstuvwxyzABCDEFGHIJKLMNOPQRSTUVWXYZ0123456789-_.") != "" {
		name = "device"
	}
	return Remedy{
		Kind: Copy, Label: "Copy a command that makes one", Brief: "Copy command", Hint: "Install device.key and device.crt on the device, and enrol device.crt.",
		Text: "openssl req -x509 -newkey ec -pkeyopt ec_paramgen_curve:P-256 -nodes -days 3650 -subj /CN=" + name + " -keyout device.key -out device.crt",
	}, true
}

// nameServer adds the name by which the device called the gateway to the names in its certificate. When it is among them
// already the device has to be told another one: the address is there to copy.
func nameServer(s Source, a attempt.Attempt) (Remedy, bool) {
	dialled := dialledName(a)
	if s.Settings == nil || dialled == "" {
		return copyAddress(s, a)
	}
	names := s.Settings.Settings().Names
	if slices.ContainsFunc(names, func(name string) bool { return strings.EqualFold(name, dialled) }) {
		return copyAddress(s, a)
	}
	change := func(edit func([]string) []string) func(context.Context) error {
		return func(context.Context) error {
			now := s.Settings.Settings()
			now.Names = edit(slices.Clone(now.Names))
			return s.Settings.SetSettings(now)
		}
	}
	return press("Add "+dialled+" to the certificate", "The gateway’s certificate names "+dialled+" now", "", act{
		change(func(names []string) []string { return append(names, dialled) }),
		change(func(names []string) []string {
			return slices.DeleteFunc(names, func(name string) bool { return name == dialled })
		}),
		nil,
	}), true
}

// dialledName is what the device called the gateway: by name, or by the address that it dialled.
func dialledName(a attempt.Attempt) string {
	if a.ServerName != "" {
		return a.ServerName
	}
	host, _, err := net.SplitHostPort(a.Local)
	if err != nil {
		return ""
	}
	return host
}
