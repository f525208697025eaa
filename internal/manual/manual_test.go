package manual

import "testing"

func TestParse(t *testing.T) {
	serve := Read(t, "../..")["serve"]
	for _, tt := range []struct {
		name       string
		args       []string
		flag, want string // of the values
	}{
		{"the default of a text", nil, "webhook.path", "/callback"},
		{"the default of a duration", nil, "shutdown.timeout", "10s"},
		{"a placeholder is no default", nil, "config.file", ""},
		{"a switch that is off", nil, "config.auto-reload", ""},
		{"a switch", []string{"--config.auto-reload"}, "config.auto-reload", "true"},
		{"a switch that is set to off", []string{"--config.auto-reload", "--no-config.auto-reload"}, "config.auto-reload", ""},
		{"a value", []string{"--shutdown.delay=5s"}, "shutdown.delay", "5s"},
		{"an empty value", []string{"--storage.path="}, "storage.path", ""},
		{"a word of the help", []string{"--log.format=json"}, "log.format", "json"},
	} {
		t.Run(tt.name, func(t *testing.T) {
			got, err := serve.Parse(tt.args...)
			if err != nil || got[tt.flag] != tt.want {
				t.Errorf("got %q (%v), want %q", got[tt.flag], err, tt.want)
			}
		})
	}
	for _, arg := range []string{
		"--log.fromat=json", "--log.format=xml", "--log.format", "-log.format=json", "serve", "--shutdown.delay=5",
		"--webhook.max-requests=many", "--webhook.max-body-bytes=1", "--config.auto-reload=yes", "--no-config.file",
	} {
		if _, err := serve.Parse(arg); err == nil {
			t.Errorf("%s: no error", arg)
		}
	}
	if got := serve["web.systemd-socket"].Variable; got != "TUILIVEKIT_EXPORTER_WEB_SYSTEMD_SOCKET" {
		t.Errorf("got variable %q", got)
	}
}
