package wire

import (
	"errors"
	"fmt"
	"io"
)

// Flags of CONNECT (MQTT 3.1.1, 3.1.2.3).
const (
	flagReserved   = 0x01
	flagClean      = 0x02
	flagWill       = 0x04
	flagWillQoS    = 0x18
	flagWillRetain = 0x20
	flagPassword   = 0x40
	flagUser       = 0x80
)

// Connect is a decoded CONNECT. Of a protocol that is not supported only ProtocolName and Level are known.
type Connect struct {
	ProtocolName string
	Level        byte
	Flags        byte // as sent
	Clean        bool
	KeepAlive    uint16 // seconds; 0: off
	ClientID     string

	// The will is not supported (contract, section 2): its payload is measured and forgotten.
	HasWill     bool
	WillTopic   string
	WillQoS     byte
	WillRetain  bool
	WillLength  int    // of the payload, bytes
	WillPayload []byte // only for AppendConnect; DecodeConnect leaves it nil

	HasUser     bool
	User        string
	HasPassword bool
	Password    []byte // shares the packet's memory
	// The password's place in the packet's body, so that a record can blank it. Both are 0 without a password.
	PasswordOffset, PasswordLength int
}

// Supported reports whether this is a protocol that the gateway speaks (contract, section 2).
func (c Connect) Supported() bool {
	return c.ProtocolName == "MQTT" && (c.Level == Level311 || c.Level == Level31) || c.ProtocolName == "MQIsdp" && c.Level == Level31
}

// DecodeConnect decodes the body of a CONNECT, which follows a fixed header of headerLength bytes. The error is a
// *MalformedError; what was decoded before it is returned, so that it can be recorded, and PasswordLength is set as soon
// as the password's place is known.
//
// A protocol that is not supported is no error: nothing after its level is looked at. MQTT 3.1 is read more leniently,
// as its standard says: a user name or password that is flagged but missing counts as absent (contract, section 2), a
// password may come without a user name, and the will's flags mean nothing without a will.
func DecodeConnect(body []byte, headerLength int) (Connect, error) {
	d := &decoder{body: body, header: headerLength}
	var c Connect
	name, err := d.text("MQTT 3.1.2.1", "the protocol name")
	if err != nil {
		return c, err
	}
	c.ProtocolName = string(name)
	if c.Level, err = d.byte("MQTT 3.1.2.2", "the protocol level"); err != nil {
		return c, err
	}
	if !c.Supported() {
		return c, nil
	}
	flagsAt := d.at
	if c.Flags, err = d.byte("MQTT 3.1.2.3", "the connect flags"); err != nil {
		return c, err
	}
	if err := c.decodeFlags(d, flagsAt); err != nil {
		return c, err
	}
	if c.KeepAlive, err = d.uint16("MQTT 3.1.2.10", "the keep alive"); err != nil {
		return c, err
	}
	return c, c.decodePayload(d)
}

func (c *Connect) decodeFlags(d *decoder, at int) error {
	f, strict := c.Flags, c.Level >= Level311
	c.Clean, c.HasWill = f&flagClean != 0, f&flagWill != 0
	switch {
	case f&flagReserved != 0:
		return d.fail(at, "MQTT-3.1.2-3", "the reserved connect flag is set")
	case c.HasWill && f&flagWillQoS == flagWillQoS:
		return d.fail(at, "MQTT-3.1.2-14", "the will's QoS is 3")
	case strict && !c.HasWill && f&flagWillQoS != 0:
		return d.fail(at, "MQTT-3.1.2-13", "there is a QoS for a will, but no will")
	case strict && !c.HasWill && f&flagWillRetain != 0:
		return d.fail(at, "MQTT-3.1.2-15", "there is a retain flag for a will, but no will")
	case strict && f&flagPassword != 0 && f&flagUser == 0:
		return d.fail(at, "MQTT-3.1.2-22", "there is a password without a user name")
	}
	if c.HasWill {
		c.WillQoS, c.WillRetain = f&flagWillQoS>>3, f&flagWillRetain != 0
	}
	return nil
}

// decodePayload reads the fields in the only order they may have [MQTT-3.1.3-1].
func (c *Connect) decodePayload(d *decoder) error {
	id, err := d.text("MQTT-3.1.3-3", "the client identifier")
	if err != nil {
		return err
	}
	c.ClientID = string(id)
	if c.HasWill {
		topic, err := d.text("MQTT-3.1.2-9", "the will topic")
		if err != nil {
			return err
		}
		message, _, err := d.field("MQTT-3.1.2-9", "the will message")
		if err != nil {
			return err
		}
		c.WillTopic, c.WillLength = string(topic), len(message)
	}
	if c.Flags&flagUser != 0 && !c.missing(d) {
		user, err := d.text("MQTT-3.1.2-19", "the user name")
		if err != nil {
			return err
		}
		c.HasUser, c.User = true, string(user)
	}
	if c.Flags&flagPassword != 0 && !c.missing(d) {
		password, start, err := d.field("MQTT-3.1.2-21", "the password")
		if err != nil {
			return err
		}
		c.HasPassword, c.Password = true, password
		c.PasswordOffset, c.PasswordLength = start, len(password)
	}
	return c.checkEnd(d)
}

// missing reports whether MQTT 3.1 lets a flagged field be absent, because nothing follows.
func (c *Connect) missing(d *decoder) bool { return c.Level == Level31 && d.rest() == 0 }

func (c *Connect) checkEnd(d *decoder) error {
	if d.rest() == 0 {
		return nil
	}
	rule := "MQTT 3.1.3"
	switch {
	case c.Flags&flagUser == 0:
		rule = "MQTT-3.1.2-18"
	case c.Flags&flagPassword == 0:
		rule = "MQTT-3.1.2-20"
	}
	return d.fail(d.at, rule, fmt.Sprintf("%d bytes follow the last field that the flags announce", d.rest()))
}

// chunk is how much of a claimed length is allocated before its bytes have come.
const chunk = 1024

// ReadConnect reads exactly one packet, which must be a CONNECT with a body of at most max bytes. Memory is taken as
// bytes arrive, never for a length that is only claimed. On an error header and body hold what came, for the record.
// The error is a *MalformedError, or what the reader returned: io.EOF only before the first byte, io.ErrUnexpectedEOF
// within the packet.
func ReadConnect(r io.Reader, max int) (header []byte, body []byte, err error) {
	var one [1]byte
	if _, err := io.ReadFull(r, one[:]); err != nil {
		return nil, nil, err
	}
	header = append(make([]byte, 0, 5), one[0])
	if err := checkConnectType(one[0]); err != nil {
		return header, nil, err
	}
	n := 0
	for used := 0; used == 0; {
		if _, err := io.ReadFull(r, one[:]); err != nil {
			return header, nil, within(err)
		}
		header = append(header, one[0])
		if n, used, err = Length(header[1:]); err != nil {
			return header, nil, err
		}
	}
	if n > max {
		return header, nil, TooLarge(n, max)
	}
	body, err = readBody(r, n)
	return header, body, err
}

func checkConnectType(first byte) error {
	switch {
	case first>>4 != CONNECT: // [MQTT-3.1.0-1]
		return &MalformedError{Offset: 0, Rule: "MQTT-3.1.0-1", Reason: fmt.Sprintf("the first packet is not a CONNECT, but begins with 0x%02x", first)}
	case first != CONNECT<<4: // [MQTT-2.2.2-2]
		return &MalformedError{Offset: 0, Rule: "MQTT-2.2.2-2", Reason: fmt.Sprintf("the reserved flags of the CONNECT are 0x%x", first&15)}
	}
	return nil
}

func readBody(r io.Reader, n int) ([]byte, error) {
	body := make([]byte, 0, min(n, chunk))
	for len(body) < n {
		if len(body) == cap(body) {
			grown := make([]byte, len(body), min(n, 2*cap(body)))
			copy(grown, body)
			clear(body) // it may hold a password
			body = grown
		}
		k, err := r.Read(body[len(body):cap(body)])
		body = body[:len(body)+k]
		if err != nil && len(body) < n {
			return body, within(err)
		}
	}
	return body, nil
}

// within says that the end came in the middle of a packet.
func within(err error) error {
	if errors.Is(err, io.EOF) {
		return io.ErrUnexpectedEOF
	}
	return err
}
