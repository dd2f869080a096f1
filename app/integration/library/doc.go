// Package library tests the HTTP APIs with the vendor's public helper library for Node.js, as a separate process: it is used
// as its users use it, and only its base address is another one. The tests carry the build tag integration, because
// Node.js and npm must be installed, and npm fetches the library.
package library
