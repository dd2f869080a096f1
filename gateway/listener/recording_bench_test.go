//go:build unix

package listener

import (
	"bytes"
	"crypto/x509"
	"encoding/pem"
	"os"
	"os/exec"
	"strconv"
	"syscall"
	"testing"
	"time"

	"gatehouse/gateway/attempt"
	"gatehouse/gateway/broker"
	"gatehouse/gateway/cause"
	"gatehouse/gateway/credential"
	"gatehouse/gateway/wire"
)

// spent is the processor time of this program so far.
func spent(b *testing.B) time.Duration {
	var use syscall.Rusage
	if err := syscall.Getrusage(syscall.RUSAGE_SELF, &use); err != nil {
		b.Fatal(err)
	}
	return time.Duration(use.Utime.Nano() + use.Stime.Nano())
}

// BenchmarkRecordingShare is how much of the gateway's processor time for a connect goes into its record: everything that is
// written for one, over and over, beside what whole connects cost, in the same run. It is steady on a busy machine and is for
// finding out which change made recording dearer; what recording costs in earnest, with all that follows in the background, is
// for BenchmarkTimelineOverhead to say.
func BenchmarkRecordingShare(b *testing.B) {
	b.Run("key", func(b *testing.B) { benchmarkShare(b, func(w *world) identity { return w.withKey("bench") }) })
	b.Run("certificate", func(b *testing.B) {
		benchmarkShare(b, func(w *world) identity { return w.withCertificate(b, "bench") })
	})
}

func benchmarkShare(b *testing.B, make func(*world) identity) {
	w := newWorld(b, Settings{ConnectsPerSecond: -1, Unfinished: -1})
	i := make(w)
	environment := []string{
		clientAddress + "=" + w.addr, "GATEHOUSE_BENCH_ROOT=" + string(authority.RootPEM()), "GATEHOUSE_BENCH_TIMES=" + strconv.Itoa(b.N),
	}
	var certificates []*x509.Certificate
	if i.secret != "" {
		environment = append(environment, "GATEHOUSE_BENCH_USER="+i.credential, "GATEHOUSE_BENCH_PASSWORD="+i.secret)
	} else {
		key, err := x509.MarshalPKCS8PrivateKey(i.cert.PrivateKey)
		if err != nil {
			b.Fatal(err)
		}
		var text bytes.Buffer
		_ = pem.Encode(&text, &pem.Block{Type: "CERTIFICATE", Bytes: i.cert.Certificate[0]})
		_ = pem.Encode(&text, &pem.Block{Type: "PRIVATE KEY", Bytes: key})
		environment = append(environment, "GATEHOUSE_BENCH_CERT="+text.String())
		leaf, err := x509.ParseCertificate(i.cert.Certificate[0])
		if err != nil {
			b.Fatal(err)
		}
		certificates = []*x509.Certificate{leaf}
	}
	hello := understood(b, offered(b, config(nil)))
	answer, err := authority.Answer(hello, Settings{}.TLS)
	if err != nil {
		b.Fatal(err)
	}
	c := i.connect()
	packet := wire.AppendConnect(nil, c, false)

	b.ResetTimer()
	began := spent(b)
	client := exec.Command(os.Args[0])
	client.Env = append(os.Environ(), environment...)
	if out, err := client.CombinedOutput(); err != nil {
		b.Fatalf("%v: %s", err, out)
	}
	whole := spent(b) - began

	decoded, err := wire.DecodeConnect(bytes.Clone(packet[2:]), 2)
	if err != nil {
		b.Fatal(err)
	}
	judged := &arrival{l: w.Listener, guest: &guest{exempt: true}}
	if certificates != nil {
		judged.thumbprint = credential.Thumbprint(certificates[0].Raw)
	}
	_, v := judged.decide(decoded)
	if !v.Accepted() {
		b.Fatal(v.Cause)
	}
	conn := &wireConn{Conn: from{remote: "192.0.2.1:1"}}
	began = spent(b)
	for range b.N {
		a := &arrival{l: w.Listener, guest: &guest{exempt: true}, conn: conn, certificates: certificates, rec: w.log.Begin("192.0.2.1:1", "127.0.0.1:8883")}
		a.recordHello(hello, attempt.Good)
		a.rec.Step(attempt.ServerChain, attempt.Good, w.chains.facts(answer)...)
		if certificates != nil {
			a.rec.Step(attempt.ClientCertificate, attempt.Good, certificateFacts(certificates)...)
		}
		a.rec.Step(attempt.Handshake, attempt.Good, attempt.F("version", "TLS 1.3"), attempt.F("suite", "TLS_AES_128_GCM_SHA256"), attempt.F("group", "X25519"), attempt.F("resumed", "no"))
		a.recordConnect(packet[:2], packet[2:], decoded)
		a.inputs = judged.inputs
		a.recordVerdict(decoded, v)
		a.rec.Accepted(false, 0)
		a.remark(decoded)
		tap(a.rec)(true, []byte{0x20, 2, 0, 0})
		a.rec.End(cause.ClientClosed, byDevice, nil, endFacts(broker.End{Cause: cause.ClientClosed}, &live{}, w.now())...)
	}
	recording := spent(b) - began
	b.ReportMetric(float64(whole.Microseconds())/float64(b.N), "µs/connect")
	b.ReportMetric(float64(recording.Nanoseconds())/1000/float64(b.N), "µs/record")
	b.ReportMetric(100*float64(recording)/float64(whole-recording), "%")
}
