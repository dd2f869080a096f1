package sim

import (
	"fmt"
	"time"
)

// Advice is what a device is to do after a connection attempt, as the contract has it per return code.
type Advice int

// The advices, by the code that gives them.
const (
	AdviceNone           Advice = iota // 0: connected
	AdviceOtherProtocol                // 1: do not retry in this version of MQTT
	AdviceFixCredential                // 2: correct the credential, then retry
	AdviceLater                        // 3, and passing failures of the network: retry later, with backoff
	AdviceNewCredential                // 4: do not retry with these credentials
	AdviceUntilProvision               // 5: wait until the device is provisioned
	AdviceFixSetup                     // no CONNACK, and none will come: trust, name or options must change first
	AdviceUnknown                      // a code that MQTT 3.1.1 does not have: a failure, and no reason to repeat it
)

// String is the advice as an instruction.
func (a Advice) String() string {
	switch a {
	case AdviceNone:
		return "nothing to do"
	case AdviceOtherProtocol:
		return "do not retry with this protocol version"
	case AdviceFixCredential:
		return "correct the credential, then retry"
	case AdviceLater:
		return "retry later, with backoff"
	case AdviceNewCredential:
		return "do not retry with these credentials"
	case AdviceUntilProvision:
		return "do not retry until the device is provisioned"
	case AdviceFixSetup:
		return "do not retry until the setup is corrected"
	}
	return "do not retry: the code is not one of MQTT's"
}

// AdviceFor is the contract's advice for a CONNACK code of MQTT 3.1 and 3.1.1; -1, no CONNACK, is taken for a passing failure.
func AdviceFor(code int) Advice {
	switch code {
	case -1, 3:
		return AdviceLater
	case 0:
		return AdviceNone
	case 1:
		return AdviceOtherProtocol
	case 2:
		return AdviceFixCredential
	case 4:
		return AdviceNewCredential
	case 5:
		return AdviceUntilProvision
	}
	return AdviceUnknown
}

// advice5 is the same for the reason codes of an MQTT 5 server (MQTT 5, section 3.2.2.2).
func advice5(code int) Advice {
	switch code {
	case 0:
		return AdviceNone
	case 0x84:
		return AdviceOtherProtocol
	case 0x85, 0x8C:
		return AdviceFixCredential
	case 0x86, 0x8A:
		return AdviceNewCredential
	case 0x87:
		return AdviceUntilProvision
	case 0x80, 0x88, 0x89, 0x97, 0x9F:
		return AdviceLater
	}
	return AdviceUnknown
}

// The bounds of the wait before another attempt.
const (
	FirstWait = time.Second
	LongWait  = 60 * time.Second
)

// Reconnect says whether a device may try again by itself after the attempt-th attempt in a row (counted from 1) ended with this code, and
// after how long: FirstWait, doubled each time, to LongWait. Only code 3, no CONNACK at all (-1) and a lost connection (0) are tried again;
// every other code needs a person first. It is a pure function; spread many devices over time with Spread.
func Reconnect(code, attempt int) (wait time.Duration, again bool) {
	switch code {
	case -1, 0, 3:
	default:
		return 0, false
	}
	wait = FirstWait
	for i := 1; i < attempt && wait < LongWait; i++ {
		wait *= 2
	}
	return min(wait, LongWait), true
}

// Spread takes up to half off a wait, by r in [0, 1): so that a thousand devices that lost the gateway together do not come back together.
func Spread(wait time.Duration, r float64) time.Duration {
	r = min(max(r, 0), 1)
	return wait - time.Duration(float64(wait/2)*r)
}

// RefusedError is a CONNACK that says no.
type RefusedError struct {
	Code int  // the code as it came, known or not
	V5   bool // a reason code of MQTT 5, not a return code of 3.1.1
}

func (e *RefusedError) Error() string {
	if e.V5 {
		return fmt.Sprintf("connection refused: MQTT 5 reason 0x%02x (%s)", e.Code, reasonName(e.Code))
	}
	return fmt.Sprintf("connection refused: code %d (%s)", e.Code, CodeName(e.Code))
}

// CodeName is MQTT 3.1.1's name of a CONNACK return code.
func CodeName(code int) string {
	switch code {
	case 0:
		return "connection accepted"
	case 1:
		return "unacceptable protocol version"
	case 2:
		return "identifier rejected"
	case 3:
		return "server unavailable"
	case 4:
		return "bad user name or password"
	case 5:
		return "not authorized"
	}
	return "unknown code"
}

// reasonName names those reason codes of MQTT 5 that a CONNACK or a DISCONNECT commonly holds.
func reasonName(code int) string {
	names := map[int]string{0: "success", 0x80: "unspecified error", 0x81: "malformed packet", 0x82: "protocol error", 0x84: "unsupported protocol version",
		0x85: "client identifier not valid", 0x86: "bad user name or password", 0x87: "not authorized", 0x88: "server unavailable", 0x89: "server busy",
		0x8A: "banned", 0x8B: "server shutting down", 0x8C: "bad authentication method", 0x8D: "keep alive timeout", 0x8E: "session taken over",
		0x90: "topic name invalid", 0x95: "packet too large", 0x97: "quota exceeded", 0x9F: "connection rate exceeded"}
	if name, ok := names[code]; ok {
		return name
	}
	return "unknown reason"
}
