package wire

import (
	"errors"
	"strings"
	"testing"
	"unicode/utf8"
)

// FuzzFilter gives any text as a filter and as a topic: what is valid, and what matches, must be what a slow and simple
// reading of the standard says.
func FuzzFilter(f *testing.F) {
	for _, seed := range [][2]string{
		{"#", "a"}, {"+", "a"}, {"a/#", "a"}, {"a/+/c", "a/b/c"}, {"sport#", "sport"}, {"a+/b", "a/b"}, {"+/+", "/"}, {"$SYS/#", "$SYS/x"},
		{"#", "$SYS"}, {"", ""}, {"//", "//"}, {"a/#/b", "a/x/b"}, {"+/#", "a"}, {"\ufeffa", "a"}, {"a\x00", "a"}, {"\xed\xa0\x80", "x"},
	} {
		f.Add(seed[0], seed[1])
	}
	f.Fuzz(func(t *testing.T, filter, topic string) {
		if valid := validSlowly(filter, true); (CheckFilter(filter) == nil) != valid {
			t.Fatalf("filter %q: %v, want valid %v", filter, CheckFilter(filter), valid)
		}
		if valid := validSlowly(topic, false); (CheckTopic(topic) == nil) != valid {
			t.Fatalf("topic %q: %v, want valid %v", topic, CheckTopic(topic), valid)
		}
		for _, err := range []error{CheckFilter(filter), CheckTopic(topic)} {
			var wrong *MalformedError
			if err != nil && (!errors.As(err, &wrong) || wrong.Rule == "" || wrong.Offset < 0 || wrong.Offset > max(len(filter), len(topic))) {
				t.Fatalf("no rule, or not in the text: %v", err)
			}
		}
		if CheckFilter(filter) != nil || CheckTopic(topic) != nil {
			return
		}
		hidden := strings.HasPrefix(topic, "$") && strings.ContainsAny(filter[:1], "+#")
		want := !hidden && matchesSlowly(strings.Split(filter, "/"), strings.Split(topic, "/"))
		if got := Matches(filter, topic); got != want {
			t.Fatalf("%q and %q: %v, want %v", filter, topic, got, want)
		}
	})
}

func validSlowly(s string, wildcards bool) bool {
	if s == "" || len(s) > MaxTopicBytes || !utf8.ValidString(s) || strings.Contains(s, "\x00") {
		return false
	}
	levels := strings.Split(s, "/")
	for i, level := range levels {
		special := strings.ContainsAny(level, "+#")
		if special && (!wildcards || len(level) > 1 || level == "#" && i < len(levels)-1) {
			return false
		}
	}
	return len(levels) <= MaxTopicLevels
}

func matchesSlowly(filter, topic []string) bool {
	switch {
	case len(filter) == 1 && filter[0] == "#":
		return true
	case len(filter) == 0 || len(topic) == 0:
		return len(filter) == len(topic)
	}
	return (filter[0] == "+" || filter[0] == topic[0]) && matchesSlowly(filter[1:], topic[1:])
}
