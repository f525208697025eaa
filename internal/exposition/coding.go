package exposition

import (
	"bufio"
	"compress/gzip"
	"io"
	"net/http"
	"strconv"
	"strings"
	"sync"

	"github.com/klauspost/compress/zstd"
)

// The content codings of answers.
const (
	identity  = "identity"
	zstandard = "zstd"
	gzipped   = "gzip"
)

// codings has the content codings; of equal weights the first wins. zstd takes half the time of
// gzip, and its answer is a tenth smaller.
var codings = [...]string{identity, zstandard, gzipped}

// negotiateCoding returns the content coding with the highest weight in Accept-Encoding, identity
// if it has no known coding (RFC 9110, section 12.5.3).
func negotiateCoding(h http.Header) string {
	best, bestQuality := identity, 0.0
	accepted := strings.Split(strings.Join(h["Accept-Encoding"], ","), ",")
	for _, coding := range codings {
		for _, entry := range accepted {
			name, params, _ := strings.Cut(entry, ";")
			name = strings.TrimSpace(name)
			if q := quality(params); q > bestQuality && (name == "*" || strings.EqualFold(name, coding)) {
				best, bestQuality = coding, q
			}
		}
	}
	return best
}

// quality returns the weight in the parameters of an entry, 1 if there is no valid weight.
func quality(params string) float64 {
	for param := range strings.SplitSeq(params, ";") {
		name, value, _ := strings.Cut(strings.TrimSpace(param), "=")
		if strings.EqualFold(name, "q") {
			if q, err := strconv.ParseFloat(value, 64); err == nil {
				return q
			}
		}
	}
	return 1
}

// compress returns a writer that compresses with coding and writes to w in pieces of bufferSize.
// It must be closed, unless a write has failed.
func compress(w io.Writer, coding string) io.WriteCloser {
	if coding == identity {
		return plain{w}
	}
	pool := pools[coding]
	c := pool.Get().(*compressor)
	c.pool = pool
	c.buf.Reset(w)
	c.encoder.Reset(c.buf)
	return c
}

// plain is a WriteCloser whose Close does nothing.
type plain struct{ io.Writer }

func (plain) Close() error { return nil }

// compressor compresses into a buffer.
type compressor struct {
	buf     *bufio.Writer
	encoder interface {
		io.WriteCloser
		Reset(io.Writer)
	}
	pool *sync.Pool
}

// pools have compressors to use again. They use the fastest level, which is sufficient for this
// text. A compressor that has failed is not returned to its pool.
var pools = map[string]*sync.Pool{
	gzipped: {New: func() any {
		encoder, _ := gzip.NewWriterLevel(nil, gzip.BestSpeed) // fails for other levels
		return &compressor{buf: bufio.NewWriterSize(nil, bufferSize), encoder: encoder}
	}},
	zstandard: {New: func() any {
		encoder, _ := zstd.NewWriter(nil, zstd.WithEncoderLevel(zstd.SpeedFastest), // fails for other values
			zstd.WithEncoderConcurrency(1), zstd.WithLowerEncoderMem(true), zstd.WithWindowSize(256<<10))
		return &compressor{buf: bufio.NewWriterSize(nil, bufferSize), encoder: encoder}
	}},
}

func (c *compressor) Write(b []byte) (int, error) { return c.encoder.Write(b) }

// Close writes the rest and returns c to its pool.
func (c *compressor) Close() error {
	err := c.encoder.Close()
	if err == nil {
		err = c.buf.Flush()
	}
	c.buf.Reset(nil)
	c.pool.Put(c)
	return err
}
