//go:build linux

package crash

import (
	"fmt"
	"io"
	"os"
	"os/exec"
	"runtime"
	"syscall"
	"testing"
	"unsafe"

	"github.com/tuilivekit-exporter/tuilivekit-exporter/test/crash/exporter"
)

// startBehindGate starts an exporter behind a gate: for each fsync and fdatasync the kernel asks the test
// (seccomp_unotify(2)), which can delay the call or let it fail. It needs no privileges.
//
// verdict is called for one call at a time. Its result is the result of the call; with 0 the kernel runs
// the call.
func startBehindGate(t *testing.T, storage string, verdict func() syscall.Errno, args ...string) *exporter.Process {
	t.Helper()
	p, err := launchBehindGate(storage, verdict, args...)
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(p.Kill)
	if err := p.WaitReady(); err != nil {
		t.Fatalf("%v\n%s", err, p.LogText())
	}
	return p
}

// behindGate is set in the environment of a process that execBehindGate turns into an exporter.
const behindGate = "CRASH_BEHIND_GATE"

func launchBehindGate(storage string, verdict func() syscall.Errno, args ...string) (*exporter.Process, error) {
	pair, err := syscall.Socketpair(syscall.AF_UNIX, syscall.SOCK_STREAM|syscall.SOCK_CLOEXEC, 0)
	if err != nil {
		return nil, err
	}
	defer syscall.Close(pair[0])
	theirs := os.NewFile(uintptr(pair[1]), "gate")
	p, err := exporter.LaunchWith(func(cmd *exec.Cmd) {
		cmd.Path = os.Args[0]
		cmd.Env = append(os.Environ(), behindGate+"=1")
		cmd.ExtraFiles = []*os.File{theirs}
	}, binary, append([]string{"--storage.path=" + storage}, args...)...)
	theirs.Close()
	if err != nil {
		return nil, err
	}
	control := make([]byte, syscall.CmsgSpace(4))
	_, n, _, _, err := syscall.Recvmsg(pair[0], make([]byte, 1), control, syscall.MSG_CMSG_CLOEXEC)
	if err == nil && n == 0 {
		err = io.ErrUnexpectedEOF
	}
	if err != nil {
		p.Kill()
		return nil, fmt.Errorf("no gate: %w\n%sThis test needs seccomp with user notification, Linux 5.5 or newer", err, p.LogText())
	}
	messages, err := syscall.ParseSocketControlMessage(control[:n])
	if err != nil {
		return nil, err
	}
	fds, err := syscall.ParseUnixRights(&messages[0])
	if err != nil {
		return nil, err
	}
	go keepGate(p, fds[0], verdict)
	return p, nil
}

// From linux/seccomp.h.
const (
	setNoNewPrivileges = 38
	setModeFilter      = 1
	flagNewListener    = 1 << 3
	retUserNotify      = 0x7fc00000
	retAllow           = 0x7fff0000
	ioctlReceive       = 0xc0502100
	ioctlSend          = 0xc0182101
	respondContinue    = 1
)

type notification struct {
	id   uint64
	_    [2]uint32
	data [64]byte
}

type response struct {
	id    uint64
	value int64
	errno int32
	flags uint32
}

// keepGate answers the kernel with verdicts until the exporter has ended.
func keepGate(p *exporter.Process, gate int, verdict func() syscall.Errno) {
	defer syscall.Close(gate)
	for {
		// In some versions of Linux the ioctl never returns if the process has ended, so this polls.
		poll := struct {
			fd              int32
			events, revents int16
		}{int32(gate), 1, 0}
		timeout := syscall.Timespec{Nsec: 50e6}
		ready, _, _ := syscall.Syscall6(syscall.SYS_PPOLL, uintptr(unsafe.Pointer(&poll)), 1, uintptr(unsafe.Pointer(&timeout)), 0, 0, 0)
		if ready != 1 || poll.revents&1 == 0 {
			select {
			case <-p.Exited():
				return
			default:
				continue
			}
		}
		var n notification
		if _, _, e := syscall.Syscall(syscall.SYS_IOCTL, uintptr(gate), ioctlReceive, uintptr(unsafe.Pointer(&n))); e != 0 {
			continue // the process has ended, or its call was interrupted and comes again
		}
		r := response{id: n.id, flags: respondContinue}
		if e := verdict(); e != 0 {
			r.errno, r.flags = -int32(e), 0
		}
		syscall.Syscall(syscall.SYS_IOCTL, uintptr(gate), ioctlSend, uintptr(unsafe.Pointer(&r)))
	}
}

// execBehindGate installs the filter, sends the gate over descriptor 3, and executes the exporter.
func execBehindGate() {
	runtime.LockOSThread() // the filter belongs to the thread, and exec keeps the thread that calls it
	fail := func(what string, err error) {
		fmt.Fprintf(os.Stderr, "%s: %v\n", what, err)
		os.Exit(1)
	}
	if _, _, e := syscall.Syscall6(syscall.SYS_PRCTL, setNoNewPrivileges, 1, 0, 0, 0, 0); e != 0 {
		fail("no_new_privs", e)
	}
	filter := []syscall.SockFilter{
		{Code: syscall.BPF_LD | syscall.BPF_W | syscall.BPF_ABS, K: 0}, // the number of the call
		{Code: syscall.BPF_JMP | syscall.BPF_JEQ | syscall.BPF_K, K: syscall.SYS_FSYNC, Jt: 1},
		{Code: syscall.BPF_JMP | syscall.BPF_JEQ | syscall.BPF_K, K: syscall.SYS_FDATASYNC, Jf: 1},
		{Code: syscall.BPF_RET, K: retUserNotify},
		{Code: syscall.BPF_RET, K: retAllow},
	}
	program := syscall.SockFprog{Len: uint16(len(filter)), Filter: &filter[0]}
	seccomp := map[string]uintptr{"amd64": 317, "arm64": 277}[runtime.GOARCH]
	gate, _, e := syscall.RawSyscall(seccomp, setModeFilter, flagNewListener, uintptr(unsafe.Pointer(&program)))
	if e != 0 {
		fail("seccomp", e)
	}
	if err := syscall.Sendmsg(3, []byte{0}, syscall.UnixRights(int(gate)), nil, 0); err != nil {
		fail("send the gate", err)
	}
	syscall.Close(3)
	syscall.Close(int(gate))
	os.Unsetenv(behindGate)
	path := os.Args[0]
	fail(path, syscall.Exec(path, os.Args, os.Environ()))
}
