package frame

import (
	"strings"
	"testing"
	"time"

	"github.com/stretchr/testify/require"

	"gatehouse/app/desktop/shelltest"
	"gatehouse/app/desktop/state"
)

// toasted is a stage whose toasts wait for the test instead of the clock.
func toasted(t *testing.T) (s *stage, pass func()) {
	s = newStage(t, state.State{})
	var due []func()
	s.frame.toasts.after = func(_ time.Duration, gone func()) *time.Timer {
		due = append(due, gone)
		return time.NewTimer(time.Hour)
	}
	return s, func() {
		for _, gone := range due {
			gone()
		}
		due = nil
		s.queue.run()
	}
}

func TestAToastGoesByItselfAndAReminderWhenItIsClosed(t *testing.T) {
	s, pass := toasted(t)
	s.frame.Toast("lamp is enabled", nil)
	s.frame.Remind("Send the password without the newline.")
	pass()
	require.NotContains(t, s.texts(), "lamp is enabled")
	require.Contains(t, s.texts(), "Send the password without the newline.")
	s.press("Close")
	require.NotContains(t, s.texts(), "Send the password")
}

func TestAReminderIsSaidOnceAndIsNotPushedOutByToasts(t *testing.T) {
	s, _ := toasted(t)
	s.frame.Remind("Set it as the user name.")
	s.frame.Remind("Set it as the user name.")
	for range 2 * mostToasts {
		s.frame.Toast("done", nil)
	}
	require.Equal(t, 1, strings.Count(s.texts(), "Set it as the user name."))
	require.Equal(t, mostToasts-1, strings.Count(s.texts(), "done"))
	shelltest.Buttons(s.frame.Content(), "Close")[0].Tapped(nil)
	s.frame.Remind("Set it as the user name.")
	require.Contains(t, s.texts(), "Set it as the user name.", "it may be said again once it was closed")
}

func TestRemindersAreBounded(t *testing.T) {
	s, _ := toasted(t)
	for _, message := range []string{"one thing", "another", "a third", "a fourth", "a fifth"} {
		s.frame.Remind(message)
	}
	require.Len(t, s.frame.toasts.column.Objects, mostToasts)
	require.Len(t, s.frame.toasts.staying, mostToasts)
	require.Contains(t, s.texts(), "a fifth")
}
