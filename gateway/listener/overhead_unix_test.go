//go:build unix

package listener

import (
	"bufio"
	"context"
	"crypto/tls"
	"encoding/hex"
	"fmt"
	"io"
	"math"
	"net"
	"os"
	"os/exec"
	"slices"
	"strings"
	"sync"
	"testing"
	"time"

	"golang.org/x/sys/unix"

	"gatehouse/gateway/admission"
	"gatehouse/gateway/attempt"
	findings "gatehouse/gateway/finding"
	"gatehouse/gateway/wire"
)

const (
	loadVariable  = "GATEHOUSE_BENCH_CONNECTS" // makes this program the devices
	loadDevices   = 2048                       // so many that none of them storms
	loadAtOnce    = 4
	loadOfARound  = 256 // connects
	overheadTimes = 24  // rounds of each kind
)

// BenchmarkTimelineOverhead measures what recording attempts costs of a connect, in CPU of the gateway alone: the devices are a
// process of their own. Both gateways stand side by side, one records as it does in earnest, on the disk and with findings, and
// the other nothing; they take turns under the same load, in slices of a second. What counts is the median of the differences
// between neighbours, told with its quartiles and with the bounds that it lies within at 95 % confidence. One round is noisier than
// what is looked for, so ask for many: eight times says it to about one per cent on a quiet machine.
// It takes in what is done in the background; BenchmarkRecordingShare leaves that out and tells the record's own work apart.
//
//	go test -run '^$' -bench TimelineOverhead -benchtime 8x ./gateway/listener
func BenchmarkTimelineOverhead(b *testing.B) {
	if os.Getenv(loadVariable) != "" {
		playDevices(b)
		return
	}
	recorded := attempt.Open(attempt.Params{Dir: b.TempDir(), Each: findings.New(findings.Params{}).Observe, Whole: findings.Whole})
	defer recorded.Close()
	silent := attempt.NewLog(attempt.Params{Off: true})
	with, without := loadTarget(b, recorded), loadTarget(b, silent)
	crowd := startDevices(b)
	crowd.round(b, with)
	crowd.round(b, without)
	var on, off, more []float64 // of all rounds together: more rounds, less noise
	for b.Loop() {
		for n := range overheadTimes {
			order := []string{with, without}
			if n%2 == 1 {
				slices.Reverse(order)
			}
			took := map[string]float64{}
			for _, target := range order {
				before := cpu(b)
				crowd.round(b, target)
				time.Sleep(400 * time.Millisecond) // for what is written in the background, after a quarter of a second
				took[target] = float64((cpu(b) - before).Microseconds()) / loadOfARound
			}
			on, off, more = append(on, took[with]), append(off, took[without]), append(more, took[with]-took[without])
		}
	}
	each := quantile(off, 0.5)
	b.ReportMetric(quantile(on, 0.5), "µs-recorded")
	b.ReportMetric(each, "µs-not-recorded")
	b.ReportMetric(quantile(more, 0.5), "µs-more")
	b.ReportMetric(100*quantile(more, 0.25)/each, "%-more-lower-quartile")
	b.ReportMetric(100*quantile(more, 0.5)/each, "%-more")
	b.ReportMetric(100*quantile(more, 0.75)/each, "%-more-upper-quartile")
	low, high := medianWithin(more)
	b.ReportMetric(100*low/each, "%-more-at-least")
	b.ReportMetric(100*high/each, "%-more-at-most")
	b.ReportMetric(0, "ns/op")
	if r := recorded.Record(); r.Lost > 0 || r.Err != nil || r.Kept == 0 {
		b.Errorf("%+v", r)
	}
	if silent.Len() > 0 {
		b.Error("the other recorded as well")
	}
}

// quantile is the value that the given part of the values is below; 0.5 is the median.
func quantile(values []float64, part float64) float64 {
	sorted := slices.Sorted(slices.Values(values))
	return sorted[int(part*float64(len(sorted)-1)+0.5)]
}

// medianWithin is where the median lies with 95 % confidence, from the ranks of the values alone (sign test): what one more run of
// the same length may well say.
func medianWithin(values []float64) (low, high float64) {
	n := float64(len(values))
	away := 0.98 / math.Sqrt(n) // 1.96 standard deviations of a binomial's share, each half a root of n
	return quantile(values, max(0, 0.5-away)), quantile(values, min(1, 0.5+away))
}

// cpu is what this process has used, for itself and in the kernel.
func cpu(b *testing.B) time.Duration {
	var used unix.Rusage
	if err := unix.Getrusage(unix.RUSAGE_SELF, &used); err != nil {
		b.Fatal(err)
	}
	return time.Duration(used.Utime.Nano() + used.Stime.Nano())
}

// loadTarget is a gateway with a log, as a line that says what the devices are to send where.
func loadTarget(b *testing.B, log *attempt.Log) string {
	w := newWorld(b, Settings{})
	l := New(Params{
		Hub: w.hub, Log: log, Registry: w.people, Authority: authority, Settings: Settings{ConnectsPerSecond: -1, Unfinished: -1},
		State: func() admission.Service { return admission.Open },
	})
	addr, err := l.Listen("127.0.0.1:0")
	if err != nil {
		b.Fatal(err)
	}
	b.Cleanup(func() {
		ctx, cancel := context.WithTimeout(context.Background(), patient)
		defer cancel()
		if err := l.Close(ctx); err != nil {
			b.Error(err)
		}
	})
	line := addr.String()
	for n := range loadDevices {
		line += " " + hex.EncodeToString(wire.AppendConnect(nil, w.withKey(fmt.Sprint("device-", n)).connect(), false))
	}
	return line
}

// crowd is the process that connects.
type crowd struct {
	to   io.Writer
	from *bufio.Scanner
}

func startDevices(b *testing.B) crowd {
	ctx, cancel := context.WithCancel(context.Background())
	child := exec.CommandContext(ctx, os.Args[0], "-test.run=^$", "-test.bench=^"+b.Name()+"$", "-test.benchtime=1x")
	child.Env = append(os.Environ(), loadVariable+"=1")
	to, err := child.StdinPipe()
	if err != nil {
		b.Fatal(err)
	}
	from, err := child.StdoutPipe()
	if err != nil {
		b.Fatal(err)
	}
	if err := child.Start(); err != nil {
		b.Fatal(err)
	}
	b.Cleanup(func() {
		_ = to.Close()
		cancel()
		_ = child.Wait() // it was cut off
	})
	return crowd{to, bufio.NewScanner(from)}
}

// round has the devices connect to a target, and returns when they have gone.
func (d crowd) round(b *testing.B, target string) {
	if _, err := fmt.Fprintln(d.to, target); err != nil {
		b.Fatal(err)
	}
	for d.from.Scan() {
		switch line := d.from.Text(); {
		case strings.HasSuffix(line, "round done"):
			return
		case strings.HasSuffix(line, "round failed"):
			b.Fatal(line)
		}
	}
	b.Fatal("the devices are gone")
}

// playDevices connects as often as it is told to.
func playDevices(b *testing.B) {
	lines := bufio.NewScanner(os.Stdin)
	lines.Buffer(nil, 1<<20)
	for lines.Scan() {
		words := strings.Fields(lines.Text())
		var wg sync.WaitGroup
		var mu sync.Mutex
		var failed error
		for w := range loadAtOnce {
			wg.Go(func() {
				for n := w; n < loadOfARound; n += loadAtOnce {
					if err := connectOnce(words[0], words[1+n%loadDevices]); err != nil {
						mu.Lock()
						failed = err
						mu.Unlock()
					}
				}
			})
		}
		wg.Wait()
		if failed != nil {
			fmt.Println(failed, "round failed")
			continue
		}
		fmt.Println("round done")
	}
}

func connectOnce(addr, packet string) error {
	connect, err := hex.DecodeString(packet)
	if err != nil {
		return err
	}
	raw, err := net.Dial("tcp", addr)
	if err != nil {
		return err
	}
	defer raw.Close()
	conn := tls.Client(raw, &tls.Config{ServerName: "localhost", InsecureSkipVerify: true}) // the root is that of the other process
	connack, err := offer(conn, connect)
	if err != nil {
		return err
	}
	if connack[3] != 0 {
		return fmt.Errorf("code %d", connack[3])
	}
	_, err = conn.Write([]byte{0xe0, 0})
	_ = raw.(*net.TCPConn).SetLinger(0) // no TIME_WAIT: ports are few
	return err
}
