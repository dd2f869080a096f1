package desktop

import (
	"context"
	"strings"
	"time"

	"fyne.io/fyne/v2"

	"gatehouse/app/desktop/checkup"
	"gatehouse/app/desktop/checkup/engine"
	"gatehouse/app/desktop/dropped"
	"gatehouse/app/desktop/shell"
	"gatehouse/app/remedy"
	"gatehouse/gateway"
	"gatehouse/gateway/attempt"
	"gatehouse/gateway/cause"
)

// checksOf is the gateway as "Check credentials" asks for it.
type checksOf struct{ *adapter }

var _ checkup.Gateway = checksOf{}

// Target implements checkup.Gateway.
func (a checksOf) Target() string {
	if s := a.last.Load(); s.State == gateway.Listening {
		return s.URL
	}
	return ""
}

// Owner implements checkup.Gateway.
func (a checksOf) Owner(thumbprint, keySID string) checkup.Owner {
	var o checkup.Owner
	r := a.Registry()
	if thumbprint != "" {
		for _, c := range r.AllCertificates() {
			if strings.EqualFold(c.Thumbprint, thumbprint) {
				o.Known, o.DeviceSID = true, c.DeviceSID
			}
		}
	} else if keySID != "" {
		for _, k := range r.AllKeys() {
			if k.SID == keySID {
				o.Known, o.DeviceSID = true, k.DeviceSID
			}
		}
	}
	if o.DeviceSID != "" {
		o.Device = a.DeviceName(o.DeviceSID)
		o.Connected = a.connected()[o.DeviceSID]
	}
	return o
}

// Enrol implements checkup.Gateway: the fix is that of an attempt with this certificate.
func (a checksOf) Enrol(pem []byte, thumbprint string) (remedy.Remedy, bool) {
	return a.remedy(attempt.Attempt{
		Code: 4, Cause: cause.UnknownCertificate, Thumbprint: thumbprint,
		Steps: []attempt.Step{{Kind: attempt.ClientCertificate, Facts: []attempt.Fact{{Name: "pem", Value: string(pem)}}}},
	})
}

// Seen implements checkup.Gateway.
func (a checksOf) Seen(ctx context.Context, began time.Time, thumbprint, keySID string) checkup.Seen {
	return engine.Seen(ctx, a.Attempts(), began, thumbprint, keySID)
}

// checkup makes the sheet "Check credentials".
func (p *program) checkup(at *adapter) *checkup.Sheet {
	return checkup.New(checkup.Params{
		Fix: p.fixer, Gateway: checksOf{at}, Checker: engine.Engine{Root: at.RootPEM}, Close: p.frame.CloseSheet,
	})
}

// drop takes scenarios that were dropped on the window to the Lab and anything else to "Check credentials", and says of the
// rest what can be dropped.
func (p *program) drop(_ fyne.Position, uris []fyne.URI) {
	var paths []string
	for _, u := range uris {
		if u.Scheme() == "file" {
			paths = append(paths, u.Path())
		}
	}
	if p.frame == nil || len(paths) == 0 {
		return
	}
	played, paths := dropped.Scenarios(paths)
	for _, path := range played {
		p.scenarios.Open(path)
		p.frame.Go(shell.Lab, "scenarios")
	}
	var files []shell.File
	var said []string
	p.frame.Background(func(context.Context) error {
		files, said = dropped.Read(paths)
		return nil
	}, func(error) {
		if len(files) > 0 {
			p.frame.Check(files...)
		}
		const most = 3 // as many as are read before they go
		for _, sentence := range said[:min(len(said), most)] {
			p.frame.Toast(sentence, nil)
		}
	})
}
