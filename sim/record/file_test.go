package record

import (
	"crypto/sha256"
	"encoding/hex"
	"errors"
	"testing"

	"github.com/stretchr/testify/assert"
	"github.com/stretchr/testify/require"
)

func TestARecordingSurvivesItsFile(t *testing.T) {
	file, err := Encode(lamp())
	require.NoError(t, err)
	r, err := Decode(file)
	require.NoError(t, err)
	assert.Equal(t, lamp(), r)
}

// TestADamagedFileIsNeverTaken changes each byte of a file, and cuts it off at each.
func TestADamagedFileIsNeverTaken(t *testing.T) {
	file, err := Encode(lamp())
	require.NoError(t, err)
	for i := range file {
		changed := append([]byte{}, file...)
		changed[i] ^= 1
		_, err := Decode(changed)
		require.ErrorIs(t, err, ErrDamaged, "byte %d", i)
		_, err = Decode(file[:i])
		require.ErrorIs(t, err, ErrDamaged, "cut off at %d", i)
	}
	_, err = Decode(make([]byte, MaxFile+1))
	require.ErrorIs(t, err, ErrDamaged)
}

// signed is a file whose checksum is right.
func signed(body string) []byte {
	sum := sha256.Sum256([]byte(body))
	return []byte(heading + hex.EncodeToString(sum[:]) + "\n" + body)
}

func TestAFileWhoseEventsCannotBeIsNotTaken(t *testing.T) {
	for _, body := range []string{
		`{"events":[{"kind":"exploded"}]}`, `{"events":[{"kind":"connected"}]}`, `{"events":[{"kind":"published","qos":3}]}`, `{"unheard_of":1}`,
		`{} {}`, `[]`, ``, `{"events":[{"kind":"connected","connect":{"protocol":"4"}}]}`, `{"events":[{"kind":"ended","connect":{}}]}`,
	} {
		_, err := Decode(signed(body))
		assert.ErrorIs(t, err, ErrDamaged, body)
	}
	_, err := Decode(signed(`{"events":[]}`))
	assert.NoError(t, err)
}

// FuzzDecode: whatever is in a file, it is refused, or a recording that can be written as a scenario or says why not.
func FuzzDecode(f *testing.F) {
	file, err := Encode(lamp())
	if err != nil {
		f.Fatal(err)
	}
	f.Add(file)
	f.Add([]byte(`{"events":[{"kind":"published","topic":"a","payload":"AAA="}]}`))
	f.Fuzz(func(t *testing.T, b []byte) {
		for _, file := range [][]byte{b, signed(string(b))} {
			r, err := Decode(file)
			if err != nil {
				if !errors.Is(err, ErrDamaged) {
					t.Fatal(err)
				}
				continue
			}
			if _, err := Write(r, Options{Expect: true}); err != nil {
				t.Fatalf("%v", err)
			}
		}
	})
}
