// Package conformance holds the gateway to MQTT 3.1.1: a test for every numbered statement of the standard that concerns a
// server, and random sessions whose outcome is compared with another broker's. docs/conformance.md tells what is covered
// by which test, and what is not and why; a test keeps the two in step.
//
// It holds tests only. What comes after CONNECT is played to the session engine over connections in memory, CONNECT
// itself to a whole listener over TLS. How the engine is opened stands in adapter_test.go alone; no other file may know.
package conformance
