package check

import (
	"context"
	"errors"
	"fmt"
	"net"
	"net/netip"
	"strconv"
	"strings"
	"sync"
	"syscall"
	"time"

	"gatehouse/gateway/attempt"
)

// Bounds of the steps.
const (
	lookupBound    = 5 * time.Second
	dialBound      = 5 * time.Second
	handshakeBound = 10 * time.Second
	answerBound    = 10 * time.Second
	roundTripBound = 5 * time.Second
	probeBound     = 2 * time.Second
	undoBound      = 500 * time.Millisecond
	wholeBound     = 30 * time.Second

	// graceOthers is how long the other addresses may take once one has answered.
	graceOthers = time.Second
	// settle is how long after an accepting CONNACK is watched whether the server closes again or sends what waited.
	settle = 250 * time.Millisecond

	// afterthought is how long a server that asked for a client certificate is given to refuse it after the handshake.
	afterthought = 200 * time.Millisecond

	maxAddresses = 16
)

// lookup finds all addresses of the host.
func (r *run) lookup() ([]netip.Addr, bool) {
	if a, literal := r.target.address(); literal {
		return []netip.Addr{a}, true
	}
	began := r.now()
	ctx, done := context.WithTimeout(r.ctx, lookupBound)
	defer done()
	found, err := r.o.Lookup(ctx, r.target.host)
	if err == nil && len(found) == 0 {
		err = errNoAddress
	}
	if err != nil {
		title, detail, advice := "“"+r.target.host+"” has no address", "The name could not be resolved.", "See whether the name is spelt right, and whether this machine’s name server knows it."
		var dns *net.DNSError
		switch {
		case errors.Is(err, context.DeadlineExceeded) || errors.As(err, &dns) && dns.IsTimeout:
			title, detail = "No answer about “"+r.target.host+"”", "The name server did not answer in time."
			advice = "See whether this machine is on the network."
		case errors.As(err, &dns) && dns.IsNotFound:
			detail = "The name server says that there is no such name."
		}
		r.end(ExitLookup, Step{ID: StepLookup, State: attempt.Bad, Title: title, Detail: detail, Advice: advice}, began)
		return nil, false
	}
	seen := map[netip.Addr]bool{}
	var all []netip.Addr
	var names []string
	for _, a := range found {
		if a = a.Unmap(); !seen[a] && len(all) < maxAddresses {
			seen[a] = true
			all, names = append(all, a), append(names, a.String())
		}
	}
	r.step(Step{ID: StepLookup, Title: "Name looked up", Detail: r.target.host + " is " + strings.Join(names, ", "), Facts: facts("addresses", strings.Join(names, " "))}, began)
	return all, true
}

// dialled is how an address took a connection.
type dialled struct {
	conn net.Conn
	err  error
	at   time.Time
	took time.Duration
}

// dialAll tries every address at once, each with its own result, and returns the connection to the first of them, in their
// order, that took one. Once one has, the others have a second left.
func (r *run) dialAll(addresses []netip.Addr) (net.Conn, netip.Addr) {
	ctx, cancel := context.WithTimeout(r.ctx, dialBound)
	defer cancel()
	results := make([]dialled, len(addresses))
	var wg sync.WaitGroup
	var once sync.Once
	var timer *time.Timer
	for i, a := range addresses {
		wg.Go(func() {
			began := r.now()
			conn, err := r.o.Dial(ctx, "tcp", net.JoinHostPort(a.String(), strconv.Itoa(r.target.port)))
			results[i] = dialled{conn, err, began, r.now().Sub(began)}
			if err == nil {
				once.Do(func() { timer = time.AfterFunc(graceOthers, cancel) })
			}
		})
	}
	wg.Wait()
	if timer != nil {
		timer.Stop()
	}
	chosen := -1
	for i, d := range results {
		if d.err == nil && chosen < 0 {
			chosen = i
		}
	}
	for i, d := range results {
		where := net.JoinHostPort(addresses[i].String(), strconv.Itoa(r.target.port))
		step := Step{ID: StepTCP, Title: "TCP connected", Detail: where, Facts: facts("address", where)}
		if d.err != nil {
			step.State, step.Title = attempt.Bad, "TCP failed"
			what, advice := dialWords(d.err, chosen >= 0 && r.ctx.Err() == nil)
			step.Detail, step.Advice = where+": "+what, advice
			if chosen >= 0 {
				step.State, step.Advice = attempt.Warn, "Another address connected, so this is not fatal. Devices that try only one address may fail."
			}
		} else if i != chosen {
			step.Detail += ", not used: an earlier address connected"
			_ = d.conn.Close()
		}
		r.stepAt(step, d.at, d.took)
	}
	if chosen < 0 {
		return nil, netip.Addr{}
	}
	return results[chosen].conn, addresses[chosen]
}

// dialWords say why a connection failed, and what to do.
func dialWords(err error, another bool) (what, advice string) {
	var timeout net.Error
	switch {
	case errors.Is(err, syscall.ECONNREFUSED):
		return "refused: nothing listens on that port", "See whether the server runs, and on which port and address it listens."
	case errors.Is(err, syscall.EHOSTUNREACH), errors.Is(err, syscall.ENETUNREACH), errors.Is(err, syscall.EADDRNOTAVAIL):
		return "no way leads there", "See whether this machine is on the right network, and has IPv6 if the address is one."
	case errors.Is(err, context.Canceled) && another:
		return fmt.Sprintf("no answer within %d s after another address connected", int(graceOthers.Seconds())), ""
	case errors.Is(err, context.Canceled):
		return "interrupted", ""
	case errors.Is(err, context.DeadlineExceeded), errors.As(err, &timeout) && timeout.Timeout():
		return "no answer in time", "A firewall may drop what is sent there, or the machine is off."
	case errors.Is(err, syscall.ECONNRESET):
		return "reset by the other side", "A firewall or proxy between may not let it through."
	case errors.Is(err, syscall.EACCES), errors.Is(err, syscall.EPERM):
		return "this machine does not allow it", "See the rules of this machine’s firewall."
	}
	return "it failed", "See whether the address is right."
}

// peer connects once more to the address in use, to ask what speaks there.
func (r *run) peer() (net.Conn, error) {
	ctx, done := context.WithTimeout(r.ctx, probeBound)
	defer done()
	conn, err := r.o.Dial(ctx, "tcp", net.JoinHostPort(r.address.String(), strconv.Itoa(r.target.port)))
	if err != nil {
		return nil, err
	}
	_ = conn.SetDeadline(time.Now().Add(probeBound))
	return conn, nil
}

func facts(pairs ...string) []attempt.Fact {
	var all []attempt.Fact
	for i := 0; i+1 < len(pairs); i += 2 {
		if pairs[i+1] != "" {
			all = append(all, attempt.Fact{Name: pairs[i], Value: pairs[i+1]})
		}
	}
	return all
}
