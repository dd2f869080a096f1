package record

import (
	"fmt"
	"maps"
	"slices"
	"strings"
	"unicode/utf8"
)

// DocumentsOf are the unique names of the Sync documents that events use, sorted; others are topics of objects that a scenario cannot make.
func DocumentsOf(events []Event) (names, others []string) {
	documents, rest := map[string]bool{}, map[string]bool{}
	for _, e := range events {
		if e.Kind != Subscribed && e.Kind != Published || e.Denied {
			continue
		}
		name, is := strings.CutPrefix(e.Topic, "sync/docs/")
		switch {
		case is && name != "" && !strings.ContainsAny(name, "/+#") && !isSID(name) && utf8.ValidString(name):
			documents[name] = true
		case strings.HasPrefix(e.Topic, "sync/"):
			rest[e.Topic] = true
		}
	}
	return slices.Sorted(maps.Keys(documents)), slices.Sorted(maps.Keys(rest))
}

// isSID reports whether a name is an object's SID, which another service has not.
func isSID(name string) bool {
	return len(name) == 34 && strings.HasPrefix(name, "ET") && strings.Trim(name[2:], "0123456789abcdef") == ""
}

// documents makes what the device used in the scenario's own service, before anything else.
func (w *writer) documents() {
	names, others := DocumentsOf(w.recording.Events)
	if len(names) > MostDocuments {
		w.note(fmt.Sprintf("It used more than %d documents; the rest are not made.", MostDocuments))
		names = names[:MostDocuments]
	}
	for _, name := range names {
		content, known := w.recording.Documents[name]
		if !known {
			content = "{}"
			w.comment("What was in this document is not recorded.")
		}
		w.step(fmt.Sprintf("set: {document: %s, json: %s}", quoted(name), quoted(content)))
	}
	if len(others) > 0 {
		w.note(fmt.Sprintf("It used %s, which a scenario cannot make: play it as a device that is deployed to the service which has it.", strings.Join(others[:min(len(others), 3)], ", ")))
	}
}
