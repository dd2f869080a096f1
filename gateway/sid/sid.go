// Package sid makes and checks the identifiers of everything that has one: two capital letters that say what it is, and
// 32 lower-case hexadecimal digits (contract, section 5).
package sid

import (
	"crypto/rand"
	"encoding/hex"
)

// Prefix says what a SID names.
type Prefix string

// The prefixes of the contract, section 5.
const (
	Account     Prefix = "AC"
	Fleet       Prefix = "FL"
	Device      Prefix = "TH"
	Deployment  Prefix = "DL"
	Certificate Prefix = "CY"
	Key         Prefix = "KY"
	Service     Prefix = "IS"
)

// Length of every SID in bytes.
const Length = 34

// New makes a SID from 128 random bits.
func New(p Prefix) string {
	var b [16]byte
	_, _ = rand.Read(b[:]) // crypto/rand never fails: it ends the process instead
	return string(p) + hex.EncodeToString(b[:])
}

// Valid reports whether s has the form of a SID with this prefix; it says nothing about whether the thing exists.
func Valid(p Prefix, s string) bool {
	if len(s) != Length || s[:2] != string(p) {
		return false
	}
	for i := 2; i < len(s); i++ {
		if c := s[i]; (c < '0' || c > '9') && (c < 'a' || c > 'f') {
			return false
		}
	}
	return true
}

// Short is a SID as people can compare it, "TH3f…9c"; anything shorter than a SID stays as it is.
func Short(s string) string {
	if len(s) < Length {
		return s
	}
	return s[:4] + "…" + s[len(s)-2:]
}
