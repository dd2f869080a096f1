package commands

import (
	"context"
	"errors"
	"time"
)

type objectWatch struct {
	inService
	Path string `arg:"" optional:"" help:"docs/NAME, lists/NAME, maps/NAME or streams/NAME. By default all objects of the service."`
}

// Help is shown below the flags.
func (w *objectWatch) Help() string {
	return pathHelp + `

It ends with Ctrl+C. What happened before it began is not printed.

Examples:
  gatehouse object watch docs/BoardLED
  gatehouse object watch --json`
}

// watchWait is for how long one request may wait for something to happen.
const watchWait = 25 * time.Second

// Run watches until it is interrupted.
func (w *objectWatch) Run(to streams) error {
	p := syncPath{}
	if w.Path != "" {
		var err error
		if p, err = parsePath(w.Path); err != nil {
			return err
		}
		if p.id == "" || p.item != "" {
			return usage("%q is not one object; write docs/NAME, lists/NAME, maps/NAME or streams/NAME", w.Path)
		}
	}
	return w.on(to, func(ctx context.Context, c call) error {
		err := w.watch(ctx, c, p)
		if errors.Is(err, context.Canceled) && ctx.Err() != nil {
			return nil // as the user wished
		}
		return w.said(p, err)
	})
}

func (w *objectWatch) watch(ctx context.Context, c call, p syncPath) error {
	sid := ""
	if p.id != "" {
		o, err := c.Object(ctx, w.Service, p.kind, p.id)
		if err != nil {
			return err
		}
		sid = o.SID
	}
	for after := uint64(0); ; {
		got, err := c.Changes(ctx, w.Service, sid, after, watchWait)
		if err != nil {
			return err
		}
		for _, change := range got.Changes {
			if err := c.object(change); err != nil {
				return err
			}
		}
		after = got.After
	}
}
