// Package servers is the Lab's tab of servers that are wrong in one way each: started and stopped by one tap, with what each shows, what a careful device
// does about it, and what devices made of it so far. It judges nothing itself.
package servers

import (
	"cmp"
	"context"
	"maps"
	"slices"
	"strings"
	"sync"
	"time"

	"fyne.io/fyne/v2"
	"fyne.io/fyne/v2/container"

	"gatehouse/app/desktop/kit"
	"gatehouse/app/desktop/shell"
	"gatehouse/app/words/labwords"
	"gatehouse/gateway/lab"
	"gatehouse/gateway/registry"
)

// Lab holds the servers. Start and Stop may take a while; the others are quick.
type Lab interface {
	Start(lab.Kind, lab.Options) (lab.Server, error)
	Stop(lab.Kind) bool
	Servers() []lab.Server
	Results() []lab.Result
	ClearResults()
	Version() uint64
}

// Params are what the tab stands on. Shell and Lab are required.
type Params struct {
	Shell shell.Shell
	Lab   Lab
	// Devices are those that return codes can be meant for.
	Devices func() []registry.Device
	// Pick asks for one of several.
	Pick func(title string, labels []string, chosen func(int))
	// RootPEM is what a device is to trust.
	RootPEM func() []byte
	// Now is the clock; nil means time.Now.
	Now func() time.Time
}

// View is the tab. It implements lab.Part of the screen.
type View struct {
	p       Params
	kinds   []row // what never changes of them
	content fyne.CanvasObject
	list    *list
	detail  *detail
	results *results

	mu     sync.Mutex // guards what follows
	chosen lab.Kind
	code   int // of the return codes, for when that server is started
	device registry.Device
	group  string // that is listed; empty: all
	only   bool   // results of the chosen server alone
	busy   map[lab.Kind]string
	change int // rises with all of these

	// What was pulled last; belongs to Pull.
	version uint64
	seen    int
	began   bool
	waiting bool
	at      time.Time
	last    snapshot

	shown snapshot // what was applied last; belongs to the UI goroutine
}

// row is a wrong server in the list.
type row struct {
	kind   lab.Kind
	group  string
	title  string
	shows  string
	passes string
	busy   string // what is being done, empty: nothing
	on     bool
	server lab.Server
}

func (r row) same(o row) bool {
	return r.kind == o.kind && r.busy == o.busy && r.on == o.on && r.server == o.server
}

// groups are what is wrong, in a word.
var groups = map[lab.Group]string{lab.Certificate: "Certificate", lab.TLS: "TLS", lab.Code: "Code", lab.Network: "MQTT"}

// New builds the tab; nothing is read before the first Pull.
func New(p Params) *View {
	if p.Now == nil {
		p.Now = time.Now
	}
	v := &View{p: p, code: lab.Tour, busy: map[lab.Kind]string{}, change: 1}
	for _, i := range lab.Kinds() {
		title, shows, passes := labwords.Kind(i.Kind)
		v.kinds = append(v.kinds, row{kind: i.Kind, group: groups[i.Group], title: title, shows: shows, passes: passes})
	}
	v.chosen = v.kinds[0].kind
	v.list, v.detail, v.results = newList(v), newDetail(v), newResults(v)
	const leastResults = 190 // where there is less room, the right side is scrolled
	right := container.NewVScroll(kit.Above(kit.CardGap, v.detail.content, kit.Sized(0, leastResults, v.results.content)))
	v.content = kit.Columns(kit.CardGap, []float32{400, 758}, v.list.content, right)
	return v
}

// Content implements lab.Part.
func (v *View) Content() fyne.CanvasObject { return v.content }

// Show implements lab.Part; key is a kind.
func (v *View) Show(key string) {
	if _, known := lab.Find(lab.Kind(key)); known {
		v.choose(lab.Kind(key))
		v.list.table.Select(key)
	}
}

// Selected implements lab.Part.
func (v *View) Selected() string {
	v.mu.Lock()
	defer v.mu.Unlock()
	return string(v.chosen)
}

// ask changes what is wanted.
func (v *View) ask(change func()) {
	v.mu.Lock()
	change()
	v.change++
	v.mu.Unlock()
}

func (v *View) choose(kind lab.Kind) {
	v.mu.Lock()
	defer v.mu.Unlock()
	if v.chosen != kind {
		v.chosen = kind
		v.change++
	}
}

// snapshot is what Pull brings.
type snapshot struct {
	rows    []row
	chosen  row
	code    int
	device  registry.Device
	group   string
	only    bool
	results []lab.Result // that are shown
	all     int          // results there are
	running int
}

// every is how often results are asked for while one waits: the passing of time decides it.
const every = time.Second

// Pull implements lab.Part.
func (v *View) Pull() func() {
	version, now := v.p.Lab.Version(), v.p.Now()
	v.mu.Lock()
	shot := snapshot{code: v.code, device: v.device, group: v.group, only: v.only}
	chosen, change, busy := v.chosen, v.change, maps.Clone(v.busy)
	v.mu.Unlock()
	due := v.waiting && (now.Sub(v.at) >= every || now.Before(v.at))
	if v.began && version == v.version && change == v.seen && !due {
		return nil
	}
	fresh := !v.began || change != v.seen
	v.began, v.version, v.seen, v.at = true, version, change, now
	running := map[lab.Kind]lab.Server{}
	for _, s := range v.p.Lab.Servers() {
		running[s.Kind] = s
	}
	shot.running = len(running)
	shot.rows = slices.Clone(v.kinds)
	for i := range shot.rows {
		r := &shot.rows[i]
		r.server, r.on = running[r.kind]
		r.busy = busy[r.kind]
		if r.kind == chosen {
			shot.chosen = *r
		}
	}
	results := v.p.Lab.Results()
	shot.all = len(results)
	v.waiting = slices.ContainsFunc(results, func(r lab.Result) bool { return r.Outcome == lab.Waiting })
	if shot.only {
		results = slices.DeleteFunc(results, func(r lab.Result) bool { return r.Kind != chosen })
	}
	shot.results = results
	if !fresh && shot.all == v.last.all && slices.EqualFunc(shot.rows, v.last.rows, row.same) && slices.Equal(shot.results, v.last.results) {
		return nil
	}
	v.last = shot
	return func() { v.apply(shot) }
}

func (v *View) apply(shot snapshot) {
	v.shown = shot
	v.list.show(shot)
	v.detail.show(shot)
	v.results.show(shot)
	v.content.Refresh()
}

// start starts a server, or says why it does not run.
func (v *View) start(r row) {
	o := lab.Options{}
	if r.kind == lab.ReturnCode {
		o = v.codes()
	}
	v.run(r, "Starting…", o)
}

// codes are the options of the return codes as they are chosen.
func (v *View) codes() lab.Options {
	v.mu.Lock()
	defer v.mu.Unlock()
	return lab.Options{Code: v.code, DeviceSID: v.device.SID}
}

func (v *View) run(r row, doing string, o lab.Options) {
	if !v.begin(r.kind, doing) {
		return
	}
	v.choose(r.kind)
	v.p.Shell.Background(func(context.Context) error {
		_, err := v.p.Lab.Start(r.kind, o)
		return err
	}, func(err error) {
		v.done(r.kind)
		if err != nil {
			v.p.Shell.Fail("“"+r.title+"” was not started", err)
		}
	})
}

// begin marks a server as being started or stopped; false when it is already.
func (v *View) begin(kind lab.Kind, doing string) bool {
	v.mu.Lock()
	defer v.mu.Unlock()
	if v.busy[kind] != "" {
		return false
	}
	v.busy[kind] = doing
	v.change++
	return true
}

func (v *View) done(kind lab.Kind) { v.ask(func() { delete(v.busy, kind) }) }

// stop stops a server.
func (v *View) stop(r row) {
	if !v.begin(r.kind, "Stopping…") {
		return
	}
	v.p.Shell.Background(func(context.Context) error {
		v.p.Lab.Stop(r.kind)
		return nil
	}, func(error) { v.done(r.kind) })
}

// stopAll stops all that run.
func (v *View) stopAll() {
	for _, r := range v.shown.rows {
		if r.on {
			v.stop(r)
		}
	}
}

// setCodes changes which codes are given, and to whom; a server that runs goes on at the same address.
func (v *View) setCodes(change func()) {
	v.ask(change)
	i := slices.IndexFunc(v.shown.rows, func(r row) bool { return r.kind == lab.ReturnCode })
	if i < 0 || !v.shown.rows[i].on {
		return
	}
	r, o := v.shown.rows[i], v.codes()
	if o.Code == r.server.Options.Code && o.DeviceSID == r.server.Options.DeviceSID || !v.begin(r.kind, "Changing…") {
		return
	}
	o.Addr = r.server.Addr
	v.p.Shell.Background(func(context.Context) error {
		v.p.Lab.Stop(r.kind)
		_, err := v.p.Lab.Start(r.kind, o)
		return err
	}, func(err error) {
		v.done(r.kind)
		if err != nil {
			v.p.Shell.Fail("The return codes could not be changed", err)
		}
	})
}

// pickDevice asks whom the return codes are meant for.
func (v *View) pickDevice() {
	if v.p.Pick == nil || v.p.Devices == nil {
		return
	}
	devices := v.p.Devices()
	slices.SortFunc(devices, func(a, b registry.Device) int {
		return cmp.Or(strings.Compare(a.Name(), b.Name()), strings.Compare(a.SID, b.SID))
	})
	labels := []string{"Every device"}
	for _, d := range devices {
		labels = append(labels, d.Name()+" · "+d.SID)
	}
	v.p.Pick("Whom the code is for; others get 3", labels, func(i int) {
		v.setCodes(func() {
			v.device = registry.Device{}
			if i > 0 {
				v.device = devices[i-1]
			}
		})
	})
}
