//go:build integration

package clients

import (
	"testing"

	"github.com/stretchr/testify/require"
)

// The chain, the host name and both versions of TLS, as openssl judges them, whichever leaf the client asks for.
func TestOpensslTrustsTheGatewayByItsRootAlone(t *testing.T) {
	clients := map[string][]string{
		"TLS 1.2, ECDSA": {"-tls1_2", "-cipher", "ECDHE-ECDSA-AES128-GCM-SHA256"},
		"TLS 1.2, RSA":   {"-tls1_2", "-cipher", "ECDHE-RSA-AES128-GCM-SHA256"},
		"TLS 1.3, ECDSA": {"-tls1_3"},
		"TLS 1.3, RSA":   {"-tls1_3", "-sigalgs", "rsa_pss_rsae_sha256:RSA+SHA256"},
	}
	b := newBench(t)
	for name, args := range clients {
		t.Run(name, func(t *testing.T) {
			client := run(t, "openssl", append([]string{
				"s_client", "-connect", b.status.MQTTAddr, "-CAfile", b.status.RootPath, "-servername", "localhost",
				"-verify_hostname", "localhost", "-verify_return_error",
			}, args...)...)
			require.Contains(t, client.out.String(), "Verify return code: 0 (ok)")
		})
	}
}

func TestOlderTLSIsRefused(t *testing.T) {
	b := newBench(t)
	client := run(t, "openssl", "s_client", "-connect", b.status.MQTTAddr, "-tls1_1", "-cipher", "ALL:@SECLEVEL=0")
	client.fails()
}
