package attempts

import (
	"context"
	"fmt"

	"fyne.io/fyne/v2"

	"gatehouse/app/desktop/kit"
	"gatehouse/app/report"
)

// reportButton opens the menu of the forms that a report has, beside the one on the clipboard.
func (d *detail) reportButton() *kit.Button {
	var button *kit.Button
	button = kit.NewButton("Report as…", kit.Small, func() { dropDown(button, d.reportMenu(d.shown.id)...) })
	return button
}

func (d *detail) reportMenu(id uint64) []*fyne.MenuItem {
	s := d.screen
	payloads := fyne.NewMenuItem("Include payloads", func() { d.payloads = !d.payloads })
	payloads.Checked = d.payloads
	return []*fyne.MenuItem{
		fyne.NewMenuItem("Copy as JSON", func() {
			s.report(id, asJSON, func(text []byte) { s.shell.Copy("report", string(text)) })
		}),
		fyne.NewMenuItem("Save as Markdown…", func() {
			s.report(id, asMarkdown, func(text []byte) { s.shell.Save(fmt.Sprintf("attempt-%d.md", id), text) })
		}),
		fyne.NewMenuItem("Save as JSON…", func() {
			s.report(id, asJSON, func(text []byte) { s.shell.Save(fmt.Sprintf("attempt-%d-report.json", id), text) })
		}),
		fyne.NewMenuItemSeparator(), payloads,
	}
}

func asMarkdown(s report.Source) ([]byte, error) { return []byte(report.Markdown(s)), nil }
func asJSON(s report.Source) ([]byte, error)     { return report.JSON(s) }

// copyReport puts an attempt on the clipboard as Markdown.
func (s *Screen) copyReport(id uint64) {
	s.report(id, asMarkdown, func(text []byte) { s.shell.Copy("report", string(text)) })
}

// report makes a report off the UI goroutine and hands it over on it.
func (s *Screen) report(id uint64, form func(report.Source) ([]byte, error), take func([]byte)) {
	payloads := s.detail.payloads
	var text []byte
	s.shell.Background(func(context.Context) (err error) {
		a, found := s.log.Get(id)
		if !found {
			return fmt.Errorf("attempt %d is no longer kept", id)
		}
		source := report.Source{Attempt: a, Payloads: payloads}
		if s.p.Report != nil {
			source = s.p.Report(a, payloads)
		}
		text, err = form(source)
		return err
	}, func(err error) {
		if err != nil {
			s.shell.Fail("The report could not be made", err)
			return
		}
		take(text)
	})
}
