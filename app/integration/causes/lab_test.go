package causes

import (
	"crypto/tls"
	"net"
	"os"
	"path/filepath"
	"slices"
	"time"

	"gatehouse/app/words"
	"gatehouse/gateway"
	"gatehouse/gateway/attempt"
	"gatehouse/gateway/cause"
	"gatehouse/gateway/finding"
	"gatehouse/gateway/lab"
)

// atLab is a connection to a wrong server that is started for it, and stopped when the test is over.
func (w *world) atLab(kind lab.Kind, o lab.Options) *tls.Conn {
	w.Helper()
	server, err := w.g.Lab().Start(kind, o)
	w.must(err)
	w.Cleanup(func() { w.g.Lab().Stop(kind) })
	c, err := net.DialTimeout("tcp", server.Addr, 5*time.Second)
	w.must(err)
	_ = c.SetDeadline(time.Now().Add(40 * time.Second))
	w.Cleanup(func() { _ = c.Close() })
	config := w.config()
	config.InsecureSkipVerify = true
	conn := tls.Client(c, config)
	w.must(conn.Handshake())
	return conn
}

// taught has the device connect to a wrong server, and returns how that went.
func (w *world) taught(code int, kind lab.Kind, o lab.Options) attempt.Attempt {
	w.Helper()
	c := w.atLab(kind, o)
	if got := answer(c, bytesOf(w.connect())); got != code {
		w.Errorf("code %d, want %d", got, code)
	}
	return w.ended(c)
}

// lessons are what the servers of the lab do on purpose.
var lessons = []row{
	{cause: cause.LabCode, how: "A server of the lab that answers with code 5", short: "The lab gave this code", provoke: func(w *world) seen {
		return w.refusal(w.taught(5, lab.ReturnCode, lab.Options{Code: 5}), cause.LabCode)
	}},
	{cause: cause.LabClosed, how: "A server of the lab that closes after CONNECT", short: "The lab closed on purpose", provoke: func(w *world) seen {
		return w.refusal(w.taught(-1, lab.CloseConnect, lab.Options{}), cause.LabClosed)
	}},
	{cause: cause.LabNotValidated, how: "A CONNECT to a server of the lab whose certificate has expired", short: "Does not validate the server certificate", provoke: func(w *world) seen {
		a := w.taught(3, "expired_certificate", lab.Options{})
		if !slices.Contains(a.Warnings, cause.LabNotValidated) {
			w.Fatalf("warnings %v", a.Warnings)
		}
		title, detail := words.Warning(cause.LabNotValidated)
		return seen{short: title, said: sentence(detail), advice: words.Finding(finding.Finding{Kind: cause.LabNotValidated, DeviceSID: a.DeviceSID}).Advice}
	}},
}

// killed is a session whose gateway ended by kill -9: its record is what another gateway finds in a copy of the folder.
func killed(w *world) seen {
	dir := w.TempDir()
	g, err := gateway.Open(gateway.Config{DataDir: dir, MQTTAddr: "127.0.0.1:0", HTTPAddr: "off"})
	w.must(err)
	w.Cleanup(func() { _ = g.Close() })
	w.must(g.Start())
	w.g = g
	w.device = w.add("board")
	w.key, w.secret = w.newKey(w.device)
	live := w.session(w.connect())
	id := w.at(live.NetConn(), func(a attempt.Attempt) bool { return a.Live }).ID
	var copied *attempt.Log
	var found attempt.Attempt
	w.eventually("the attempt is on the disk", func() bool {
		folder := filepath.Join(w.TempDir(), "attempts")
		if os.CopyFS(folder, os.DirFS(filepath.Join(dir, "attempts"))) != nil {
			return false // it is being written
		}
		copied = attempt.Open(attempt.Params{Dir: folder})
		<-copied.Restored()
		var kept bool
		found, kept = copied.Get(id)
		copied.Close()
		return kept && found.End != ""
	})
	return w.end(found, cause.GatewayDied)
}
