package agent

import (
	"container/heap"
	"context"
	"errors"
	"time"

	"gatehouse/sim"
	"gatehouse/sim/rules"
	"gatehouse/sim/telemetry"
)

// task is something to be done at its time: a report, or a reaction.
type task struct {
	due    time.Time
	report int // index of its stream; -1: a reaction
	firing rules.Firing
}

// agenda are tasks by their time.
type agenda []task

func (a agenda) Len() int           { return len(a) }
func (a agenda) Less(i, j int) bool { return a[i].due.Before(a[j].due) }
func (a agenda) Swap(i, j int)      { a[i], a[j] = a[j], a[i] }
func (a *agenda) Push(x any)        { *a = append(*a, x.(task)) }
func (a *agenda) Pop() any {
	old := *a
	last := old[len(old)-1]
	*a = old[:len(old)-1]
	return last
}

// mostPending bounds the reactions that wait; a device that is told too much forgets the rest.
const mostPending = 1000

// live does what the behaviour says while the device is connected. again: a reaction wants the device to connect anew.
func (a *Agent) live(ctx context.Context) (again bool, err error) {
	over := a.device.Ended()
	now := a.now()
	a.set(func(s *Status) {
		s.Phase = Connected
		if s.Accepted++; a.first.IsZero() {
			a.first = now
		}
	})
	if err := a.subscribe(ctx); err != nil {
		a.failed(err)
	}
	var todo agenda
	for i := range a.streams {
		heap.Push(&todo, task{due: a.now(), report: i})
	}
	timer := time.NewTimer(0)
	defer timer.Stop()
	storm := time.NewTimer(0)
	defer storm.Stop()
	every, stormChanged := a.storm()
	resetOrStop(storm, every)
	for {
		if len(todo) > 0 {
			timer.Reset(todo[0].due.Sub(a.now()))
		} else {
			timer.Stop()
		}
		select {
		case <-ctx.Done():
			return false, nil
		case <-over:
			return false, nil
		case <-stormChanged:
			every, stormChanged = a.storm()
			resetOrStop(storm, every)
		case <-storm.C:
			a.device.Disconnect()
			return true, nil
		case <-a.wake:
			for _, m := range a.arrived() {
				a.react(m, &todo)
			}
		case <-timer.C:
			for len(todo) > 0 && !todo[0].due.After(a.now()) {
				next := heap.Pop(&todo).(task)
				if next.report >= 0 {
					a.report(ctx, next.report)
					next.due = a.now().Add(a.real(a.streams[next.report].Wait()))
					heap.Push(&todo, next)
					continue
				}
				if again, err := a.do(ctx, next.firing); again || err != nil {
					a.device.Disconnect()
					return again, err
				}
			}
		}
	}
}

// resetOrStop lets a timer run for d; 0: not at all.
func resetOrStop(t *time.Timer, d time.Duration) {
	if d > 0 {
		t.Reset(d)
	} else {
		t.Stop()
	}
}

// real is how long a wait of the device's time takes.
func (a *Agent) real(d time.Duration) time.Duration {
	return max(time.Duration(float64(d)/a.pace), time.Millisecond)
}

// virtual is the device's time.
func (a *Agent) virtual() time.Time {
	return a.began.Add(time.Duration(float64(a.now().Sub(a.began)) * a.pace))
}

func (a *Agent) subscribe(ctx context.Context) error {
	var errs []error
	for _, s := range a.filters {
		if _, err := a.device.Subscribe(ctx, s.Filter, s.QoS); err != nil {
			errs = append(errs, err)
			if errors.Is(err, sim.ErrNotConnected) || errors.Is(err, sim.ErrConnectionLost) {
				break
			}
		}
	}
	return errors.Join(errs...)
}

func (a *Agent) failed(err error) { a.set(func(s *Status) { s.LastErr = err.Error() }) }

// report makes and sends one message of a stream.
func (a *Agent) report(ctx context.Context, index int) {
	m, err := a.streams[index].Next(a.virtual())
	if err != nil {
		a.failed(err)
		return
	}
	a.note(m.Values)
	a.send(ctx, m)
}

// send publishes without waiting for the acknowledgement; a message that finds too many on their way is skipped and counted.
func (a *Agent) send(ctx context.Context, m telemetry.Message) {
	select {
	case a.sending <- struct{}{}:
	default:
		a.set(func(s *Status) { s.Skipped++ })
		return
	}
	publish := func() {
		defer func() { <-a.sending }()
		if err := a.device.Publish(ctx, m.Topic, m.Payload, m.QoS, m.Retain); err != nil {
			if ctx.Err() == nil {
				a.failed(err)
			}
			return
		}
		a.set(func(s *Status) { s.Sent++ })
	}
	if m.QoS == 0 { // nothing to wait for
		publish()
		return
	}
	a.work.Go(publish)
}

// react finds what a message sets off, and puts it on the agenda.
func (a *Agent) react(m rules.Message, todo *agenda) {
	firings, errs := a.rules.Match(m)
	for _, err := range errs {
		a.failed(err)
	}
	for _, f := range firings {
		if len(*todo) >= mostPending+len(a.streams) {
			a.failed(errors.New("too many reactions wait; this one is forgotten"))
			return
		}
		heap.Push(todo, task{due: a.now().Add(time.Duration(float64(f.Wait) / a.pace)), report: -1, firing: f})
	}
}

// do applies a reaction. again and an error end the connection.
func (a *Agent) do(ctx context.Context, f rules.Firing) (again bool, err error) {
	e, err := f.Apply(a.virtual())
	if err != nil {
		a.failed(err)
		return false, nil
	}
	a.note(e.Changed)
	if e.Publish != nil {
		a.send(ctx, *e.Publish)
	}
	if e.Disconnect {
		return false, errLeft
	}
	return e.Reconnect, nil
}
