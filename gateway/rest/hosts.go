package rest

import (
	"net"
	"net/http"
	"strings"

	"gatehouse/gateway/rest/web"
)

// onlyHosts answers 421 to requests for a host that is neither loopback nor one of those that hosts returns: a web page must
// not reach the gateway under a name of its own (DNS rebinding).
func onlyHosts(hosts func() []string, next http.Handler) http.Handler {
	return http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
		if !isOurs(r.Host, hosts) {
			turnAway(w, r, &web.Error{Status: http.StatusMisdirectedRequest, Code: web.CodeMisdirected, Message: "This server does not answer under the name of the request; use one of its own names or its address"})
			return
		}
		next.ServeHTTP(w, r)
	})
}

// isOurs compares without the port, which may be another one behind a tunnel.
func isOurs(named string, hosts func() []string) bool {
	host := hostOnly(named)
	if host == "" {
		return false
	}
	if isLoopback(host) {
		return true
	}
	ip := net.ParseIP(host)
	for _, name := range hosts() {
		if ip != nil && ip.Equal(net.ParseIP(name)) || name != "" && strings.EqualFold(host, strings.TrimSuffix(name, ".")) {
			return true
		}
	}
	return false
}

// hostOnly is the host of a Host field: without port, brackets and the dot at the end of a full name.
func hostOnly(named string) string {
	host, _, err := net.SplitHostPort(named)
	if err != nil {
		host = strings.TrimSuffix(strings.TrimPrefix(named, "["), "]")
	}
	return strings.TrimSuffix(host, ".")
}

func isLoopback(host string) bool {
	ip := net.ParseIP(host)
	return strings.EqualFold(host, "localhost") || ip != nil && ip.IsLoopback()
}
