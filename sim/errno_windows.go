package sim

import "syscall"

// The socket errors by Winsock's numbers: the POSIX names of package syscall never come from a socket on Windows.
var (
	errnoRefused = []error{syscall.Errno(10061)}
	errnoReset   = []error{syscall.Errno(10054), syscall.Errno(10053)}
)
