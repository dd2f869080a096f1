package broker

// Log is where everything goes that must survive a restart: a sequence of records, as store.Log keeps it. Only the
// hub writes to it.
type Log interface {
	// Append stores a record; when it returns, the record survives a crash. An error means that the store has failed, until
	// it was reopened and Hub.Recover called.
	Append(record []byte) (seq uint64, err error)
	// Read calls each for the records from one on, in order.
	Read(from uint64, each func(seq uint64, record []byte) error) error
	// Get reads one record; it is called beside Append.
	Get(seq uint64) ([]byte, error)
	// Trim removes the records below before.
	Trim(before uint64) error
	// Bounds are the first and the last record and the size of all in bytes; when there is none, first is last+1.
	Bounds() (first, last uint64, bytes int64)
}
