package commands

import (
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"io"
	"io/fs"
	"net"
	"net/url"
	"os"
	"path/filepath"
	"strconv"
	"strings"
	"time"

	"gatehouse/app/client"
	"gatehouse/app/onboard"
	"gatehouse/gateway/credential"
)

// material is a credential on its way to the gateway.
type material interface {
	// enroll makes it the device's.
	enroll(ctx context.Context, c call, d client.Device, friendlyName string) (enrolled, error)
	// discard removes what was written for it and is of no use without the gateway.
	discard() error
	// left says what stays of it: "; …", empty for nothing.
	left() string
}

// enrolled is a credential that the gateway knows.
type enrolled struct {
	sid  string // empty: none was asked for
	what string // "Key", "Certificate"
	json json.RawMessage
	// lines say it to people.
	lines []string
	// device holds what a device needs, for a ready command; nil: not known here.
	device *onboard.Material
	folder string // of the files that the command names
}

// nothing is no credential.
type nothing struct{}

func (nothing) enroll(context.Context, call, client.Device, string) (enrolled, error) {
	return enrolled{}, nil
}
func (nothing) discard() error { return nil }
func (nothing) left() string   { return "" }

// newKey is a key that the gateway makes.
type newKey struct{}

func (newKey) enroll(ctx context.Context, c call, d client.Device, friendlyName string) (enrolled, error) {
	key, err := c.CreateKey(ctx, d, friendlyName)
	if err != nil {
		return enrolled{}, fmt.Errorf("the key of %s could not be made: %w", visible(d.Name()), err)
	}
	if key.Secret == "" {
		return enrolled{}, fmt.Errorf("the key of %s came without its secret", visible(d.Name()))
	}
	return enrolled{
		sid: key.SID, what: "Key", json: key.JSON, device: &onboard.Material{Method: onboard.GenerateKey, SID: key.SID, Secret: key.Secret},
		lines: []string{"Key SID  " + key.SID, "Secret   " + key.Secret, "The secret is shown this once; the gateway keeps only a hash of it."},
	}, nil
}
func (newKey) discard() error { return nil }
func (newKey) left() string   { return "" }

// file is a certificate that the user has.
type file struct{ pem []byte }

// readCertificate reads and judges a certificate before anything is made for it.
func readCertificate(path string) (material, error) {
	f, err := os.Open(path)
	if err != nil {
		return nil, fmt.Errorf("the certificate cannot be read: %w", err)
	}
	defer f.Close()
	content, err := io.ReadAll(io.LimitReader(f, credential.MaxImport+1))
	if err != nil {
		return nil, fmt.Errorf("the certificate cannot be read: %w", err)
	}
	parsed, err := onboard.CheckCertificate(content)
	var other *credential.ImportError
	switch {
	case errors.As(err, &other):
		return nil, usage("%s: %s; %s", path, other.Reason, strings.TrimSuffix(other.Advice, "."))
	case err != nil:
		return nil, usage("%s: %s; choose the device's certificate", path, err)
	case parsed.Unusable != "":
		return nil, usage("%s: no device can connect with this certificate: %s", path, parsed.Unusable)
	}
	return file{parsed.CertPEM}, nil // of what may stand beside it, such as a private key, nothing is sent
}

func (f file) enroll(ctx context.Context, c call, d client.Device, friendlyName string) (enrolled, error) {
	certificate, err := c.EnrollCertificate(ctx, d, friendlyName, f.pem)
	if err != nil {
		return enrolled{}, fmt.Errorf("the certificate could not be enrolled: %w", err)
	}
	return enrolled{sid: certificate.SID, what: "Certificate", json: certificate.JSON, lines: []string{
		"Certificate SID  " + certificate.SID, "SHA-256          " + certificate.Thumbprint,
	}}, nil
}
func (file) discard() error { return nil }
func (file) left() string   { return "" }

// pair is a certificate and its private key that were made here and written to files.
type pair struct {
	file
	folder, cert, key string
}

// makePair makes both and writes them, the private key first, before any gateway hears of them: a key that is lost cannot
// be had again.
func makePair(folder, device string, now time.Time) (material, error) {
	made, err := credential.GenerateP256(device, now)
	if err != nil {
		return nil, err
	}
	if err := os.MkdirAll(folder, 0o700); err != nil {
		return nil, fmt.Errorf("the folder for the private key cannot be made: %w", err)
	}
	p := pair{file: file{made.CertPEM}, folder: folder, cert: filepath.Join(folder, onboard.CertFile(device)), key: filepath.Join(folder, onboard.KeyFile(device))}
	if _, err := os.Lstat(p.cert); err == nil {
		return nil, exists(p.cert)
	}
	if err := writeOwn(p.key, made.KeyPEM); err != nil {
		return nil, err
	}
	if err := writeOwn(p.cert, made.CertPEM); err != nil {
		return nil, errors.Join(err, os.Remove(p.key))
	}
	return p, nil
}

// writeOwn makes a file that only its owner can read, and never writes over another.
func writeOwn(path string, content []byte) error {
	f, err := os.OpenFile(path, os.O_WRONLY|os.O_CREATE|os.O_EXCL, 0o600)
	switch {
	case errors.Is(err, fs.ErrExist):
		return exists(path)
	case err != nil:
		return fmt.Errorf("a file cannot be made: %w", err)
	}
	_, err = f.Write(content)
	if err = errors.Join(err, f.Sync(), f.Close()); err != nil {
		return errors.Join(fmt.Errorf("%s cannot be written: %w", path, err), os.Remove(path))
	}
	return nil
}

func exists(path string) error {
	return usage("%s exists already and is not written over; choose another folder, or move that file away", path)
}

func (p pair) enroll(ctx context.Context, c call, d client.Device, friendlyName string) (enrolled, error) {
	e, err := p.file.enroll(ctx, c, d, friendlyName)
	if err != nil {
		return e, err
	}
	e.lines = append(e.lines, "Certificate      "+p.cert, "Private key      "+p.key)
	e.device, e.folder = &onboard.Material{Method: onboard.GenerateCertificate, SID: e.sid}, p.folder
	return e, nil
}

func (p pair) discard() error { return errors.Join(os.Remove(p.cert), os.Remove(p.key)) }
func (p pair) left() string   { return fmt.Sprintf("; %s and %s were written", p.cert, p.key) }

// tell prints a credential, and for people a command that connects with it.
func (e enrolled) tell(c call, d client.Device) error {
	switch {
	case e.sid == "":
		return nil
	case c.json:
		return c.object(e.json)
	}
	text := strings.Join(e.lines, "\n") + "\n"
	if e.device != nil {
		text += "\nConnect with it:\n" + e.command(c, d)
	}
	return c.print(text)
}

// command connects as the device.
func (e enrolled) command(c call, d client.Device) string {
	p := c.Gateway()
	at := endpoint(p)
	line := onboard.Publish(at, d.Name(), *e.device, onboard.Shown)
	for _, name := range []string{onboard.CertFile(d.Name()), onboard.KeyFile(d.Name())} {
		if e.folder != "" {
			line = strings.Replace(line, " "+name, " "+onboard.Quote(filepath.Join(e.folder, name)), 1)
		}
	}
	return line
}

// endpoint is where the gateway's devices connect. Of a gateway that was only named by its HTTP address it is taken to be
// the usual port of that host.
func endpoint(p client.Params) onboard.Endpoint {
	at := onboard.Endpoint{Host: "localhost", Port: 8883, RootPath: p.RootFile}
	if at.RootPath == "" {
		at.RootPath = "root.pem"
	}
	address := p.MQTTURL
	if address == "" {
		address = p.URL
	}
	u, err := url.Parse(address)
	if err != nil || u.Hostname() == "" {
		return at
	}
	at.Host = u.Hostname()
	if _, port, err := net.SplitHostPort(u.Host); err == nil && p.MQTTURL != "" {
		if n, err := strconv.Atoi(port); err == nil {
			at.Port = n
		}
	}
	return at
}

// untold is the error of a credential that was made and could not be printed.
func (e enrolled) untold(err error) error {
	if e.sid == "" {
		return err
	}
	noun := "cert"
	if e.what == "Key" {
		noun = "key"
	}
	return fmt.Errorf("%w; %s %s was made; remove it with: gatehouse %s rm %s", err, strings.ToLower(e.what), e.sid, noun, e.sid)
}
