package client

import (
	"errors"
	"os/exec"
	"testing"
	"time"
)

// A gateway that was killed may stay in the list of processes until its parent takes note. Whoever listens at its address by
// then is not to get the token.
func TestAGatewayThatWasKilledIsNotRunningBeforeItsParentKnows(t *testing.T) {
	gateway := exec.Command("sleep", "60")
	if err := gateway.Start(); err != nil {
		t.Fatal(err)
	}
	dir := folder(t, written, 0o600, gateway.Process.Pid)
	if _, err := Find(dir); err != nil {
		t.Errorf("while it runs: %v", err)
	}
	if err := gateway.Process.Kill(); err != nil {
		t.Fatal(err)
	}
	var none *NotRunningError
	var found Params
	var err error
	for deadline := time.Now().Add(5 * time.Second); !errors.As(err, &none) && time.Now().Before(deadline); time.Sleep(time.Millisecond) {
		found, err = Find(dir) // a signal takes a moment to arrive
	}
	if none == nil || found.AuthToken != "" {
		t.Errorf("%v %v", found, err)
	}
	_ = gateway.Wait()
}
