// Package causes has the tests that provoke every cause, finding and clue that the gateway can tell, with real clients against
// a real gateway, and hold what is said about each. docs/causes.md is made of what they see:
//
//	go test ./app/integration/causes -update
package causes
