package attempts

import (
	"encoding/json"
	"fmt"
	"strings"

	"fyne.io/fyne/v2"
	"fyne.io/fyne/v2/container"

	"gatehouse/app/desktop/kit"
	"gatehouse/gateway/attempt"
)

// raw is the attempt as it is recorded.
type raw struct {
	content *fyne.Container
	lines   *kit.Lines
	id      uint64
}

func newRaw(d *detail) *raw {
	r := &raw{lines: kit.NewLines()}
	s := d.screen.shell
	bar := container.NewBorder(nil, nil, nil, kit.Inset(0, 0, 0, 8, kit.Across(6,
		kit.NewButton("Copy", kit.Small, func() { s.Copy("attempt", r.text()) }),
		kit.NewButton("Save…", kit.Small, func() { s.Save(fmt.Sprintf("attempt-%d.json", r.id), []byte(r.text())) }),
		d.reportButton(),
	)), kit.Clipped(kit.NewText("Passwords are blank, payloads are not", kit.Caption)))
	r.content = kit.Inset(10, 0, 0, 0, container.NewBorder(kit.Inset(0, 0, 8, 0, bar), nil, nil, nil, kit.Panel(kit.Well, kit.Line, 8, r.lines)))
	return r
}

func (r *raw) show(v view) {
	r.id = v.id
	r.lines.Set(v.raw)
}

func (r *raw) text() string { return strings.Join(r.lines.All(), "\n") + "\n" }

// rawLines is an attempt as indented JSON, line by line.
func rawLines(a attempt.Attempt) []string {
	text, err := json.MarshalIndent(a, "", "  ")
	if err != nil {
		return []string{err.Error()}
	}
	return strings.Split(string(text), "\n")
}
