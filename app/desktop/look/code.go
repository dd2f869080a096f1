// Package look turns what the gateway records into how the kit draws it.
package look

import (
	"gatehouse/app/desktop/kit"
	"gatehouse/gateway/attempt"
)

// Code is an attempt's code as a badge shows it.
func Code(c attempt.Code) kit.Code {
	switch c {
	case attempt.TLS:
		return kit.CodeTLS
	case attempt.TCP:
		return kit.CodeTCP
	case attempt.NoAnswer:
		return kit.CodeNoAnswer
	case attempt.Pending:
		return kit.CodePending
	}
	return kit.Code(c)
}
