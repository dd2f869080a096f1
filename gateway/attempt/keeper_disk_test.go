package attempt

import (
	"bytes"
	"os"
	"path/filepath"
	"reflect"
	"strconv"
	"testing"
	"time"

	"pgregory.net/rapid"

	"gatehouse/gateway/attempt/segment"
	"gatehouse/gateway/cause"
)

func TestDamageCostsWhatIsDamagedAndIsCounted(t *testing.T) {
	dir := t.TempDir()
	l := ready(dir, Params{})
	for i := range 200 {
		refuse(l, strconv.Itoa(i))
	}
	want := all(l)
	l.Close()
	rapid.Check(t, func(rt *rapid.T) {
		copied := killed(t, dir)
		files, err := filepath.Glob(filepath.Join(copied, "*.log"))
		if err != nil || len(files) == 0 {
			rt.Fatal(files, err)
		}
		content, err := os.ReadFile(files[0])
		if err != nil {
			rt.Fatal(err)
		}
		at := rapid.IntRange(0, len(content)-1).Draw(rt, "at")
		switch rapid.SampledFrom([]string{"flip", "zero", "cut", "insert"}).Draw(rt, "damage") {
		case "flip":
			content[at] ^= 0xff
		case "zero":
			clear(content[at:min(len(content), at+4096)])
		case "cut":
			content = content[:at]
		case "insert":
			content = bytes.Join([][]byte{content[:at], []byte("\xa7\x1e\xff\xff\xff\x00garbage"), content[at:]}, nil)
		}
		if err := os.WriteFile(files[0], content, 0o600); err != nil {
			rt.Fatal(err)
		}
		l := ready(copied, Params{})
		defer l.Close()
		got := all(l)
		for id, a := range got {
			if !reflect.DeepEqual(a, want[id]) {
				rt.Fatalf("attempt %d is another one now: %+v", id, a)
			}
		}
		if len(content) > at && len(got) < 150 && len(content) > 4096*10 && at > len(content)-4096 {
			rt.Fatalf("only %d are left", len(got))
		}
		if id := refuse(l, "next"); got[id].ID != 0 {
			rt.Fatalf("id %d was given twice", id)
		}
	})
}

func TestUnknownRecordsAreSkippedAndCounted(t *testing.T) {
	dir := t.TempDir()
	l := ready(dir, Params{})
	refuse(l, "lamp")
	l.Close()
	files, err := segment.Open(dir, 0)
	if err != nil {
		t.Fatal(err)
	}
	var b []byte
	for _, content := range []string{"", "\x09of a later version", "\x02not an attempt", "\x02\x00\x00\x00\x00"} {
		b, _ = segment.AppendRecord(b, func(b []byte) []byte { return append(b, content...) })
	}
	if _, err := files.Write(b); err != nil {
		t.Fatal(err)
	}
	if err := files.Close(); err != nil {
		t.Fatal(err)
	}
	l = ready(dir, Params{})
	defer l.Close()
	if r := l.Record(); r.Restored != 1 || r.Damaged != 4 || r.Err != nil {
		t.Errorf("%+v", r)
	}
}

func TestAFolderThatCannotBeUsedLeavesTheRingAtWork(t *testing.T) {
	dir := filepath.Join(t.TempDir(), "attempts")
	if err := os.WriteFile(dir, nil, 0o600); err != nil {
		t.Fatal(err)
	}
	told := make(chan Attempt, 1)
	l := ready(dir, Params{Each: func(a Attempt) { told <- a }})
	refuse(l, "lamp")
	select {
	case a := <-told:
		if a.DeviceName != "lamp" {
			t.Errorf("%+v", a)
		}
	case <-time.After(10 * time.Second):
		t.Error("nobody was told")
	}
	if r := l.Record(); r.Err == nil || r.Kept != 1 || r.Waiting != 0 {
		t.Errorf("%+v", r)
	}
	l.Close()
}

func holds(t *testing.T, dir, text string) bool {
	t.Helper()
	files, err := filepath.Glob(filepath.Join(dir, "*"))
	if err != nil {
		t.Fatal(err)
	}
	for _, f := range files {
		content, err := os.ReadFile(f)
		if err != nil {
			t.Fatal(err)
		}
		if bytes.Contains(content, []byte(text)) {
			return true
		}
	}
	return false
}

func TestTheFilesAreForTheirOwnerOnly(t *testing.T) {
	dir := filepath.Join(t.TempDir(), "attempts")
	l := ready(dir, Params{})
	refuse(l, "lamp")
	l.Close()
	files, err := filepath.Glob(filepath.Join(dir, "*"))
	if err != nil || len(files) != 1 {
		t.Fatal(files, err)
	}
	for path, want := range map[string]os.FileMode{dir: 0o700, files[0]: 0o600} {
		if info, err := os.Stat(path); err != nil || info.Mode().Perm() != want {
			t.Errorf("%s: %v %v", path, info.Mode(), err)
		}
	}
}

func TestTheFilesStayWithinTheirBoundsAndKeepWhatIsKept(t *testing.T) {
	dir := t.TempDir()
	now := newClock()
	const bound, slack = 64 << 10, 16 << 10
	l := ready(dir, Params{Bytes: bound, Now: now.Now, fileBytes: 8 << 10, slack: slack})
	steady := accept(l) // written once, and then again and again as its file is to go
	for i := range 600 {
		id := refuse(l, strconv.Itoa(i))
		l.Warn(id, cause.WeakKey)
		if i%60 == 59 {
			steady.Warn(cause.WillDiscarded)
			eventually(t, "it is written", func() bool { return l.Record().Waiting == 0 })
			if n := l.Record().OnDisk; n > bound+slack+16<<10 {
				t.Fatalf("%d bytes on the disk", n)
			}
		}
	}
	want := closedByDeath(all(l), now.Now())
	l.Close()
	l = ready(dir, Params{Bytes: bound, Now: now.Now})
	defer l.Close()
	got := all(l)
	for id, a := range got {
		if before, there := want[id]; there && !reflect.DeepEqual(a, before) {
			t.Fatalf("attempt %d was\n%+v\nand is\n%+v", id, before, a)
		}
	}
	if len(got) < len(want)*9/10 {
		t.Errorf("%d of %d are left", len(got), len(want))
	}
}

func TestManyRestartsDoNotLeaveManyFiles(t *testing.T) {
	dir := t.TempDir()
	for i := range 2 * maxFiles {
		l := ready(dir, Params{})
		refuse(l, strconv.Itoa(i))
		l.Close()
	}
	l := ready(dir, Params{})
	defer l.Close()
	if n := len(l.keeper.files.Numbers()); n > maxFiles+1 || l.Len() != 2*maxFiles {
		t.Errorf("%d files, %d attempts", n, l.Len())
	}
}
