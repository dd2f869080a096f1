// Package assets holds what the program shows that is not code. It knows nothing of who shows it.
package assets

import _ "embed"

// Icon is the program's mark as a PNG of 512×512 pixels. It is drawn from icon.svg by scripts/icon.
//
//go:embed icon.png
var Icon []byte
