//go:build unix

package listener

import (
	"bytes"
	"crypto/x509"
	"encoding/pem"
	"fmt"
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
	findings "gatehouse/gateway/finding"
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
// written for one, over and over, beside what whole connects cost, in the same run. It is for
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
	b.ResetTimer()
	began := spent(b)
	client := exec.Command(os.Args[0])
	client.Env = append(os.Environ(), environment...)
	if out, err := client.CombinedOutput(); err != nil {
		b.Fatalf("%v: %s", err, out)
	}
	whole := spent(b) - began

	record := recording(b, w, i, certificates)
	began = spent(b)
	for range b.N {
		record(w.log)
	}
	recording := spent(b) - began
	b.ReportMetric(float64(whole.Microseconds())/float64(b.N), "µs/connect")
	b.ReportMetric(float64(recording.Nanoseconds())/1000/float64(b.N), "µs/record")
	b.ReportMetric(100*float64(recording)/float64(whole-recording), "%")
}

// BenchmarkRecordWhole is what becomes of a connect in the record, in full: what the listener writes of one, the verdict told to the
// findings, and the attempt on the disk. Many devices connect in turn, in bursts with a pause between, as the record is written in the
// background every quarter of a second.
func BenchmarkRecordWhole(b *testing.B) {
	w := newWorld(b, Settings{ConnectsPerSecond: -1, Unfinished: -1})
	record := recording(b, w, w.withKey("bench"), nil)
	log := attempt.Open(attempt.Params{Dir: b.TempDir(), Each: findings.New(findings.Params{}).Observe, Whole: findings.Whole})
	for range 2 * 10_000 { // the ring is full, as it always is
		record(log)
	}
	for log.Record().Waiting > 0 {
		time.Sleep(10 * time.Millisecond)
	}
	b.ReportAllocs()
	b.ResetTimer()
	began := spent(b)
	for n := range b.N {
		record(log)
		if n%256 == 255 {
			time.Sleep(300 * time.Millisecond)
		}
	}
	log.Close()
	b.ReportMetric(float64((spent(b)-began).Nanoseconds())/1000/float64(b.N), "µs/record")
}

// recording is all that is recorded of a connect by an identity, as the listener does it.
func recording(b *testing.B, w *world, i identity, certificates []*x509.Certificate) func(*attempt.Log) {
	hello := understood(b, offered(b, config(nil)))
	answer, err := authority.Answer(hello, Settings{}.TLS)
	if err != nil {
		b.Fatal(err)
	}
	packet := wire.AppendConnect(nil, i.connect(), false)
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
	device := 0
	return func(log *attempt.Log) {
		a := &arrival{l: w.Listener, guest: &guest{exempt: true}, conn: conn, certificates: certificates, rec: log.Begin("192.0.2.1:1", "127.0.0.1:8883")}
		a.recordHello(hello, attempt.Good)
		var room [usualFacts]attempt.Fact
		a.rec.Step(attempt.ServerChain, attempt.Good, w.chains.facts(room[:0], answer)...)
		if certificates != nil {
			a.rec.Step(attempt.ClientCertificate, attempt.Good, certificateFacts(certificates)...)
		}
		a.rec.Step(attempt.Handshake, attempt.Good, attempt.F("version", "TLS 1.3"), attempt.F("suite", "TLS_AES_128_GCM_SHA256"), attempt.F("group", "X25519"), attempt.F("resumed", "no"))
		a.recordConnect(packet[:2], packet[2:], decoded)
		a.inputs = judged.inputs
		device++
		v.DeviceSID = deviceSIDs[device%len(deviceSIDs)]
		a.recordVerdict(decoded, v)
		a.rec.Accepted(false, 0)
		a.remark(decoded)
		tap(a.rec)(true, []byte{0x20, 2, 0, 0})
		a.rec.End(cause.ClientClosed, byDevice, nil, endFacts(room[:0], broker.End{Cause: cause.ClientClosed, Traffic: broker.Traffic{PacketsIn: 1, BytesIn: 2, Last: wire.DISCONNECT}}, &live{}, w.now())...)
	}
}

// deviceSIDs are so many that none of them storms.
var deviceSIDs = func() (all [4096]string) {
	for i := range all {
		all[i] = fmt.Sprintf("TH%032x", i)
	}
	return all
}()
