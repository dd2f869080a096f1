package segment

import (
	"bytes"
	"fmt"
	"os"
	"path/filepath"
	"reflect"
	"testing"

	"pgregory.net/rapid"
)

func record(content string) []byte {
	b, _ := AppendRecord(nil, func(b []byte) []byte { return append(b, content...) })
	return b
}

// contents are the records of all files, oldest first.
func contents(t testing.TB, f *Files) (all []string, damaged int) {
	t.Helper()
	for _, n := range f.Numbers() {
		d, err := f.Read(n, func(r []byte) { all = append(all, string(r)) })
		if err != nil {
			t.Fatal(err)
		}
		damaged += d
	}
	return all, damaged
}

func write(t testing.TB, f *Files, records ...string) uint64 {
	t.Helper()
	var b []byte
	for _, r := range records {
		b = append(b, record(r)...)
	}
	n, err := f.Write(b)
	if err != nil {
		t.Fatal(err)
	}
	return n
}

func open(t testing.TB, dir string, bytes int64) *Files {
	t.Helper()
	f, err := Open(dir, bytes)
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() {
		if err := f.Close(); err != nil {
			t.Error(err)
		}
	})
	return f
}

func TestRecordsAreReadBackInOrderOverFilesAndRestarts(t *testing.T) {
	dir := t.TempDir()
	f := open(t, dir, 100)
	var want []string
	for i := range 50 {
		r := fmt.Sprintf("record %d", i)
		write(t, f, r)
		want = append(want, r)
	}
	if n := len(f.Numbers()); n < 5 {
		t.Errorf("%d files", n)
	}
	again := open(t, dir, 100)
	high := again.Numbers()[len(again.Numbers())-1]
	if n := write(t, again, "later", ""); n != high+1 {
		t.Errorf("an opened folder goes on in file %d after %d", n, high)
	}
	got, damaged := contents(t, again)
	if !reflect.DeepEqual(got, append(want, "later", "")) || damaged != 0 {
		t.Errorf("%q, %d damaged", got, damaged)
	}
}

func TestRemovedFilesAreGoneAndTheirNumbersStayTaken(t *testing.T) {
	dir := t.TempDir()
	f := open(t, dir, 20)
	one := write(t, f, "0123456789")
	two := write(t, f, "0123456789")
	if err := f.Remove(one); err != nil {
		t.Fatal(err)
	}
	if err := f.Remove(two); err != nil { // which is being written to
		t.Fatal(err)
	}
	if err := f.Remove(77); err != nil {
		t.Error(err)
	}
	if n := write(t, f, "x"); n != two+1 || f.Bytes() != int64(len(record("x"))) {
		t.Errorf("file %d, %d bytes", n, f.Bytes())
	}
	if err := f.Clear(); err != nil || len(f.Numbers()) > 0 || f.Bytes() != 0 {
		t.Error(f.Numbers(), err)
	}
	left, err := os.ReadDir(dir)
	if err != nil || len(left) > 0 {
		t.Error(left, err)
	}
}

func TestWhatIsNotOursIsLeftAlone(t *testing.T) {
	dir := t.TempDir()
	for _, name := range []string{"notes.txt", "1.log", "000000000000.log", "00000000000x.log"} {
		if err := os.WriteFile(filepath.Join(dir, name), []byte("mine"), 0o600); err != nil {
			t.Fatal(err)
		}
	}
	f := open(t, dir, 0)
	if len(f.Numbers()) > 0 {
		t.Error(f.Numbers())
	}
	if err := f.Clear(); err != nil {
		t.Error(err)
	}
	if left, err := os.ReadDir(dir); err != nil || len(left) != 4 {
		t.Error(left, err)
	}
}

func TestARecordThatIsTooLargeIsLeftOut(t *testing.T) {
	b, ok := AppendRecord([]byte("before"), func(b []byte) []byte { return append(b, make([]byte, MaxRecord+1)...) })
	if ok || string(b) != "before" {
		t.Errorf("%t, %d bytes", ok, len(b))
	}
}

// TestOneDamagedPlaceCostsAtMostTheRecordsThatItTouches changes bytes anywhere, also into what looks like a record.
func TestOneDamagedPlaceCostsAtMostTheRecordsThatItTouches(t *testing.T) {
	base := t.TempDir()
	run := 0
	rapid.Check(t, func(rt *rapid.T) {
		run++
		f, err := Open(filepath.Join(base, fmt.Sprint(run)), 0)
		if err != nil {
			rt.Fatal(err)
		}
		defer func() { _ = f.Close() }()
		want := rapid.SliceOfN(rapid.StringN(0, 40, -1), 1, 30).Draw(rt, "records")
		var file []byte
		var ends []int
		for _, r := range want {
			file = append(file, record(r)...)
			ends = append(ends, len(file))
		}
		if _, err := f.Write(file); err != nil {
			rt.Fatal(err)
		}
		at := rapid.IntRange(0, len(file)-1).Draw(rt, "at")
		damage := rapid.SampledFrom([][]byte{{0}, []byte(mark), []byte(mark + "\xff\xff\xff\xff"), bytes.Repeat([]byte{0}, 64)}).Draw(rt, "damage")
		to := at + copy(file[at:], damage)
		if err := os.WriteFile(f.path(1), file, 0o600); err != nil {
			rt.Fatal(err)
		}
		var got []string
		if _, err := f.Read(1, func(r []byte) { got = append(got, string(r)) }); err != nil {
			rt.Fatal(err)
		}
		var must []string
		for i, end := range ends {
			start := 0
			if i > 0 {
				start = ends[i-1]
			}
			if end <= at || start >= to {
				must = append(must, want[i])
			}
		}
		next := 0
		for _, g := range got {
			if next < len(must) && must[next] == g {
				next++
			}
		}
		if next < len(must) || len(got) > len(want) {
			rt.Fatalf("of %q, %q is read after bytes %d to %d were damaged", want, got, at, to)
		}
	})
}

func TestAFailedWriteLeavesNothingInTheWayOfTheNext(t *testing.T) {
	dir := t.TempDir()
	f := open(t, dir, 0)
	write(t, f, "one")
	if err := f.current.Close(); err != nil { // so that writing fails
		t.Fatal(err)
	}
	if _, err := f.Write(record("lost")); err == nil {
		t.Fatal("a closed file took a record")
	}
	read, err := os.OpenFile(f.path(f.high), os.O_WRONLY|os.O_APPEND, 0o600)
	if err != nil {
		t.Fatal(err)
	}
	f.current = read
	write(t, f, "two")
	if got, damaged := contents(t, f); !reflect.DeepEqual(got, []string{"one", "two"}) || damaged != 0 {
		t.Errorf("%q, %d damaged", got, damaged)
	}
}
