package fix_test

import (
	"context"
	"errors"
	"testing"

	"github.com/stretchr/testify/require"

	"gatehouse/app/desktop/fix"
	"gatehouse/app/desktop/shelltest"
	"gatehouse/app/remedy"
)

func TestPressingSaysWhatWasDoneAndUndoesIt(t *testing.T) {
	window := &shelltest.Shell{}
	enabled, told := false, 0
	r := remedy.Remedy{Kind: remedy.Press, Label: "Enable lamp", Do: func(context.Context) (remedy.Done, error) {
		enabled = true
		return remedy.Done{Message: "lamp is enabled", Undo: func(context.Context) error { enabled = false; return nil }}, nil
	}}
	fix.Fixer{Shell: window}.Press(r, func() { told++ })
	require.True(t, enabled)
	require.Equal(t, 1, told)
	require.Equal(t, "lamp is enabled", window.Toasts[0].Message)
	window.Toasts[0].Undo()
	require.False(t, enabled)
	require.Equal(t, "Undone", window.Toasts[1].Message)
}

func TestAFixThatFailsIsShownAndNotCalledDone(t *testing.T) {
	window := &shelltest.Shell{}
	r := remedy.Remedy{Kind: remedy.Press, Label: "Enable lamp", Do: func(context.Context) (remedy.Done, error) {
		return remedy.Done{}, errors.New("the disk is full")
	}}
	fix.Fixer{Shell: window}.Press(r, func() { t.Error("told of a fix that failed") })
	require.Empty(t, window.Toasts)
	require.EqualError(t, window.Failures[0], "the disk is full")
}

func TestAnUndoThatBecameImpossibleIsToldAndNotCalledDone(t *testing.T) {
	window := &shelltest.Shell{}
	gone := errors.New("the device lamp was deleted meanwhile: there is nothing left to undo")
	r := remedy.Remedy{Kind: remedy.Press, Label: "Enable lamp", Do: func(context.Context) (remedy.Done, error) {
		return remedy.Done{Message: "lamp is enabled", Undo: func(context.Context) error { return gone }}, nil
	}}
	fix.Fixer{Shell: window}.Press(r, nil)
	window.Toasts[0].Undo()
	require.Equal(t, []error{gone}, window.Failures)
	require.Len(t, window.Toasts, 1, "“Undone” would be false")
}

func TestAFixThatCannotBeUndoneOffersNoUndo(t *testing.T) {
	window := &shelltest.Shell{}
	r := remedy.Remedy{Kind: remedy.Press, Label: "x", Do: func(context.Context) (remedy.Done, error) {
		return remedy.Done{Message: "done"}, nil
	}}
	fix.Fixer{Shell: window}.Press(r, nil)
	require.Nil(t, window.Toasts[0].Undo)
}

func TestAChoiceIsDoneForTheChosenOne(t *testing.T) {
	window := &shelltest.Shell{}
	var done string
	choice := func(name string) remedy.Choice {
		return remedy.Choice{Label: name, Do: func(context.Context) (remedy.Done, error) {
			done = name
			return remedy.Done{Message: name}, nil
		}}
	}
	f := fix.Fixer{Shell: window, Pick: func(title string, labels []string, chosen func(int)) {
		require.Equal(t, "Assign the key to…", title)
		require.Equal(t, []string{"lamp", "door"}, labels)
		chosen(1)
	}}
	f.Press(remedy.Remedy{Kind: remedy.Choose, Label: "Assign the key to…", Choices: []remedy.Choice{choice("lamp"), choice("door")}}, nil)
	require.Equal(t, "door", done)
}

func TestTheOtherKindsGoWhereTheyBelong(t *testing.T) {
	window := &shelltest.Shell{}
	key := ""
	f := fix.Fixer{Shell: window, RootPEM: func() []byte { return []byte("PEM") }, NewKey: func(sid string) { key = sid }}
	f.Press(remedy.Remedy{Kind: remedy.NewKey, DeviceSID: "TH1"}, nil)
	f.Press(remedy.Remedy{Kind: remedy.SaveRoot}, nil)
	f.Press(remedy.Remedy{Kind: remedy.Copy, Text: "-V mqttv311"}, nil)
	require.Equal(t, "TH1", key)
	require.Equal(t, []byte("PEM"), window.Saved["root.pem"])
	require.Equal(t, "-V mqttv311", window.Copied[0][1])
	require.Empty(t, window.Toasts)
}

func TestWhatToHeedOnTheDeviceStaysOnTheScreen(t *testing.T) {
	window := &shelltest.Shell{}
	f := fix.Fixer{Shell: window, NewKey: func(string) {}}
	f.Press(remedy.Remedy{Kind: remedy.NewKey, DeviceSID: "TH1", Hint: "Send the password without it."}, nil)
	f.Press(remedy.Remedy{Kind: remedy.Copy, Text: "KY1", Hint: "Set it as the user name."}, nil)
	f.Press(remedy.Remedy{Kind: remedy.Copy, Text: "KY1"}, nil)
	require.Equal(t, []string{"Send the password without it.", "Set it as the user name."}, window.Reminders)
	require.Empty(t, window.Toasts, "a toast would be gone before somebody is at the device")
}

func TestShortLabelsFitTheirPlace(t *testing.T) {
	for label, want := range map[string]string{
		"Save root.pem":               "Save root.pem",
		"Enable thermostat-7":         "Enable",
		"New key for thermostat-7":    "New key",
		"Enrol this certificate for…": "Enrol…",
	} {
		require.Equal(t, want, fix.Short(remedy.Remedy{Label: label}))
	}
	require.Equal(t, "Copy address", fix.Short(remedy.Remedy{Label: "Copy the TLS address", Brief: "Copy address"}), "a verb alone would not say what is copied")
}
