package frame

import (
	"context"
	"errors"
	"fmt"
	"io"
	"os"

	"fyne.io/fyne/v2"
	box "fyne.io/fyne/v2/container"
	"fyne.io/fyne/v2/dialog"
	"fyne.io/fyne/v2/widget"

	"gatehouse/app/desktop/kit"
)

// maxOpened bounds a file that is read: certificates and reports are far smaller.
const maxOpened = 1 << 20

// AddDevice implements shell.Shell.
func (f *Frame) AddDevice() {
	if f.p.AddDevice != nil {
		f.p.AddDevice()
	}
}

// Toast implements shell.Shell.
func (f *Frame) Toast(message string, undo func()) { f.toasts.show(message, undo) }

// Remind implements shell.Shell.
func (f *Frame) Remind(message string) { f.toasts.remind(message) }

// Fail implements shell.Shell.
func (f *Frame) Fail(what string, err error) {
	if errors.Is(err, context.Canceled) {
		return // the window is closing
	}
	f.p.Logger.Error(what, "err", err)
	f.toasts.fail(what, sentence(err))
}

// Confirm implements shell.Shell.
func (f *Frame) Confirm(title, lost, verb string, do func()) {
	var pop *widget.PopUp
	cancel := kit.NewButton("Cancel", kit.Secondary, func() { pop.Hide() })
	agree := kit.NewButton(verb, kit.Primary, func() { pop.Hide(); do() })
	pop = f.modal(440, kit.Down(12,
		kit.NewProse(kit.Run{Text: title, Type: kit.Title}),
		kit.NewProse(kit.Run{Text: lost, Type: kit.Body}),
		kit.Inset(6, 0, 0, 0, kit.Across(8, kit.Spacer(), cancel, agree)),
	))
}

// modal shows content over the window; Escape closes it while nothing in it has the keyboard.
func (f *Frame) modal(width float32, content fyne.CanvasObject) *widget.PopUp {
	padded := kit.Inset(20, 20, 20, 20, content)
	f.question = widget.NewModalPopUp(kit.Sized(width, 0, padded), f.p.Window.Canvas())
	f.question.Show()
	f.question.Resize(fyne.NewSize(width, padded.MinSize().Height)) // again, now that the text has its width
	return f.question
}

// typed is asked about keys that nothing else wants.
func (f *Frame) typed(e *fyne.KeyEvent) {
	if e.Name != fyne.KeyEscape {
		return
	}
	switch {
	case f.question != nil && f.question.Visible():
		f.question.Hide()
		f.question = nil
	case f.over.Load():
		f.CloseSheet()
	}
}

// Copy implements shell.Shell.
func (f *Frame) Copy(what, text string) {
	fyne.CurrentApp().Clipboard().SetContent(text)
	f.Toast("Copied "+what, nil)
}

// Save implements shell.Shell.
func (f *Frame) Save(name string, content []byte) {
	d := dialog.NewFileSave(func(file fyne.URIWriteCloser, err error) {
		if err != nil {
			f.Fail(name+" could not be saved", err)
			return
		}
		if file == nil {
			return // the user changed their mind
		}
		path := file.URI().Path()
		f.Background(func(context.Context) error { return write(file, path, content) }, func(err error) {
			if err != nil {
				f.Fail(name+" could not be saved", err)
				return
			}
			f.Toast("Saved "+path, nil)
		})
	}, f.p.Window)
	d.SetFileName(name)
	f.large(d.Resize)
	d.Show()
}

// write writes a file that only its owner may read, before anything is in it: the dialog has created it with the
// system's usual rights.
func write(file io.WriteCloser, path string, content []byte) error {
	err := os.Chmod(path, 0o600)
	if err == nil {
		_, err = file.Write(content)
	}
	return errors.Join(err, file.Close())
}

// Open implements shell.Shell.
func (f *Frame) Open(take func(name string, content []byte)) {
	d := dialog.NewFileOpen(func(file fyne.URIReadCloser, err error) {
		if err != nil {
			f.Fail("The file could not be opened", err)
			return
		}
		if file == nil {
			return
		}
		var content []byte
		f.Background(func(context.Context) (err error) {
			content, err = readAll(file)
			return err
		}, func(err error) {
			if err != nil {
				f.Fail(file.URI().Name()+" could not be read", err)
				return
			}
			take(file.URI().Name(), content)
		})
	}, f.p.Window)
	f.large(d.Resize)
	d.Show()
}

// Choose asks for a file by its path, and reads nothing.
func (f *Frame) Choose(take func(path string)) {
	d := dialog.NewFileOpen(func(file fyne.URIReadCloser, err error) {
		if err == nil && file != nil {
			err = file.Close()
		}
		switch {
		case err != nil:
			f.Fail("The file could not be opened", err)
		case file != nil:
			take(file.URI().Path())
		}
	}, f.p.Window)
	f.large(d.Resize)
	d.Show()
}

func readAll(file io.ReadCloser) ([]byte, error) {
	content, err := io.ReadAll(io.LimitReader(file, maxOpened+1))
	err = errors.Join(err, file.Close())
	if err == nil && len(content) > maxOpened {
		err = fmt.Errorf("it is larger than %d KiB", maxOpened/1024)
	}
	return content, err
}

// large gives the framework's file dialogs room: they open very small.
func (f *Frame) large(resize func(fyne.Size)) {
	size := f.p.Window.Canvas().Size()
	resize(fyne.NewSize(min(size.Width-40, 860), min(size.Height-40, 560)))
}

// Background implements shell.Shell.
func (f *Frame) Background(work func(ctx context.Context) error, after func(error)) {
	f.work.Go(func() {
		err := work(f.ctx)
		f.p.Do(func() {
			if after != nil && f.ctx.Err() == nil {
				after(err)
			}
			f.Wake()
		})
	})
}

// Presenter implements shell.Shell.
func (f *Frame) Presenter() bool { return f.presenter }

// Window implements shell.Shell.
func (f *Frame) Window() fyne.Window { return f.p.Window }

func border(left, right, content fyne.CanvasObject) fyne.CanvasObject {
	return box.NewBorder(nil, nil, left, right, content)
}
