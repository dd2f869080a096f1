//go:build !windows

package lab

import (
	"fmt"
	"os"
	"syscall"
)

// spareFiles are open files that others in the process may come to need meanwhile.
const spareFiles = 100

// roomForFiles tells whether this process may open as many files as the devices of a plan take: one each, and one more where the server is in this process.
func roomForFiles(p FleetPlan) error {
	var most syscall.Rlimit
	if syscall.Getrlimit(syscall.RLIMIT_NOFILE, &most) != nil {
		return nil // it will show
	}
	open, err := os.ReadDir("/dev/fd")
	if err != nil {
		return nil
	}
	each := 1
	if p.Other == nil {
		each = 2
	}
	need := uint64(each*p.Count + spareFiles) //nolint:gosec // bounded by Check
	if limit := uint64(most.Cur); uint64(len(open))+need > limit {
		free := max((int(min(limit, 1<<30))-len(open)-spareFiles)/each, 0) //nolint:gosec // bounded
		return fmt.Errorf("%d devices need %d open files, and the system lets this process have %d: give at most %d devices, or raise the limit (ulimit -n) and start the program again", p.Count, need, limit, free)
	}
	return nil
}
