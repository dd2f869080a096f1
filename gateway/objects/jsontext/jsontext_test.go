package jsontext

import (
	"bytes"
	"encoding/json"
	"errors"
	"io"
	"strconv"
	"strings"
	"testing"

	"github.com/stretchr/testify/require"
)

func TestOnlyWhiteSpaceBetweenTokensIsTakenOut(t *testing.T) {
	for _, c := range []struct{ sent, kept string }{
		{" { \"b\" : 1 ,\n\t\"a\" : [ 1 , 2 ] }\r\n", `{"b":1,"a":[1,2]}`},
		{`[1.0, -0, 1e400, 0.10E+05, 12345678901234567890123456789]`, `[1.0,-0,1e400,0.10E+05,12345678901234567890123456789]`},
		{`"a b\u0041\/\n<>&` + "\u2028" + `"`, `"a b\u0041\/\n<>&` + "\u2028" + `"`},
		{`"\ud83d\ude00 😀"`, `"\ud83d\ude00 😀"`},
		{"{}\x00", "{}"}, {"{}\n\x00", "{}"},
		{"true", "true"}, {"false", "false"}, {"null", "null"}, {"23.5", "23.5"}, {`""`, `""`}, {"[]", "[]"}, {"[ ]", "[]"}, {"{ }", "{}"},
		{strings.Repeat("[", 64) + strings.Repeat("]", 64), strings.Repeat("[", 64) + strings.Repeat("]", 64)},
	} {
		got, err := Compact([]byte(c.sent))
		require.NoError(t, err, c.sent)
		require.Equal(t, c.kept, string(got))
	}
}

func TestWhatIsNotStrictJSONIsRefusedWithThePlace(t *testing.T) {
	many := "{"
	for i := range 40 {
		many += `"n` + strconv.Itoa(i) + `":0,`
	}
	for _, c := range []struct {
		sent   string
		offset int
		reason string
	}{
		{"", 0, "expected a value"}, {"\x00", 0, "expected a value"}, {" ", 1, "expected a value"}, {"{}\x00\x00", 2, "nothing more"},
		{"\x00{}", 0, "expected a value"}, {"\xef\xbb\xbf{}", 0, "expected a value"},
		{"{", 1, "expected a name"}, {`{"a"`, 4, "expected ':'"}, {`{"a":`, 5, "expected a value"}, {`{"a":1`, 6, "',' or '}'"},
		{`{"a":1,}`, 7, "expected a name"}, {`{a:1}`, 1, "expected a name"}, {`{'a':1}`, 1, "expected a name"}, {"[1,]", 3, "expected a value"},
		{"[1 2]", 3, "',' or ']'"}, {"[1", 2, "',' or ']'"}, {"{}{}", 2, "nothing more"}, {"1 2", 2, "nothing more"},
		{"01", 1, "nothing more"}, {"-", 1, "expected a digit"}, {"1.", 2, "expected a digit"}, {".5", 0, "expected a value"}, {"+1", 0, "expected a value"},
		{"1e", 2, "expected a digit"}, {"1e+", 3, "expected a digit"}, {"0x10", 1, "nothing more"}, {"NaN", 0, "expected a value"}, {"nul", 3, "expected null"},
		{"True", 0, "expected a value"}, {"// c\n1", 0, "expected a value"},
		{`"a`, 2, "end of a string"}, {"\"a\nb\"", 2, "control character"}, {"\"a\x00b\"", 2, "control character"}, {`"\x"`, 2, "expected one of"}, {`"\u12g4"`, 5, "hexadecimal"},
		{"\"\xff\"", 1, "UTF-8"}, {"\"\xc0\xaf\"", 1, "UTF-8"}, {"\"\xed\xa0\x80\"", 1, "UTF-8"}, {"\"\xe2\x82\"", 1, "UTF-8"},
		{`"\ud800"`, 1, "surrogate"}, {`"\udc00"`, 1, "surrogate"}, {`"\ud800\u0041"`, 1, "surrogate"}, {`"x\ud800\ud800"`, 2, "surrogate"}, {`"\ud800\n"`, 1, "surrogate"},
		{`{"a":1,"a":2}`, 7, "has already"}, {`{"a":1,"\u0061":2}`, 7, "has already"}, {`{"\ud83d\ude00":1,"😀":2}`, 18, "has already"}, {`{"\n":1,"\u000a":2}`, 8, "has already"},
		{many + `"n7":1}`, len(many), "has already"},
		{strings.Repeat("[", 65), 64, "nested deeper"}, {strings.Repeat(`{"a":`, 65), 64 * 5, "nested deeper"},
	} {
		_, err := Compact([]byte(c.sent))
		var wrong *SyntaxError
		require.True(t, errors.As(err, &wrong), "%q is accepted", c.sent)
		require.Equal(t, c.offset, wrong.Offset, "%q: %v", c.sent, err)
		require.Contains(t, wrong.Reason, c.reason, "%q", c.sent)
	}
}

func TestEqualNamesInDifferentObjectsAreNoDuplicates(t *testing.T) {
	got, err := Compact([]byte(`{"a":{"a":1},"b":[{"a":1},{"a":2}],"\\u0061":3}`))
	require.NoError(t, err)
	require.Equal(t, `{"a":{"a":1},"b":[{"a":1},{"a":2}],"\\u0061":3}`, string(got))
}

func TestWhatIsReturnedIsNewMemory(t *testing.T) {
	sent := []byte(`{"a":1}`)
	got, err := Compact(sent)
	require.NoError(t, err)
	copy(sent, "xxxxxxx")
	require.Equal(t, `{"a":1}`, string(got))
}

// FuzzCompact: no text makes it panic, and what it accepts is valid, compact, the same token by token, and stays as it is when it
// is compacted again.
func FuzzCompact(f *testing.F) {
	for _, seed := range []string{
		`{}`, ` { "b" : [ 1.0 , -0, 1e400 ] , "a" : { "a" : null } } `, `"\ud83d\ude00\/\u0041"`, "{\"a\":1}\x00", `{"a":1,"\u0061":2}`, `"\ud800"`, "\"\xff\"", `[1,]`,
		strings.Repeat("[", 70), "\xef\xbb\xbf1", `{"":{"":[]}}`, "1 2", "-", `"` + strings.Repeat("a", 300) + `"`, "[true,false,null]",
	} {
		f.Add([]byte(seed))
	}
	f.Fuzz(func(t *testing.T, text []byte) {
		before := bytes.Clone(text)
		got, err := Compact(text)
		require.Equal(t, before, text, "the text is not touched")
		if err != nil {
			var wrong *SyntaxError
			require.True(t, errors.As(err, &wrong))
			require.True(t, wrong.Offset >= 0 && wrong.Offset <= len(text))
			return
		}
		require.True(t, json.Valid(got))
		var compact bytes.Buffer
		require.NoError(t, json.Compact(&compact, got))
		require.Equal(t, compact.String(), string(got), "it is compact")
		again, err := Compact(got)
		require.NoError(t, err)
		require.Equal(t, string(got), string(again))
		require.Equal(t, tokens(t, bytes.TrimSuffix(text, []byte{0})), tokens(t, got))
	})
}

// tokens are those of the standard library's reading, numbers as they are written.
func tokens(t *testing.T, text []byte) []json.Token {
	d := json.NewDecoder(bytes.NewReader(text))
	d.UseNumber()
	var all []json.Token
	for {
		token, err := d.Token()
		if errors.Is(err, io.EOF) {
			return all
		}
		require.NoError(t, err)
		all = append(all, token)
	}
}

func BenchmarkCompact(b *testing.B) {
	text := []byte(`{ "temperature": 21.50, "unit": "C", "where": { "room": "hall", "floor": 1 }, "samples": [1, 2, 3, 4, 5, 6, 7, 8] }`)
	b.SetBytes(int64(len(text)))
	b.ReportAllocs()
	for b.Loop() {
		if _, err := Compact(text); err != nil {
			b.Fatal(err)
		}
	}
}
