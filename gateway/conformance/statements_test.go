package conformance

import (
	"maps"
	"testing"
)

// statements are the tests of all statements that concern a server.
func statements(t *testing.T) map[string]func(*testing.T) {
	all := map[string]func(*testing.T){}
	for _, some := range []map[string]func(*testing.T){
		formatStatements, connectStatements, connackStatements, publishStatements, subscribeStatements, behaviourStatements,
	} {
		for number := range some {
			if all[number] != nil {
				t.Fatalf("%s has two tests", number)
			}
		}
		maps.Copy(all, some)
	}
	return all
}

func TestStatements(t *testing.T) {
	tests := statements(t)
	for _, number := range numbers() {
		if test := tests[number]; test != nil {
			t.Run(number, test)
		}
	}
}
