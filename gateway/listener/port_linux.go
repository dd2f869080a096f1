package listener

import (
	"bufio"
	"fmt"
	"os"
	"path/filepath"
	"strings"
)

// holderOf finds the process that listens on a port: /proc/net names the socket, and the process that has it open is
// the holder. Those of other users cannot be looked into.
func holderOf(port uint16) string {
	sockets := map[string]bool{}
	for _, table := range []string{"/proc/net/tcp", "/proc/net/tcp6"} {
		listeningSockets(table, port, sockets)
	}
	if len(sockets) == 0 {
		return ""
	}
	files, _ := filepath.Glob("/proc/[0-9]*/fd/*")
	for _, file := range files {
		target, err := os.Readlink(file)
		if err != nil || !sockets[target] {
			continue
		}
		pid := strings.Split(file, "/")[2]
		name, err := os.ReadFile("/proc/" + pid + "/comm")
		if err != nil {
			return "pid " + pid
		}
		return fmt.Sprintf("%s (pid %s)", strings.TrimSpace(string(name)), pid)
	}
	return ""
}

// listeningSockets adds "socket:[inode]" for each line of a table of proc_net_tcp(5) that listens on the port.
func listeningSockets(table string, port uint16, sockets map[string]bool) {
	const (
		local  = 1
		state  = 3
		inode  = 9
		listen = "0A"
	)
	f, err := os.Open(table)
	if err != nil {
		return
	}
	defer f.Close()
	suffix := fmt.Sprintf(":%04X", port)
	for lines := bufio.NewScanner(f); lines.Scan(); {
		fields := strings.Fields(lines.Text())
		if len(fields) > inode && fields[state] == listen && strings.HasSuffix(fields[local], suffix) {
			sockets["socket:["+fields[inode]+"]"] = true
		}
	}
}
