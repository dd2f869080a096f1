// Package engine makes the checks of the sheet "Check credentials" with package check: it tells the device's own files
// from the authorities that it trusts, and puts steps and results as the sheet shows them. It knows no widgets.
package engine

import (
	"bytes"
	"context"
	"crypto"
	"crypto/x509"
	"encoding/pem"
	"strings"

	"gatehouse/app/check"
	"gatehouse/app/check/files"
	"gatehouse/app/desktop/checkup"
	"gatehouse/app/desktop/shell"
	"gatehouse/app/words"
	"gatehouse/gateway/attempt"
	"gatehouse/gateway/credential"
)

// Engine makes checks. It keeps nothing of them.
type Engine struct {
	// Root is this gateway's root certificate, PEM: what is trusted when it is the target and no authority was given.
	Root func() []byte
}

var _ checkup.Checker = Engine{}

// Inspect implements checkup.Checker.
func (Engine) Inspect(given []shell.File, passphrase []byte) (each []checkup.Found, together []checkup.Problem) {
	read := inspect(given, passphrase)
	for _, f := range read {
		each = append(each, found(f, read))
	}
	for _, p := range files.Match(read) {
		together = append(together, problem(p))
	}
	return each, together
}

func inspect(given []shell.File, passphrase []byte) []files.File {
	read := make([]files.File, len(given))
	for i, f := range given {
		read[i] = files.Inspect(f.Name, f.Content, passphrase)
	}
	return read
}

func found(f files.File, all []files.File) checkup.Found {
	one := checkup.Found{Name: f.Name, Title: f.Title, Encrypted: f.Kind == files.PKCS12}
	for _, k := range f.Keys {
		one.Encrypted = one.Encrypted || k.Encrypted
	}
	for _, p := range f.Problems {
		one.Problems = append(one.Problems, problem(p))
	}
	if len(f.Certificates) > 0 {
		c := f.Certificates[0]
		thumbprint := credential.Thumbprint(c.Raw)
		one.Detail = "SHA-256 " + words.Thumbprint(thumbprint) + " · until " + c.NotAfter.Local().Format("2 January 2006")
		if !authority(f, all) {
			one.Thumbprint, one.PEM = thumbprint, encode(c)
		}
	}
	return one
}

func problem(p files.Problem) checkup.Problem {
	return checkup.Problem{State: p.State, What: p.What, Advice: p.Advice}
}

func encode(c *x509.Certificate) []byte {
	return pem.EncodeToMemory(&pem.Block{Type: "CERTIFICATE", Bytes: c.Raw})
}

// authority reports whether a file is what the device trusts, rather than what it proves itself with: authorities only,
// and none whose private key is among the files.
func authority(f files.File, all []files.File) bool {
	if len(f.Keys) > 0 || len(f.Certificates) == 0 {
		return false
	}
	for _, c := range f.Certificates {
		if !c.IsCA || keyAmong(c, all) {
			return false
		}
	}
	return true
}

func keyAmong(c *x509.Certificate, all []files.File) bool {
	for _, f := range all {
		for _, k := range f.Keys {
			if k.Signer() == nil {
				continue
			}
			if public, ok := k.Signer().Public().(interface{ Equal(crypto.PublicKey) bool }); ok && public.Equal(c.PublicKey) {
				return true
			}
		}
	}
	return false
}

// Shown implements checkup.Checker.
func (Engine) Shown(address string) string { return check.Shown(address) }

// Run implements checkup.Checker.
func (e Engine) Run(ctx context.Context, o checkup.Options, each func(checkup.Step)) checkup.Result {
	result := check.Run(ctx, e.options(o), func(s check.Step) {
		step := checkup.Step{ID: s.ID, Offset: s.Offset, State: s.State, Title: s.Title, Detail: s.Detail, Advice: s.Advice}
		step.Facts = words.Facts(attempt.Step{Facts: s.Facts})
		each(step)
	})
	shown := checkup.Result{Code: attempt.Code(result.Code), Summary: result.Summary, Advice: result.Advice}
	if result.Code < 0 {
		shown.Code, shown.Reached = attempt.NoAnswer, reached[result.Exit]
		if shown.Reached == "" {
			shown.Reached = "—"
		}
	}
	return shown
}

// reached says where a check without a CONNACK ended.
var reached = map[int]string{
	check.ExitUsage: "Address", check.ExitFiles: "Files", check.ExitLookup: "Name", check.ExitTCP: "TCP", check.ExitTLS: "TLS", check.ExitTrust: "Trust",
	check.ExitNoAnswer: "MQTT", check.ExitClosed: "MQTT", check.ExitOther: "MQTT",
}

func (e Engine) options(o checkup.Options) check.Options {
	options := check.Options{
		Target: o.Target, Passphrase: o.Passphrase, User: o.User, Password: o.Password, HasPassword: o.User != "", RoundTrip: o.RoundTrip,
	}
	read := inspect(o.Files, o.Passphrase)
	var names []string
	var trusted bytes.Buffer
	for i, f := range read {
		if !authority(f, read) {
			options.Files = append(options.Files, check.File{Name: f.Name, Content: o.Files[i].Content})
			continue
		}
		names = append(names, f.Name)
		for _, c := range f.Certificates {
			trusted.Write(encode(c))
		}
	}
	switch {
	case len(names) > 0:
		options.CA, options.CAName = trusted.Bytes(), strings.Join(names, ", ")
	case o.Here:
		options.CA, options.CAName = e.Root(), "this gateway’s root.pem"
	}
	return options
}
