package listener

import (
	"bytes"
	"fmt"
	"testing"

	"github.com/stretchr/testify/require"
)

func TestBytesAreShownInPairsUpToABound(t *testing.T) {
	for _, length := range []int{0, 1, 2, hexShown} {
		b := bytes.Repeat([]byte{0x0f, 0xa0}, length)[:length]
		require.Equal(t, fmt.Sprintf("% x", b), hexOf(b))
	}
	long := make([]byte, hexShown+1)
	require.Equal(t, fmt.Sprintf("% x …", long[:hexShown]), hexOf(long))
}
