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

// VerifyTestMain runs the tests of m and ends the process, as TestMain has to. It fails
// if goroutines outlive the tests. Goroutines of libraries count too: a connection or a file
// that is not closed often shows by nothing else.
//
// It is not go.uber.org/goleak, which gives goroutines less than a second to end: a busy
// machine needs more, and the time cannot be set.
func VerifyTestMain(m *testing.M) {
	code := m.Run()
	if code == 0 && goroutinesAreLeft() {
		fmt.Fprintln(os.Stderr, "goroutines are left:")
		_ = pprof.Lookup("goroutine").WriteTo(os.Stderr, 2) // nobody to tell
		code = 1
	}
	os.Exit(code)
}

// goroutinesAreLeft reports whether there are goroutines beside that of TestMain. They get a
// minute to end.
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
