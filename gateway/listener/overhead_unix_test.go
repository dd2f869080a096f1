//go:build unix

package listener

import (
	"bufio"
	"context"
	"crypto/tls"
	"encoding/hex"
	"encoding/json"
	"errors"
	"fmt"
	"io"
	"math"
	"net"
	"os"
	"os/exec"
	"runtime"
	"runtime/metrics"
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
	loadOfATurn   = 16                     // connects to one gateway, before the other has its turn
	loadOfARound  = 512                    // connects to each
	overheadTimes = 12                     // rounds
	backlog       = 400 * time.Millisecond // for what is written in the background, after a quarter of a second
)

// BenchmarkTimelineOverhead measures what recording attempts costs of a connect, in CPU of a gateway: one records as it does in earnest,
// on the disk, with findings and with a full ring, and another nothing. The same devices connect to both, in turns of 16 connects, which take
// a hundredth of a second: so both meet the same moods of a machine that is shared, which change by more than what is looked for from one
// second to the next. Each is a process of its own, so that collecting the garbage of one is not charged to the other, and so are the devices.
//
// It is measured twice. As they are, the gateway that records nothing has a small heap, which is collected many times as often as one that
// holds ten thousand attempts: so a part of what recording costs comes back. With as much memory, the other holds what the ring takes,
// without pointers, and the difference is all that recording computes.
//
// What counts is the difference of all that both used, told with the bounds that it lies within at 95 % confidence, from how much the
// rounds differ. It takes in what is done in the background; BenchmarkRecordWhole has all of that without connects, for telling what a change
// made of it.
//
//	go test -run '^$' -bench TimelineOverhead -benchtime 16x ./gateway/listener
func BenchmarkTimelineOverhead(b *testing.B) {
	switch kind := os.Getenv(partVariable); kind {
	case partDevices:
		playDevices()
		return
	case partRecorded, partSilent:
		playGateway(b, kind)
		return
	}
	b.Run("as they are", func(b *testing.B) { benchmarkOverhead(b, false) })
	b.Run("with as much memory", func(b *testing.B) { benchmarkOverhead(b, true) })
}

func benchmarkOverhead(b *testing.B, asMuch bool) {
	with := startPart(b, partRecorded)
	targets := with.answer(b)
	held := uint64(0)
	if asMuch {
		held = with.state(b).Heap
	}
	without := startPart(b, partSilent, heapVariable+"="+strconv.FormatUint(held, 10))
	targets += between + without.answer(b)
	crowd := startPart(b, partDevices)
	connects := 0
	round := func() {
		if said := crowd.ask(b, targets); said != "" {
			b.Fatal(said)
		}
	}
	round()
	time.Sleep(backlog)
	atFirst, silentAtFirst := with.state(b), without.state(b)
	on, off := []time.Duration{with.used(b)}, []time.Duration{without.used(b)}
	for b.Loop() {
		for range overheadTimes {
			round()
			connects += loadOfARound
			on, off = append(on, with.used(b)), append(off, without.used(b))
		}
	}
	time.Sleep(backlog)
	each := func(used time.Duration) float64 { return float64(used.Nanoseconds()) / 1000 / float64(connects) }
	recording, silence := each(with.used(b)-on[0]), each(without.used(b)-off[0])
	var more []float64
	for n := range on[1:] {
		more = append(more, float64((on[n+1]-on[n]-off[n+1]+off[n]).Nanoseconds())/1000/loadOfARound)
	}
	give := 1.96 * deviation(more) / math.Sqrt(float64(len(more)))
	b.ReportMetric(recording, "µs-recorded")
	b.ReportMetric(silence, "µs-not-recorded")
	b.ReportMetric(recording-silence, "µs-more")
	b.ReportMetric(100*(recording-silence)/silence, "%-more")
	b.ReportMetric(100*(recording-silence-give)/silence, "%-more-at-least")
	b.ReportMetric(100*(recording-silence+give)/silence, "%-more-at-most")
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

// deviation is the standard deviation of values.
func deviation(values []float64) float64 {
	mean, squares := 0.0, 0.0
	for _, v := range values {
		mean += v / float64(len(values))
	}
	for _, v := range values {
		squares += (v - mean) * (v - mean)
	}
	return math.Sqrt(squares / float64(len(values)-1))
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
	between     = " | "
	longestLine = 4 << 20
)

// answer is said on a line of its own, beside what the testing package prints.
func answer(text string) { fmt.Printf("\n%s%s\n", answers, text) }

// startPart starts a part, which ends with the benchmark.
func startPart(b *testing.B, kind string, environment ...string) part {
	ctx, cancel := context.WithCancel(context.Background())
	child := exec.CommandContext(ctx, os.Args[0], "-test.run=^$", "-test.bench=^BenchmarkTimelineOverhead$", "-test.benchtime=1x")
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

// playDevices has devices connect to both gateways in turn, as often as it is told to, each time those that come next.
func playDevices() {
	lines := bufio.NewScanner(os.Stdin)
	lines.Buffer(nil, longestLine)
	for next := 0; lines.Scan(); {
		var gateways [][]string
		for text := range strings.SplitSeq(lines.Text(), between) {
			gateways = append(gateways, strings.Fields(text))
		}
		why := ""
		for turn := range loadOfARound / loadOfATurn {
			for n := range gateways {
				words := gateways[(n+turn)%len(gateways)] // each is first as often
				if err := connectTogether(words[0], words[1:], next); err != nil {
					why = err.Error()
				}
			}
			next += loadOfATurn
		}
		answer(why)
	}
}

// connectTogether has a turn of devices connect to a gateway, some at once.
func connectTogether(addr string, packets []string, first int) error {
	var group sync.WaitGroup
	errs := make([]error, loadOfATurn)
	for w := range loadAtOnce {
		group.Go(func() {
			for n := w; n < loadOfATurn; n += loadAtOnce {
				errs[n] = connectOnce(addr, packets[(first+n)%len(packets)])
			}
		})
	}
	group.Wait()
	return errors.Join(errs...)
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
