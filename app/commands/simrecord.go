package commands

import (
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"time"

	"gatehouse/app/client"
	"gatehouse/app/lab"
	"gatehouse/gateway/attempt"
	"gatehouse/gateway/wire"
	"gatehouse/sim/record"
)

type simRecord struct {
	remote
	inFleet
	Device   string        `required:"" placeholder:"DEVICE" help:"Unique name or SID of the device to record."`
	Duration time.Duration `placeholder:"D" help:"Stop after so long. By default Ctrl+C ends it, at the latest 50m."`
	Output   string        `short:"o" placeholder:"FILE" help:"Write the scenario to a file that only you can read, and never over another."`
	Speed    float64       `default:"1" help:"2 plays it twice as fast; 0.1 to 100."`
	Idle     time.Duration `placeholder:"D" help:"No wait in the scenario is longer than this."`
	Expect   bool          `help:"Also record what the device receives, and expect it when the scenario is played."`
}

// Help is shown below the flags.
func (c *simRecord) Help() string {
	return `Records what a device of the running gateway does, real or virtual, connected or not yet, over all its connections, and
prints it as a scenario: how it connects, what it subscribes to and publishes, how it leaves, with the waits between.
gatehouse sim run plays it, as a device with a credential of its own. No credential is recorded, and of a will only its
length; what the device publishes is, word for word.

A recording holds 2 000 events, 512 KiB of topics and payloads, and 50 minutes at most. Then it ends and says so. Of each
packet the first 4 KiB are recorded. With --json the events are printed, one JSON object for the whole.

Examples:
  gatehouse sim record --device lamp-kitchen -o lamp.yaml
  gatehouse sim record --device lamp-kitchen --duration 5m --idle 2s > lamp.yaml`
}

// Run records until it is interrupted.
func (c *simRecord) Run(to streams) error {
	switch {
	case c.Speed < record.SlowestSpeed || c.Speed > record.FastestSpeed:
		return usage("--speed is to be from %g to %d", record.SlowestSpeed, record.FastestSpeed)
	case c.Duration < 0 || c.Idle < 0:
		return usage("--duration and --idle are to be more than 0, such as 30s")
	}
	return c.on(to, func(ctx context.Context, k call) error {
		d, err := c.device(ctx, k, c.Device)
		if err != nil {
			return err
		}
		r, err := c.record(ctx, k, d)
		if err != nil {
			return err
		}
		return c.write(k, r)
	})
}

// lookEvery is how often the gateway is asked.
const lookEvery = 500 * time.Millisecond

// goodbye is for how long the last look may take when the user has ended it.
const goodbye = 10 * time.Second

func (c *simRecord) record(ctx context.Context, k call, d client.Device) (record.Recording, error) {
	before, err := k.Trace(ctx, d.SID)
	if err != nil {
		return record.Recording{}, err
	}
	at, err := k.BeginTrace(ctx, d.SID)
	if err != nil {
		return record.Recording{}, err
	}
	ahead := time.Until(at.Now) // of the gateway's clock, by which its attempts are
	now := func() time.Time { return time.Now().Add(ahead) }
	began := at.Now
	last, cancel := context.WithTimeout(context.WithoutCancel(ctx), c.Duration+record.Longest+goodbye)
	defer cancel()
	if !before.Traced {
		defer func() {
			ended, cancel := context.WithTimeout(last, goodbye)
			defer cancel()
			if err := k.EndTrace(ended, d.SID); err != nil {
				k.note("the gateway goes on keeping the packets of this device for an hour: %v", err)
			}
		}()
	}
	o := &lab.Observer{Tape: record.NewTape("What "+d.Name()+" did", d.SID, d.Name(), began), From: began, Received: c.Expect}
	for _, one := range at.Subscriptions {
		o.Had = append(o.Had, wire.Subscription{Filter: one.Filter, QoS: one.QoS})
	}
	k.note("recording %s; Ctrl+C ends it", visible(d.Name()))
	over := ctx.Done()
	var timeUp <-chan time.Time
	if c.Duration > 0 {
		timer := time.NewTimer(c.Duration)
		defer timer.Stop()
		timeUp = timer.C
	}
	tick := time.NewTicker(lookEvery)
	defer tick.Stop()
	for first := true; ; first = false {
		ended := false
		if !first {
			select {
			case <-over:
				ended = true
			case <-timeUp:
				ended = true
			case <-tick.C:
			}
		}
		found, err := attemptsOf(last, k, d.SID, o, now(), at.AttemptID)
		if err != nil {
			return record.Recording{}, err
		}
		at.AttemptID = 0 // only at first: Since knows it from then on
		if more := o.Take(found, now()); !more || ended {
			return o.Tape.Recording(now()), nil
		}
	}
}

// attemptsOf are the attempts that an observer needs, with their packets.
func attemptsOf(ctx context.Context, k call, deviceSID string, o *lab.Observer, now time.Time, live uint64) (all []attempt.Attempt, err error) {
	listed, err := k.Attempts(ctx, client.AttemptQuery{DeviceSID: deviceSID, Since: o.Since(now), Limit: record.MostEvents})
	if err != nil {
		return nil, err
	}
	ids := []uint64{}
	if live != 0 {
		ids = append(ids, live)
	}
	for _, one := range listed {
		if one.ID != live && !o.Over(one.ID) {
			ids = append(ids, one.ID)
		}
	}
	for _, id := range ids {
		got, err := k.Attempt(ctx, id)
		var refused *client.Error
		if errors.As(err, &refused) && refused.Status == 404 {
			continue // forgotten meanwhile
		}
		if err != nil {
			return nil, err
		}
		a, err := whole(got)
		if err != nil {
			return nil, err
		}
		all = append(all, a)
	}
	return all, nil
}

func (c *simRecord) write(k call, r record.Recording) error {
	for _, n := range r.Notes {
		k.note("%s", n)
	}
	text := []byte(nil)
	if k.json {
		var err error
		if text, err = json.Marshal(r); err != nil {
			return fmt.Errorf("the recording cannot be printed: %w", err)
		}
		text = append(text, '\n')
	} else {
		s, err := record.Write(r, record.Options{Speed: c.Speed, Idle: c.Idle, Expect: c.Expect})
		if err != nil {
			return err
		}
		if s.Left > 0 {
			k.note("%d events found no room in the scenario", s.Left)
		}
		text = s.Text
	}
	if c.Output == "" {
		return k.print(string(text))
	}
	if err := writeOwn(c.Output, text); err != nil {
		return err
	}
	k.note("%d events were written to %s", len(r.Events), visible(c.Output))
	return nil
}
