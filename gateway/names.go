package gateway

import (
	"net"
	"os"
	"slices"
)

// hostNames are the names and addresses under which this machine's devices may reach the gateway: what the user added,
// loopback, and the machine's own name and addresses. The first is the one in the URL that is shown, and the
// certificate's Common Name: localhost until devices on the network may connect (contract, section 1).
func hostNames(added []string, network bool) []string {
	var names []string
	add := func(name string) {
		if name != "" && !slices.Contains(names, name) {
			names = append(names, name)
		}
	}
	lan := lanAddresses()
	switch {
	case !network:
		add("localhost")
	case len(added) == 0 && len(lan) > 0:
		add(lan[0])
	}
	for _, name := range added {
		add(name)
	}
	for _, name := range []string{"localhost", "127.0.0.1", "::1"} {
		add(name)
	}
	if host, err := os.Hostname(); err == nil && checkName(host) == nil {
		add(host)
	}
	for _, address := range lan {
		add(address)
	}
	return names
}

// lanAddresses are the machine's addresses on networks, IPv4 first; link-local ones and those of tunnels that are down
// are left out.
func lanAddresses() []string {
	interfaces, err := net.Interfaces()
	if err != nil {
		return nil
	}
	var v4, v6 []string
	for _, i := range interfaces {
		if i.Flags&net.FlagUp == 0 || i.Flags&net.FlagLoopback != 0 {
			continue
		}
		addresses, err := i.Addrs()
		if err != nil {
			continue
		}
		for _, a := range addresses {
			ip, ok := a.(*net.IPNet)
			switch {
			case !ok || !ip.IP.IsGlobalUnicast():
			case ip.IP.To4() != nil:
				v4 = append(v4, ip.IP.String())
			default:
				v6 = append(v6, ip.IP.String())
			}
		}
	}
	return append(v4, v6...)
}
