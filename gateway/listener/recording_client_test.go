package listener

import (
	"crypto/tls"
	"crypto/x509"
	"fmt"
	"net"
	"os"
	"strconv"

	"gatehouse/gateway/wire"
)

// clientAddress has this program be a client that connects as often as it is told, for the benchmark of another one: so that
// what the gateway computes can be told from what its clients do.
const clientAddress = "GATEHOUSE_BENCH_CLIENT"

// beClient connects many times; the key, or the certificate, and the root come from the environment.
func beClient() error {
	pool := x509.NewCertPool()
	pool.AppendCertsFromPEM([]byte(os.Getenv("GATEHOUSE_BENCH_ROOT")))
	conf := &tls.Config{ServerName: "localhost", RootCAs: pool}
	c := wire.Connect{Clean: true, ClientID: "bench", KeepAlive: 60}
	if user := os.Getenv("GATEHOUSE_BENCH_USER"); user != "" {
		c.HasUser, c.User, c.HasPassword, c.Password = true, user, true, []byte(os.Getenv("GATEHOUSE_BENCH_PASSWORD"))
	} else {
		cert, err := tls.X509KeyPair([]byte(os.Getenv("GATEHOUSE_BENCH_CERT")), []byte(os.Getenv("GATEHOUSE_BENCH_CERT")))
		if err != nil {
			return err
		}
		conf.Certificates = []tls.Certificate{cert}
	}
	packet := wire.AppendConnect(nil, c, false)
	times, err := strconv.Atoi(os.Getenv("GATEHOUSE_BENCH_TIMES"))
	if err != nil {
		return err
	}
	for range times {
		raw, err := net.Dial("tcp", os.Getenv(clientAddress))
		if err != nil {
			return err
		}
		if connack, err := offer(tls.Client(raw, conf), packet); err != nil || connack[3] != 0 {
			return fmt.Errorf("%x, %w", connack, err)
		}
		_ = raw.(*net.TCPConn).SetLinger(0)
		raw.Close()
	}
	return nil
}
