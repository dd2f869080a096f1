// Package ask is what an end-to-end test and the window say to each other: one JSON object a line over a Unix socket,
// a request and then its reply. It knows neither the window nor the gateway.
package ask

// SocketVariable names the environment variable that holds the path of the window's socket.
const SocketVariable = "GATEHOUSE_DRIVE"

// What can be asked for.
const (
	Texts    = "texts"    // every visible text and icon
	Resize   = "resize"   // the window to Width × Height
	Theme    = "theme"    // Name is dark or light
	Screen   = "screen"   // Name is a place of the rail
	Attempts = "attempts" // what the gateway recorded, newest first
)

// Request is one line to the window.
type Request struct {
	Do     string  `json:"do"`
	Name   string  `json:"name,omitempty"`
	Width  float32 `json:"width,omitempty"`  // in Fyne's units, which are pixels at scale 1
	Height float32 `json:"height,omitempty"` // the same
}

// Reply is one line from the window. Error is empty when all went well.
type Reply struct {
	Error    string    `json:"error,omitempty"`
	Texts    []Text    `json:"texts,omitempty"`
	Attempts []Attempt `json:"attempts,omitempty"`
}

// Text is one visible text or icon. X, Y, Width and Height are the part of it that is not cut off, in pixels from the
// window's upper left corner.
type Text struct {
	Text   string `json:"text"`
	X      int    `json:"x"`
	Y      int    `json:"y"`
	Width  int    `json:"width"`
	Height int    `json:"height"`
	// Layer is 0 for the window's content and rises with what lies over it; only the highest takes clicks.
	Layer int `json:"layer,omitempty"`
	// Icon tells that this is an icon, and Text the name of its resource.
	Icon bool `json:"icon,omitempty"`
	// In are the types of the widgets around it, from the innermost outwards.
	In []string `json:"in,omitempty"`
}

// Attempt is what a test asks of a recorded attempt.
type Attempt struct {
	ID        uint64 `json:"id"`
	Code      int    `json:"code"` // negative without a CONNACK
	Cause     string `json:"cause"`
	DeviceSID string `json:"device_sid,omitempty"`
	End       string `json:"end,omitempty"` // why an accepted connection ended, empty while it lasts
}
