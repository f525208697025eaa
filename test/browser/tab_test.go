package browser

import (
	"context"
	"fmt"
	"net/http"
	"net/url"
	"os/exec"
	"path/filepath"
	"strings"
	"sync"
	"sync/atomic"
	"testing"
	"time"

	"github.com/chromedp/cdproto/emulation"
	"github.com/chromedp/cdproto/log"
	"github.com/chromedp/cdproto/network"
	"github.com/chromedp/cdproto/runtime"
	"github.com/chromedp/chromedp"

	"github.com/tuilivekit-exporter/tuilivekit-exporter/test/stack"
)

const patience = 2 * time.Minute

// tab is a tab in its own browser.
type tab struct {
	t   *testing.T
	ctx context.Context

	notFound atomic.Bool // documents have the status 404, else 200

	mu       sync.Mutex
	problems []string
	loads    int // documents that were loaded
}

// open starts a browser. The test fails at its end if the console had an error or a
// request failed.
func open(t *testing.T) *tab {
	t.Helper()
	bin, err := exec.LookPath("chromium")
	if err != nil {
		t.Fatal("chromium is missing: apt-get install chromium")
	}
	o := append(chromedp.DefaultExecAllocatorOptions[:], chromedp.ExecPath(bin), chromedp.NoSandbox, chromedp.DisableGPU,
		chromedp.UserDataDir(t.TempDir()), chromedp.Flag("disable-quic", true), chromedp.Flag("disable-component-update", true),
		chromedp.Flag("lang", "en-US"), chromedp.Flag("hide-scrollbars", true))
	ctx, stop := chromedp.NewExecAllocator(context.Background(), o...)
	ctx, stopTab := chromedp.NewContext(ctx)
	tb := &tab{t: t, ctx: ctx}
	t.Cleanup(func() {
		if err := chromedp.Cancel(ctx); err != nil { // waits until the browser has ended
			t.Logf("stop the browser: %v", err)
		}
		stopTab()
		stop()
		tb.mu.Lock()
		defer tb.mu.Unlock()
		for _, problem := range tb.problems {
			t.Errorf("problem in the browser: %s", problem)
		}
	})
	if err := chromedp.Listen(ctx, tb.heard); err != nil {
		t.Fatal(err)
	}
	tb.size(1280, 900)
	return tb
}

func (tb *tab) heard(event any) {
	problem := ""
	switch e := event.(type) {
	case *runtime.EventExceptionThrown:
		problem = "exception: " + e.ExceptionDetails.Text
	case *runtime.EventConsoleAPICalled:
		problem = fmt.Sprintf("console: %s", e.Type)
	case *log.EventEntryAdded:
		if !tb.notFound.Load() || !strings.Contains(e.Entry.Text, "status of 404") {
			problem = e.Entry.Text
		}
	case *network.EventLoadingFailed:
		problem = "not loaded: " + e.ErrorText
	case *network.EventResponseReceived:
		want := int64(http.StatusOK)
		if tb.notFound.Load() && e.Type == network.ResourceTypeDocument {
			want = http.StatusNotFound
		}
		if e.Response.Status != want {
			problem = fmt.Sprintf("status %d of %s, want %d", e.Response.Status, e.Response.URL, want)
		}
		if e.Type == network.ResourceTypeDocument {
			tb.mu.Lock()
			tb.loads++
			tb.mu.Unlock()
		}
	}
	if problem != "" {
		tb.mu.Lock()
		tb.problems = append(tb.problems, problem)
		tb.mu.Unlock()
	}
}

func (tb *tab) do(actions ...chromedp.Action[chromedp.Void]) {
	tb.t.Helper()
	ctx, cancel := context.WithTimeout(tb.ctx, patience)
	defer cancel()
	if err := chromedp.Do(ctx, actions...); err != nil {
		tb.t.Fatal(err)
	}
}

func (tb *tab) load(url string) {
	tb.t.Helper()
	tb.do(chromedp.Navigate(url))
}

func (tb *tab) size(width, height int64) {
	tb.t.Helper()
	tb.do(chromedp.EmulateViewport(width, height))
}

// scheme makes the browser prefer light or dark.
func (tb *tab) scheme(name string) {
	tb.t.Helper()
	_, err := chromedp.Call(tb.ctx, emulation.SetEmulatedMedia, emulation.SetEmulatedMediaParams{
		Features: []*emulation.MediaFeature{{Name: "prefers-color-scheme", Value: name}},
	})
	if err != nil {
		tb.t.Fatal(err)
	}
}

// eval returns the value of a JavaScript expression.
func eval[T any](tb *tab, expression string) T {
	tb.t.Helper()
	ctx, cancel := context.WithTimeout(tb.ctx, patience)
	defer cancel()
	v, err := chromedp.Run(ctx, chromedp.Evaluate[T](expression))
	if err != nil {
		tb.t.Fatalf("%s: %v", expression, err)
	}
	return v
}

// wait waits until expression is want. The page may refresh itself meanwhile.
func (tb *tab) wait(expression, want string) {
	tb.t.Helper()
	var got string
	for end := time.Now().Add(patience); time.Now().Before(end); time.Sleep(50 * time.Millisecond) {
		ctx, cancel := context.WithTimeout(tb.ctx, patience)
		v, err := chromedp.Run(ctx, chromedp.Evaluate[string](expression))
		cancel()
		if got = v; err == nil && got == want {
			return
		}
	}
	tb.t.Fatalf("%s is not %q in time; the last value is %q", expression, want, got)
}

// start starts an exporter with applications, whose IDs and names are apps.
func start(t *testing.T, apps map[string]string, flags ...string) *stack.Stack {
	t.Helper()
	root, err := filepath.Abs("../..")
	if err != nil {
		t.Fatal(err)
	}
	s, err := stack.StartAlone(t.Context(), stack.Options{Root: root, Dir: t.TempDir(), Apps: apps, Token: "token", Flags: flags})
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(s.Stop)
	return s
}

// send runs the command send, which acts as Tencent.
func send(t *testing.T, s *stack.Stack, app string, args ...string) {
	t.Helper()
	if err := s.Send(t.Context(), app, args...); err != nil {
		t.Fatal(err)
	}
}

// event sends an unsigned threshold event with the current time. It is faster than send.
func event(t *testing.T, s *stack.Stack, app string, current, limit int) {
	t.Helper()
	body := fmt.Sprintf(`{"CallbackCommand":"Live.CallbackAfterCreateRoomReachingThreshold","EventTime":%d,"CurRoomCount":%d,"MaxRoomCount":%d}`,
		time.Now().UnixMilli(), current, limit)
	resp, err := http.Post(s.Callback+"?SdkAppid="+url.QueryEscape(app), "application/json", strings.NewReader(body))
	if err != nil {
		t.Fatal(err)
	}
	resp.Body.Close()
	if resp.StatusCode != http.StatusOK {
		t.Fatal(resp.Status)
	}
}
