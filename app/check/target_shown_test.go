package check

import (
	"testing"

	"github.com/stretchr/testify/require"
)

func TestASecretInTheAddressIsNotShown(t *testing.T) {
	for text, want := range map[string]string{
		"mqtts://lamp:planted@host:8883":     "mqtts://…@host:8883",
		"lamp:planted@host":                  "…@host",
		"mqtts://lamp:pl@nted@host":          "mqtts://…@host",
		"mqtts://host?token=planted":         "mqtts://host?…",
		"mqtts://lamp:a?planted#b@host:8883": "mqtts://…@host:8883",
		"lamp:planted://x@host":              "…@host",
		"mqtts://[::1]:8883":                 "mqtts://[::1]:8883",
	} {
		require.Equal(t, want, Shown(text))
	}
}
