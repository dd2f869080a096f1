package client

import (
	"bytes"
	"encoding/json"
	"errors"
	"fmt"
	"io"
	"io/fs"
	"net"
	"os"
	"path/filepath"
	"runtime"
	"strconv"
	"strings"
	"syscall"
)

// FileName is the file in the data folder that tells where a running gateway answers, for its owner alone.
const FileName = "api.json"

// The environment variables that hold account and token when a gateway is named by its URL.
const (
	AccountVariable = "GATEHOUSE_ACCOUNT_SID"
	TokenVariable   = "GATEHOUSE_AUTH_TOKEN"
)

// ErrOpenToOthers means that other users of this machine can read what they must not.
var ErrOpenToOthers = errors.New("other users can read it")

const maxFile = 64 << 10

// Find says where the gateway of a data folder answers. A [*NotRunningError] means that there is none; a file that other
// users may read is refused, since its token may be theirs by now.
func Find(dataDir string) (Params, error) {
	path := filepath.Join(dataDir, FileName)
	text, err := readOwn(path)
	switch {
	case errors.Is(err, fs.ErrNotExist) || errors.Is(err, syscall.ENOTDIR):
		return Params{}, &NotRunningError{DataDir: dataDir}
	case errors.Is(err, ErrOpenToOthers):
		return Params{}, fmt.Errorf("%s holds the account's token, and %w; close it with: chmod 600 '%s', and rotate the token in Settings, HTTP API", path, err, path)
	case err != nil:
		return Params{}, fmt.Errorf("where the gateway answers cannot be read: %w", err)
	}
	var found struct {
		URL        string `json:"url"`
		AccountSID string `json:"account_sid"`
		AuthToken  string `json:"auth_token"`
		RootFile   string `json:"root_file"`
		MQTTURL    string `json:"mqtt_url"`
	}
	if err := json.Unmarshal(text, &found); err != nil || found.URL == "" {
		return Params{}, fmt.Errorf("%s is not what a gateway writes; start the gateway again", path)
	}
	if !holds(filepath.Join(dataDir, "lock")) {
		// Left behind by a gateway that was killed. Whoever listens there now is not to get the token.
		return Params{}, &NotRunningError{DataDir: dataDir}
	}
	return Params{
		URL: found.URL, AccountSID: found.AccountSID, AuthToken: found.AuthToken, RootFile: found.RootFile, MQTTURL: found.MQTTURL,
		DataDir: dataDir,
	}, nil
}

// Named is a gateway that is named by its URL, with account and token from the environment.
func Named(url, rootFile string, getenv func(string) string) (Params, error) {
	p := Params{URL: url, RootFile: rootFile, AccountSID: getenv(AccountVariable), AuthToken: getenv(TokenVariable)}
	if p.AccountSID == "" || p.AuthToken == "" {
		return Params{}, fmt.Errorf("a gateway that is named with --http needs an account and its token; set %s and %s to those in its Settings, HTTP API",
			AccountVariable, TokenVariable)
	}
	return p, nil
}

// readOwn reads a regular file that only its owner may read.
func readOwn(path string) ([]byte, error) {
	file, err := os.Open(path)
	if err != nil {
		return nil, err
	}
	defer file.Close()
	info, err := file.Stat()
	if err != nil {
		return nil, err
	}
	if !info.Mode().IsRegular() {
		return nil, fmt.Errorf("%s is not a file", path)
	}
	// Windows has no such bits; there the folder's access list decides.
	if info.Mode().Perm()&0o077 != 0 && runtime.GOOS != "windows" {
		return nil, ErrOpenToOthers
	}
	return io.ReadAll(io.LimitReader(file, maxFile))
}

// holds reports whether the process that locked the data folder is still there. When the lock does not name one, it is
// taken to be there.
func holds(lock string) bool {
	text, err := os.ReadFile(lock)
	if err != nil {
		return true
	}
	pid, err := strconv.Atoi(strings.TrimSpace(string(text)))
	if err != nil || pid <= 0 {
		return true
	}
	process, err := os.FindProcess(pid)
	if err != nil {
		return false
	}
	defer func() { _ = process.Release() }()
	if runtime.GOOS == "windows" {
		return true // it was found
	}
	return process.Signal(syscall.Signal(0)) == nil && !ended(pid) // nothing is sent: it only asks
}

// ended reports whether a process has ended and only waits for its parent to take note, as one that was killed does.
func ended(pid int) bool {
	text, err := os.ReadFile(fmt.Sprintf("/proc/%d/stat", pid)) // Linux alone
	if err != nil {
		return false
	}
	_, after, found := bytes.Cut(text[max(bytes.LastIndexByte(text, ')'), 0):], []byte(") "))
	return found && len(after) > 0 && (after[0] == 'Z' || after[0] == 'X')
}

func isLoopback(host string) bool {
	if strings.EqualFold(host, "localhost") {
		return true
	}
	ip := net.ParseIP(host)
	return ip != nil && ip.IsLoopback()
}
