package systemd_test

import (
	"fmt"
	"regexp"
	"slices"
	"strconv"
	"strings"
	"testing"
)

// introduced has the version of systemd that introduced a setting, as its NEWS has it. An older systemd
// ignores the setting, and the service has more rights than the unit says.
var introduced = map[string]int{
	"AmbientCapabilities": 229, "LockPersonality": 235, "MemoryDenyWriteExecute": 231, "PrivateUsers": 232, "ProtectClock": 245,
	"ProtectControlGroups": 232, "ProtectHostname": 242, "ProtectKernelLogs": 244, "ProtectKernelModules": 232, "ProtectKernelTunables": 232,
	"ProtectProc": 247, "ProtectSystem=strict": 232, "RemoveIPC": 232, "RestrictNamespaces": 233, "RestrictRealtime": 231,
	"RestrictSUIDSGID": 242, "StateDirectory": 235, "StateDirectoryMode": 235, "SystemCallFilter=@system-service": 241,
}

// old are the settings that systemd 220, of 2015, had.
var old = strings.Fields(`After CapabilityBoundingSet Description Documentation Environment ExecReload ExecStart Group LimitCORE
	LimitNOFILE ListenStream NoNewPrivileges NotifyAccess PrivateDevices PrivateTmp ProtectHome ProtectSystem Requires Restart
	RestartSec RestrictAddressFamilies SystemCallArchitectures SystemCallErrorNumber SystemCallFilter TimeoutStopSec Type UMask User
	WantedBy Wants WatchdogSec`)

// tooNew returns the settings of a unit that a version of systemd does not have.
func tooNew(text string, version int) (problems []string) {
	for key, values := range readUnit(text) {
		since, known := introduced[key]
		if !known && !slices.Contains(old, key) {
			problems = append(problems, key+": unknown: add the version of systemd that introduced it")
		}
		for _, value := range values {
			since = max(since, introduced[key+"="+value])
		}
		if since > version {
			problems = append(problems, fmt.Sprintf("%s: systemd %d introduced it", key, since))
		}
	}
	return problems
}

// TestSystemdOfTheDocuments compares the units with the oldest version that the documents name.
func TestSystemdOfTheDocuments(t *testing.T) {
	for file, pattern := range map[string]string{"../../docs/install.md": `systemd (\d+) or newer`, "../../docs/zh-CN/install.md": `systemd (\d+) 或更新版本`} {
		m := regexp.MustCompile(pattern).FindStringSubmatch(readFile(t, file))
		if m == nil {
			t.Errorf("%s does not say which systemd is needed", file)
			continue
		}
		version, _ := strconv.Atoi(m[1])
		for _, unit := range []string{unitFile, "tuilivekit-exporter.socket", "socket.conf"} {
			for _, problem := range tooNew(readFile(t, unit), version) {
				t.Errorf("%s says systemd %d; %s: %s", file, version, unit, problem)
			}
		}
	}
}

func TestTooNew(t *testing.T) {
	unit := readFile(t, unitFile)
	for _, tt := range []struct {
		name, text, want string
		version          int
	}{
		{"an older systemd", unit, "ProtectProc: systemd 247 introduced it", 246},
		{"an older systemd, by a value", "ProtectSystem=strict\n", "ProtectSystem: systemd 232 introduced it", 231},
		{"a setting that is not in the table", unit + "ProcSubset=pid\n", "ProcSubset: unknown: add the version of systemd that introduced it", 247},
	} {
		t.Run(tt.name, func(t *testing.T) {
			if got := strings.Join(tooNew(tt.text, tt.version), "; "); got != tt.want {
				t.Errorf("got %q, want %q", got, tt.want)
			}
		})
	}
}
