// Package outcome is how the tabs of the lab draw the steps of a scenario.
package outcome

import (
	"gatehouse/app/desktop/kit"
	"gatehouse/sim/scenario"
)

// Draw is how a step of a scenario went: state is never told by colour alone. A step that has not begun is a line.
func Draw(o scenario.Outcome) (icon string, color kit.Color) {
	switch o {
	case scenario.Held:
		return "check", kit.Good
	case scenario.Broken:
		return "cross", kit.Bad
	case scenario.Running:
		return "hourglass", kit.Accent
	case scenario.Skipped:
		return "barred", kit.Muted
	}
	return "minus", kit.Line
}
