package listener

// alertWatch follows the TLS records of one direction and notices a plain alert. OpenSSL, and so most clients, sends its
// alert about the server's certificate in the clear even under TLS 1.3, where crypto/tls expects an encrypted record and
// reports a bad MAC instead of what the device said.
type alertWatch struct {
	header [5]byte
	have   int // bytes of header
	skip   int // bytes of the record's body still to come
	alert  bool
	body   [2]byte
	last   int // description of the last plain alert
	seen   bool

	encrypted int // records of application data, which with TLS 1.3 are all that is encrypted
}

// plainAlertLength is the length of an alert's body in the clear: level and description. Encrypted ones are longer.
const plainAlertLength = 2

func (w *alertWatch) follow(b []byte) {
	for len(b) > 0 {
		if w.skip > 0 {
			n := min(w.skip, len(b))
			if w.alert {
				copy(w.body[plainAlertLength-w.skip:], b[:n])
			}
			w.skip -= n
			b = b[n:]
			if w.skip == 0 && w.alert {
				w.seen, w.last, w.alert = true, int(w.body[1]), false
			}
			continue
		}
		n := copy(w.header[w.have:], b)
		w.have += n
		b = b[n:]
		if w.have == len(w.header) {
			w.have = 0
			w.skip = int(w.header[3])<<8 | int(w.header[4])
			if w.header[0] == recordData {
				w.encrypted++
			}
			w.alert = w.header[0] == recordAlert && w.skip == plainAlertLength
		}
	}
}

// description is that of the last plain alert, -1 without one.
func (w *alertWatch) description() int {
	if w == nil || !w.seen {
		return -1
	}
	return w.last
}
