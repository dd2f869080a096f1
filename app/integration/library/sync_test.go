//go:build integration

package library

import "testing"

func TestTheLibraryKeepsSyncObjects(t *testing.T) { suite(t, "sync") }
