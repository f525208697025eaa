package config

import (
	"crypto/sha256"
	"fmt"
	"hash"
	"io"
	"maps"
	"os"
	"path/filepath"
	"slices"
)

// Sum stands for the content of files: if it is another one, they should be loaded
// again.
type Sum [sha256.Size]byte

// SumFile returns the sum of the file at path and of the files that it names, as far
// as they can be read: that one cannot is content, too. It goes by what is in the files,
// since files that are swapped by symbolic links may keep name, size and time.
func SumFile(path string) Sum {
	h := sha256.New()
	b := addFile(h, path)
	if c := (&Config{}); decode(b, c) == nil {
		for _, name := range c.files() {
			if !filepath.IsAbs(name) {
				name = filepath.Join(filepath.Dir(path), name)
			}
			addFile(h, name)
		}
	}
	return Sum(h.Sum(nil))
}

// files returns the names of all files that c names, as it names them.
func (c *Config) files() (names []string) {
	addNames := func(all ...string) {
		for _, name := range all {
			if name != "" {
				names = append(names, name)
			}
		}
	}
	add := func(r *Relay) {
		if r == nil {
			return
		}
		addNames(r.CAFile, r.CertFile, r.KeyFile)
		for _, name := range slices.Sorted(maps.Keys(r.Headers)) {
			addNames(r.Headers[name].ValueFile)
		}
		if r.BasicAuth != nil {
			addNames(r.BasicAuth.PasswordFile)
		}
	}
	add(c.Relay)
	addNames(c.Replica.files()...)
	for _, app := range c.Apps {
		names = append(names, app.TokenFiles...)
		add(app.Relay)
		if app.API != nil {
			addNames(app.API.SecretKeyFile, app.API.UserSigFile, app.API.CAFile)
		}
	}
	return names
}

// SumFiles returns the sum of files.
func SumFiles(names ...string) Sum {
	h := sha256.New()
	for _, name := range names {
		addFile(h, name)
	}
	return Sum(h.Sum(nil))
}

// addFile adds a file to h, and returns its content.
func addFile(h hash.Hash, name string) []byte {
	b, err := readLimited(name)
	fmt.Fprintf(h, "%q %d %t\n", name, len(b), err == nil)
	h.Write(b)
	return b
}

func readLimited(name string) ([]byte, error) {
	f, err := os.Open(name)
	if err != nil {
		return nil, err
	}
	defer f.Close()
	return io.ReadAll(io.LimitReader(f, maxSummed))
}

// maxSummed is how much of a file is read for its sum.
const maxSummed = 16 << 20
