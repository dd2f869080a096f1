package onboard_test

import (
	"testing"

	"gatehouse/sim/simtest"
)

func TestMain(m *testing.M) { simtest.Main(m) }
