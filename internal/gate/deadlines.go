package gate

import (
	"errors"
	"os"
	"sync"
	"time"
)

// deadline is the read deadline or the write deadline of a connection. net/http sets eight
// deadlines for each request, and nearly every call returns long before its deadline.
// Setting one is expensive, because it changes a timer. So the connection gets the wanted
// deadline only if the deadline in force is later. If the deadline in force is earlier and
// passes, the call is repeated with the wanted deadline. A caller of Read or Write sees no
// difference.
type deadline struct {
	set func(time.Time) error // sets the deadline of the connection

	mu      sync.Mutex
	wanted  time.Time // zero if there is none
	inForce time.Time // deadline of the connection, zero if there is none
	passed  bool      // inForce may have passed
	calls   int       // Read or Write calls in progress
}

// change sets the wanted deadline. It applies to calls in progress, too.
func (d *deadline) change(t time.Time) error {
	d.mu.Lock()
	defer d.mu.Unlock()
	d.wanted = t
	if d.calls == 0 {
		return nil
	}
	err := d.apply()
	d.passed = true // it may have: net/http ends a Read by a deadline in the past
	return err
}

// begin begins a call. If it returns an error, the call must not be made.
func (d *deadline) begin() error {
	d.mu.Lock()
	defer d.mu.Unlock()
	var err error
	switch tooLate := !d.wanted.IsZero() && (d.inForce.IsZero() || d.inForce.After(d.wanted)); {
	case tooLate && !time.Now().Before(d.wanted):
		err = os.ErrDeadlineExceeded // inForce stays, for the next call
	case tooLate || d.passed:
		err = d.apply()
	}
	if err == nil {
		d.calls++
	}
	return err
}

// end ends a call that returned err. It reports whether the call must be repeated.
func (d *deadline) end(err error) (again bool) {
	exceeded := err != nil && errors.Is(err, os.ErrDeadlineExceeded)
	d.mu.Lock()
	defer d.mu.Unlock()
	d.calls--
	if !exceeded {
		return false
	}
	d.passed = true
	return d.wanted.IsZero() || time.Now().Before(d.wanted)
}

// apply puts the wanted deadline into force. It is called with the lock held.
func (d *deadline) apply() error {
	d.inForce, d.passed = d.wanted, false
	return d.set(d.wanted)
}

// Read implements net.Conn.
func (c *conn) Read(p []byte) (int, error) {
	for {
		if err := c.read.begin(); err != nil {
			return 0, err
		}
		n, err := c.Conn.Read(p)
		if again := c.read.end(err); !again || n > 0 {
			return n, err
		}
	}
}

// Write implements net.Conn.
func (c *conn) Write(p []byte) (int, error) {
	written := 0
	for {
		if err := c.write.begin(); err != nil {
			return written, err
		}
		n, err := c.Conn.Write(p[written:])
		written += n
		if again := c.write.end(err); !again {
			return written, err
		}
	}
}

// SetReadDeadline implements net.Conn.
func (c *conn) SetReadDeadline(t time.Time) error { return c.read.change(t) }

// SetWriteDeadline implements net.Conn.
func (c *conn) SetWriteDeadline(t time.Time) error { return c.write.change(t) }

// SetDeadline implements net.Conn.
func (c *conn) SetDeadline(t time.Time) error {
	return errors.Join(c.SetReadDeadline(t), c.SetWriteDeadline(t))
}
