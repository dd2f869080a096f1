package store

import (
	"fmt"
	"strconv"
	"strings"
	"time"

	"github.com/nats-io/nats.go"
)

// A scan asks for this much at once.
const (
	scanRecords = 256
	scanBytes   = 4 << 20
)

// getSubject is where the engine is asked for records of a stream.
func getSubject(stream string) string { return "$JS.API.DIRECT.GET." + stream }

// scan hands out the records of a stream from one number to another, in order and without those that were removed. limit bounds
// the wait for each of them.
//
// It asks batch by batch. A consumer, or a watch built on one, may start over or wait for a beat that does not come while
// records are being removed.
func (e *engine) scan(stream string, from, last uint64, limit time.Duration, each func(seq uint64, record *nats.Msg) error) error {
	if from > last {
		return nil
	}
	inbox, answers := nats.NewInbox(), make(chan *nats.Msg, scanRecords+1)
	sub, err := e.conn.ChanSubscribe(inbox, answers)
	if err != nil {
		return err
	}
	defer func() { _ = sub.Unsubscribe() }()
	timeout := time.NewTimer(limit)
	defer timeout.Stop()
	for from <= last {
		request := fmt.Appendf(nil, `{"seq":%d,"batch":%d,"max_bytes":%d}`, from, min(scanRecords, last-from+1), scanBytes)
		if err := e.conn.PublishRequest(getSubject(stream), inbox, request); err != nil {
			return err
		}
		next, err := batch(answers, from, timeout, limit, each)
		if err != nil {
			return err
		}
		if next == from {
			return nil // nothing follows
		}
		from = next
	}
	return nil
}

// batch hands out what the engine answers to one request, and tells what comes next.
func batch(answers <-chan *nats.Msg, next uint64, timeout *time.Timer, limit time.Duration, each func(uint64, *nats.Msg) error) (uint64, error) {
	for {
		timeout.Reset(limit)
		select {
		case msg := <-answers:
			if status := msg.Header.Get("Status"); status == "204" || status == "404" {
				return next, nil
			} else if status != "" {
				return 0, fmt.Errorf("the engine says %s %s", status, msg.Header.Get("Description"))
			}
			seq, err := strconv.ParseUint(msg.Header.Get("Nats-Sequence"), 10, 64)
			if err != nil {
				return 0, err
			}
			if err := each(seq, msg); err != nil {
				return 0, err
			}
			next = seq + 1
		case <-timeout.C:
			return 0, fmt.Errorf("the engine did not answer within %v", limit)
		}
	}
}

// scanBucket calls add for each key's newest entry, deleted ones included. Only the newest record of a key is kept.
func (e *engine) scanBucket(bucket string, last uint64, limit time.Duration, add func(entry Entry, deleted bool)) error {
	return e.scan(bucketStream(bucket), 1, last, limit, func(seq uint64, record *nats.Msg) error {
		key := strings.TrimPrefix(record.Header.Get("Nats-Subject"), subjectPrefix(bucket))
		add(Entry{Key: key, Value: record.Data, Revision: seq}, record.Header.Get("KV-Operation") != "")
		return nil
	})
}
