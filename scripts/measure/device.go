//go:build linux

package main

import (
	"bufio"
	"context"
	"crypto/tls"
	"crypto/x509"
	"errors"
	"fmt"
	"io"
	"os"
	"time"

	"gatehouse/gateway"
	"gatehouse/gateway/credential"
	"gatehouse/gateway/registry"
	"gatehouse/gateway/wire"
)

// identity is a device with both kinds of credential.
type identity struct {
	key, secret string
	certificate tls.Certificate
}

// register writes a data folder with n devices, and limits that measuring does not run into.
func register(data string, n int) (devices []identity, err error) {
	g, err := gateway.Open(gateway.Config{DataDir: data, MQTTAddr: "127.0.0.1:0", HTTPAddr: "off"})
	if err != nil {
		return nil, err
	}
	defer func() { err = errors.Join(err, g.Close()) }()
	settings := g.Settings()
	settings.Limits.ConnectsPerSecond, settings.Limits.ConnectsPerSecondPerAddress = 1_000_000, 1_000_000
	if err := g.SetSettings(settings); err != nil {
		return nil, err
	}
	ctx, r := context.Background(), g.Registry()
	for i := range n {
		device, err := r.CreateDevice(ctx, registry.NewDevice{UniqueName: fmt.Sprintf("device-%d", i)})
		if err != nil {
			return nil, err
		}
		key, secret, err := r.CreateKey(ctx, device.FleetSID, device.SID, "")
		if err != nil {
			return nil, err
		}
		made, err := credential.GenerateP256(device.UniqueName, time.Now())
		if err != nil {
			return nil, err
		}
		if _, err := r.ImportCertificate(ctx, device.FleetSID, device.SID, "", made.CertPEM); err != nil {
			return nil, err
		}
		pair, err := tls.X509KeyPair(made.CertPEM, made.KeyPEM)
		if err != nil {
			return nil, err
		}
		devices = append(devices, identity{key.SID, secret, pair})
	}
	return devices, nil
}

// target is where devices connect, and what they trust.
type target struct {
	address string
	roots   *x509.CertPool
}

func (p *process) target() (target, error) {
	pem, err := os.ReadFile(p.ready.RootCA)
	if err != nil {
		return target{}, err
	}
	roots := x509.NewCertPool()
	roots.AppendCertsFromPEM(pem)
	return target{p.ready.MQTT, roots}, nil
}

// device is a connected device that is as lean as can be, so that its own cost matters little.
type device struct {
	*tls.Conn
	in *bufio.Reader
}

// connect makes a full handshake, without resumption, and waits for code 0.
func (t target) connect(who identity, byCertificate, clean bool) (*device, error) {
	config := &tls.Config{RootCAs: t.roots, ServerName: "localhost"}
	hello := wire.Connect{Clean: clean, ClientID: "measure"}
	if byCertificate {
		config.Certificates = []tls.Certificate{who.certificate}
	} else {
		hello.HasUser, hello.User, hello.HasPassword, hello.Password = true, who.key, true, []byte(who.secret)
	}
	connection, err := tls.Dial("tcp", t.address, config)
	if err != nil {
		return nil, err
	}
	d := &device{connection, bufio.NewReaderSize(connection, 1<<14)}
	_, err = d.Write(wire.AppendConnect(nil, hello, false))
	var answer []byte
	if err == nil {
		_, answer, err = d.read()
	}
	if err == nil && (len(answer) != 2 || answer[1] != 0) {
		err = fmt.Errorf("refused: %x", answer)
	}
	if err != nil {
		return nil, errors.Join(err, d.Close())
	}
	return d, nil
}

// read reads one packet.
func (d *device) read() (first byte, body []byte, err error) {
	if first, err = d.in.ReadByte(); err != nil {
		return 0, nil, err
	}
	length, shift := 0, 0
	for {
		b, err := d.in.ReadByte()
		if err != nil {
			return 0, nil, err
		}
		length |= int(b&0x7f) << shift
		if b < 0x80 {
			break
		}
		shift += 7
	}
	body = make([]byte, length)
	_, err = io.ReadFull(d.in, body)
	return first, body, err
}
