package rest

import (
	"bufio"
	"context"
	"crypto/tls"
	"crypto/x509"
	"fmt"
	"io"
	"net"
	"net/http"
	"net/netip"
	"strings"
	"testing"
	"testing/synctest"
	"time"

	"github.com/stretchr/testify/require"

	"gatehouse/gateway/credential"
	"gatehouse/gateway/registry"
	"gatehouse/gateway/rest/web"
)

func TestBeyondLoopbackItIsHTTPS(t *testing.T) {
	g, err := credential.GenerateP256("localhost", time.Now())
	require.NoError(t, err)
	pair, err := tls.X509KeyPair(g.CertPEM, g.KeyPEM)
	require.NoError(t, err)
	api := &web.Table{}
	api.Handle("GET", "/v1/things", func(r *web.Request) (web.Response, error) { return web.OK(r.Absolute("v1", "things")), nil })
	p := Params{
		Addr: "127.0.0.1:0", Account: func() registry.Account { return registry.Account{SID: account, AuthToken: token} },
		APIs:        map[string]http.Handler{"v1": api},
		Certificate: func(*tls.ClientHelloInfo) (*tls.Certificate, error) { return &pair, nil },
	}
	s, err := listen(p.complete("127.0.0.1"), true)
	require.NoError(t, err)
	t.Cleanup(func() { require.NoError(t, s.Close(context.Background())) })
	require.True(t, strings.HasPrefix(s.URL(), "https://127.0.0.1:"))

	transport := &http.Transport{DisableKeepAlives: true, TLSClientConfig: &tls.Config{
		InsecureSkipVerify: true,
		VerifyPeerCertificate: func(raw [][]byte, _ [][]*x509.Certificate) error {
			if credential.Thumbprint(raw[0]) != credential.Thumbprint(g.Cert.Raw) {
				return fmt.Errorf("another certificate")
			}
			return nil
		},
	}}
	t.Cleanup(transport.CloseIdleConnections)
	r, err := http.NewRequestWithContext(t.Context(), "GET", s.URL()+"/v1/things", nil)
	require.NoError(t, err)
	r.SetBasicAuth(account, token)
	answer, err := transport.RoundTrip(r)
	require.NoError(t, err)
	defer answer.Body.Close()
	body, err := io.ReadAll(answer.Body)
	require.NoError(t, err)
	require.Equal(t, fmt.Sprintf("%q\n", s.URL()+"/v1/things"), string(body), "links are https as well")

	answer, err = client(t).Get("http://" + strings.TrimPrefix(s.URL(), "https://") + "/healthz")
	require.NoError(t, err)
	defer answer.Body.Close()
	require.Equal(t, 400, answer.StatusCode, "nothing is served in the clear")
}

func TestAServerOnEveryAddressIsNamedByLocalhost(t *testing.T) {
	for bound, want := range map[string]string{"[::]:8080": "localhost:8080", "0.0.0.0:8080": "localhost:8080", "192.0.2.1:80": "192.0.2.1:80", "[::1]:1": "[::1]:1"} {
		address, err := net.ResolveTCPAddr("tcp", bound)
		require.NoError(t, err)
		require.Equal(t, "http://"+want, (&Server{scheme: "http", listener: named{address: address}}).URL())
	}
}

type named struct {
	net.Listener
	address net.Addr
}

func (n named) Addr() net.Addr { return n.address }

// raw sends text as it is, and returns the status line of the answer.
func raw(t *testing.T, s *Server, text string) string {
	t.Helper()
	c, err := net.Dial("tcp", s.listener.Addr().String())
	require.NoError(t, err)
	defer c.Close()
	require.NoError(t, c.SetDeadline(time.Now().Add(10*time.Second)))
	_, err = c.Write([]byte(text))
	require.NoError(t, err)
	line, _ := bufio.NewReader(c).ReadString('\n')
	return strings.TrimSpace(line)
}

func TestRequestsThatNoClientSendsAreAnswered(t *testing.T) {
	s := serve(t, nil)
	for text, want := range map[string]string{
		"GET /healthz HTTP/1.0\r\n\r\n":                                                                                   "HTTP/1.0 421",
		"GET /healthz HTTP/1.1\r\n\r\n":                                                                                   "HTTP/1.1 400",
		"GET http://evil.example/healthz HTTP/1.1\r\nHost: localhost\r\n\r\n":                                             "HTTP/1.1 421",
		"OPTIONS * HTTP/1.1\r\nHost: localhost\r\nConnection: close\r\n\r\n":                                              "HTTP/1.1 401",
		"CONNECT localhost:1 HTTP/1.1\r\nHost: localhost\r\n\r\n":                                                         "HTTP/1.1 401",
		"GET /healthz HTTP/1.1\r\nHost: localhost\r\nX: " + strings.Repeat("x", 32<<10) + "\r\n\r\n":                      "HTTP/1.1 431",
		"POST /v1/things HTTP/1.1\r\nHost: localhost\r\nContent-Length: 5\r\nTransfer-Encoding: chunked\r\n\r\n0\r\n\r\n": "HTTP/1.1 401",
		"GET /healthz%zz HTTP/1.1\r\nHost: localhost\r\n\r\n":                                                             "HTTP/1.1 400",
		"PRI * HTTP/2.0\r\n\r\nSM\r\n\r\n":                                                                                "HTTP/1.1 421",
		"GET /v1/things HTTP/1.1\r\nHost: localhost\r\nAuthorization: Basic not-base64\r\nConnection: close\r\n\r\n":      "HTTP/1.1 401",
		"GET /v1/things HTTP/1.1\r\nHost: localhost\r\nAuthorization: Basic\r\nConnection: close\r\n\r\n":                 "HTTP/1.1 401",
		"GET /v1/things HTTP/1.1\r\nHost: localhost\r\nAuthorization: Basic Og==\r\nConnection: close\r\n\r\n":            "HTTP/1.1 401",
		"GET /healthz HTTP/1.1\r\nHost: localhost\r\nHost: evil.example\r\n\r\n":                                          "HTTP/1.1 400",
		"GET //evil.example/v1 HTTP/1.1\r\nHost: localhost\r\nConnection: close\r\n\r\n":                                  "HTTP/1.1 401",
	} {
		require.Equal(t, want, strings.Join(strings.SplitN(raw(t, s, text)+"  ", " ", 3)[:2], " "), "%.80q", text)
	}
}

func TestConnectionsAreBounded(t *testing.T) {
	inner, err := net.Listen("tcp", "127.0.0.1:0")
	require.NoError(t, err)
	l := limit(inner, 2, 1, func() bool { return false })
	accepted := make(chan net.Conn)
	ended := make(chan error, 1)
	go func() {
		for {
			c, err := l.Accept()
			if err != nil {
				ended <- err
				return
			}
			accepted <- c
		}
	}()
	var dialled []net.Conn
	for range 3 {
		c, err := net.Dial("tcp", inner.Addr().String())
		require.NoError(t, err)
		dialled = append(dialled, c)
	}
	first, second := <-accepted, <-accepted
	select {
	case <-accepted:
		t.Fatal("a third is taken while two are open")
	case <-time.After(50 * time.Millisecond):
	}
	require.NoError(t, first.Close())
	_ = first.Close() // twice frees one slot alone
	third := <-accepted
	require.NoError(t, l.Close())
	require.Error(t, <-ended)
	for _, c := range append(dialled, second, third) {
		_ = c.Close()
	}
	require.Empty(t, l.open)
}

func TestNoOtherMachineTakesAllConnections(t *testing.T) {
	l := limit(nil, 100, 2, nil)
	far, other, near := netip.MustParsePrefix("192.0.2.1/32"), netip.MustParsePrefix("192.0.2.2/32"), netip.MustParsePrefix("127.0.0.1/32")
	require.True(t, l.enter(far))
	require.True(t, l.enter(far))
	require.False(t, l.enter(far))
	require.True(t, l.enter(other))
	for range 5 {
		require.True(t, l.enter(near))
	}
	l.slots <- struct{}{}
	l.leave(far)
	require.True(t, l.enter(far))
}

// A peer that sends its request byte by byte is cut all the same.
func TestAPeerThatDalliesIsCut(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		theirs, ours := net.Pipe()
		s := &Server{params: Params{}.complete("127.0.0.1"), closing: make(chan struct{}), done: make(chan struct{})}
		s.http = s.server()
		s.listener = &once{conn: ours, closed: make(chan struct{})}
		go s.serve()
		began := time.Now()
		cut := make(chan struct{})
		go func() {
			defer close(cut)
			for _, err := theirs.Write([]byte("G")); err == nil; _, err = theirs.Write([]byte("E")) {
				time.Sleep(100 * time.Millisecond)
			}
		}()
		_, _ = io.ReadAll(theirs)
		require.Equal(t, headerTimeout, time.Since(began).Truncate(time.Second))
		_ = theirs.Close()
		<-cut
		require.NoError(t, s.Close(t.Context()))
	})
}

// once is a listener with one connection.
type once struct {
	conn   net.Conn
	closed chan struct{}
}

func (o *once) Accept() (net.Conn, error) {
	if c := o.conn; c != nil {
		o.conn = nil
		return c, nil
	}
	<-o.closed
	return nil, net.ErrClosed
}

func (o *once) Close() error   { close(o.closed); return nil }
func (o *once) Addr() net.Addr { return &net.TCPAddr{} }

// An answer that was waited for is sent, although it takes longer than requests and answers usually may.
func TestAPatientRequestOutlivesTheTimeouts(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		const wait = 2 * (readTimeout + writeTimeout)
		api := &web.Table{}
		api.Handle("GET", "/v1/changes", func(r *web.Request) (web.Response, error) {
			r.Patient(wait)
			select {
			case <-r.Context().Done():
				return web.OK("cut"), nil
			case <-r.Closing():
				return web.OK("closing"), nil
			case <-time.After(wait):
				return web.OK("waited"), nil
			}
		})
		theirs, ours := net.Pipe()
		p := Params{
			Account: func() registry.Account { return registry.Account{SID: account, AuthToken: token} }, APIs: map[string]http.Handler{"v1": api},
		}
		s := &Server{params: p.complete("127.0.0.1"), closing: make(chan struct{}), done: make(chan struct{})}
		s.http = s.server()
		s.listener = &once{conn: ours, closed: make(chan struct{})}
		go s.serve()
		r, err := http.NewRequestWithContext(t.Context(), "GET", "http://localhost/v1/changes", nil)
		require.NoError(t, err)
		r.SetBasicAuth(account, token)
		require.NoError(t, r.Write(theirs))
		answer, err := http.ReadResponse(bufio.NewReader(theirs), r)
		require.NoError(t, err)
		body, err := io.ReadAll(answer.Body)
		require.NoError(t, err)
		require.Equal(t, "\"waited\"\n", string(body))
		_ = theirs.Close()
		require.NoError(t, s.Close(t.Context()))
	})
}

func TestConnectionsThatSayNothingDoNotHoldUpTheEnd(t *testing.T) {
	s, err := Listen(Params{Addr: "127.0.0.1:0"})
	require.NoError(t, err)
	for range 5 {
		c, err := net.Dial("tcp", s.listener.Addr().String())
		require.NoError(t, err)
		defer c.Close()
	}
	half, err := net.Dial("tcp", s.listener.Addr().String())
	require.NoError(t, err)
	defer half.Close()
	require.Equal(t, "HTTP/1.1 200 OK", raw(t, s, "GET /healthz HTTP/1.1\r\nHost: localhost\r\n\r\n"))
	ctx, cancel := context.WithTimeout(t.Context(), 3*time.Second)
	defer cancel()
	require.NoError(t, s.Close(ctx))
	require.NoError(t, s.Close(ctx), "twice is no fault")
}

// Whoever has a request is served, however many connections have none: those that never said anything, those that trickle a
// request, and those that were answered and stay.
func TestConnectionsWithoutARequestKeepNobodyOut(t *testing.T) {
	for name, say := range map[string]string{
		"silent": "", "slow": "GET /healthz HTTP/1.1\r\nHost: localhost\r\nX: ", "answered": "GET /healthz HTTP/1.1\r\nHost: localhost\r\n\r\n",
	} {
		t.Run(name, func(t *testing.T) {
			s := serve(t, nil)
			for range maxConnections + 50 {
				c, err := net.Dial("tcp", s.listener.Addr().String())
				require.NoError(t, err)
				defer c.Close()
				_, err = c.Write([]byte(say))
				require.NoError(t, err)
				if name == "answered" {
					require.NoError(t, c.SetReadDeadline(time.Now().Add(10*time.Second)))
					_, err = bufio.NewReader(c).ReadString('\n')
					require.NoError(t, err)
				}
			}
			began := time.Now()
			require.Equal(t, "HTTP/1.1 200 OK", raw(t, s, "GET /healthz HTTP/1.1\r\nHost: localhost\r\n\r\n"))
			require.Less(t, time.Since(began), headerTimeout/2)
		})
	}
}

// A body that is announced and never sent holds no connection of someone who is not let in.
func TestTheBodyOfWhoIsTurnedAwayIsNotWaitedFor(t *testing.T) {
	s := serve(t, nil)
	for want, header := range map[string]string{
		"HTTP/1.1 401": "Host: localhost\r\n", "HTTP/1.1 421": "Host: evil.example\r\n", "HTTP/1.1 403": "Host: localhost\r\nOrigin: http://evil.example\r\n",
	} {
		began := time.Now()
		line := raw(t, s, "POST /v1/things HTTP/1.1\r\n"+header+"Content-Length: 1000\r\n\r\n")
		require.Equal(t, want, line[:min(len(line), len(want))])
		require.Less(t, time.Since(began), headerTimeout)
	}
}
