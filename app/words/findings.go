package words

import "gatehouse/gateway/cause"

// findingWords has what each finding over several attempts says: a title, what was seen, what that means, and what to do. In
// braces stands what is put in from the finding and its facts.
var findingWords = map[cause.ID]sentence{
	cause.TakeoverFight: {
		"Two connections fight over {device}", "Connections of {device} ended each other {times} times in a minute.", "{likely}",
		"Give every board a key or certificate of its own, and run each client once.",
	},
	cause.ReconnectStorm: {
		"{device} reconnects without end", "{device} connected {times} times in a minute, one time every {interval}.", "Each time it was accepted, and left again.",
		"Look at how its connections ended; let the client wait longer after each try.",
	},
	cause.IgnoresCode: {
		"{device} ignores code {code}", "{device} was refused with code {code} and tried again with the same credential {times} times in a minute, one time every {interval}.", "{retry}",
		"Correct what it was refused for, and make the client heed the return code.",
	},
	cause.SameFailure: {
		"Handshakes fail in the same way", "{times} handshakes {from} failed in the same way: {failure}", "", "{failureadvice}",
	},
	cause.ClockOff: {
		"Clock of {device} is wrong", "{device} takes the gateway’s certificate for expired, which is valid until {not_after}.", "So its clock is far off.",
		"Set the device’s clock, by NTP or at its start, before it connects.",
	},
}
