package record

import (
	"bytes"
	"crypto/sha256"
	"encoding/hex"
	"encoding/json"
	"errors"
	"fmt"
	"io"
)

// MaxFile bounds a recording's file, in bytes.
const MaxFile = 4 << 20

// ErrDamaged is wrapped by the errors of Decode.
var ErrDamaged = errors.New("not a whole recording")

// heading begins the first line of a file. The digest of what follows that line stands behind it: a disk that changed one letter of a payload would
// otherwise go unnoticed.
const heading = "gatehouse recording 1 "

// Encode is a recording as a file.
func Encode(r Recording) ([]byte, error) {
	body, err := json.MarshalIndent(r, "", " ")
	if err != nil {
		return nil, fmt.Errorf("encode recording: %w", err)
	}
	sum := sha256.Sum256(body)
	return append([]byte(heading+hex.EncodeToString(sum[:])+"\n"), body...), nil
}

// Decode reads what Encode wrote, and nothing else. Its errors wrap ErrDamaged.
func Decode(file []byte) (Recording, error) {
	damaged := func(why string, a ...any) (Recording, error) {
		return Recording{}, fmt.Errorf("%w: %s", ErrDamaged, fmt.Sprintf(why, a...))
	}
	if len(file) > MaxFile {
		return damaged("it has more than %d MiB", MaxFile>>20)
	}
	head, body, found := bytes.Cut(file, []byte("\n"))
	sum, ours := bytes.CutPrefix(head, []byte(heading))
	if !found || !ours {
		return damaged("its first line is missing")
	}
	if want := sha256.Sum256(body); hex.EncodeToString(want[:]) != string(sum) {
		return damaged("its checksum is another")
	}
	var r Recording
	d := json.NewDecoder(bytes.NewReader(body))
	d.DisallowUnknownFields()
	if err := d.Decode(&r); err != nil {
		return damaged("%v", err)
	}
	if _, err := d.Token(); !errors.Is(err, io.EOF) {
		return damaged("something follows its end")
	}
	if len(r.Events) > MostEvents {
		return damaged("it has %d events", len(r.Events))
	}
	if len(r.Documents) > MostDocuments {
		return damaged("it has %d documents", len(r.Documents))
	}
	for name, content := range r.Documents {
		if !json.Valid([]byte(content)) || len(content) > MostDocumentBytes {
			return damaged("document %.40q is no JSON, or too long", name)
		}
	}
	size := 0
	for i, e := range r.Events {
		if size += e.size(); size > MostBytes {
			return damaged("it has more than %d KiB of topics and payloads", MostBytes>>10)
		}
		if why := e.wrong(); why != "" {
			return damaged("event %d %s", i+1, why)
		}
	}
	return r, nil
}

// wrong is what an event cannot be; empty for one that can.
func (e Event) wrong() string {
	switch e.Kind {
	case Connected:
		switch {
		case e.Connect == nil:
			return "does not say how it connected"
		case e.Connect.Protocol != "3.1" && e.Connect.Protocol != "3.1.1" && e.Connect.Protocol != "5":
			return "has no version of MQTT"
		case e.Connect.Will != nil && e.Connect.Will.QoS > 2:
			return "has a will of no QoS that there is"
		}
		return ""
	case Refused, Subscribed, Unsubscribed, Published, Received, Disconnected, Vanished, Reset, Ended:
	default:
		return "is of no kind that there is"
	}
	switch {
	case e.Connect != nil:
		return "connects, and is of another kind"
	case e.QoS > 2:
		return "has a QoS that does not exist"
	}
	return ""
}
