package story

import (
	"testing"

	"github.com/stretchr/testify/require"

	"gatehouse/sim/scenario"
)

// What the kinds say of themselves is seen on the wire.
const house = `name: The ready-made kinds
devices:
  lamp: {kind: lamp, pace: 20}
  lock: {kind: lock, pace: 20}
  button: {kind: button, pace: 20}
  meter: {kind: meter, pace: 20}
  thermostat: {kind: thermostat, pace: 20, credential: certificate}
  phone: {}
steps:
  - parallel: [{create: lamp}, {create: lock}, {create: button}, {create: meter}, {create: thermostat}, {create: phone}]
  - set: {document: BoardLED, json: '{"led":"OFF"}'}
  - set: {document: Heating, json: '{"target":21}'}
  - connect: {device: phone}
  - subscribe: {device: phone, filter: "#", qos: 1}
  - parallel: [{start: lamp}, {start: lock}, {start: meter}, {start: thermostat}]
  - expect_message: {device: phone, topic: lamp/lamp, when: json.lit == false}
  - set: {document: BoardLED, json: '{"led":"ON"}'}
  - expect_message: {device: phone, topic: lamp/lamp/state, payload: "true"}
  - expect_state: {device: lamp, values: {on: true}}
  - publish: {device: phone, topic: lock/order, payload: UNLOCK, qos: 1}
  - expect_message: {device: phone, topic: lock/lock/state, payload: "false"}
  - set: {document: Heating, json: '{"target":23}'}
  - expect_state: {device: thermostat, values: {target: 23}}
  - expect_message: {device: phone, topic: thermostat/temperature, when: json.wanted == 23 and json.degrees > 15}
  - expect_message: {device: phone, topic: meter/energy, when: json.kwh > 0}
  - start: button
  - expect_message: {device: phone, topic: lamp/toggle, payload: button}
  - expect_state: {device: lamp, values: {on: false}}
`

func TestTheReadyMadeKindsDoWhatTheySay(t *testing.T) {
	g, err := NewThrowaway()
	require.NoError(t, err)
	t.Cleanup(func() { require.NoError(t, g.Close()) })
	s, mistakes := scenario.Parse([]byte(house), nil)
	require.Empty(t, mistakes)
	result, err := Play(t.Context(), g.Gateway, s, scenario.Params{})
	require.NoError(t, err)
	require.True(t, result.Held, "%s: %s", result.Where, result.Why)
}
