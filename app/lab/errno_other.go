//go:build !windows

package lab

import "syscall"

// errPortTaken is the socket error for a port that is in use.
var errPortTaken error = syscall.EADDRINUSE
