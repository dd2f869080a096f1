package sim

import (
	"context"
	"crypto/tls"
	"crypto/x509"
	"errors"
	"fmt"
	"io"
	"net"
	"os"
	"strings"
)

// Failure says at what a connection attempt failed before any CONNACK came.
type Failure string

// The failures. Those of trust and of options fail again until somebody changes something; the others may pass.
const (
	FailureOptions          Failure = "options"            // the options cannot be sent
	FailureCredential       Failure = "credential"         // the device's own certificate and key cannot be used
	FailureCanceled         Failure = "canceled"           // the caller gave up
	FailureClosed           Failure = "device_closed"      // Connect after Close
	FailureNoSuchHost       Failure = "no_such_host"       // the name does not resolve
	FailureRefused          Failure = "refused"            // nothing listens on the port
	FailureUnreachable      Failure = "unreachable"        // no route
	FailureTimeout          Failure = "timeout"            // no answer in time, at TCP, TLS or CONNACK
	FailureUnknownAuthority Failure = "unknown_authority"  // the server's certificate does not lead to a trusted root
	FailureWrongName        Failure = "wrong_name"         // the server's certificate is for another host
	FailureServerCert       Failure = "server_certificate" // expired, or unusable otherwise
	FailureNotTLS           Failure = "not_tls"            // the peer does not speak TLS
	FailureAlert            Failure = "alert"              // the peer ended the handshake with a TLS alert
	FailureDropped          Failure = "dropped"            // the peer closed the connection without a CONNACK
	FailureNotMQTT          Failure = "not_mqtt"           // what came is not a CONNACK
)

// Lasting reports that trying again without a change cannot help.
func (f Failure) Lasting() bool {
	switch f {
	case FailureOptions, FailureCredential, FailureClosed, FailureCanceled, FailureUnknownAuthority, FailureWrongName, FailureServerCert, FailureNotTLS, FailureAlert, FailureNotMQTT:
		return true
	}
	return false
}

// ConnectError is an attempt that got no CONNACK: what did not work, why, and what to do about it, in plain words.
type ConnectError struct {
	Failure Failure
	What    string
	Why     string
	Todo    string
	Err     error // the cause, for errors.Is and errors.As
}

func (e *ConnectError) Error() string { return e.What + ": " + e.Why + "; " + e.Todo }

// Unwrap returns the cause.
func (e *ConnectError) Unwrap() error { return e.Err }

// The stages of connecting, as a failure names them.
const (
	stageTCP     = "reach"
	stageTLS     = "agree on TLS with"
	stageConnack = "get an answer to CONNECT from"
)

// explain makes a *ConnectError of what went wrong at a stage. ctx tells giving up from running out of time.
func explain(ctx context.Context, stage, address string, t target, err error) *ConnectError {
	e := &ConnectError{What: fmt.Sprintf("could not %s %s", stage, address), Err: err}
	host := t.host
	switch {
	case errors.Is(ctx.Err(), context.Canceled):
		e.Failure, e.Why, e.Todo = FailureCanceled, "it was called off", "connect again when wanted"
	case isTimeout(ctx, err):
		e.Failure, e.Why = FailureTimeout, fmt.Sprintf("no answer within %v", t.timeout)
		e.Todo = "see that the gateway runs, and that no firewall drops the packets"
	case stage == stageTCP:
		explainTCP(e, host, err)
	case stage == stageTLS:
		explainTLS(e, host, err)
	default:
		explainConnack(e, err)
	}
	return e
}

func isTimeout(ctx context.Context, err error) bool {
	var ne net.Error
	return errors.Is(ctx.Err(), context.DeadlineExceeded) || errors.Is(err, os.ErrDeadlineExceeded) || (errors.As(err, &ne) && ne.Timeout())
}

func explainTCP(e *ConnectError, host string, err error) {
	var dns *net.DNSError
	switch {
	case errors.As(err, &dns):
		e.Failure, e.Why, e.Todo = FailureNoSuchHost, fmt.Sprintf("the name %q does not resolve", host), "check the host in the address"
	case isAny(err, errnoRefused):
		e.Failure, e.Why, e.Todo = FailureRefused, "nothing listens on that port", "start the gateway, or check the port"
	default:
		e.Failure, e.Why, e.Todo = FailureUnreachable, plain(err), "check the address and the network"
	}
}

func explainTLS(e *ConnectError, host string, err error) {
	var (
		authority x509.UnknownAuthorityError
		name      x509.HostnameError
		invalid   x509.CertificateInvalidError
		header    tls.RecordHeaderError
	)
	switch {
	case errors.As(err, &authority):
		e.Failure, e.Why = FailureUnknownAuthority, "the server's certificate is not signed by an authority that this device trusts"
		e.Todo = "give the device the gateway's root certificate"
	case errors.As(err, &name):
		e.Failure, e.Why = FailureWrongName, fmt.Sprintf("the server's certificate is not for %s%s", host, certificateNames(name.Certificate))
		e.Todo = "connect by a name in the certificate, or have the gateway add this one"
	case errors.As(err, &invalid):
		e.Failure, e.Why = FailureServerCert, "the server's certificate is not valid: "+plain(err)
		e.Todo = "check this machine's clock, then renew the gateway's certificate"
	case errors.As(err, &header):
		e.Failure, e.Why = FailureNotTLS, "what answers there does not speak TLS"
		e.Todo = "check the port: MQTT over TLS is usually 8883"
	case isAlert(err):
		explainAlert(e, err)
	case isClosed(err):
		e.Failure, e.Why = FailureDropped, "the connection was closed during the TLS handshake"
		e.Todo = "look at what the gateway recorded for this attempt"
	default:
		e.Failure, e.Why, e.Todo = FailureServerCert, plain(err), "look at what the gateway recorded for this attempt"
	}
}

func explainConnack(e *ConnectError, err error) {
	switch {
	case isAlert(err): // with TLS 1.3 a client certificate is judged after the client's side of the handshake is done
		explainAlert(e, err)
	case isClosed(err):
		e.Failure, e.Why = FailureDropped, "it closed the connection without a CONNACK, as MQTT demands for a malformed CONNECT"
		e.Todo = "look at what the gateway recorded for this attempt"
	default:
		e.Failure, e.Why, e.Todo = FailureNotMQTT, plain(err), "check that it is an MQTT server"
	}
}

func explainAlert(e *ConnectError, err error) {
	e.Failure, e.Why = FailureAlert, "the server ended the handshake with a TLS alert ("+alertText(err)+")"
	e.Todo = "look at what the gateway recorded for this attempt; most often it cannot use the device's certificate"
}

// isAlert tells an alert that the peer sent: crypto/tls reports it as an operation named "remote error".
func isAlert(err error) bool {
	var op *net.OpError
	return errors.As(err, &op) && op.Op == "remote error"
}

func alertText(err error) string {
	var op *net.OpError
	if errors.As(err, &op) && op.Err != nil {
		return strings.TrimPrefix(op.Err.Error(), "tls: ")
	}
	return plain(err)
}

// isClosed tells that the peer went away, politely or not.
func isClosed(err error) bool {
	return errors.Is(err, io.EOF) || errors.Is(err, io.ErrUnexpectedEOF) || isAny(err, errnoReset)
}

func isAny(err error, targets []error) bool {
	for _, target := range targets {
		if errors.Is(err, target) {
			return true
		}
	}
	return false
}

func certificateNames(c *x509.Certificate) string {
	if c == nil {
		return ""
	}
	names := append([]string(nil), c.DNSNames...)
	for _, ip := range c.IPAddresses {
		names = append(names, ip.String())
	}
	if len(names) == 0 {
		return ""
	}
	if len(names) > 6 {
		names = append(names[:6], "…")
	}
	return " (it is for " + strings.Join(names, ", ") + ")"
}

// plain is an error's text without the package that made it.
func plain(err error) string {
	text := err.Error()
	for _, prefix := range []string{"tls: ", "x509: "} {
		text = strings.TrimPrefix(text, prefix)
	}
	return text
}
