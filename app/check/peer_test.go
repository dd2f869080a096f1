package check

import "testing"

func TestAnMQTTPortThatSaysSoInHTTPIsNoWebServer(t *testing.T) {
	for answer, want := range map[string]speaks{
		"HTTP/1.1 400 Bad Request\r\n\r\n":                             http,
		"HTTP/1.1 101 Switching Protocols\r\n\r\n":                     webSocket,
		"HTTP/1.0 400 Bad Request\r\n\r\n" + saysMQTT + "\n":           "",
		"HTTP/1.0 400 Bad Request\r\n\r\nThis port is for nobody.\r\n": http,
	} {
		if got, told := recogniseHTTP([]byte(answer)); got != want || told != (want != "") {
			t.Errorf("%q: %q %v, want %q", answer, got, told, want)
		}
	}
}
