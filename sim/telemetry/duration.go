package telemetry

import (
	"encoding"
	"fmt"
	"strings"
	"time"

	"github.com/goccy/go-yaml"
	"github.com/goccy/go-yaml/ast"
)

// Duration is a time.Duration that is written as "1.5s" in files.
type Duration time.Duration

var _ interface {
	encoding.TextMarshaler
	fmt.Stringer
} = Duration(0)

// String writes it as time.Duration does.
func (d Duration) String() string { return time.Duration(d).String() }

// MarshalText writes it as time.Duration does.
func (d Duration) MarshalText() ([]byte, error) { return []byte(d.String()), nil }

// UnmarshalText reads what time.ParseDuration reads.
func (d *Duration) UnmarshalText(text []byte) error {
	v, err := time.ParseDuration(strings.TrimSpace(string(text)))
	if err != nil {
		return fmt.Errorf("%q is not a duration: write it as 500ms, 2s or 1m30s", text)
	}
	*d = Duration(v)
	return nil
}

// UnmarshalYAML is UnmarshalText with the place in the file in its error.
func (d *Duration) UnmarshalYAML(n ast.Node) error {
	text := ""
	switch n := n.(type) {
	case *ast.StringNode:
		text = n.Value
	default:
		text = n.String()
	}
	if err := d.UnmarshalText([]byte(text)); err != nil {
		return &yaml.SyntaxError{Message: err.Error(), Token: n.GetToken()}
	}
	return nil
}
