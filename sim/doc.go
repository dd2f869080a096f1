// Package sim is a virtual device: a real MQTT client over a real TLS socket, which does what a board does and shows what a board cannot
// show. Every packet in both directions is seen, the true CONNACK code is known, and nothing happens behind the user's back: one Connect
// is one TCP connection and one CONNECT, a refusal is never retried, a lost connection is never restored unasked.
//
// The session itself is run by Eclipse Paho (packet ids, acknowledgements, resending, keepalive). The CONNECT is written and the CONNACK
// read here, before Paho is given the connection, because Paho would follow a refusal with a second CONNECT as MQTT 3.1, takes an unknown
// code for a known one, cannot speak MQTT 5, and hides what the server said.
//
// A virtual device knows of a gateway only what any device knows: a URL, a root certificate and its own credential. This package must not
// know the gateway's code, nor the window.
package sim
