package kit

import (
	"testing"

	"fyne.io/fyne/v2"
	"fyne.io/fyne/v2/driver/desktop"
	"fyne.io/fyne/v2/test"
)

func TestAFieldGivesTheWindowTheShortcutsThatItDoesNotKnow(t *testing.T) {
	test.NewTempApp(t).Settings().SetTheme(Theme{Mode: AlwaysDark})
	field := NewField("Filter")
	w := test.NewTempWindow(t, field)
	asked := 0
	ctrlK := &desktop.CustomShortcut{KeyName: fyne.KeyK, Modifier: fyne.KeyModifierShortcutDefault}
	w.Canvas().AddShortcut(ctrlK, func(fyne.Shortcut) { asked++ })
	w.Canvas().Focus(field.Entry)
	field.Entry.TypedShortcut(ctrlK)
	if asked != 1 {
		t.Fatalf("the window was asked %d times, want once", asked)
	}
}

func TestAFieldKeepsTheShortcutsOfText(t *testing.T) {
	test.NewTempApp(t).Settings().SetTheme(Theme{Mode: AlwaysDark})
	field := NewField("Filter")
	w := test.NewTempWindow(t, field)
	word := &desktop.CustomShortcut{KeyName: fyne.KeyBackspace, Modifier: fyne.KeyModifierShortcutDefault}
	w.Canvas().AddShortcut(word, func(fyne.Shortcut) { t.Error("the window was asked to delete a word") })
	w.Canvas().Focus(field.Entry)
	test.Type(field.Entry, "two words")
	field.Entry.TypedShortcut(&fyne.ShortcutSelectAll{})
	if got := field.Entry.SelectedText(); got != "two words" {
		t.Fatalf("Ctrl+A selects %q", got)
	}
	field.Entry.TypedShortcut(word)
}
