package remedy

import (
	"context"
	"errors"
)

// act is one change and what takes it back.
type act struct {
	do, undo func(ctx context.Context) error
}

// press is a remedy that makes changes one after the other. When one fails, those before it are taken back.
func press(label, message, deviceSID string, acts ...act) Remedy {
	return Remedy{Kind: Press, Label: label, DeviceSID: deviceSID, Do: doer(message, acts...)}
}

func doer(message string, acts ...act) func(context.Context) (Done, error) {
	return func(ctx context.Context) (Done, error) {
		for i, a := range acts {
			if err := a.do(ctx); err != nil {
				return Done{}, errors.Join(err, takeBack(ctx, acts[:i]))
			}
		}
		return Done{Message: message, Undo: func(ctx context.Context) error { return takeBack(ctx, acts) }}, nil
	}
}

// takeBack undoes changes, the last first.
func takeBack(ctx context.Context, acts []act) (err error) {
	for i := len(acts) - 1; i >= 0; i-- {
		err = errors.Join(err, acts[i].undo(ctx))
	}
	return err
}
