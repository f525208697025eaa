package doctor

import (
	"bytes"
	"flag"
	"os"
	"regexp"
	"strings"
	"testing"
	"time"
)

var update = flag.Bool("update", false, "write the generated document again")

const document = "../../docs/doctor.md"

// The outputs in the document are those of planted faults. Of all but the first one only the
// group is shown that has the fault.
func TestDocumentsOfDoctor(t *testing.T) {
	before, err := os.ReadFile(document)
	if err != nil {
		t.Fatal(err)
	}
	head, _, ok := strings.Cut(string(before), beginGenerated)
	if !ok {
		t.Fatalf("%s has no line %s", document, beginGenerated)
	}
	var b strings.Builder
	b.WriteString(head + beginGenerated + "\n")
	for i, name := range []string{
		"threshold command not enabled", "another token at Tencent", "certificate that has expired",
		"identifier that is no administrator", "Redis of the replicas that cannot be used", "warnings that go to nobody",
	} {
		page := stable(t, planted(t, name))
		if i > 0 {
			page = faultyGroup(page)
		}
		b.WriteString("\n### " + strings.ToUpper(name[:1]) + name[1:] + "\n\n```\n" + page + "```\n")
	}
	if b.String() == string(before) {
		return
	}
	if !*update {
		t.Fatalf("%s is not what the code says: run make docs\n%s", document, b.String()[len(head):])
	}
	if err := os.WriteFile(document, []byte(b.String()), 0o644); err != nil {
		t.Fatal(err)
	}
}

const beginGenerated = "<!-- From here on `make docs` writes. -->"

// planted returns the page of a fault.
func planted(t *testing.T, name string) string {
	w := newWorld(t)
	for _, f := range faults {
		if f.name == name {
			f.plant(w)
		}
	}
	if w.cert.after.Before(time.Now()) {
		w.cert.before, w.cert.after = time.Date(2025, 1, 1, 0, 0, 0, 0, time.UTC), time.Date(2025, 4, 1, 0, 0, 0, 0, time.UTC)
	}
	checks := w.run()
	if notPassed(checks) == "" {
		t.Fatalf("no fault %s", name)
	}
	var page bytes.Buffer
	if err := WriteText(&page, checks, Plain); err != nil {
		t.Fatal(err)
	}
	return strings.ReplaceAll(page.String(), w.o.StoragePath, "/var/lib/tuilivekit-exporter")
}

// stable replaces what is different each time.
func stable(t *testing.T, page string) string {
	for pattern, with := range map[string]string{
		`ready at http://127\.0\.0\.1:\d+`: "ready at http://127.0.0.1:19780",
		`127\.0\.0\.1:\d+ accepts`:         "adminapisgp.im.qcloud.com accepts",
		`differ by \d+s`:                   "differ by 0s",
		`on 20\d{6} `:                      "on 20260401 ",
	} {
		page = regexp.MustCompile(pattern).ReplaceAllString(page, with)
	}
	return page
}

// faultyGroup returns the first group that has a warning or a failure, and the last line.
func faultyGroup(page string) string {
	parts := strings.Split(strings.TrimSuffix(page, "\n"), "\n\n")
	for _, part := range parts {
		if strings.Contains(part, "\n  FAIL") || strings.Contains(part, "\n  WARN") {
			return part + "\n\n" + parts[len(parts)-1] + "\n"
		}
	}
	return page
}
