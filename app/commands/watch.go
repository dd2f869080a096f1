package commands

import (
	"context"
	"errors"
	"strings"
	"time"

	"gatehouse/app/client"
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
	began, err := c.Changes(ctx, w.Service, sid, nil, 0)
	if err != nil {
		return err
	}
	what := "all objects of the service " + visible(w.Service)
	if p.id != "" {
		what = visible(p.String())
	}
	c.note("watching %s; Ctrl+C ends it", what)
	for after := began.After; ; {
		got, err := c.Changes(ctx, w.Service, sid, &after, watchWait)
		if err != nil {
			return err
		}
		for _, change := range got.Changes {
			if err := c.change(change); err != nil {
				return err
			}
		}
		after = got.After
	}
}

// levels are the first levels of paths, by the kinds of a change.
var levels = map[string]string{"document": "docs", "list": "lists", "map": "maps", "stream": "streams"}

// change prints one: when, where, what, by whom, and the new data.
func (c call) change(change client.Change) error {
	if c.json {
		return c.object(change.JSON)
	}
	what := levels[change.Kind] + "/" + change.Name()
	if item := change.Item(); item != "" {
		what += "/" + item
	}
	line := change.At.Local().Format("15:04:05") + "  " + visible(what) + "  " + strings.ReplaceAll(change.Action, "_", " ")
	if change.Revision != "" {
		line += ", revision " + change.Revision
	}
	if change.CreatedBy != "" {
		line += ", by " + visible(change.CreatedBy)
	}
	if len(change.Data) > 0 && string(change.Data) != "null" {
		line += "  " + visible(string(change.Data))
	}
	return c.print(line + "\n")
}
