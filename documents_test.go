package repository_test

import (
	"io/fs"
	"net/url"
	"os"
	"path"
	"path/filepath"
	"regexp"
	"strings"
	"testing"
)

// ourRepository is the prefix of URLs of files of this repository in documents, rules and dashboards.
const ourRepository = "https://github.com/tuilivekit-exporter/tuilivekit-exporter/blob/main/"

// TestLinksLeadSomewhere follows each link of each document, rule and dashboard: the file is
// there, and so is the heading. Of links to other sites it checks only the form: a test that
// needs the Internet would fail for reasons that are not in the repository.
func TestLinksLeadSomewhere(t *testing.T) {
	links := 0
	for _, name := range filesOf(t, ".md", ".yaml", ".json", ".html", ".jsonnet", ".libsonnet") {
		text := readFile(t, name)
		var found []string
		if strings.HasSuffix(name, ".md") {
			found = markdownLinks(text)
		}
		for _, m := range regexp.MustCompile(regexp.QuoteMeta(ourRepository)+`[\w./#-]+`).FindAllString(text, -1) {
			found = append(found, strings.TrimRight(m, "."))
		}
		for _, link := range found {
			links++
			if problem := follow(t, name, link); problem != "" {
				t.Errorf("%s: %s: %s", name, link, problem)
			}
		}
	}
	if links < 100 {
		t.Errorf("only %d links found", links)
	}
}

// TestLinksAreFollowed breaks links.
func TestLinksAreFollowed(t *testing.T) {
	for _, tt := range []struct{ name, link, want string }{
		{"a file", "docs/relay.md", ""},
		{"a heading", "docs/relay.md#all-other-commands", ""},
		{"a heading of the same file", "#container", ""},
		{"a folder", "alerts", ""},
		{"another site", "https://prometheus.io/docs/", ""},
		{"the repository from outside", ourRepository + "docs/runbooks.md#tuilivekitpanics", ""},
		{"no such file", "docs/relays.md", "no such file"},
		{"no such heading", "docs/relay.md#all-commands", "no such heading"},
		{"no such heading here", "#containers", "no such heading"},
		{"without TLS", "http://prometheus.io/docs/", "not https"},
		{"no such heading from outside", ourRepository + "docs/runbooks.md#tuilivekitpanic", "no such heading"},
	} {
		if got := follow(t, "README.md", tt.link); got != tt.want {
			t.Errorf("%s: got %q, want %q", tt.name, got, tt.want)
		}
	}
}

// markdownLinks returns the targets of links and pictures outside code.
func markdownLinks(text string) (links []string) {
	text = withoutCode(text)
	for _, m := range regexp.MustCompile(`\]\(([^()\s]+)\)|(?m)^\[[^\]]+\]: (\S+)$|<(https?://[^>]+)>`).FindAllStringSubmatch(text, -1) {
		links = append(links, m[1]+m[2]+m[3])
	}
	return links
}

var (
	fence      = regexp.MustCompile("(?ms)^ *```.*?^ *```$")
	inlineCode = regexp.MustCompile("`[^`]*`")
	headings   = regexp.MustCompile(`(?m)^(#+) +(.*)$`)
)

func withoutCode(text string) string {
	return inlineCode.ReplaceAllString(fence.ReplaceAllString(text, ""), "")
}

// follow returns the problem of a link in the file name, "" if there is none.
func follow(t *testing.T, name, link string) string {
	u, err := url.Parse(link)
	if err != nil {
		return err.Error()
	}
	target := path.Join(path.Dir(name), u.Path)
	if inside, ok := strings.CutPrefix(link, ourRepository); ok {
		target, _, _ = strings.Cut(inside, "#")
	} else if u.Scheme != "" {
		if u.Scheme == "https" || u.Hostname() == "127.0.0.1" || u.Hostname() == "localhost" {
			return ""
		}
		return "not https"
	}
	if u.Path == "" && u.Host == "" {
		target = name
	}
	if _, err := os.Stat(filepath.FromSlash(target)); err != nil {
		return "no such file"
	}
	if u.Fragment == "" {
		return ""
	}
	for _, m := range headings.FindAllStringSubmatch(fence.ReplaceAllString(readFile(t, target), ""), -1) {
		if anchor(m[2]) == u.Fragment {
			return ""
		}
	}
	return "no such heading"
}

// anchor returns the fragment that GitHub makes of a heading.
func anchor(heading string) string {
	heading = strings.ToLower(strings.TrimSpace(heading))
	heading = regexp.MustCompile(`\[([^\]]*)\]\([^)]*\)`).ReplaceAllString(heading, "$1")
	heading = regexp.MustCompile(`[^\p{L}\p{N}\p{M} _-]`).ReplaceAllString(heading, "")
	return strings.ReplaceAll(heading, " ", "-")
}

// filesOf returns the files of the repository with one of the endings, in order.
func filesOf(t *testing.T, endings ...string) (names []string) {
	err := filepath.WalkDir(".", func(name string, d fs.DirEntry, err error) error {
		if err != nil {
			return err
		}
		rel := filepath.ToSlash(name)
		if d.IsDir() {
			if base := path.Base(rel); rel != "." && (strings.HasPrefix(base, ".") && base != ".github" || base == "testdata" || base == "bin" || base == "build" || base == "data" || base == "node_modules") {
				return filepath.SkipDir
			}
			return nil
		}
		for _, ending := range endings {
			if strings.HasSuffix(rel, ending) {
				names = append(names, rel)
			}
		}
		return nil
	})
	if err != nil {
		t.Fatal(err)
	}
	return names
}
