package check

import (
	"fmt"
	"strings"
	"testing"

	"github.com/stretchr/testify/require"

	"gatehouse/gateway/sid"
)

func TestWhatCanBeSeenOfAPasswordIsSaidWithoutShowingIt(t *testing.T) {
	key := sid.New(sid.Key)
	for _, c := range []struct {
		user, password string
		want           []string
	}{
		{key, "plainly-right", nil},
		{"", "", nil},
		{key, "hunter2 ", []string{"white_space"}},
		{key + "\n", "hunter2", []string{"white_space"}},
		{key, `"hunter2"`, []string{"quotes"}},
		{key, "hunter2\x00", []string{"nul"}},
		{"hunter2", key, []string{"swapped"}},
		{" hunter2", key, []string{"white_space", "swapped"}},
	} {
		got := []string{}
		steps := remarks(Options{User: c.user, Password: []byte(c.password)})
		for _, s := range steps {
			got = append(got, s.Facts[0].Value)
			require.NotEmpty(t, s.Advice)
		}
		require.ElementsMatch(t, c.want, got, "%q %q", c.user, c.password)
		require.NotContains(t, fmt.Sprint(steps), "hunter2")
	}
}

// Who swaps them has the secret where the user name is shown.
func TestASecretGivenAsTheUserNameIsNotShown(t *testing.T) {
	w := newWorld(t)
	key := sid.New(sid.Key)
	r, text := tried(t, Options{Target: "localhost:" + servedTLS(t, w.config(), answers("\x20\x02\x00\x02")), CA: w.root.pem(), User: "hunter2-hunter2", Password: []byte(key), Lookup: loopbackOnly})
	require.Equal(t, ExitCode+2, r.Exit, text)
	require.Contains(t, text, "look swapped")
	require.False(t, strings.Contains(text, "hunter2") || strings.Contains(fmt.Sprint(r), "hunter2"), text)
}

// The last line of a check is often all that is read.
func TestTheSummaryOfAFileThatIsNoAuthoritySaysWhatIsWrongWithIt(t *testing.T) {
	r, text := tried(t, Options{Target: "localhost:1", CA: []byte("no certificate"), CAName: "root.pem", Lookup: loopbackOnly})
	require.Equal(t, ExitFiles, r.Exit, text)
	require.Contains(t, r.Summary, "root.pem: It is neither PEM nor DER")
}
