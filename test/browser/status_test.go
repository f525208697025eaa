package browser

import (
	"fmt"
	"strings"
	"testing"
	"time"
)

const demo = "1400000001"

func TestPageShowsTheSampleAndFollows(t *testing.T) {
	s, tb := start(t, map[string]string{demo: "demo"}), open(t)
	tb.load(s.Web)
	if got := eval[string](tb, `document.querySelector(".hello h2").textContent`); got != "No callback yet" {
		t.Errorf("before the first callback: got %q", got)
	}
	send(t, s, demo) // the documented sample with the current time
	tb.wait(text(demo, ".current"), "400")
	for selector, want := range map[string]string{".max": "500", ".estimate": "400", ".percent": "80\u202f%", ".level": "near limit", ".pill": "fresh", ".events": "1", ".name": "demo", ".id": demo, ".command": "Threshold event"} {
		if got := eval[string](tb, text(demo, selector)); got != want {
			t.Errorf("%s: got %q, want %q", selector, got, want)
		}
	}
	bar := eval[float64](tb, `(b => b.querySelector(".fill").getBoundingClientRect().width / b.querySelector(".track").getBoundingClientRect().width)(document.querySelector(".bar"))`)
	if bar < 0.79 || bar > 0.81 {
		t.Errorf("the bar is filled by %v", bar)
	}
	if eval[bool](tb, `!!document.querySelector(".hello")`) {
		t.Error("the advice for the first callback is still shown")
	}
	send(t, s, demo, "--current=450")
	send(t, s, demo, "--command=Live.CallbackAfterDestroyRoom")
	tb.wait(text(demo, ".current"), "450") // the page refreshes itself
	tb.wait(text(demo, ".estimate"), "449")
	tb.mu.Lock()
	defer tb.mu.Unlock()
	if tb.loads < 3 {
		t.Errorf("the page was loaded %d times, want at least 3 by its refresh", tb.loads)
	}
}

func TestPageSurvivesHostileNames(t *testing.T) {
	names := map[string]string{
		"1": `<script>window.hacked=1</script><img src=x onerror="window.hacked=1">`,
		"2": `"' onmouseover='window.hacked=1' x="`,
		"3": "\u202eزاوية الغرف\u202e \u2067עברית",
		"4": "🎤👨‍👩‍👧‍👦 卡拉OK e\u0301",
		"5": strings.Repeat("W", 200),
		"6": `{{.Name}} ${window.hacked=1} &lt;b&gt; --></style><style>*{display:none}`,
		"7": `javascript:window.hacked=1`,
	}
	s, tb := start(t, names, "--app.allow-unsigned"), open(t)
	for id := range names {
		event(t, s, id, 80, 100)
	}
	for _, width := range []int64{1280, 400} {
		tb.size(width, 900)
		tb.load(s.Web + "/?refresh=off")
		for id, name := range names {
			if got := eval[string](tb, text(id, ".name")); got != name {
				t.Errorf("name %s: got %q, want %q", id, got, name)
			}
			if got := eval[string](tb, text(id, ".current")); got != "80" {
				t.Errorf("rooms of %s: got %q", id, got)
			}
		}
		if eval[bool](tb, `"hacked" in window`) {
			t.Error("a name ran as a script")
		}
		if n := eval[int](tb, `document.querySelectorAll("script, img, [onmouseover], [onerror]").length`); n > 0 {
			t.Errorf("%d elements are made by names", n)
		}
		if wide := eval[int64](tb, `document.documentElement.scrollWidth`); wide > width {
			t.Errorf("the page is %d pixels wide in a window of %d", wide, width)
		}
		// A name that is written from right to left must not change the order of other text.
		if !eval[bool](tb, `[...document.querySelectorAll(".id")].every(e => getComputedStyle(e).direction == "ltr" && e.getBoundingClientRect().left == document.querySelector(".id").getBoundingClientRect().left)`) {
			t.Error("an id is at another position than the other ids")
		}
	}
}

// contrast returns the lowest contrast of text on the page by the formula of WCAG 2, and its place.
// WCAG 2 requires 4.5.
const contrast = `(() => {
  const parse = c => c.match(/[\d.]+/g).map(Number);
  const light = c => { const [r, g, b] = c.slice(0, 3).map(v => (v /= 255) <= .03928 ? v / 12.92 : ((v + .055) / 1.055) ** 2.4); return .2126 * r + .7152 * g + .0722 * b };
  const behind = e => { for (; e; e = e.parentElement) { const c = parse(getComputedStyle(e).backgroundColor); if (c.length < 4 || c[3] > 0) return c } return [255, 255, 255] };
  let least = [99, ""];
  const walk = document.createTreeWalker(document.body, NodeFilter.SHOW_TEXT);
  while (walk.nextNode()) {
    const e = walk.currentNode.parentElement;
    if (!walk.currentNode.textContent.trim() || e.closest("svg")) continue;
    const back = behind(e), alpha = +getComputedStyle(e).opacity;
    const text = parse(getComputedStyle(e).color).slice(0, 3).map((v, i) => v * alpha + back[i] * (1 - alpha));
    const [a, b] = [light(text), light(back)];
    const ratio = (Math.max(a, b) + .05) / (Math.min(a, b) + .05);
    if (ratio < least[0]) least = [ratio, e.className + ": " + walk.currentNode.textContent.trim()];
  }
  return least[0].toFixed(2) + " " + least[1];
})()`

func TestPageInLightAndDark(t *testing.T) {
	apps := map[string]string{demo: "demo", "1400000002": "quiet"}
	backgrounds := map[string]bool{}
	tb := open(t)
	for _, flags := range [][]string{nil, {"--state.stale-after=1ms", "--storage.path=", "--app.allow-unsigned"}} {
		s := start(t, apps, flags...)
		send(t, s, demo)
		if err := s.Send(t.Context(), demo, "--late=2m"); err == nil {
			t.Fatal("a callback with an old signature is accepted")
		}
		for _, scheme := range []string{"light", "dark"} {
			tb.scheme(scheme)
			tb.load(s.Web + "/?refresh=off")
			backgrounds[eval[string](tb, `getComputedStyle(document.body).backgroundColor`)] = true
			least := eval[string](tb, contrast)
			var ratio float64
			if _, err := fmt.Sscan(least, &ratio); err != nil || ratio < 4.5 {
				t.Errorf("%s: text with a contrast of %s", scheme, least)
			}
		}
	}
	if len(backgrounds) != 2 {
		t.Errorf("light and dark are %v", backgrounds)
	}
}

func TestPageOfAThousandApplications(t *testing.T) {
	apps := map[string]string{}
	for i := range 1000 {
		apps[fmt.Sprint(1400000000+i)] = fmt.Sprintf("application %d", i)
	}
	s, tb := start(t, apps, "--app.allow-unsigned"), open(t)
	for i := range 300 {
		event(t, s, fmt.Sprint(1400000000+i), 700+i, 1000)
	}
	load := func(web string) time.Duration {
		begin := time.Now()
		tb.load(web + "/?refresh=off")
		return time.Since(begin)
	}
	// The first page has 200 rows: a tenth of a thousand pages of one row is too much.
	single, limit, ratio := start(t, map[string]string{"1": "single"}, "--app.allow-unsigned"), 100., 1000.
	for tries := 0; tries < 5 && ratio > limit; tries++ {
		one := load(single.Web)
		all := load(s.Web)
		ratio = min(ratio, float64(all)/float64(one))
		t.Logf("loaded in %s, a page of one application in %s", all, one)
	}
	if ratio > limit {
		t.Errorf("it takes %.0f times as long as a page of one application, want at most %.0f", ratio, limit)
	}
	if got := eval[int](tb, `document.querySelectorAll("tr[data-app]").length`); got != 200 {
		t.Errorf("%d rows", got)
	}
	if got := eval[string](tb, `document.querySelector("tr[data-app] .name").textContent`); got != "application 299" {
		t.Errorf("the first application is %q", got)
	}
	if got := eval[string](tb, `[...document.querySelectorAll(".list span")].map(e => e.textContent).join(", ")`); got != "100 critical, 100 near limit, 100 notice, 700 without an event" {
		t.Errorf("the summary is %q", got)
	}
}

// overflow returns the text of the elements whose content is wider than they are. Commands scroll, and
// on a narrow page the heads of tables are only for screen readers; both are ignored.
const overflow = `[...document.querySelectorAll(".cards > div, .hello, header, table, form")].filter(box => [...box.querySelectorAll("*")].some(e => !e.closest("pre, thead") && e.getBoundingClientRect().right > box.getBoundingClientRect().right + 1)).map(e => e.textContent.trim().slice(0, 60)).join("|")`

func TestPageFitsItsWindow(t *testing.T) {
	s, tb := start(t, map[string]string{demo: "demo"}), open(t)
	for _, width := range []int64{320, 400, 800, 1280} {
		tb.size(width, 900)
		tb.load(s.Web + "/?refresh=off")
		if got := eval[string](tb, overflow); got != "" {
			t.Errorf("at %d pixels these overflow: %s", width, got)
		}
		if wide := eval[int64](tb, `document.documentElement.scrollWidth`); wide > width {
			t.Errorf("the page is %d pixels wide in a window of %d", wide, width)
		}
	}
}

// TestTablesFitThePage: in windows of all widths no table is wider than the page, or its right end
// is out of line, and in a narrow window out of sight.
func TestTablesFitThePage(t *testing.T) {
	s, tb := startPlayed(t), open(t)
	for _, width := range []int64{1600, 1360, 1240, 1100, 1030, 970, 700, 400} {
		for _, language := range []string{"en", "zh"} {
			tb.size(width, 900)
			tb.load(s.Web + "/?refresh=off&lang=" + language)
			eval[any](tb, `for (const e of document.querySelectorAll("td time")) e.textContent = e.textContent.replace(/\d+ (seconds?|minutes?)/, "59 $1")`)
			wide := eval[string](tb, `{ const end = document.querySelector("main").getBoundingClientRect().right;
				[...document.querySelectorAll("table")].filter(t => t.offsetParent && t.getBoundingClientRect().right > end + 1).map(t => t.className + " by " + (t.getBoundingClientRect().right - end)).join(", ") }`)
			if wide != "" {
				t.Errorf("%d pixels, %s: too wide: %s", width, language, wide)
			}
		}
	}
}

func TestRefusalsAreNearWithManyApplications(t *testing.T) {
	apps := map[string]string{}
	for i := range 200 {
		apps[fmt.Sprint(1400000000+i)] = fmt.Sprintf("application %d", i)
	}
	s, tb := start(t, apps, "--app.allow-unsigned"), open(t)
	event(t, s, "1400000007", 450, 500)
	tb.size(400, 900)
	tb.load(s.Web + "/?refresh=off")
	all := `[...document.querySelectorAll("tr[data-app]")].filter(e => e.checkVisibility()).map(e => e.dataset.app).join()`
	if got := eval[string](tb, all); got != "1400000007" {
		t.Errorf("the page shows %s", got)
	}
	if screens := eval[float64](tb, `document.querySelector("#refusals").getBoundingClientRect().top / innerHeight`); screens > 3 {
		t.Errorf("refusals are %.1f screens below the top", screens)
	}
	tb.load(s.Web + "/?refresh=off&q=application+19")
	if got := eval[string](tb, all); strings.Count(got, ",") != 10 {
		t.Errorf("the filtered page shows %s", got)
	}
}

// text returns the JavaScript expression of the text of an element in the row of an application.
func text(app, selector string) string {
	return fmt.Sprintf(`document.querySelector('[data-app="%s"] %s')?.textContent ?? ""`, app, selector)
}
