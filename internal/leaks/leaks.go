// Package leaks fails tests that leave goroutines behind. Only tests import it.
package leaks

import (
	"flag"
	"fmt"
	"os"
	"runtime"
	"runtime/pprof"
	"testing"
	"time"
)

// VerifyTestMain runs the tests of m and exits the process, as TestMain must. It fails if
// goroutines are left after the tests. Goroutines of libraries count too: often they are the only
// sign of a connection or file that was not closed.
//
// go.uber.org/goleak gives goroutines less than a second to end. A busy machine needs more, and
// the time cannot be set.
func VerifyTestMain(m *testing.M) {
	code := m.Run()
	if code == 0 && goroutinesAreLeft() {
		fmt.Fprintln(os.Stderr, "goroutines are left:")
		_ = pprof.Lookup("goroutine").WriteTo(os.Stderr, 2) // standard error is the only output
		code = 1
	}
	os.Exit(code)
}

// goroutinesAreLeft reports whether there are other goroutines than that of TestMain after a
// minute.
func goroutinesAreLeft() bool {
	if flag.Lookup("test.fuzz").Value.String() != "" {
		return false // fuzzing leaves a goroutine that waits for signals
	}
	for late := time.Now().Add(time.Minute); runtime.NumGoroutine() > 1; time.Sleep(10 * time.Millisecond) {
		if time.Now().After(late) {
			return true
		}
	}
	return false
}
