package store

import (
	"encoding/json"
	"errors"
	"fmt"
	"time"

	"github.com/nats-io/nats.go"
)

// inFlight bounds the records that are handed to the engine before their acknowledgements are awaited.
const inFlight = 256

// publisher hands records to the engine and awaits its answers, which come in the order of the records. That is cheaper than a
// request each. One goroutine at a time.
type publisher struct {
	conn  *nats.Conn
	inbox string
	acks  chan *nats.Msg
	timer *time.Timer
	limit time.Duration // for the answer to one record
}

func newPublisher(conn *nats.Conn, limit time.Duration) (*publisher, error) {
	p := &publisher{conn: conn, inbox: nats.NewInbox(), acks: make(chan *nats.Msg, inFlight), limit: limit}
	p.timer = time.NewTimer(limit)
	p.timer.Stop()
	_, err := conn.ChanSubscribe(p.inbox, p.acks)
	return p, err
}

// send hands over a record; at most inFlight may await their answer.
func (p *publisher) send(msg *nats.Msg) error {
	msg.Reply = p.inbox
	return p.conn.PublishMsg(msg)
}

// await returns when the engine has stored the next record: under this number, or it is an error.
func (p *publisher) await(seq uint64) error {
	p.timer.Reset(p.limit)
	defer p.timer.Stop()
	select {
	case msg := <-p.acks:
		stored, err := parseAck(msg)
		if err == nil && stored != seq {
			err = fmt.Errorf("the engine has made it record %d instead of %d", stored, seq)
		}
		return err
	case <-p.timer.C:
		return fmt.Errorf("the engine did not answer within %v", p.limit)
	}
}

func parseAck(msg *nats.Msg) (seq uint64, err error) {
	var ack struct {
		Seq   uint64 `json:"seq"`
		Error *struct {
			Description string `json:"description"`
		} `json:"error"`
	}
	if msg.Header.Get("Status") != "" {
		return 0, errors.New("the engine does not listen")
	}
	if err := json.Unmarshal(msg.Data, &ack); err != nil {
		return 0, fmt.Errorf("the engine's answer: %w", err)
	}
	if ack.Error != nil {
		return 0, errors.New(ack.Error.Description)
	}
	return ack.Seq, nil
}
