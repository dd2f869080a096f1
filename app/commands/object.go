package commands

import (
	"context"
	"errors"
	"fmt"
	"io"
	"net/url"
	"os"
	"strconv"
	"strings"

	"gatehouse/app/client"
)

type objectCommands struct {
	Get    objectGet    `cmd:"" help:"Print a document, a list, a map or one of their items."`
	Set    objectSet    `cmd:"" help:"Write a document, a map's item, or a list's item that exists."`
	Append objectAppend `cmd:"" help:"Append an item to a list, or send a message on a stream."`
	Watch  objectWatch  `cmd:"" help:"Print changes as they happen, until interrupted."`
}

// inService is what all object commands share.
type inService struct {
	remote
	Service string `placeholder:"SERVICE" default:"default" help:"Sync service, by unique name or SID."`
}

const pathHelp = `A path is what devices put below sync/ in a topic, by unique name or SID: docs/NAME, lists/NAME, lists/NAME/INDEX, maps/NAME,
maps/NAME/KEY, streams/NAME.`

// maxInput bounds in bytes what is read as data. The gateway's own limits are lower, and it names them.
const maxInput = 1 << 20

// dataFrom is the data of an argument: itself, a file's, or standard input's.
func dataFrom(argument string, in io.Reader) (string, error) {
	var from io.Reader
	switch {
	case argument == "-":
		from = in
	case strings.HasPrefix(argument, "@"):
		f, err := os.Open(argument[1:])
		if err != nil {
			return "", fmt.Errorf("the data cannot be read: %w", err)
		}
		defer f.Close()
		from = f
	default:
		return argument, nil
	}
	content, err := io.ReadAll(io.LimitReader(from, maxInput+1))
	switch {
	case err != nil:
		return "", fmt.Errorf("the data cannot be read: %w", err)
	case len(content) > maxInput:
		return "", usage("the data is longer than 1 MiB, which no object takes")
	}
	return string(content), nil
}

type objectGet struct {
	inService
	Path string `arg:"" help:"docs/NAME, lists/NAME[/INDEX], maps/NAME[/KEY], streams/NAME; docs, lists, maps or streams alone for all of them."`
}

// Help is shown below the flags.
func (g *objectGet) Help() string {
	return pathHelp + `

Examples:
  gatehouse object get docs/BoardLED
  gatehouse object get maps/Rooms/kitchen
  gatehouse object get lists`
}

// Run prints.
func (g *objectGet) Run(to streams) error {
	p, err := parsePath(g.Path)
	if err != nil {
		return err
	}
	return g.on(to, func(ctx context.Context, c call) error {
		switch {
		case p.id == "":
			err = g.all(ctx, c, p)
		case p.item != "":
			err = g.item(ctx, c, p)
		case p.kind == client.Lists || p.kind == client.Maps:
			err = g.items(ctx, c, p)
		default:
			err = g.one(ctx, c, p)
		}
		return g.said(p, err)
	})
}

func (g *objectGet) one(ctx context.Context, c call, p syncPath) error {
	o, err := c.Object(ctx, g.Service, p.kind, p.id)
	switch {
	case err != nil:
		return err
	case c.json:
		return c.object(o.JSON)
	case p.kind == client.Documents:
		return c.object(o.Data)
	}
	return c.printf("%s (%s) keeps no messages; see them come with: gatehouse object watch %s\n", visible(p.String()), o.SID, visible(p.String()))
}

func (g *objectGet) item(ctx context.Context, c call, p syncPath) error {
	i, err := c.Item(ctx, g.Service, p.kind, p.id, p.item)
	switch {
	case err != nil:
		return err
	case c.json:
		return c.object(i.JSON)
	}
	return c.object(i.Data)
}

func (g *objectGet) items(ctx context.Context, c call, p syncPath) error {
	var rows [][]string
	for i, err := range c.Items(ctx, g.Service, p.kind, p.id) {
		if err != nil {
			return err
		}
		if c.json {
			if err := c.object(i.JSON); err != nil {
				return err
			}
			continue
		}
		rows = append(rows, []string{i.Name(), i.Revision, i.CreatedBy, string(i.Data)})
	}
	if c.json {
		return nil
	}
	head := "KEY"
	if p.kind == client.Lists {
		head = "INDEX"
	}
	return c.table([]string{head, "REVISION", "BY", "DATA"}, rows, p.String()+" is empty")
}

func (g *objectGet) all(ctx context.Context, c call, p syncPath) error {
	var rows [][]string
	for o, err := range c.Objects(ctx, g.Service, p.kind) {
		if err != nil {
			return err
		}
		if c.json {
			if err := c.object(o.JSON); err != nil {
				return err
			}
			continue
		}
		rows = append(rows, []string{o.Name(), o.SID, o.Revision, o.CreatedBy, moment(o.DateUpdated)})
	}
	if c.json {
		return nil
	}
	return c.table([]string{"NAME", "SID", "REVISION", "BY", "UPDATED"}, rows, "there are no "+p.kind.Plural()+" here")
}

type objectSet struct {
	inService
	Path    string `arg:"" help:"docs/NAME, maps/NAME/KEY or lists/NAME/INDEX."`
	Data    string `arg:"" help:"JSON, @FILE to read it from a file, or - to read it from standard input."`
	TTL     *int   `name:"ttl" placeholder:"SECONDS" help:"Expire after so many seconds; 0 for never."`
	IfMatch string `placeholder:"REVISION" help:"Write only if it is at this revision."`
}

// Help is shown below the flags.
func (s *objectSet) Help() string {
	return pathHelp + `
A document, map or item of a map that does not exist is created, unless it is named by its SID or a revision is expected.

Examples:
  gatehouse object set docs/BoardLED '{"led":true}'
  gatehouse object set maps/Rooms/kitchen @kitchen.json --ttl 3600
  sensor | gatehouse object set docs/Reading -`
}

// Run writes.
func (s *objectSet) Run(to streams) error {
	p, err := parsePath(s.Path)
	switch {
	case err != nil:
		return err
	case p.kind == client.Streams:
		return usage("a stream keeps nothing that could be set; send a message with: gatehouse object append %s DATA", p)
	case p.kind == client.Documents && p.id == "", p.kind != client.Documents && p.item == "":
		return usage("%q names nothing that could be set; write docs/NAME, maps/NAME/KEY or lists/NAME/INDEX", s.Path)
	}
	data, err := dataFrom(s.Data, to.in)
	if err != nil {
		return err
	}
	form := url.Values{"Data": {data}}
	if s.TTL != nil {
		name := "ItemTtl"
		if p.kind == client.Documents {
			name = "Ttl"
		}
		form.Set(name, strconv.Itoa(*s.TTL))
	}
	return s.on(to, func(ctx context.Context, c call) error {
		if p.kind == client.Documents {
			err = s.document(ctx, c, p, form)
		} else {
			err = s.item(ctx, c, p, form)
		}
		return s.said(p, err)
	})
}

// absent reports whether an object or item is to be created, since there is none.
func (s inService) absent(p syncPath, expect string, err error) bool {
	var answered *client.Error
	return errors.As(err, &answered) && errors.Is(err, client.ErrNotFound) && answered.Code != codeNoService && expect == "" &&
		(!sidForm.MatchString(p.id) || p.item != "")
}

func (s *objectSet) document(ctx context.Context, c call, p syncPath, form url.Values) error {
	o, err := c.UpdateDocument(ctx, s.Service, p.id, form, s.IfMatch)
	if s.absent(p, s.IfMatch, err) {
		form.Set("UniqueName", p.id)
		if o, err = c.CreateObject(ctx, s.Service, p.kind, form); errors.Is(err, client.ErrConflict) { // another was first
			form.Del("UniqueName")
			o, err = c.UpdateDocument(ctx, s.Service, p.id, form, "")
		}
	}
	if err != nil {
		return err
	}
	return c.wrote(p, o.JSON, o.Revision)
}

func (s *objectSet) item(ctx context.Context, c call, p syncPath, form url.Values) error {
	i, err := c.UpdateItem(ctx, s.Service, p.kind, p.id, p.item, form, s.IfMatch)
	if p.kind == client.Maps && s.absent(p, s.IfMatch, err) {
		form.Set("Key", p.item)
		if i, err = s.addItem(ctx, c, p, form); errors.Is(err, client.ErrConflict) { // another was first
			form.Del("Key")
			i, err = c.UpdateItem(ctx, s.Service, p.kind, p.id, p.item, form, "")
		}
	}
	if err != nil {
		return err
	}
	return c.wrote(p, i.JSON, i.Revision)
}

// addItem adds an item to a list or map, which is made when there is none of that name.
func (s inService) addItem(ctx context.Context, c call, p syncPath, form url.Values) (client.Item, error) {
	i, err := c.CreateItem(ctx, s.Service, p.kind, p.id, form)
	p.item = ""
	if !s.absent(p, "", err) {
		return i, err
	}
	if _, err := c.CreateObject(ctx, s.Service, p.kind, url.Values{"UniqueName": {p.id}}); err != nil && !errors.Is(err, client.ErrConflict) {
		return i, err
	}
	return c.CreateItem(ctx, s.Service, p.kind, p.id, form)
}

// wrote prints what a write has become.
func (c call) wrote(p syncPath, text []byte, revision string) error {
	if c.json {
		return c.object(text)
	}
	return c.printf("%s is at revision %s.\n", visible(p.String()), revision)
}

type objectAppend struct {
	inService
	Path string `arg:"" help:"lists/NAME or streams/NAME."`
	Data string `arg:"" help:"JSON, @FILE to read it from a file, or - to read it from standard input."`
	TTL  *int   `name:"ttl" placeholder:"SECONDS" help:"Expire an item after so many seconds; 0 for never."`
}

// Help is shown below the flags.
func (a *objectAppend) Help() string {
	return pathHelp + `
A list or stream that does not exist is created, unless it is named by its SID.

Examples:
  gatehouse object append lists/Readings '{"celsius":21.5}'
  gatehouse object append streams/Alarms '"fire"'`
}

// Run appends.
func (a *objectAppend) Run(to streams) error {
	p, err := parsePath(a.Path)
	switch {
	case err != nil:
		return err
	case p.kind != client.Lists && p.kind != client.Streams || p.id == "" || p.item != "":
		return usage("%q is nothing that could be appended to; write lists/NAME or streams/NAME", a.Path)
	case p.kind == client.Streams && a.TTL != nil:
		return usage("--ttl is for items of a list; a stream keeps no messages")
	}
	data, err := dataFrom(a.Data, to.in)
	if err != nil {
		return err
	}
	return a.on(to, func(ctx context.Context, c call) error {
		if p.kind == client.Streams {
			return a.said(p, a.message(ctx, c, p, data))
		}
		form := url.Values{"Data": {data}}
		if a.TTL != nil {
			form.Set("ItemTtl", strconv.Itoa(*a.TTL))
		}
		i, err := a.addItem(ctx, c, p, form)
		if err != nil {
			return a.said(p, err)
		}
		if c.json {
			return c.object(i.JSON)
		}
		return c.printf("%s/%s was appended.\n", visible(p.String()), i.Name())
	})
}

func (a *objectAppend) message(ctx context.Context, c call, p syncPath, data string) error {
	m, err := c.SendMessage(ctx, a.Service, p.id, []byte(data))
	if a.absent(p, "", err) {
		if _, err := c.CreateObject(ctx, a.Service, p.kind, url.Values{"UniqueName": {p.id}}); err != nil && !errors.Is(err, client.ErrConflict) {
			return err
		}
		m, err = c.SendMessage(ctx, a.Service, p.id, []byte(data))
	}
	switch {
	case err != nil:
		return err
	case c.json:
		return c.object(m.JSON)
	}
	return c.printf("Message %s was sent on %s.\n", m.SID, visible(p.String()))
}
