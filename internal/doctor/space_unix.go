//go:build linux || darwin

package doctor

import "syscall"

// freeSpace returns the number of bytes that an ordinary user can write to the volume of path.
func freeSpace(path string) (uint64, error) {
	var s syscall.Statfs_t
	if err := syscall.Statfs(path, &s); err != nil {
		return 0, err
	}
	return s.Bavail * uint64(s.Bsize), nil
}
