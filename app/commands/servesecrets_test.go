package commands

import (
	"crypto/tls"
	"fmt"
	"io"
	"net"
	"strings"
	"syscall"
	"testing"
	"time"

	"gatehouse/app/integration/planted"
	"gatehouse/gateway/wire"
)

// TestServeAsJSONHoldsNoSecretButTheTokenOfItsFirstLine plants secrets where devices put them, and reads all that is printed.
func TestServeAsJSONHoldsNoSecretButTheTokenOfItsFirstLine(t *testing.T) {
	secrets := planted.Secrets{T: t}
	p := startProcess(t, t.TempDir())
	secrets.Add("the account's token", p.ready["auth_token"].(string))
	code, made, errs, _ := run("device", "add", "lamp", "--key", "--json", "--data", p.ready["data"].(string))
	if code != ExitOK {
		t.Fatal(errs)
	}
	connect := wire.Connect{
		ClientID: "lamp", HasUser: true, User: "KY0123456789abcdef0123456789abcdef", HasPassword: true, Password: []byte(secrets.Text("a wrong password")),
		HasWill: true, WillTopic: "w", WillPayload: []byte(secrets.Text("the payload of a will")),
	}
	wrong := wire.AppendConnect(nil, connect, false)
	connect.User = secrets.Text("a user name that is a secret")
	said := [][]byte{wrong, wire.AppendConnect(nil, connect, false), wrong[:len(wrong)-3], []byte("GET /" + secrets.Text("a path") + " HTTP/1.1\r\n\r\n"), []byte(secrets.Text("a secret of no protocol"))}
	for _, b := range said {
		for _, overTLS := range []bool{true, false} {
			speak(t, p.ready["mqtt"].(string), b, overTLS)
		}
	}
	late := time.AfterFunc(time.Minute, func() { _ = p.Process.Kill() }) // reading its lines ends then
	defer late.Stop()
	var out strings.Builder
	for range 2 * len(said) {
		if !p.lines.Scan() {
			t.Fatalf("fewer lines than attempts: %s", p.errors.String())
		}
		fmt.Fprintln(&out, p.lines.Text())
	}
	if err := p.Process.Signal(syscall.SIGTERM); err != nil {
		t.Fatal(err)
	}
	for p.lines.Scan() {
		fmt.Fprintln(&out, p.lines.Text())
	}
	if err := p.Wait(); err != nil {
		t.Error(err)
	}
	if n := strings.Count(out.String(), `"attempt"`); n < 2*len(said) || !strings.Contains(made, "KY") {
		t.Errorf("%d attempts are told:\n%s", n, out.String())
	}
	secrets.Look([]planted.Output{{Name: "serve --json", Text: []byte(out.String())}, {Name: "its standard error", Text: p.errors.Bytes()}})
}

// speak sends bytes as a device and waits for the end.
func speak(t *testing.T, address string, b []byte, overTLS bool) {
	t.Helper()
	c, err := net.DialTimeout("tcp", address, 5*time.Second)
	if err != nil {
		t.Fatal(err)
	}
	defer c.Close()
	_ = c.SetDeadline(time.Now().Add(15 * time.Second))
	if overTLS {
		conn := tls.Client(c, &tls.Config{InsecureSkipVerify: true})
		if _, err := conn.Write(b); err != nil {
			t.Fatal(err)
		}
		_ = conn.CloseWrite()
		_, _ = io.Copy(io.Discard, conn)
		return
	}
	if _, err := c.Write(b); err != nil {
		t.Fatal(err)
	}
	_ = c.(*net.TCPConn).CloseWrite()
	_, _ = io.Copy(io.Discard, c)
}
