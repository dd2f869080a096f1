package desktop

import (
	"os"
	"strconv"
	"sync"
)

const scaleVariable = "FYNE_SCALE"

// given is the scale that the user set for all programs of this kind; presenting multiplies it.
var given = sync.OnceValue(func() float32 {
	scale, err := strconv.ParseFloat(os.Getenv(scaleVariable), 32)
	if err != nil || scale <= 0 {
		return 1
	}
	return float32(scale)
})

// setScale has Fyne draw so many times as large as the user set, from its next change of settings on.
func setScale(times float32) {
	scale := given() * times
	if scale == 1 {
		_ = os.Unsetenv(scaleVariable)
		return
	}
	_ = os.Setenv(scaleVariable, strconv.FormatFloat(float64(scale), 'f', 2, 32))
}

// scaleNow is the scale that setScale chose last.
func scaleNow() float32 {
	scale, err := strconv.ParseFloat(os.Getenv(scaleVariable), 32)
	if err != nil || scale <= 0 {
		return 1
	}
	return float32(scale)
}
