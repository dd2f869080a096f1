package commands

import (
	"errors"
	"fmt"
	"strconv"
	"strings"

	"gatehouse/app/client"
)

// syncPath is what a path names.
type syncPath struct {
	kind client.Kind
	id   string // empty: all of the kind
	item string // index or key, empty for none
}

// pathKinds are the first levels of paths.
var pathKinds = map[string]client.Kind{"docs": client.Documents, "lists": client.Lists, "maps": client.Maps, "streams": client.Streams}

func parsePath(text string) (syncPath, error) {
	levels := strings.SplitN(strings.TrimPrefix(text, "sync/"), "/", 3)
	kind, known := pathKinds[levels[0]]
	if !known {
		return syncPath{}, usage("%q is not the path of an object; write docs/NAME, lists/NAME, maps/NAME/KEY or streams/NAME", text)
	}
	p := syncPath{kind: kind}
	if len(levels) > 1 {
		if p.id = levels[1]; p.id == "" {
			return syncPath{}, usage("%q lacks the object's name; write %s/NAME", text, levels[0])
		}
	}
	if len(levels) > 2 {
		p.item = levels[2]
		switch {
		case kind == client.Documents || kind == client.Streams:
			return syncPath{}, usage("%q goes too deep: %s have no items; an object whose name holds a slash is reached by its SID", text, levels[0])
		case p.item == "":
			return syncPath{}, usage("%q lacks what follows its last slash", text)
		}
		if kind == client.Lists {
			if _, err := strconv.ParseUint(p.item, 10, 63); err != nil {
				return syncPath{}, usage("%q does not end in an index; items of a list are counted from 0", text)
			}
		}
	}
	return p, nil
}

func (p syncPath) String() string {
	for level, kind := range pathKinds {
		if kind == p.kind {
			return strings.TrimRight(strings.Join([]string{level, p.id, p.item}, "/"), "/")
		}
	}
	return p.id
}

// The API's codes that the command line has something to say about.
const (
	codeNoService   = 54050
	codeInvalidJSON = 54008
)

// said makes an error about a path.
func (s inService) said(p syncPath, err error) error {
	var answered *client.Error
	switch {
	case !errors.As(err, &answered):
		return err
	case answered.Code == codeNoService:
		return &missingError{what: "Sync service", id: s.Service, advice: "give the SID of one with --service"}
	case errors.Is(err, client.ErrNotFound):
		return &missingError{what: "object", id: p.String(), advice: "see gatehouse object get " + strings.SplitN(p.String(), "/", 2)[0]}
	case answered.Status == 412:
		return fmt.Errorf("%s is at another revision by now: %w; read it again with --json", visible(p.String()), err)
	case answered.Code == codeInvalidJSON:
		return fmt.Errorf("%w; quote JSON for the shell, such as '{\"on\":true}', or give a file as @FILE", err)
	case answered.Code/1000 == 54: // it names the object itself
		return err
	}
	return fmt.Errorf("%s: %w", visible(p.String()), err)
}
