package lab

import "syscall"

// errPortTaken is the socket error for a port that is in use, by Winsock's number.
var errPortTaken error = syscall.Errno(10048)
