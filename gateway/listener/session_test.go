package listener

import (
	"errors"
	"net"
	"sync/atomic"
	"testing"

	"gatehouse/gateway/broker"
	"gatehouse/gateway/cause"
)

// storesSecond is an engine whose store takes no session at first.
type storesSecond struct {
	engine
	used atomic.Bool
}

func (e *storesSecond) open(nc net.Conn, hello broker.Hello) (served, bool, int, error) {
	if e.used.CompareAndSwap(false, true) {
		return nil, false, 0, errors.New("disk full")
	}
	return e.engine.open(nc, hello)
}

func TestASessionThatCannotBeStoredIsAnsweredWithCode3(t *testing.T) {
	w := newWorld(t, Settings{}, func(w *world) { w.engine = &storesSecond{engine: w.engine} })
	i := w.withKey("lamp")
	if _, code, err := w.tryConnect(i); err != nil || code != 3 {
		t.Fatalf("code %d, %v", code, err)
	}
	if a := w.lastDone(t); a.Cause != cause.StoreDown || a.Code != 3 {
		t.Errorf("%s, code %d", a.Cause, a.Code)
	}
	if !alive(w.connected(t, i)) {
		t.Error("the device is locked out")
	}
}
