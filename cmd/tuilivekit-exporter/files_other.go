//go:build !unix

package main

// fileLimit returns the number of files that the process may have open, false if it is not known.
func fileLimit() (uint64, bool) { return 0, false }
