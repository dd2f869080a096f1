package onboard

import (
	"context"
	"encoding/json"
	"maps"
	"slices"
	"strconv"
	"strings"

	"gatehouse/sim"
	"gatehouse/sim/agent"
)

// Bounds of what is kept of a device's messages that a person sends, for its plot.
const (
	mostByHand  = 12 // values
	handPoints  = 300
	longestName = 40
)

// Publish sends a message by hand, and keeps the numbers in it for the plot.
func (b *Bench) Publish(ctx context.Context, deviceSID, topic string, payload []byte, qos byte, retain bool) error {
	v, ok := b.played(deviceSID)
	if !ok {
		return sim.ErrNotConnected
	}
	if err := v.player.Publish(ctx, topic, payload, qos, retain); err != nil {
		return err
	}
	at := b.p.Now()
	b.mu.Lock()
	defer b.mu.Unlock()
	for name, value := range numbers(topic, payload) {
		if _, known := v.byHand[name]; !known && len(v.byHand) >= mostByHand {
			continue
		}
		if v.byHand == nil {
			v.byHand = map[string][]agent.Point{}
		}
		points := append(v.byHand[name], agent.Point{At: at, Value: value})
		v.byHand[name] = slices.Clone(points[max(0, len(points)-handPoints):])
	}
	return nil
}

// numbers are the numeric fields of a JSON object, its switches as 0 and 1, or the number that the payload is, by the topic's last level.
func numbers(topic string, payload []byte) map[string]float64 {
	found := map[string]float64{}
	var object map[string]any
	if json.Unmarshal(payload, &object) == nil {
		for name, value := range object {
			switch value := value.(type) {
			case float64:
				found[clipped(name)] = value
			case bool:
				found[clipped(name)] = 0
				if value {
					found[clipped(name)] = 1
				}
			}
		}
		return found
	}
	var value float64
	if json.Unmarshal(payload, &value) == nil {
		name := topic[strings.LastIndexByte(topic, '/')+1:]
		found[clipped(name)] = value
	}
	return found
}

func clipped(name string) string {
	if r := []rune(name); len(r) > longestName {
		return string(r[:longestName-1]) + "…"
	}
	if name == "" {
		return strconv.Quote(name)
	}
	return name
}

// handSeries is what was sent by hand; Bench.mu is held.
func (v *virtual) handSeries() (all []Series) {
	for _, name := range slices.Sorted(maps.Keys(v.byHand)) {
		all = append(all, Series{name, slices.Clone(v.byHand[name])})
	}
	return all
}
