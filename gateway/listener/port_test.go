package listener

import (
	"context"
	"errors"
	"net"
	"os"
	"strconv"
	"strings"
	"sync/atomic"
	"syscall"
	"testing"
	"time"

	"gatehouse/gateway/attempt"
	"gatehouse/gateway/cause"
)

// scripted is a net.Listener that fails as told before it accepts.
type scripted struct {
	net.Listener
	failures atomic.Int32
	err      error
}

func (s *scripted) Accept() (net.Conn, error) {
	if s.failures.Add(-1) >= 0 {
		return nil, &net.OpError{Op: "accept", Err: s.err}
	}
	return s.Listener.Accept()
}

func TestErrorsOfAcceptNeverEndTheListener(t *testing.T) {
	for _, err := range []error{os.NewSyscallError("accept4", syscall.EMFILE), syscall.ENFILE, syscall.ECONNABORTED, errors.New("something new")} {
		w := newWorld(t, Settings{})
		w.stop(t)
		inner, lerr := net.Listen("tcp", "127.0.0.1:0")
		if lerr != nil {
			t.Fatal(lerr)
		}
		s := &scripted{Listener: inner, err: err}
		s.failures.Store(6)
		w.mu.Lock()
		w.serve(s)
		w.mu.Unlock()
		w.addr = inner.Addr().String()
		w.connected(t, w.withKey("lamp"))
		if s.failures.Load() >= 0 {
			t.Error("not all failures came")
		}
	}
}

func TestCloseEndsTheBackOffAtOnce(t *testing.T) {
	w := newWorld(t, Settings{})
	w.stop(t)
	inner, err := net.Listen("tcp", "127.0.0.1:0")
	if err != nil {
		t.Fatal(err)
	}
	s := &scripted{Listener: inner, err: syscall.EMFILE}
	s.failures.Store(1 << 30)
	w.mu.Lock()
	w.serve(s)
	w.mu.Unlock()
	eventually(t, "the pauses have grown", func() bool { return s.failures.Load() < 1<<30-6 })
	began := time.Now()
	w.stop(t)
	if took := time.Since(began); took > longestPause/2 {
		t.Errorf("Close took %s", took)
	}
}

func TestListenAgainAfterClose(t *testing.T) {
	w := newWorld(t, Settings{})
	i := w.withKey("lamp")
	for range 3 {
		conn := w.connected(t, i)
		silent := w.dialRaw(t)
		if _, err := w.Listen("127.0.0.1:0"); !errors.Is(err, ErrListening) {
			t.Errorf("listening twice: %v", err)
		}
		began := time.Now()
		w.stop(t)
		if took := time.Since(began); took > time.Second {
			t.Errorf("Close took %s", took)
		}
		if !ended(conn) || !ended(silent) {
			t.Error("a connection outlived Close")
		}
		if n := w.log.Query(attempt.Filter{Causes: []cause.ID{cause.GatewayStopped}}).Total; n == 0 {
			t.Error("gateway_stopped is not recorded")
		}
		addr, err := w.Listen("localhost:0")
		if err != nil {
			t.Fatal(err)
		}
		w.addr = addr.String()
	}
	w.stop(t)
	if err := w.Close(context.Background()); err != nil {
		t.Errorf("closing twice: %v", err)
	}
}

func TestATakenPortNamesItsHolderAndAFreeOne(t *testing.T) {
	w := newWorld(t, Settings{})
	other := New(Params{Hub: w.hub, Log: w.log, Registry: w.people, Authority: authority})
	_, err := other.Listen(w.addr)
	var taken *PortTakenError
	if !errors.As(err, &taken) || taken.Addr != w.addr {
		t.Fatalf("%v", err)
	}
	if want := "(pid " + strconv.Itoa(os.Getpid()) + ")"; !strings.Contains(taken.Holder, want) || !strings.Contains(err.Error(), want) {
		t.Errorf("holder %q, want %s", taken.Holder, want)
	}
	ln, err := net.Listen("tcp", taken.Free)
	if err != nil {
		t.Fatalf("the suggestion %q is not free: %v", taken.Free, err)
	}
	ln.Close()
	if _, err := other.Listen("127.0.0.1:70000"); err == nil || errors.As(err, &taken) && taken.Addr == "127.0.0.1:70000" {
		t.Errorf("a port that cannot be: %v", err)
	}
}
