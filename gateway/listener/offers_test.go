package listener

import (
	"crypto/tls"
	"testing"

	"github.com/stretchr/testify/require"
	"pgregory.net/rapid"
)

func TestWhatIsRememberedOfAHelloIsWhatItSays(t *testing.T) {
	var o offers
	rapid.Check(t, func(r *rapid.T) {
		ids := func(name string) []uint16 {
			return rapid.SliceOfN(rapid.SampledFrom([]uint16{0x1301, 0x1302, 0xc02b, 0x0a0a, 0x0304, 0x0303, 23, 29, 0x0403, 0xffff}), 0, 5).Draw(r, name)
		}
		h := &tls.ClientHelloInfo{SupportedVersions: ids("versions"), CipherSuites: ids("suites")}
		for _, id := range ids("groups") {
			h.SupportedCurves = append(h.SupportedCurves, tls.CurveID(id))
		}
		for _, id := range ids("signatures") {
			h.SignatureSchemes = append(h.SignatureSchemes, tls.SignatureScheme(id))
		}
		for range 2 {
			require.Equal(r, factsOfLists(h), o.lists(h))
		}
	})
	require.LessOrEqual(t, len(o.known), mostOffers)
	huge := &tls.ClientHelloInfo{CipherSuites: make([]uint16, 30_000)}
	before := len(o.known)
	require.Equal(t, factsOfLists(huge), o.lists(huge))
	require.Len(t, o.known, before, "no peer can make it large")
}
