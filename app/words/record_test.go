package words

import "testing"

func TestTheRecordSaysWhatItLacks(t *testing.T) {
	for got, want := range map[string]string{
		RecordLacks(0, 0, false): "",
		RecordLacks(1, 0, false): "The record was damaged at 1 place when the gateway started: what was there may be missing.",
		RecordLacks(2, 1, false): "The record was damaged at 2 places when the gateway started: what was there may be missing. 1 attempt was lost before the disk took what there was.",
		RecordLacks(0, 0, true):  "New attempts cannot be written to the disk at the moment: a restart would lose them.",
	} {
		if got != want {
			t.Errorf("%q, want %q", got, want)
		}
	}
}
