package overview

import (
	"fyne.io/fyne/v2"
	"fyne.io/fyne/v2/container"

	"gatehouse/app/desktop/kit"
	"gatehouse/app/desktop/shell"
	"gatehouse/gateway/attempt"
)

// codeKey is the key of shell.Attempts that lists the attempts with a code.
func codeKey(code kit.Code) string { return "code:" + code.Label() }

// counts are how often each return code was given.
type counts [6]int

func countsOf(c attempt.Counts) (all counts) {
	for code, n := range c.ByCode {
		if code.Answered() && int(code) < len(all) {
			all[code] = n
		}
	}
	return all
}

// codes are the return codes of the last hour as bars; tapping one lists its attempts.
type codes struct {
	screen  *Screen
	content *fyne.Container
	bars    *fyne.Container
	shown   counts
}

func newCodes(s *Screen) *codes {
	c := &codes{screen: s, bars: container.NewStack()}
	c.content = kit.Card(14, container.NewBorder(kit.Inset(0, 0, 8, 0, kit.NewText("Return codes, last hour", kit.Title)), nil, nil, nil, container.NewVScroll(kit.Inset(0, 10, 0, 0, c.bars))))
	c.draw()
	return c
}

func (c *codes) set(n counts) {
	if n != c.shown {
		c.shown = n
		c.draw()
	}
}

func (c *codes) draw() {
	n := map[kit.Code]int{}
	for code, count := range c.shown {
		n[kit.Code(code)] = count
	}
	c.bars.Objects = []fyne.CanvasObject{kit.CodeBars(n, func(code kit.Code) {
		c.screen.p.Fix.Shell.Go(shell.Attempts, codeKey(code))
	})}
	c.bars.Refresh()
}
