package check_test

import (
	"fmt"
	"testing"
	"time"

	"github.com/stretchr/testify/require"

	"gatehouse/app/check/checktest"
	"gatehouse/gateway/lab"
)

// What a check says of each wrong server of the lab, word for word.
func TestWhatIsSaidOfTheLabsServers(t *testing.T) {
	b := newBench(t, time.Millisecond)
	lamp := b.device("lamp")
	o := b.with(&lamp)
	o.Timeout = time.Second
	try := func(name string, kind lab.Kind, code int) {
		server, err := b.Lab().Start(kind, lab.Options{Code: code})
		require.NoError(t, err)
		defer b.Lab().Stop(kind)
		o.Target = server.URL
		result, text := checktest.Run(t, o)
		require.NotContains(t, text, string(o.Password))
		info, known := lab.Find(kind)
		require.True(t, known)
		if info.Group == lab.Certificate {
			require.NotZero(t, result.Exit, "the check takes a server that it must not take:\n%s", text)
		}
		checktest.Golden(t, "lab-"+name, text)
	}
	for _, info := range lab.Kinds() {
		t.Run(string(info.Kind), func(t *testing.T) {
			if info.Kind != lab.ReturnCode {
				try(string(info.Kind), info.Kind, 0)
				return
			}
			for code := range 6 {
				try(fmt.Sprintf("code-%d", code), info.Kind, code)
			}
		})
	}
}
