// Package clients tests the gateway against clients that others wrote, as separate processes: mosquitto's publisher
// and subscriber, and openssl. The tests carry the build tag integration, because those programs must be installed.
package clients
