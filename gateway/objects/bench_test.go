package objects

import (
	"context"
	"fmt"
	"strconv"
	"sync/atomic"
	"testing"

	"gatehouse/gateway/store"
)

// bench is a store on the disk: flushed every second, or always.
func bench(b *testing.B, run func(b *testing.B, o *Objects)) {
	for _, always := range []bool{false, true} {
		name := map[bool]string{false: "relaxed", true: "always"}[always]
		b.Run(name, func(b *testing.B) {
			s, err := store.Open(b.TempDir(), store.Params{Always: always})
			if err != nil {
				b.Fatal(err)
			}
			o, err := Open(b.Context(), Params{Store: s, Registry: twoServices()})
			if err != nil {
				b.Fatal(err)
			}
			b.Cleanup(func() {
				o.Close()
				if err := s.Close(); err != nil {
					b.Error(err)
				}
			})
			b.ReportAllocs()
			run(b, o)
		})
	}
}

var reading = []byte(`{"temperature":21.50,"unit":"C","seq":12345,"at":"2017-08-14T19:19:30Z","ok":true,"where":"hall"}`)

func publish(b *testing.B, o *Objects, topic string) {
	if err := o.Publish(plant, pump, topic, reading, 1); err != nil {
		b.Error(err)
	}
}

// From publish to stored, one after the other.
func BenchmarkDocumentPublishOneWriter(b *testing.B) {
	bench(b, func(b *testing.B, o *Objects) {
		for b.Loop() {
			publish(b, o, "sync/docs/d")
		}
	})
}

// 64 devices, each with a document of its own.
func BenchmarkDocumentPublish64Writers(b *testing.B) {
	bench(b, func(b *testing.B, o *Objects) {
		var next atomic.Int64
		b.SetParallelism(32) // for each of GOMAXPROCS
		b.RunParallel(func(pb *testing.PB) {
			topic := "sync/docs/" + strconv.FormatInt(next.Add(1), 10)
			for pb.Next() {
				publish(b, o, topic)
			}
		})
	})
}

// A list of 10 000 items: each is appended and stored.
func BenchmarkListOf10000Append(b *testing.B) {
	bench(b, func(b *testing.B, o *Objects) {
		round := 0
		for b.Loop() {
			round++
			for range 10_000 {
				publish(b, o, "sync/lists/"+strconv.Itoa(round))
			}
		}
	})
}

func filled(b *testing.B, items int) *Objects {
	o, err := openOn(b.Context(), newMemoryBucket(), Params{Registry: twoServices()})
	if err != nil {
		b.Fatal(err)
	}
	b.Cleanup(o.Close)
	for range items {
		publish(b, o, "sync/lists/l")
	}
	return o
}

func BenchmarkListOf10000Page50(b *testing.B) {
	o := filled(b, 10_000)
	b.ReportAllocs()
	for b.Loop() {
		if items, more, err := o.Items(plant, List, "l", ItemRange{From: ptr("7000"), Limit: 50}); err != nil || len(items) != 50 || !more {
			b.Fatal(len(items), more, err)
		}
	}
}

func BenchmarkListOf10000Snapshot(b *testing.B) {
	o := filled(b, 10_000)
	b.ReportAllocs()
	for b.Loop() {
		n := 0
		o.Snapshot(plant, pump, "sync/lists/l", func(string, []byte) bool { n++; return true })
		if n != 10_000 {
			b.Fatal(n)
		}
	}
}

func BenchmarkQueryOf10000Documents(b *testing.B) {
	o := filled(b, 0)
	for i := range 10_000 {
		if _, err := o.Create(context.Background(), System(), plant, Document, NewObject{UniqueName: fmt.Sprint("d", i)}); err != nil {
			b.Fatal(err)
		}
	}
	b.ReportAllocs()
	for b.Loop() {
		if page := o.Query(Filter{Text: "d9", Sort: "updated", Descending: true, Limit: 50}); len(page.Rows) != 50 {
			b.Fatal(len(page.Rows))
		}
	}
}
