package words

import "strings"

// RecordLacks says what the record of attempts lacks: how many places of its files could not be read when the gateway was opened, how
// many attempts were never written, and whether nothing can be written at the moment. Empty: nothing is wrong with it.
func RecordLacks(damaged int, lost uint64, unwritable bool) string {
	var all []string
	if unwritable {
		all = append(all, "New attempts cannot be written to the disk at the moment: a restart would lose them.")
	}
	if damaged > 0 {
		all = append(all, "The record was damaged at "+Count(damaged, "place", "places")+" when the gateway started: what was there may be missing.")
	}
	if lost > 0 {
		all = append(all, Count(int(min(lost, 1<<31-1)), "attempt was", "attempts were")+" lost before the disk took what there was.")
	}
	return strings.Join(all, " ")
}
