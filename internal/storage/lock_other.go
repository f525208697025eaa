//go:build !unix

package storage

import "os"

// lock opens the file only: bbolt's own lock keeps others off, and cannot say who has it.
func lock(path string) (*os.File, error) {
	return os.OpenFile(path, os.O_RDWR|os.O_CREATE, 0o600)
}
