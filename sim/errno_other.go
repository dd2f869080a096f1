//go:build !windows

package sim

import "syscall"

// The socket errors that say something to a user.
var (
	errnoRefused = []error{syscall.ECONNREFUSED}
	errnoReset   = []error{syscall.ECONNRESET, syscall.EPIPE}
)
