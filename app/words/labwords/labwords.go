// Package labwords says in plain sentences what is wrong with the servers of the lab, and what devices made of them. It stands apart from
// words, which must not know connections. It does no I/O.
package labwords

import "gatehouse/gateway/lab"

// kinds are what is wrong, what a server shows, and when a device passes.
var kinds = map[lab.Kind][3]string{
	"expired_certificate":              {"Expired certificate", "The server’s certificate expired an hour ago.", certificateLesson},
	"not_yet_valid_certificate":        {"Certificate not valid yet", "The server’s certificate is valid from tomorrow.", certificateLesson},
	"wrong_name_certificate":           {"Wrong name", "The certificate is for another server.", certificateLesson},
	"unknown_root_certificate":         {"Unknown root", "The chain leads to a root that the device was not given.", certificateLesson},
	"missing_intermediate_certificate": {"Missing intermediate", "The server sends its own certificate alone.", certificateLesson},
	"self_signed_certificate":          {"Self-signed certificate", "Nobody vouches for the server’s certificate.", certificateLesson},
	"expired_intermediate_certificate": {"Expired intermediate", "The intermediate certificate expired an hour ago.", certificateLesson},
	"sha1_certificate":                 {"SHA-1 signature", "The certificate is signed with SHA-1, which can be forged.", certificateLesson},
	"rsa_1024_certificate":             {"RSA key of 1024 bits", "The server’s key is too short. Many TLS libraries take it.", lenientLesson},
	"ca_leaf_certificate":              {"CA certificate as server", "The server shows a certificate that is meant to sign others. Many TLS libraries take it.", lenientLesson},
	lab.OnlyTLS12:                      {"TLS 1.2 only", "The server speaks nothing newer than TLS 1.2.", "A device passes when it connects."},
	lab.OnlyTLS13:                      {"TLS 1.3 only", "The server speaks nothing older than TLS 1.3.", "A device passes when it connects."},
	lab.LegacySuites:                   {"Legacy suites only", "The server speaks only suites with CBC and SHA-1.", "A device passes when it refuses."},
	lab.ReturnCode:                     {"Return codes", "The server answers with the code that you choose, or with 1 to 5 and then 0 in turn.", "A device passes when it does not try again within 30 seconds after 1, 2, 4 or 5, and waits longer each time after 3."},
	lab.Withheld:                       {"No answer to CONNECT", "The server takes the CONNECT and never answers.", "A device passes when it gives up within 60 seconds."},
	lab.Throttled:                      {"Slow network", "The server sends 1 024 bytes a second.", "A device passes when it stays."},
	lab.CloseConnect:                   {"Closes after CONNECT", "The server closes instead of answering.", "A device passes when it waits a second or more before it comes back."},
	lab.CloseConnack:                   {"Closes after accepting", "The server accepts, then closes at once.", "A device passes when it waits a second or more before it comes back."},
	lab.HalfOpen:                       {"Half-open", "The server accepts and then never answers again: packets vanish.", "A device passes when its keepalive makes it notice."},
	lab.Garbage:                        {"Garbage as answer", "The server answers with random bytes.", "A device passes when it closes."},
	lab.WrongPresent:                   {"Wrong session-present", "The server says that it kept a session, and has none.", "A device passes when it subscribes again, or closes."},
}

const (
	certificateLesson = "A device passes when it refuses. One that sends its CONNECT does not validate the server certificate."
	lenientLesson     = "A device passes when it refuses. Taking it is lenient, and no failure."
)

// Kind is a wrong server in words: its name, what it shows, and when a device passes.
func Kind(k lab.Kind) (title, shows, passes string) {
	w, known := kinds[k]
	if !known {
		return string(k), "", ""
	}
	return w[0], w[1], w[2]
}

// Outcome is a result in a word and a sentence.
func Outcome(r lab.Result) (word, sentence string) {
	word, sentence = outcome(r)
	if r.KnownBy == lab.ByAddress {
		sentence += " It showed nothing of itself; nobody else came from its address lately."
	}
	return word, sentence
}

func outcome(r lab.Result) (word, sentence string) {
	switch r.Outcome {
	case lab.Passed:
		return "Passed", "The device did what a careful device does."
	case lab.Failed:
		if i, _ := lab.Find(r.Kind); i.Group == lab.Certificate {
			return "Failed", "This device does not validate the server certificate."
		}
		return "Failed", "The device did not do what a careful device does."
	case lab.Lenient:
		return "Lenient", "The device took what many take. It could refuse it."
	case lab.Waiting:
		return "Waiting", "What the device does next decides."
	}
	return "Undecided", "The device did not come far enough to tell."
}
