//go:build unix

package listener

import (
	"bufio"
	"context"
	"crypto/tls"
	"encoding/hex"
	"encoding/json"
	"fmt"
	"io"
	"math"
	"net"
	"os"
	"os/exec"
	"runtime"
	"runtime/metrics"
	"slices"
	"strconv"
	"strings"
	"sync"
	"sync/atomic"
	"testing"
	"time"

	"gatehouse/gateway/admission"
	"gatehouse/gateway/attempt"
	findings "gatehouse/gateway/finding"
	"gatehouse/gateway/wire"
)

const (
	partVariable  = "GATEHOUSE_BENCH_PART" // makes this program a part of the benchmark: one of these
	partDevices   = "devices"
	partRecorded  = "gateway that records"
	partSilent    = "gateway that does not"
	heapVariable  = "GATEHOUSE_BENCH_HEAP" // bytes that the gateway which does not record is to hold
	loadDevices   = 2048                   // so many that none of them storms
	loadAtOnce    = 4
	loadOfARound  = 256                    // connects
	overheadTimes = 24                     // rounds of each kind
	backlog       = 400 * time.Millisecond // for what is written in the background, after a quarter of a second
)

// BenchmarkTimelineOverhead measures what recording attempts costs of a connect, in CPU of a gateway: one records as it does in earnest,
// on the disk, with findings and with a full ring, and another nothing; they take turns under the same devices, in slices of a second.
// Each is a process of its own, so that collecting the garbage of one is not charged to the other, and so are the devices. The other
// holds as much memory as the one with the ring, or its small heap would have to be collected many times as often, which costs
// more than is looked for.
// What counts is the median of the differences between neighbours, told with its quartiles and with the bounds that it lies within
// at 95 % confidence. One round is noisier than what is looked for, so ask for many: eight times takes four minutes, and says it to
// about one per cent on a quiet machine. It takes in what is done in the background; BenchmarkRecordWhole has all of
// that without connects and is steadier, for telling what a change made of it.
//
//	go test -run '^$' -bench TimelineOverhead -benchtime 8x ./gateway/listener
func BenchmarkTimelineOverhead(b *testing.B) {
	switch kind := os.Getenv(partVariable); kind {
	case partDevices:
		playDevices()
		return
	case partRecorded, partSilent:
		playGateway(b, kind)
		return
	}
	with := startPart(b, partRecorded)
	target := map[part]string{with: with.answer(b)}
	without := startPart(b, partSilent, heapVariable+"="+strconv.FormatUint(with.state(b).Heap, 10))
	target[without] = without.answer(b)
	crowd := startPart(b, partDevices)
	connects := 0
	round := func(gateway part) float64 {
		before := gateway.used(b)
		if said := crowd.ask(b, target[gateway]); said != "" {
			b.Fatal(said)
		}
		time.Sleep(backlog)
		return float64((gateway.used(b) - before).Nanoseconds()) / 1000 / loadOfARound
	}
	round(with)
	round(without)
	atFirst, silentAtFirst := with.state(b), without.state(b)
	var on, off, more []float64 // of all rounds together: more rounds, less noise
	for b.Loop() {
		for n := range overheadTimes {
			order := []part{with, without}
			if n%2 == 1 {
				slices.Reverse(order)
			}
			took := map[part]float64{}
			for _, gateway := range order {
				took[gateway] = round(gateway)
			}
			connects += loadOfARound
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
	recorded, silent := with.state(b), without.state(b)
	b.ReportMetric(float64(recorded.Heap)/(1<<20), "MiB-recorded")
	b.ReportMetric(float64(silent.Heap)/(1<<20), "MiB-not-recorded")
	b.ReportMetric(float64((recorded.Garbage-atFirst.Garbage).Nanoseconds())/1000/float64(connects), "µs-garbage-recorded")
	b.ReportMetric(float64((silent.Garbage-silentAtFirst.Garbage).Nanoseconds())/1000/float64(connects), "µs-garbage-not-recorded")
	if n := recorded.Accepted - atFirst.Accepted; n != connects || recorded.Told < atFirst.Told+connects || recorded.OnDisk == 0 || recorded.Problem != "" {
		b.Errorf("of %d connects %d were recorded: %+v", connects, n, recorded)
	}
	if silent.Accepted+silent.Kept+silent.Told > 0 {
		b.Errorf("the other recorded as well: %+v", silent)
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

// standing is what a gateway of the benchmark says of itself.
type standing struct {
	Heap     uint64        // bytes, as its collector found them last
	Garbage  time.Duration // CPU of its collector, of the cycles that are over
	Accepted int           // connects that were counted
	Told     int           // times that the findings were told of one
	Kept     int
	OnDisk   int64
	Problem  string
}

// playGateway is one of the gateways: it says where it is, and when asked what it has used.
func playGateway(b *testing.B, kind string) {
	w := newWorld(b, Settings{})
	var told atomic.Int64
	log := attempt.NewLog(attempt.Params{Off: true})
	if kind == partRecorded {
		found := findings.New(findings.Params{})
		each := func(a attempt.Attempt) {
			told.Add(1)
			found.Observe(a)
		}
		log = attempt.Open(attempt.Params{Dir: b.TempDir(), Each: each, Whole: findings.Whole})
		defer log.Close()
		record := recording(b, w, w.withKey("before"), nil)
		for range 10_000 { // the ring is full, as it always is
			record(log)
		}
		eventually(b, "all of it is on the disk", func() bool { return log.Record().Waiting == 0 })
	}
	target := loadTarget(b, w, log)
	runtime.GC()
	wanted, _ := strconv.ParseUint(os.Getenv(heapVariable), 10, 64) // 0 for the one that records
	ballast := make([]byte, max(wanted, heap())-heap())
	defer runtime.KeepAlive(ballast)
	runtime.GC()
	answer(target)
	for lines := bufio.NewScanner(os.Stdin); lines.Scan(); {
		if lines.Text() == askUsed {
			answer(strconv.FormatInt(int64(spent(b)), 10))
			continue
		}
		record := log.Record()
		s := standing{
			Heap: heap(), Garbage: time.Duration(measured("/cpu/classes/gc/total:cpu-seconds").Float64() * float64(time.Second)),
			Accepted: log.Counts(time.Time{}).Accepted, Told: int(told.Load()), Kept: record.Kept, OnDisk: record.OnDisk,
		}
		if record.Lost > 0 || record.Err != nil {
			s.Problem = fmt.Sprintf("%+v", record)
		}
		text, err := json.Marshal(s)
		if err != nil {
			b.Fatal(err)
		}
		answer(string(text))
	}
}

// heap is what the collector found in use, in bytes, when it ran last.
func heap() uint64 { return measured("/gc/heap/live:bytes").Uint64() }

func measured(name string) metrics.Value {
	one := []metrics.Sample{{Name: name}}
	metrics.Read(one)
	return one[0].Value
}

// loadTarget is a gateway with a log, as a line that says what the devices are to send where.
func loadTarget(b *testing.B, w *world, log *attempt.Log) string {
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

// part is a process of the benchmark: it answers each line with a line.
type part struct {
	to   io.Writer
	from *bufio.Scanner
}

const (
	askUsed     = "used"
	askState    = "state"
	answers     = "answer:"
	longestLine = 4 << 20
)

// answer is said on a line of its own, beside what the testing package prints.
func answer(text string) { fmt.Printf("\n%s%s\n", answers, text) }

// startPart starts a part, which ends with the benchmark.
func startPart(b *testing.B, kind string, environment ...string) part {
	ctx, cancel := context.WithCancel(context.Background())
	child := exec.CommandContext(ctx, os.Args[0], "-test.run=^$", "-test.bench=^"+b.Name()+"$", "-test.benchtime=1x")
	child.Env = append(append(os.Environ(), partVariable+"="+kind), environment...)
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
	lines := bufio.NewScanner(from)
	lines.Buffer(nil, longestLine)
	b.Cleanup(func() {
		_ = to.Close()
		defer time.AfterFunc(2*patient, cancel).Stop()
		for lines.Scan() { // what the testing package says at the end
		}
		if err := child.Wait(); err != nil {
			b.Errorf("%s: %v", kind, err)
		}
		cancel()
	})
	return part{to, lines}
}

// answer is the next one.
func (p part) answer(b *testing.B) string {
	for p.from.Scan() {
		if text, ok := strings.CutPrefix(p.from.Text(), answers); ok {
			return text
		}
	}
	b.Fatal("a part of the benchmark is gone")
	return ""
}

func (p part) ask(b *testing.B, line string) string {
	if _, err := fmt.Fprintln(p.to, line); err != nil {
		b.Fatal(err)
	}
	return p.answer(b)
}

// used is the processor time of a gateway so far, for itself and in the kernel.
func (p part) used(b *testing.B) time.Duration {
	ns, err := strconv.ParseInt(p.ask(b, askUsed), 10, 64)
	if err != nil {
		b.Fatal(err)
	}
	return time.Duration(ns)
}

func (p part) state(b *testing.B) (s standing) {
	if err := json.Unmarshal([]byte(p.ask(b, askState)), &s); err != nil {
		b.Fatal(err)
	}
	return s
}

// playDevices connects as often as it is told to, each time as the devices whose turn it is.
func playDevices() {
	lines := bufio.NewScanner(os.Stdin)
	lines.Buffer(nil, longestLine)
	for turn := map[string]int{}; lines.Scan(); {
		words := strings.Fields(lines.Text())
		addr, packets := words[0], words[1:]
		first := turn[addr]
		turn[addr] += loadOfARound
		var wg sync.WaitGroup
		var failed atomic.Pointer[string]
		for w := range loadAtOnce {
			wg.Go(func() {
				for n := w; n < loadOfARound; n += loadAtOnce {
					if err := connectOnce(addr, packets[(first+n)%len(packets)]); err != nil {
						text := err.Error()
						failed.Store(&text)
					}
				}
			})
		}
		wg.Wait()
		if why := failed.Load(); why != nil {
			answer(*why)
			continue
		}
		answer("")
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
