package browser

import (
	"fmt"
	"os"
	"os/exec"
	"strings"
	"testing"
)

// TestPageIsAccessible runs axe-core on each kind of page, in light and dark, wide and as on a phone,
// in both languages. There must be no violation.
func TestPageIsAccessible(t *testing.T) {
	script := axe(t)
	all, quiet, many := startPlayed(t), start(t, map[string]string{demo: "demo"}), map[string]string{}
	for i := range 200 {
		many[fmt.Sprint(1400000000+i)] = fmt.Sprintf("application %d", i)
	}
	crowd := start(t, many, "--app.allow-unsigned")
	for i := range 20 {
		event(t, crowd, fmt.Sprint(1400000000+i), 70+2*i, 100)
	}
	tb := open(t)
	for _, page := range []struct {
		name, url string
		notFound  bool
	}{
		{name: "everything that a page can show", url: all.Web + "/?"},
		{name: "one application", url: all.Web + "/?app=" + demo + "&"},
		{name: "no callback yet", url: quiet.Web + "/?"},
		{name: "200 applications", url: crowd.Web + "/?"},
		{name: "an application that is not configured (404)", url: all.Web + "/?app=999&", notFound: true},
	} {
		tb.notFound.Store(page.notFound)
		for _, language := range []string{"en", "zh"} {
			for _, scheme := range []string{"light", "dark"} {
				for _, width := range []int64{1280, 400} {
					tb.scheme(scheme)
					tb.size(width, 900)
					tb.load(page.url + "refresh=off&lang=" + language)
					eval[any](tb, `for (const d of document.querySelectorAll("details")) d.open = true`)
					if found := tb.violations(script); found != "" {
						t.Errorf("%s, %s, %s, %d pixels: %s", page.name, language, scheme, width, found)
					}
					if wide := eval[int64](tb, `document.documentElement.scrollWidth`); wide > width {
						t.Errorf("%s, %s: the page is %d pixels wide in a window of %d", page.name, language, wide, width)
					}
				}
			}
		}
	}
	// axe-core must find a violation.
	eval[any](tb, `document.querySelector("main").insertAdjacentHTML("beforeend", "<p><a href='#'></a></p>")`)
	if found := tb.violations(script); !strings.Contains(found, "link-name: ") {
		t.Errorf("axe does not find a link without a name: %q", found)
	}
}

// axe returns the script of axe-core.
func axe(t *testing.T) string {
	t.Helper()
	command := exec.Command("../../scripts/axe")
	command.Stderr = os.Stderr
	path, err := command.Output()
	if err != nil {
		t.Fatalf("scripts/axe: %v", err)
	}
	script, err := os.ReadFile(strings.TrimSpace(string(path)))
	if err != nil {
		t.Fatal(err)
	}
	return string(script)
}

// violations runs all rules of axe-core on the loaded page and returns the violations: the rule, its
// help, and the first element.
func (tb *tab) violations(script string) string {
	tb.t.Helper()
	eval[any](tb, script+"\n;0")
	eval[string](tb, `window.found = ""; axe.run().then(r => window.found = r.passes.length + " passes" + r.violations.map(v => "\n" + v.id + ": " + v.help + ": " + v.nodes.length + " times: " + v.nodes[0].html.slice(0, 200) + " " + v.nodes[0].failureSummary).join(""), e => window.found = "0 passes\n" + e)`+`; ""`)
	tb.wait(`window.found == "" ? "waiting" : "done"`, "done")
	head, found, _ := strings.Cut(eval[string](tb, `window.found`), "\n")
	passes := 0
	if _, err := fmt.Sscan(head, &passes); err != nil || passes < 20 {
		tb.t.Fatalf("axe has checked too little: %s %s", head, found)
	}
	return found
}
