// Package credential makes, reads and compares what a device proves its identity with: device keys and X.509
// certificates (contract, section 3). It knows neither the registry nor who owns a credential, does no I/O, and never
// puts a secret into an error or a log.
package credential

import (
	"crypto/rand"
	"crypto/sha256"
	"crypto/subtle"
	"encoding/hex"
)

// SecretLength is that of every secret, in characters.
const SecretLength = 32

const (
	secretAlphabet = "0123456789ABCDEFGHIJKLMNOPQRSTUVWXYZabcdefghijklmnopqrstuvwxyz"
	saltLength     = 16
)

// NewSecret makes the secret of a device key: 32 letters and digits that hold 190 random bits (contract, section 5).
func NewSecret() string {
	// Bytes from 248 on are left out: 248 is the largest multiple of 62 that fits, so that each character is as likely.
	const fair = 256 - 256%len(secretAlphabet)
	secret := make([]byte, 0, SecretLength)
	var random [SecretLength + 8]byte
	for {
		_, _ = rand.Read(random[:]) // crypto/rand never fails: it ends the process instead
		for _, b := range random {
			if int(b) >= fair {
				continue
			}
			secret = append(secret, secretAlphabet[int(b)%len(secretAlphabet)])
			if len(secret) == SecretLength {
				return string(secret)
			}
		}
	}
}

// HashSecret makes what is kept of a secret: a new random salt of 16 bytes, and the SHA-256 of salt and secret. A secret
// with 190 random bits needs no slow hash, and connects must stay cheap (contract, section 5).
func HashSecret(secret []byte) (salt, hash []byte) {
	salt = make([]byte, saltLength)
	_, _ = rand.Read(salt)
	digest := digestSecret(salt, secret)
	return salt, digest[:]
}

// SecretMatches reports whether secret is the one that salt and hash were made of. Its time depends on the length of
// secret only, not on its content. An empty hash matches nothing.
func SecretMatches(salt, hash, secret []byte) bool {
	digest := digestSecret(salt, secret)
	return subtle.ConstantTimeCompare(digest[:], hash) == 1
}

// HashName names what is kept of a secret, so that a record can tell later whether a key still has the same one: the first
// 16 hexadecimal digits of the SHA-256 of salt and hash. Nothing about the secret follows from it.
func HashName(salt, hash []byte) string {
	var array [saltLength + sha256.Size]byte
	digest := sha256.Sum256(append(append(array[:0], salt...), hash...))
	return hex.EncodeToString(digest[:8])
}

func digestSecret(salt, secret []byte) [sha256.Size]byte {
	// The usual salt and secret fit the array, so that a connect allocates nothing here.
	var array [saltLength + 2*SecretLength]byte
	salted := append(append(array[:0], salt...), secret...)
	return sha256.Sum256(salted)
}
