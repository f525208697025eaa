//go:build !unix

package main

// fileLimit returns how many files the process may have open.
func fileLimit() (uint64, bool) { return 0, false }
