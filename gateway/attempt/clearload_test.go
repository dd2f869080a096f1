package attempt

import (
	"testing"

	"gatehouse/gateway/attempt/segment"
)

// Files that are cleared while the record is being read back are no damage that anybody must be told of.
func TestClearingWhileTheRecordIsReadBackIsNoDamage(t *testing.T) {
	dir := t.TempDir()
	const small = 2_000 // bytes of a file
	l := ready(dir, Params{fileBytes: small})
	for range 50 {
		refuse(l, "lamp")
		l.keeper.flush(true)
	}
	l.Close()

	p := Params{Dir: dir}.withDefaults()
	l = NewLog(p)
	files, err := segment.Open(dir, small)
	if err != nil {
		t.Fatal(err)
	}
	defer files.Close()
	k := &keeper{log: l, files: files, retry: map[uint64]struct{}{}, wake: make(chan struct{}, 1)}
	l.keeper = k
	died := k.resume()
	numbers, newest := files.Numbers(), l.newest.Load()
	if len(numbers) < 3 {
		t.Fatalf("%d files", len(numbers))
	}
	k.loadFile(numbers[len(numbers)-1], newest, died)
	if err := l.Clear(); err != nil {
		t.Fatal(err)
	}
	k.loadFile(numbers[0], newest, died)
	if r := l.Record(); r.Damaged != 0 || r.Kept != 0 {
		t.Errorf("%d places are damaged, %d attempts kept", r.Damaged, r.Kept)
	}
}
