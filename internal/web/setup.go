package web

import (
	"net"
	"net/netip"
	"net/url"
	"regexp"
	"slices"
	"strings"

	"github.com/tuilivekit-exporter/tuilivekit-exporter/internal/tuilivekit"
)

// publicURL returns the callback URL to enter in Tencent's console, and a note about its source.
// host is the host of the request for the page.
func (p *page) publicURL(host string) (text, note string) {
	t, c := p.Language.t, p.Callback
	switch c.Source {
	case CallbackURLConfigured:
		return c.Public, t("As --webhook.external-url says.")
	case CallbackURLCertificate:
		return c.Public, t("A guess, from the certificate of the webhook listener. Set --webhook.external-url to the URL that Tencent can reach.")
	}
	path := "/callback"
	if local, err := url.Parse(c.Local); err == nil && local.Path != "" {
		path = local.Path
	}
	if name := publicName(host); name != "" {
		return "https://" + name + path, t("A guess, from the address of this page: the balancer in front of the webhook listener may have another name. Set --webhook.external-url to the URL that Tencent can reach.")
	}
	return "https://CALLBACK-HOST" + path, t("The host is not known: enter the name at which Tencent reaches the webhook listener by HTTPS, and set --webhook.external-url to this URL.")
}

// publicName returns the name in the host of a request if it may be a public DNS name, else "".
func publicName(host string) string {
	name := host
	if h, _, err := net.SplitHostPort(host); err == nil {
		name = h
	}
	name = strings.ToLower(strings.TrimSuffix(name, "."))
	if _, err := netip.ParseAddr(strings.Trim(name, "[]")); err == nil || !plainName.MatchString(name) {
		return ""
	}
	for _, private := range []string{".local", ".internal", ".lan", ".localhost", ".svc", ".test", ".home.arpa"} {
		if strings.HasSuffix(name, private) {
			return ""
		}
	}
	return name
}

var plainName = regexp.MustCompile(`^[a-z0-9-]+(\.[a-z0-9-]+)+$`)

// sendCommand returns the command that acts as Tencent towards this exporter.
func (p *page) sendCommand() string {
	command := "tuilivekit-exporter send"
	if p.Callback.Local != "" {
		command += " --url " + quote(p.Callback.Local)
	}
	if len(p.Applications) == 0 {
		return command
	}
	app := p.Applications[0]
	if app.AllowUnsigned {
		return command + " --app " + app.ID + " --unsigned"
	}
	return command + " --app " + app.ID + " --token-file TOKEN-FILE"
}

// doctorFlags are the flags of serve that doctor needs too.
var doctorFlags = []string{"storage.path", "webhook.allowed-sources"}

// doctorCommand returns the command that checks this exporter.
func (p *page) doctorCommand() string {
	file := p.Configuration.File
	if file == "" {
		file = "CONFIG-FILE"
	}
	command := "tuilivekit-exporter doctor --config.file=" + quote(file) + " --url=" + quote(p.PublicURL)
	for _, f := range p.Configuration.Flags {
		if f.Changed && slices.Contains(doctorFlags, f.Name) {
			command += " --" + f.Name + "=" + quote(f.Value)
		}
	}
	return command
}

var needsNoQuotes = regexp.MustCompile(`^[A-Za-z0-9_./:,@%+=-]+$`)

// quote returns text as one word of a POSIX shell.
func quote(text string) string {
	if needsNoQuotes.MatchString(text) {
		return text
	}
	return "'" + strings.ReplaceAll(text, "'", `'\''`) + "'"
}

// document returns the address of a document: of its Chinese translation if the language is
// Chinese and there is a translation.
func (l language) document(name string) string {
	if l == chinese && slices.Contains(translatedDocuments, name) {
		return documents + "zh-CN/" + name
	}
	return documents + name
}

// translatedDocuments are the documents in docs/zh-CN.
var translatedDocuments = []string{"alerting.md", "install.md", "numbers.md", "runbooks.md", "tencent.md"}

// check is an entry of the setup checklist.
type check struct{ Class, State, What, Note string }

// checks returns the setup checklist of an application, from its callbacks since the start.
func (l language) checks(a *AppStatus) []check {
	seen := func(command tuilivekit.Command, what, note string) check {
		for _, c := range a.Callbacks {
			if c.Command == command.String() {
				return check{"good", l.ago(c.LastAgeSeconds), what, ""}
			}
		}
		return check{"calm", l.t("not yet"), what, note}
	}
	list := []check{{"calm", l.t("not yet"), l.t("Any callback"), ""}}
	if len(a.Callbacks) > 0 {
		list[0] = check{"good", l.ago(a.Callbacks[0].LastAgeSeconds), l.t("Any callback"), ""}
	}
	list = append(list,
		seen(tuilivekit.RoomThreshold, l.t("creating a room reaches the 70 % alert"), l.t("Below 70 % of the limit this is normal.")),
		seen(tuilivekit.RoomCreated, l.t("after a room was created"), l.t("Without it, rooms are not known below 70 %.")),
		seen(tuilivekit.RoomDestroyed, l.t("after a room was destroyed"), l.t("Without it, an alert ends late.")),
	)
	if a.AllowUnsigned {
		list = append(list, check{"warn", l.t("off"), l.t("Signatures"), l.t("Anyone who can reach the URL can set the counts.")})
	} else {
		list = append(list, check{"good", l.t("required"), l.t("Signatures"), ""})
	}
	test := check{"calm", l.t("not yet"), l.t("A self-test of doctor"), l.t("The command is below.")}
	if a.LastSelfTest != nil {
		test = check{"good", stamp(*a.LastSelfTest), l.t("A self-test of doctor"), ""}
	}
	return append(list, test)
}
