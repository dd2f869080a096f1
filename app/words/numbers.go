package words

import (
	"fmt"
	"strconv"
	"time"
)

// Count is a number of things.
func Count(n int, one, many string) string {
	if n == 1 {
		return "1 " + one
	}
	return Grouped(n) + " " + many
}

// Grouped is a whole number with spaces between its thousands: "1 204".
func Grouped(n int) string {
	s := strconv.Itoa(n)
	sign := ""
	if n < 0 {
		sign, s = "−", s[1:]
	}
	for i := len(s) - 3; i > 0; i -= 3 {
		s = s[:i] + " " + s[i:]
	}
	return sign + s
}

// Offset is a time since the connection was accepted, in milliseconds: "+2.4".
func Offset(d time.Duration) string {
	ms := float64(d) / float64(time.Millisecond)
	switch {
	case d >= time.Minute:
		return "+" + Span(d)
	case d >= time.Second:
		return fmt.Sprintf("+%.1fs", d.Seconds())
	case ms >= 100:
		return fmt.Sprintf("+%.0f", ms)
	}
	return fmt.Sprintf("+%.1f", ms)
}

// Took is how long something took: "2.5 ms", "1.2 s".
func Took(d time.Duration) string {
	switch {
	case d < time.Second:
		return fmt.Sprintf("%.1f ms", float64(d)/float64(time.Millisecond))
	case d < time.Minute:
		return fmt.Sprintf("%.1f s", d.Seconds())
	}
	return Span(d)
}

// Span is a length of time in its two largest units: "3 min 5 s", "2 h 10 min".
func Span(d time.Duration) string {
	d = d.Round(time.Second)
	switch {
	case d < time.Minute:
		return fmt.Sprintf("%d s", int(d.Seconds()))
	case d < time.Hour:
		return pair(int(d/time.Minute), "min", int(d/time.Second)%60, "s")
	case d < 24*time.Hour:
		return pair(int(d/time.Hour), "h", int(d/time.Minute)%60, "min")
	}
	return pair(int(d/(24*time.Hour)), "d", int(d/time.Hour)%24, "h")
}

func pair(a int, unitA string, b int, unitB string) string {
	if b == 0 {
		return fmt.Sprintf("%d %s", a, unitA)
	}
	return fmt.Sprintf("%d %s %d %s", a, unitA, b, unitB)
}

// Bytes is an amount of data: "512 B", "1.4 KiB".
func Bytes(n uint64) string {
	if n < 1024 {
		return fmt.Sprintf("%d B", n)
	}
	v, i := float64(n)/1024, 0
	for v >= 1024 && i < 3 {
		v /= 1024
		i++
	}
	return fmt.Sprintf("%.1f %s", v, []string{"KiB", "MiB", "GiB", "TiB"}[i])
}

// Rate is a number per second, with a decimal only where it says something: "3.2", "184".
func Rate(perSecond float64) string {
	if perSecond > 0 && perSecond < 10 {
		return strconv.FormatFloat(perSecond, 'f', 1, 64)
	}
	return Grouped(int(perSecond + 0.5))
}
