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

// codes are the return codes of the last hour as bars; pressing one lists its attempts.
type codes struct {
	content *fyne.Container
	bars    *kit.CodeBars
}

func newCodes(s *Screen) *codes {
	bars := kit.NewCodeBars(func(code kit.Code) { s.p.Fix.Shell.Go(shell.Attempts, codeKey(code)) })
	title := kit.Inset(0, 0, 8, 0, kit.NewText("Return codes, last hour", kit.Title))
	content := kit.Card(14, container.NewBorder(title, nil, nil, nil, container.NewVScroll(kit.Inset(0, 10, 0, 0, bars.Column))))
	return &codes{content: content, bars: bars}
}

func (c *codes) set(n counts) { c.bars.Set(n) }
