package listener

import (
	"slices"
	"strings"
	"sync/atomic"
	"testing"
	"time"

	"github.com/stretchr/testify/assert"
	"github.com/stretchr/testify/require"

	"gatehouse/gateway/admission"
	"gatehouse/gateway/attempt"
	"gatehouse/gateway/cause"
	"gatehouse/gateway/credential"
	"gatehouse/gateway/diagnosis"
	"gatehouse/gateway/sid"
)

// TestAVerdictSaysWhatItRestsOn: what admission judged is recorded, so that it can be judged again.
func TestAVerdictSaysWhatItRestsOn(t *testing.T) {
	w := newWorld(t, Settings{})
	right := w.withKey("lamp")
	key := w.people.keys[right.credential]
	w.connected(t, right)
	a := w.last(t)
	assert.Equal(t, "localhost", a.ServerName)
	assert.Equal(t, &attempt.Inputs{
		ProtocolName: "MQTT", ProtocolLevel: 4, HasUser: true, UserIsKeySID: true, HasPassword: true,
		KeyHash: credential.HashName(key.Salt, key.Hash), SecretMatched: true,
	}, a.Inputs)

	wrong := right
	wrong.secret = "not " + right.secret
	_, code, err := w.tryConnect(wrong)
	require.NoError(t, err)
	require.EqualValues(t, 4, code)
	a = w.last(t)
	require.NotNil(t, a.Inputs)
	assert.False(t, a.Inputs.SecretMatched)
	assert.Equal(t, credential.HashName(key.Salt, key.Hash), a.Inputs.KeyHash)
	assert.False(t, holdsSecret(t, a, right.secret))

	w.state.Store(int32(admission.Draining))
	_, code, err = w.tryConnect(right)
	require.NoError(t, err)
	require.EqualValues(t, 3, code)
	a = w.last(t)
	assert.EqualValues(t, admission.Draining, a.Inputs.Service)
	assert.Empty(t, a.Inputs.KeyHash, "no key was looked at")
}

// TestARefusalIsLookedIntoOnceTheDeviceIsGone: diagnosis has the password, runs after the close, and leaves warnings.
func TestARefusalIsLookedIntoOnceTheDeviceIsGone(t *testing.T) {
	var wasGone, passes atomic.Bool
	gone := make(chan struct{})
	var secret string
	var seen atomic.Pointer[admission.Presented]
	w := newWorld(t, Settings{}, func(w *world) {
		w.clues = func(p admission.Presented, v admission.Verdict) []diagnosis.Clue {
			select {
			case <-gone:
				wasGone.Store(true)
			case <-time.After(patient):
			}
			passes.Store(string(p.Password) == secret+"\n" && v.Cause == cause.WrongSecret)
			seen.Store(&p)
			return []diagnosis.Clue{{ID: cause.SecretWhitespace, Facts: []attempt.Fact{attempt.F("what", "newline")}}}
		}
	})
	i := w.withKey("lamp")
	secret = i.secret
	i.secret += "\n"
	conn, code, err := w.tryConnect(i)
	require.NoError(t, err)
	require.EqualValues(t, 4, code)
	assert.True(t, ended(conn), "the connection is closed while diagnosis still waits")
	conn.NetConn().Close()
	close(gone)

	a := w.lastDone(t)
	assert.True(t, wasGone.Load())
	assert.True(t, passes.Load())
	assert.Equal(t, []cause.ID{cause.SecretWhitespace}, a.Warnings)
	assert.Equal(t, cause.WrongSecret, a.Cause)
	assert.False(t, holdsSecret(t, a, secret))
	w.stop(t)
	assert.False(t, slices.ContainsFunc(seen.Load().Password, func(b byte) bool { return b != 0 }), "the password is wiped")
}

// TestATakeoverNamesBothConnections in the records of both.
func TestATakeoverNamesBothConnections(t *testing.T) {
	w := newWorld(t, Settings{})
	byKey := w.withKey("lamp")
	byCertificate := w.enrol(byKey.device, clientCertificate(t, nil))
	w.connected(t, byKey)
	old := w.last(t)
	w.connected(t, byCertificate)
	fresh := w.last(t)

	took := step(fresh, attempt.Takeover)
	assert.Equal(t, old.Remote, took.Fact("old_remote"))
	assert.Equal(t, byKey.credential, took.Fact("old_credential"))
	assert.Equal(t, "test", took.Fact("old_client_id"))
	require.True(t, strings.HasPrefix(took.Fact("old_credential"), string(sid.Key)))

	eventually(t, "the older one has ended", func() bool {
		a, _ := w.log.Get(old.ID)
		return a.Done
	})
	a, _ := w.log.Get(old.ID)
	end := step(a, attempt.Ended)
	assert.Equal(t, fresh.Remote, end.Fact("new_remote"))
	assert.Equal(t, byCertificate.credential, end.Fact("new_credential"))
	assert.Equal(t, "2", end.Fact("new_attempt"))
}
