package files

// Inspect says what a file is, and what is wrong with it. The passphrase, nil for none, opens encrypted keys and PKCS#12.
func Inspect(name string, content, passphrase []byte) File {
	return File{Name: name, Kind: OtherBytes}
}

// Match says what is wrong with files taken together: whether key and certificate belong to each other, whether the chain
// is whole and in order.
func Match(fs []File) []Problem { return nil }
