package attack_test

import (
	"bytes"
	"compress/gzip"
	"context"
	"crypto/tls"
	"encoding/json"
	"fmt"
	"io"
	"net"
	"net/http"
	"strings"
	"sync"
	"sync/atomic"
	"testing"
	"time"

	"github.com/tuilivekit-exporter/tuilivekit-exporter/internal/late"
)

// attack is one kind of attack. run returns the number of attempts and a note for the log.
type attack struct {
	name   string
	atMost time.Duration
	run    func(ctx context.Context, e *exporter) (cases int, note string)
}

var attacks = []attack{
	{"slow headers", 7 * time.Second, slowHeaders},
	{"slow bodies of strangers", 3 * time.Second, slowBodiesOfStrangers},
	{"slow bodies, signed", 3 * time.Second, slowBodiesSigned},
	{"2,000 idle connections", 4 * time.Second, idleConnections},
	{"a flood of connections from the good client's address", 3 * time.Second, floodOfConnections},
	{"pipelining", 4 * time.Second, pipelining},
	{"request smuggling", 4 * time.Second, smuggling},
	{"gzip bodies", 4 * time.Second, gzipBodies},
	{"10,000 unknown applications", 10 * time.Second, unknownApplications},
	{"wrong signatures from one address", 4 * time.Second, wrongSignatures},
	{"a storm of scrapes", 4 * time.Second, stormOfScrapes},
	{"log injection", 4 * time.Second, logInjection},
	{"HTTP/2 on the webhook listener", 3 * time.Second, http2OnWebhook},
	{"HTTP/2 rapid reset on the web listener", 5 * time.Second, rapidResetOnWeb},
	{"HTTP/2 continuations on the web listener", 5 * time.Second, continuationsOnWeb},
}

func TestAttacks(t *testing.T) {
	e := startExporter(t, 0, "") // no storage: a slow disk would look like a successful attack
	client := newGood(e)
	during := func(d time.Duration, f func(context.Context)) {
		ctx, cancel := context.WithTimeout(context.Background(), d)
		defer cancel()
		attacker := make(chan struct{})
		go func() { defer close(attacker); f(ctx); cancel() }()
		client.run(ctx)
		<-attacker
	}
	rest := func(ctx context.Context) { <-ctx.Done() }
	during(time.Second, rest) // warm-up
	e.collectGarbage()
	watch := late.NewWatch(t)
	before, least, total := e.mustScrape(), e.atRest(), 0
	var report strings.Builder
	for _, a := range attacks {
		t.Run(a.name, func(t *testing.T) {
			during(time.Second, rest)
			base := client.p99()
			start := time.Now()
			var cases int
			var note string
			target := *e
			target.T = t
			during(a.atMost, func(ctx context.Context) {
				// Enough requests for a percentile, and the attack ends before its deadline.
				for again := true; again; again = time.Since(start) < min(1500*time.Millisecond, a.atMost/3) {
					var more int
					more, note = a.run(ctx, &target)
					cases += more
				}
			})
			total += cases
			took := time.Since(start).Seconds()
			if client.lost > 0 || client.freshLost*50 > len(client.fresh) || len(client.kept) == 0 || client.scrapeLost > 0 {
				t.Errorf("the good client: %s; %d scrapes lost; %v", client, client.scrapeLost, client.problems)
			}
			if p99 := client.p99(); p99 > watch.Limit(time.Second) {
				t.Errorf("p99 of the good client is %s, and was %s", p99, base)
			}
			left := settle(t, e, before, least)
			fmt.Fprintf(&report, "%-54s %6d cases %5.1f s  p99 alone %8s  %s  %s; then %s\n", a.name, cases, took, base, client, note, left)
		})
	}
	t.Logf("%d attacks, %d cases\n%s", len(attacks), total, report.String())
	after := e.mustScrape()
	for name := range after {
		if _, ok := before[name]; !ok && strings.HasPrefix(name, "tuilivekit_") && !strings.Contains(name, "token_last_used") && !strings.Contains(name, `sdk_app_id="`+victim+`"`) {
			t.Errorf("the attack has added the series %s", name)
		}
	}
	if got := after["tuilivekit_webhook_panics_total"]; got != 0 {
		t.Errorf("%v panics", got)
	}
	if got, ok := after[`tuilivekit_current_rooms{sdk_app_id="`+victim+`"}`]; ok && got != 100 {
		t.Errorf("a smuggled request was counted: %v rooms", got)
	}
	checkLog(t, e.log.lines())
}

// TestFewOpenFiles opens more connections than the limit of open files allows. The exporter must keep
// some files for scrapes and for the storage.
func TestFewOpenFiles(t *testing.T) {
	const files = 160
	e := startExporter(t, files, t.TempDir())
	client := newGood(e)
	ctx, cancel := context.WithTimeout(context.Background(), 2*time.Second)
	defer cancel()
	attackers := make(chan struct{})
	go func() {
		defer close(attackers)
		time.Sleep(200 * time.Millisecond) // the exporter knows the good client by then
		each(ctx, 1500, 4, func(i int) {
			if conn := e.dialFrom(ctx, i%40); conn != nil {
				context.AfterFunc(ctx, func() { conn.Close() })
			}
		})
		<-ctx.Done()
	}()
	client.run(ctx)
	<-attackers
	now := e.mustScrape()
	if client.lost > 0 || len(client.kept) == 0 || client.scrapeLost > 0 || now["tuilivekit_exporter_storage_degraded"] != 0 || now["process_max_fds"] != files {
		t.Errorf("the good client: %s; %d scrapes lost, %v; %v files at most", client, client.scrapeLost, client.problems, now["process_max_fds"])
	}
	if refusals(now, "connections") < 1000 {
		t.Errorf("%v connections were closed, want 1000 or more", refusals(now, "connections"))
	}
	if !strings.Contains(strings.Join(e.log.lines(), "\n"), "raise its limit of open files") {
		t.Error("no log line says that the limit should be raised")
	}
	t.Logf("%s; %v connections closed", client, refusals(now, "connections"))
}

// settle waits until the exporter has no more goroutines and open files than least, the numbers at rest,
// and checks that its memory has grown little. It returns what the exporter has.
func settle(t *testing.T, e *exporter, before map[string]float64, least held) string {
	t.Helper()
	const heap, memory = "go_memstats_alloc_bytes", "process_resident_memory_bytes"
	e.scraper.CloseIdleConnections() // after an attack that scrapes, it has two idle connections
	left := e.holds()
	for late := time.Now().Add(time.Minute); left.goroutines > least.goroutines || left.files > least.files; left = e.holds() {
		if time.Now().After(late) {
			t.Errorf("%d goroutines and %d files are left, of %d and %d at rest\n%s", left.goroutines, left.files, least.goroutines, least.files, left.stacks)
			break
		}
		time.Sleep(50 * time.Millisecond)
	}
	e.collectGarbage()
	e.collectGarbage() // a sync.Pool is empty after two collections
	now := e.mustScrape()
	// If a connection of HTTP/2 ends with open streams, net/http keeps its memory until the idle time-out.
	if grown := now[heap] - before[heap]; grown > 16<<20 {
		t.Errorf("the heap has grown by %.0f MiB", grown/(1<<20))
	}
	if now[memory] > 128<<20 {
		t.Errorf("%.0f MiB are resident", now[memory]/(1<<20))
	}
	return fmt.Sprintf("%d goroutines, %d files, heap %.1f MiB, resident %.1f MiB", left.goroutines, left.files, now[heap]/(1<<20), now[memory]/(1<<20))
}

// each runs f n times, atOnce at a time, until ctx ends. It returns how often f ran.
func each(ctx context.Context, n, atOnce int, f func(i int)) (done int) {
	var next, ran atomic.Int64
	var workers sync.WaitGroup
	for range atOnce {
		workers.Go(func() {
			for i := int(next.Add(1)) - 1; i < n && ctx.Err() == nil; i = int(next.Add(1)) - 1 {
				f(i)
				ran.Add(1)
			}
		})
	}
	workers.Wait()
	return int(ran.Load())
}

// drip writes one byte of text every interval, until ctx or the connection ends.
func drip(ctx context.Context, conn net.Conn, every time.Duration, text string) {
	tick := time.NewTicker(every)
	defer tick.Stop()
	for i := range len(text) {
		select {
		case <-ctx.Done():
			return
		case <-tick.C:
			if _, err := io.WriteString(conn, text[i:i+1]); err != nil {
				return
			}
		}
	}
}

func slowHeaders(ctx context.Context, e *exporter) (int, string) {
	const n = 300
	var longest atomic.Int64
	watch := late.NewWatch(e)
	cases := each(ctx, n, n, func(i int) {
		conn := e.dialFrom(ctx, i%6)
		if conn == nil {
			return
		}
		defer conn.Close()
		start := time.Now()
		closed, stop := context.WithCancel(ctx)
		go func() { io.Copy(io.Discard, conn); stop() }()
		drip(closed, conn, 100*time.Millisecond, "POST /callback?"+query(victim)+" HTTP/1.1\r\nX: "+strings.Repeat("a", 1000))
		stop()
		if took := int64(time.Since(start)); took > longest.Load() {
			longest.Store(took)
		}
	})
	if d := time.Duration(longest.Load()); d > watch.Limit(6*time.Second) {
		e.Errorf("a connection with slow headers was open for %s", d)
	}
	return cases, fmt.Sprintf("longest open %s", time.Duration(longest.Load()).Round(100*time.Millisecond))
}

func slowBody(ctx context.Context, e *exporter, i int, q string) []int {
	conn := e.dialFrom(ctx, i%6)
	if conn == nil {
		return nil
	}
	fmt.Fprintf(conn, "POST /callback?%s HTTP/1.1\r\nHost: x\r\nContent-Length: 1000\r\n\r\n", q)
	closed, stop := context.WithCancel(ctx)
	defer stop()
	go drip(closed, conn, 100*time.Millisecond, strings.Repeat(" ", 1000))
	return statuses(conn)
}

func slowBodiesOfStrangers(ctx context.Context, e *exporter) (int, string) {
	return tally(ctx, e, 600, 200, "401 429", func(i int) []int { return slowBody(ctx, e, i, "SdkAppid="+victim) })
}

func slowBodiesSigned(ctx context.Context, e *exporter) (int, string) {
	return tally(ctx, e, 200, 200, "408", func(i int) []int { return slowBody(ctx, e, i, query(victim)) })
}

// tally runs f and counts the statuses of the answers. A status that is not in want is an error.
func tally(ctx context.Context, e *exporter, n, atOnce int, want string, f func(i int) []int) (int, string) {
	var mu sync.Mutex
	by := map[int]int{}
	cases := each(ctx, n, atOnce, func(i int) {
		all := f(i)
		mu.Lock()
		defer mu.Unlock()
		for _, status := range all {
			by[status]++
		}
	})
	for status, n := range by {
		if !strings.Contains(want, fmt.Sprint(status)) {
			e.Errorf("%d answers of status %d, want %s", n, status, want)
		}
	}
	if len(by) == 0 {
		e.Error("nothing is answered")
	}
	return cases, fmt.Sprint(by)
}

func idleConnections(ctx context.Context, e *exporter) (int, string) {
	const n = 2000
	var mu sync.Mutex
	var conns []net.Conn
	cases := each(ctx, n, 16, func(i int) {
		if conn := e.dialFrom(ctx, i%40); conn != nil {
			mu.Lock()
			conns = append(conns, conn)
			mu.Unlock()
		}
	})
	files := e.mustScrape()["process_open_fds"]
	time.Sleep(500 * time.Millisecond)
	for _, conn := range conns {
		conn.Close()
	}
	if files > 1024+64 {
		e.Errorf("%v files are open", files)
	}
	if cases < n {
		e.Errorf("%d connections only", cases)
	}
	return cases, fmt.Sprintf("%.0f files open", files)
}

func floodOfConnections(ctx context.Context, e *exporter) (int, string) {
	cases := each(ctx, 4000, 4, func(int) {
		if conn, err := net.DialTimeout("tcp", e.webhook, time.Second); err == nil {
			time.AfterFunc(200*time.Millisecond, func() { conn.Close() })
		}
		time.Sleep(time.Millisecond)
	})
	time.Sleep(250 * time.Millisecond)
	return cases, fmt.Sprintf("%.0f closed", refusals(e.mustScrape(), "connections"))
}

func pipelining(ctx context.Context, e *exporter) (int, string) {
	const perConn = 200
	good := fmt.Sprintf("POST /callback?%s HTTP/1.1\r\nHost: x\r\nContent-Length: 2\r\n\r\n{}", query(victim))
	bad := strings.Replace(good, "Sign=", "Sign=0", 1)
	cases, note := tally(ctx, e, 40, 8, "200 401 429", func(i int) []int {
		conn := e.dialFrom(ctx, i%6)
		if conn == nil {
			return nil
		}
		go io.WriteString(conn, strings.Repeat([]string{good, bad}[i%2], perConn)+"POST /callback HTTP/1.1\r\nConnection: close\r\n\r\n")
		all := statuses(conn)
		if i%2 == 0 && (len(all) != perConn+1 || all[perConn] != 400) || i%2 == 1 && len(all) > 1 {
			e.Errorf("%d answers on connection %d", len(all), i%2)
		}
		return all[:min(len(all), perConn)]
	})
	return cases * perConn, note
}

// smuggling tries request smuggling (RFC 9112, section 11.2): two parsers can read different requests.
// Each one hides a second request, which has a valid signature and reports 999 rooms.
func smuggling(ctx context.Context, e *exporter) (int, string) {
	hidden := func() string {
		body := event(999, time.Now().UnixMilli())
		return fmt.Sprintf("POST /callback?%s HTTP/1.1\r\nHost: x\r\nContent-Length: %d\r\n\r\n%s", query(victim), len(body), body)
	}
	harmless := event(100, 1739966441121)
	both := func(length int, te, chunks string) string {
		return fmt.Sprintf("Content-Length: %d\r\n%s\r\n\r\n%s", length, te, chunks)
	}
	chunk := fmt.Sprintf("%x\r\n%s\r\n0\r\n\r\n", len(harmless), harmless)
	shapes := []string{
		both(4096, "Transfer-Encoding: chunked", chunk),
		both(4096, "transfer-encoding: CHUNKED", chunk),
		both(4, "Transfer-Encoding: xchunked", chunk),
		both(4, "Transfer-Encoding : chunked", chunk),
		both(4, "Transfer-Encoding:\vchunked", chunk),
		both(4, "Transfer-Encoding: chunked\r\nTransfer-Encoding: x", chunk),
		both(4, "Transfer-Encoding: x, chunked", chunk),
		both(4, "Transfer-Encoding: chunked, identity", chunk),
		both(4, " Transfer-Encoding: chunked", chunk),
		both(4, "X: y\nTransfer-Encoding: chunked", chunk),
		both(4, "Transfer-Encoding\n : chunked", chunk),
		both(4, "Content-Length: 4096", "{}  "),
		"Content-Length: 4, 4096\r\n\r\n{}  ",
		"Content-Length: +4\r\n\r\n{}  ",
		"Content-Length: 0x4\r\n\r\n{}  ",
		"Content-Length: 4 \x00\r\n\r\n{}  ",
		"Transfer-Encoding: chunked\r\n\r\n" + fmt.Sprintf("%x;a=\"\n\"\r\n%s\r\n0\r\n\r\n", len(harmless), harmless),
		"Transfer-Encoding: chunked\r\n\r\n" + fmt.Sprintf("0x%x\r\n%s\r\n0\r\n\r\n", len(harmless), harmless),
		"Transfer-Encoding: chunked\r\n\r\n" + fmt.Sprintf("-%x\r\n%s\r\n0\r\n\r\n", len(harmless), harmless),
		"Transfer-Encoding: chunked\r\n\r\n" + fmt.Sprintf("%x\n%s\n0\n\n", len(harmless), harmless),
		"Transfer-Encoding: chunked\r\n\r\n" + fmt.Sprintf("1%017x\r\n%s\r\n0\r\n\r\n", len(harmless), harmless),
		"Transfer-Encoding: chunked\r\n\r\n" + fmt.Sprintf("%x\r\n%s\r\n0\r\nContent-Length: 4096\r\n\r\n", len(harmless), harmless),
		"Expect: 100-continue\r\nContent-Length: 4096\r\nTransfer-Encoding: chunked\r\n\r\n" + chunk,
		"Upgrade: h2c\r\nConnection: Upgrade, HTTP2-Settings\r\nHTTP2-Settings: AAMAAABk\r\nTransfer-Encoding: chunked\r\n\r\n" + chunk,
	}
	var through atomic.Int64
	cases := each(ctx, len(shapes), 4, func(i int) {
		conn := e.dialFrom(ctx, i%6)
		if conn == nil {
			e.Error("no connection")
			return
		}
		io.WriteString(conn, "POST /callback?"+query(victim)+" HTTP/1.1\r\nHost: x\r\n"+shapes[i]+hidden())
		conn.(*net.TCPConn).CloseWrite()
		all := statuses(conn)
		accepted := 0
		for _, status := range all {
			if status == 200 {
				accepted++
			}
		}
		if accepted > 1 || len(all) > 2 {
			e.Errorf("answers %v to\n%q", all, shapes[i])
		}
		through.Add(int64(accepted))
	})
	if rooms := e.mustScrape()[`tuilivekit_current_rooms{sdk_app_id="`+victim+`"}`]; rooms == 999 {
		e.Error("a hidden request was taken")
	}
	return cases, fmt.Sprintf("%d taken for one request, none for two", through.Load())
}

func gzipBodies(ctx context.Context, e *exporter) (int, string) {
	var bomb bytes.Buffer
	w := gzip.NewWriter(&bomb)
	w.Write(make([]byte, 64<<20))
	w.Close()
	return tally(ctx, e, 400, 16, "415", func(i int) []int {
		conn := e.dialFrom(ctx, i%6)
		if conn == nil {
			return nil
		}
		go func() {
			fmt.Fprintf(conn, "POST /callback?%s HTTP/1.1\r\nHost: x\r\nContent-Encoding: gzip\r\nContent-Length: %d\r\nConnection: close\r\n\r\n", query(victim), bomb.Len())
			conn.Write(bomb.Bytes())
		}()
		return statuses(conn)
	})
}

func unknownApplications(ctx context.Context, e *exporter) (int, string) {
	before := e.mustScrape()
	const n = 10000
	cases, note := tally(ctx, e, n, 16, "403 429", func(i int) []int {
		conn := e.dialFrom(ctx, i%100)
		if conn == nil {
			return nil
		}
		fmt.Fprintf(conn, "POST /callback?%s HTTP/1.1\r\nHost: x\r\nContent-Length: 2\r\n\r\n{}", query(fmt.Sprint(2000000000+i)))
		return statuses(conn)
	})
	after := e.mustScrape()
	if cases < n {
		e.Errorf("%d of %d were sent", cases, n)
	}
	if len(after) != len(before) {
		e.Errorf("%d series, and %d before", len(after), len(before))
	}
	const memory = "process_resident_memory_bytes"
	return cases, fmt.Sprintf("%s; %d series before and after; resident %.1f and %.1f MiB", note, len(after), before[memory]/(1<<20), after[memory]/(1<<20))
}

func wrongSignatures(ctx context.Context, e *exporter) (int, string) {
	before := refusals(e.mustScrape(), "rate")
	cases, note := tally(ctx, e, 8000, 16, "401 429", func(int) []int {
		conn := e.dialFrom(ctx, 1999)
		if conn == nil {
			return nil
		}
		fmt.Fprintf(conn, "POST /callback?SdkAppid=%s&Sign=%064d&RequestTime=%d HTTP/1.1\r\nHost: x\r\nContent-Length: 2\r\n\r\n{}", app, 0, time.Now().Unix())
		return statuses(conn)
	})
	if refusals(e.mustScrape(), "rate") == before {
		e.Error("nobody was told to wait")
	}
	return cases, note
}

func stormOfScrapes(ctx context.Context, e *exporter) (int, string) {
	var mu sync.Mutex
	by := map[int]int{}
	scrapers := &http.Client{Timeout: 10 * time.Second, Transport: &http.Transport{TLSClientConfig: &tls.Config{RootCAs: e.roots}, MaxIdleConnsPerHost: 64}}
	defer scrapers.CloseIdleConnections()
	cases := each(ctx, 1000, 64, func(int) {
		resp, err := scrapers.Get("https://" + e.web + "/metrics")
		if err != nil {
			e.Error(err)
			return
		}
		io.Copy(io.Discard, resp.Body)
		resp.Body.Close()
		mu.Lock()
		defer mu.Unlock()
		by[resp.StatusCode]++
	})
	if by[http.StatusOK]+by[http.StatusServiceUnavailable] != cases {
		e.Errorf("answers %v", by)
	}
	return cases, fmt.Sprint(by)
}

var injections = []string{
	"1%0Alevel=error msg=owned", "1%0D%0A{\"level\":\"error\",\"msg\":\"owned\"}", "%1B[2J%1B[31mowned", "%00owned", "\",\"msg\":\"owned", "%22%2C%22msg%22%3A%22owned",
	"%E2%80%AEowned", "%C2%9B31mowned", "%FF%FEowned", "${jndi:ldap://127.0.0.1/owned}", "%3Cscript%3Eowned%3C/script%3E", strings.Repeat("owned", 1000), "%F0%9F%92%A9owned", "\\nowned", "%5Cu000aowned",
}

func logInjection(ctx context.Context, e *exporter) (int, string) {
	places := []string{
		"POST /callback?SdkAppid=%s HTTP/1.1\r\nHost: x\r\n",
		"POST /callback?SdkAppid=" + app + "&Sign=%s&RequestTime=1 HTTP/1.1\r\nHost: x\r\n",
		"POST /callback?SdkAppid=" + app + "&RequestTime=%s HTTP/1.1\r\nHost: x\r\n",
		"POST /callback?SdkAppid=1&CallbackCommand=%s HTTP/1.1\r\nHost: x\r\n",
		"POST /%s HTTP/1.1\r\nHost: x\r\n",
		"POST /callback HTTP/1.1\r\nHost: x\r\nUser-Agent: %s\r\nX-Forwarded-For: %[1]s\r\n",
		"%s /callback HTTP/1.1\r\nHost: x\r\n",
	}
	return tally(ctx, e, len(places)*len(injections), 8, "400 401 403 404 405 429", func(i int) []int {
		conn := e.dialFrom(ctx, 2000+i%6)
		if conn == nil {
			return nil
		}
		text := strings.ReplaceAll(injections[i%len(injections)], " ", "+")
		fmt.Fprintf(conn, places[i/len(injections)]+"Connection: close\r\n\r\n", text)
		return statuses(conn)
	})
}

func http2OnWebhook(ctx context.Context, e *exporter) (int, string) {
	return tally(ctx, e, 100, 8, "404", func(i int) []int {
		conn := e.dialFrom(ctx, i%6)
		if conn == nil {
			return nil
		}
		go func() {
			io.WriteString(conn, preface)
			conn.Write(frame(frameSettings, 0, 0, nil))
			for n := range 100 {
				id := uint32(2*n + 1)
				if i%2 == 0 {
					conn.Write(append(frame(frameHeaders, endHeaders|endStream, id, requestBlock()), frame(frameReset, 0, id, []byte{0, 0, 0, 8})...))
				} else if _, err := conn.Write(frame(frameContinuation, 0, 1, make([]byte, 16384))); err != nil {
					return
				}
			}
		}()
		return statuses(conn)
	})
}

func rapidResetOnWeb(ctx context.Context, e *exporter) (int, string) {
	var sent atomic.Int64
	each(ctx, 5, 5, func(int) { sent.Add(int64(e.rapidReset(ctx, 4000))) })
	return int(sent.Load()), "streams begun and reset on 5 connections"
}

func continuationsOnWeb(ctx context.Context, e *exporter) (int, string) {
	var sent atomic.Int64
	each(ctx, 5, 5, func(int) { sent.Add(int64(e.continuations(ctx, 5000))) })
	if sent.Load() >= 25000 {
		e.Error("the exporter reads headers without end")
	}
	return int(sent.Load()), "frames on 5 connections until they were closed"
}

// checkLog checks that the log is JSON, has no text from an attacker, and is short.
func checkLog(t *testing.T, lines []string) {
	t.Helper()
	by := map[string]int{}
	for _, line := range lines {
		var fields map[string]any
		if err := json.Unmarshal([]byte(line), &fields); err != nil {
			t.Errorf("a line of the log is not JSON: %v: %q", err, line)
			continue
		}
		if reason, ok := fields["reason"].(string); ok {
			by[reason]++
		}
		for _, r := range line {
			if r < ' ' || r == 0x7f || r >= 0x80 && r < 0xa0 || r == 0x202e {
				t.Errorf("a control character in %q", line)
			}
		}
		if fields["msg"] == "owned" || fields["level"] == "error" || strings.Contains(line, token) || strings.Contains(line, "Sign=") {
			t.Errorf("line %s", line)
		}
	}
	t.Logf("%d lines in the log, by reason %v", len(lines), by)
	if len(lines) > 400 {
		t.Errorf("%d lines in the log", len(lines))
	}
}
