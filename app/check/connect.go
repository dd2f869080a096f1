package check

import (
	"bufio"
	"context"
	"crypto/rand"
	"crypto/tls"
	"encoding/hex"
	"errors"
	"fmt"
	"io"
	"net"
	"os"
	"strconv"
	"time"

	"gatehouse/app/words"
	"gatehouse/gateway/attempt"
	"gatehouse/gateway/wire"
)

// link is the connection on which MQTT is spoken.
type link struct {
	net.Conn
	secured *secured // nil without TLS
}

// keepAlive in seconds is asked of the server; the check is over long before.
const keepAlive = 60

// speak sends CONNECT and reads what comes.
func (r *run) speak(l link) {
	began := r.now()
	connect := wire.Connect{ClientID: r.o.ClientID, KeepAlive: keepAlive, HasUser: r.o.User != "", User: r.o.User, HasPassword: r.o.HasPassword, Password: r.o.Password}
	if len(connect.User) > 0xffff || len(connect.Password) > 0xffff || len(connect.ClientID) > 0xffff {
		r.end(ExitUsage, Step{ID: StepConnect, State: attempt.Bad, Title: "A field is too long for MQTT", Detail: "Client ID, user name and password have at most 65,535 bytes each.", Advice: "Is it the right file?"}, began)
		return
	}
	in := bufio.NewReader(l)
	if err := r.secondThoughts(l, in); err != nil {
		r.unanswered(l, err, nil, began)
		return
	}
	began = r.now()
	r.within(l, answerBound)
	packet := wire.AppendConnect(nil, connect, false)
	_, err := l.Write(packet)
	clear(packet)
	if err != nil {
		r.unanswered(l, err, nil, began)
		return
	}
	r.step(Step{ID: StepConnect, Title: "CONNECT", Detail: joined("MQTT 3.1.1", "clean 0", "client ID “"+r.o.ClientID+"”", r.shown()),
		Facts: facts("client_id", r.o.ClientID, "user", r.shownUser(), "password", present(r.o.HasPassword))}, began)
	began = r.now()
	head, err := in.Peek(4)
	if err != nil {
		r.unanswered(l, err, head, began)
		return
	}
	if head[0] != wire.CONNACK<<4 || head[1] != 2 {
		r.other(head, in, began)
		return
	}
	_, _ = in.Discard(4)
	r.answered(l, in, head, began)
}

// secondThoughts waits a moment for the alert of a server that does not like the client certificate, or that there is none:
// under TLS 1.3 it comes after the handshake, and is lost when a CONNECT crosses it, since the server has closed by then.
func (r *run) secondThoughts(l link, in *bufio.Reader) error {
	if l.secured == nil || l.secured.asked == nil || l.secured.conn.ConnectionState().Version != tls.VersionTLS13 {
		return nil
	}
	r.within(l, afterthought)
	if _, err := in.Peek(1); err != nil && (!errors.Is(err, os.ErrDeadlineExceeded) || r.ctx.Err() != nil) {
		return err
	}
	return nil
}

func present(has bool) string {
	if has {
		return "present"
	}
	return "absent"
}

func (r *run) shown() string {
	switch {
	case r.o.User != "" && r.o.HasPassword:
		return r.userName() + " and password"
	case r.o.User != "":
		return r.userName() + " without a password"
	case r.identity.Leaf == nil:
		return "no credential"
	}
	return ""
}

// unanswered says why no CONNACK came.
func (r *run) unanswered(l link, err error, got []byte, began time.Time) {
	if r.outer.Err() != nil {
		r.interrupted()
		return
	}
	if a, is := received(err); is && a != alertCloseNotify {
		r.refusedAfterwards(l.secured, a, began)
		return
	}
	if kind, told := recognise(got); told {
		r.end(ExitOther, r.spoken(kind), began)
		return
	}
	step := Step{ID: StepConnack, State: attempt.Bad}
	exit := ExitClosed
	if errors.Is(err, os.ErrDeadlineExceeded) || errors.Is(err, context.DeadlineExceeded) || r.ctx.Err() != nil {
		exit = ExitNoAnswer
		step.Title, step.Detail = "No answer to CONNECT", "The server took the packet, but sent no CONNACK in time."
		step.Advice = "It may be overloaded, or speak something else than MQTT. A device tries again later, and more slowly each time."
	} else {
		step.Title, step.Detail = "The server closed without an answer", "It read the CONNECT, and ended the connection without a CONNACK."
		step.Advice = "It may want something else there, a client certificate or another version of MQTT. See its log."
	}
	if kind, told := r.probePeer(); told {
		r.step(step, began)
		r.end(ExitOther, r.spoken(kind), r.now())
		return
	}
	r.end(exit, step, began)
}

// probePeer asks what speaks there, when it is not MQTT as it was tried.
func (r *run) probePeer() (speaks, bool) {
	if r.ctx.Err() != nil {
		return "", false
	}
	if r.target.plain && r.probeTLS() {
		return overTLS, true
	}
	kind, told := r.probeWebSocket()
	return kind, told && (kind == http || kind == webSocket)
}

// other names what answered instead of a CONNACK of MQTT 3.1.1.
func (r *run) other(head []byte, in *bufio.Reader, began time.Time) {
	more, _ := in.Peek(min(in.Buffered(), maxHeard))
	if kind, told := recognise(more); told && kind != plainMQTT {
		if kind == http {
			if again, is := r.probeWebSocket(); is {
				kind = again
			}
		}
		r.end(ExitOther, r.spoken(kind), began)
		return
	}
	if head[0] == wire.CONNACK<<4 {
		r.end(ExitOther, r.spoken(mqtt5), began)
		return
	}
	r.end(ExitOther, Step{ID: StepPeer, State: attempt.Bad, Title: "Something else than MQTT is spoken there", Detail: "The answer to CONNECT is no CONNACK; it begins with " + hex.EncodeToString(head) + ".",
		Advice: "See whether the port is the server’s for MQTT over TLS."}, began)
}

// codeAdvice is what to do after a return code, on any server and on this gateway.
var codeAdvice = map[int][2]string{
	1: {"The server does not speak MQTT 3.1.1.", "Use the version that the server speaks, such as MQTT 5."},
	2: {"The server does not take the client ID; this gateway says so when the credential does not have the right form: no certificate and no user name, a user name that is no Key SID, or no password.", ""},
	3: {"The server cannot take the connection now.", ""},
	4: {"The server does not know this credential, or the secret is wrong.", ""},
	5: {"The server knows who this is, but does not let it in; on this gateway, because the device is disabled or not deployed. Some servers say so of wrong passwords too.", "Do not try again until the server lets it in; on this gateway, until the device is enabled and deployed."},
}

// answered reads the CONNACK.
func (r *run) answered(l link, in *bufio.Reader, head []byte, began time.Time) {
	code, hexed := int(head[3]), hex.EncodeToString(head)
	r.result.Code = code
	told := facts("code", strconv.Itoa(code), "hex", hexed)
	switch {
	case code == 0:
		r.accepted(l, in, head[2]&1 == 1, told, began)
	case code <= 5:
		name := words.CodeName(attempt.Code(code))
		advice := or(codeAdvice[code][1], words.Retry(attempt.Code(code)))
		r.end(ExitCode+code, Step{ID: StepConnack, State: attempt.Bad, Title: fmt.Sprintf("CONNACK %d, %s", code, lower(name)), Detail: codeAdvice[code][0], Advice: advice, Facts: told}, began)
	default:
		r.end(ExitOther, Step{ID: StepConnack, State: attempt.Bad, Title: fmt.Sprintf("CONNACK %d, which MQTT 3.1.1 does not know", code), Detail: "Codes above 5 are reserved.", Advice: "See which version of MQTT the server speaks.", Facts: told}, began)
	}
}

// accepted tells of the session, watches for a moment what the server does, goes round if asked to, and says goodbye.
func (r *run) accepted(l link, in *bufio.Reader, resumed bool, told []attempt.Fact, began time.Time) {
	r.step(Step{ID: StepConnack, Title: "CONNACK 0, accepted", Facts: told}, began)
	r.result.Exit, r.result.Summary = ExitAccepted, "Accepted: the server lets this device in."
	if r.o.User == "" && r.identity.Leaf == nil {
		r.result.Summary = "Accepted: the server lets in anybody, without a credential."
	}
	began = r.now()
	box := &inbox{in: in}
	err := r.settled(l, box)
	session := Step{ID: StepSession, Title: "New session", Detail: "nothing was waiting", Facts: facts("present", yesNo(resumed), "messages", strconv.Itoa(box.messages))}
	if resumed {
		session.Title, session.Detail = "Session resumed", "no message came at once"
	}
	if box.messages > 0 {
		session.Detail = count(box.messages, "message", "messages") + " came at once; none was acknowledged"
		session.Detail += ", so those of QoS 1 and 2 come again"
	}
	r.step(session, began)
	if r.outer.Err() != nil {
		r.interruptedAccepted()
		return
	}
	if err != nil && !errors.Is(err, os.ErrDeadlineExceeded) {
		r.closedAfter(l, err, began)
		return
	}
	if r.o.RoundTrip {
		r.roundTrip(l, box)
		if r.outer.Err() != nil {
			return // its connection is closed
		}
	}
	began = r.now()
	r.within(l, time.Second)
	_, _ = l.Write(wire.AppendEmpty(nil, wire.DISCONNECT)) // the check is over, whether it arrives or not
	r.step(Step{ID: StepEnd, Title: "DISCONNECT", Detail: "the check is over"}, began)
}

// settled reads for a moment what the server sends unasked, whole packets only, so that reading can go on after it.
func (r *run) settled(l link, box *inbox) error {
	over := time.Now().Add(settle)
	for time.Now().Before(over) && box.messages < maxMessages {
		r.within(l, time.Until(over))
		if _, err := box.in.Peek(1); err != nil {
			return err
		}
		r.within(l, answerBound)
		kind, _, err := box.next()
		if err != nil {
			return err
		}
		if kind>>4 == wire.PUBLISH {
			box.messages++
		}
	}
	return nil
}

func (r *run) interruptedAccepted() {
	r.result.Exit, r.result.Summary = ExitFailure, "The server accepted, but the check was interrupted."
}

// closedAfter tells of a server that accepts and closes.
func (r *run) closedAfter(l link, err error, began time.Time) {
	if a, is := received(err); is && a != alertCloseNotify {
		r.refusedAfterwards(l.secured, a, began)
		return
	}
	r.end(ExitClosed, Step{ID: StepEnd, State: attempt.Bad, Title: "The server accepted, and closed at once",
		Detail: "The connection ended within " + fmt.Sprint(settle) + " of the CONNACK.",
		Advice: "Another device may use the same credential or client ID, and the two push each other out; or the server forbids something. See its log."}, began)
}

// inbox reads packets and counts messages; it acknowledges none.
type inbox struct {
	in       *bufio.Reader
	messages int
}

// Bounds of what is read of a server.
const (
	maxPacket   = 1 << 20
	maxMessages = 10_000
)

var errTooMuch = errors.New("the server sends more than is read here")

// until reads until a message or another packet is what is waited for, or reading fails. A nil function waits for nothing.
func (b *inbox) until(message func(wire.Message) bool, packet func(kind byte, body []byte) bool) error {
	for b.messages < maxMessages {
		kind, body, err := b.next()
		if err != nil {
			return err
		}
		if kind>>4 != wire.PUBLISH {
			if packet != nil && packet(kind>>4, body) {
				return nil
			}
			continue
		}
		m, whole := publish(kind, body)
		if !whole {
			return errors.New("the server sent a PUBLISH that is not one")
		}
		if message(m) {
			return nil
		}
		b.messages++
	}
	return errTooMuch
}

// next reads one packet.
func (b *inbox) next() (kind byte, body []byte, err error) {
	if kind, err = b.in.ReadByte(); err != nil {
		return 0, nil, err
	}
	length := 0
	for shift := 0; ; shift += 7 {
		if shift > 21 {
			return 0, nil, errors.New("the server sent something that is no MQTT packet")
		}
		d, err := b.in.ReadByte()
		if err != nil {
			return 0, nil, err
		}
		if length |= int(d&127) << shift; d < 128 {
			break
		}
	}
	if length > maxPacket {
		return 0, nil, errTooMuch
	}
	body = make([]byte, length)
	_, err = io.ReadFull(b.in, body)
	return kind, body, err
}

// publish takes topic and payload of a PUBLISH.
func publish(kind byte, body []byte) (wire.Message, bool) {
	if len(body) < 2 {
		return wire.Message{}, false
	}
	n := 2 + int(body[0])<<8 + int(body[1])
	m := wire.Message{QoS: kind >> 1 & 3}
	if len(body) < n {
		return m, false
	}
	m.Topic = string(body[2:n])
	if m.QoS > 0 {
		n += 2
	}
	if len(body) < n {
		return m, false
	}
	m.Payload = body[n:]
	return m, true
}

// roundTrip subscribes to a topic that nobody else uses, publishes to it at QoS 0, and takes the time until it is back.
func (r *run) roundTrip(l link, box *inbox) {
	var random [8]byte
	_, _ = rand.Read(random[:])
	topic, payload := "gatehouse/check/"+hex.EncodeToString(random[:]), `{"check":"gatehouse"}`
	began := r.now()
	failed := func(detail, advice string) {
		r.end(ExitRoundTrip, Step{ID: StepRoundTrip, State: attempt.Bad, Title: "Accepted, but the round trip failed", Detail: detail, Advice: advice}, began)
	}
	// An interruption, too, must leave no subscription in the device's session.
	undo := func() {
		_ = l.SetWriteDeadline(time.Now().Add(undoBound))
		_, _ = l.Write(wire.AppendEmpty(wire.AppendUnsubscribe(nil, 2, topic), wire.DISCONNECT))
	}
	r.undo.Store(&undo)
	defer r.undo.Store(nil)
	r.within(l, roundTripBound)
	if _, err := l.Write(wire.AppendSubscribe(nil, 1, wire.Subscription{Filter: topic})); err != nil {
		failed("The SUBSCRIBE could not be sent.", "")
		return
	}
	granted := byte(wire.SubackFailure)
	none := func(wire.Message) bool { return false }
	err := box.until(none, func(kind byte, body []byte) bool {
		if kind == wire.SUBACK && len(body) == 3 {
			granted = body[2]
		}
		return kind == wire.SUBACK
	})
	switch {
	case err != nil:
		failed("The server did not answer SUBSCRIBE.", "It may forbid the topic by closing. See its log.")
		return
	case granted == wire.SubackFailure:
		failed("The server refused the subscription to "+topic+".", "See which topics the device may use; this gateway can be set to Sync topics only.")
		return
	}
	subscribed := r.now().Sub(began)
	sent := r.now()
	_, err = l.Write(wire.AppendPublish(nil, wire.Message{Topic: topic, Payload: []byte(payload)}))
	if err == nil {
		err = box.until(func(m wire.Message) bool { return m.Topic == topic && string(m.Payload) == payload }, nil)
	}
	there := r.now().Sub(sent)
	if err != nil {
		failed("The message that was published did not come back.", "See whether the device may publish to "+topic+".")
	} else {
		r.step(Step{ID: StepRoundTrip, Title: "Message there and back", Detail: joined("subscribed in "+brief(subscribed), "there and back in "+brief(there), "QoS 0"),
			Facts: facts("topic", topic, "subscribed", subscribed.String(), "there_and_back", there.String())}, began)
	}
	// The session stays: the subscription must not.
	r.within(l, roundTripBound)
	if _, err := l.Write(wire.AppendUnsubscribe(nil, 2, topic)); err == nil {
		_ = box.until(none, func(kind byte, _ []byte) bool { return kind == wire.UNSUBACK })
	}
}

// brief is a time for people.
func brief(d time.Duration) string {
	switch {
	case d < 10*time.Millisecond:
		return strconv.FormatFloat(float64(d.Microseconds())/1000, 'f', 1, 64) + " ms"
	case d < time.Second:
		return strconv.FormatInt(d.Milliseconds(), 10) + " ms"
	}
	return strconv.FormatFloat(d.Seconds(), 'f', 1, 64) + " s"
}
