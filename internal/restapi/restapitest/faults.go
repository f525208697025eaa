package restapitest

import (
	"bytes"
	"encoding/json"
	"io"
	"net/http"
	"strconv"
	"time"
)

// fault is what becomes of the next calls of a name, instead of their answer.
type fault struct {
	name  string // empty: all
	left  int    // how many calls; negative: all
	code  int
	serve func(http.ResponseWriter, *http.Request)
}

// nextFault takes the fault of a call, or returns nil.
func (a *API) nextFault(name string) *fault {
	for i := range a.faults {
		f := &a.faults[i]
		if f.left != 0 && (f.name == "" || f.name == name) {
			f.left--
			return f
		}
	}
	return nil
}

// Fail lets the next calls of a name, or of all if it is empty, be answered with an error
// code. A negative count means all further ones.
func (a *API) Fail(name string, count, code int) {
	a.mu.Lock()
	defer a.mu.Unlock()
	a.faults = append(a.faults, fault{name: name, left: count, code: code})
}

// Serve lets the next calls of a name be answered by serve.
func (a *API) Serve(name string, count int, serve func(http.ResponseWriter, *http.Request)) {
	a.mu.Lock()
	defer a.mu.Unlock()
	a.faults = append(a.faults, fault{name: name, left: count, serve: serve})
}

// Heal ends all faults.
func (a *API) Heal() {
	a.mu.Lock()
	defer a.mu.Unlock()
	a.faults = nil
}

// Hang never answers.
func Hang(_ http.ResponseWriter, r *http.Request) { <-r.Context().Done() }

// Half sends half of an answer and ends.
func Half(w http.ResponseWriter, _ *http.Request) {
	w.Header().Set("Content-Length", "1000")
	io.WriteString(w, `{"ActionStatus":"OK","ErrorInfo":"","ErrorCode":0,"Response":{"Next":"","RoomList":[`)
}

// Empty sends an answer that says OK and has nothing in it.
func Empty(w http.ResponseWriter, _ *http.Request) { write(w, map[string]any{}) }

// Drip sends a byte now and then, for ever.
func Drip(w http.ResponseWriter, r *http.Request) {
	for tick := time.NewTicker(100 * time.Millisecond); ; {
		if _, err := io.WriteString(w, " "); err != nil {
			tick.Stop()
			return
		}
		http.NewResponseController(w).Flush()
		select {
		case <-tick.C:
		case <-r.Context().Done():
			tick.Stop()
			return
		}
	}
}

// Huge sends 10 GB of JSON, or as much of it as is read.
func Huge(w http.ResponseWriter, _ *http.Request) {
	chunk := bytes.Repeat([]byte("x"), 64<<10)
	io.WriteString(w, `{"ActionStatus":"OK","ErrorCode":0,"ErrorInfo":"`)
	for sent := 0; sent < 10e9; sent += len(chunk) {
		if _, err := w.Write(chunk); err != nil {
			return
		}
	}
}

// Status returns an answer with an HTTP status, and with the query in its text, as some
// gateways have it.
func Status(status int) func(http.ResponseWriter, *http.Request) {
	return func(w http.ResponseWriter, r *http.Request) {
		w.WriteHeader(status)
		io.WriteString(w, "cannot "+r.URL.String())
	}
}

// Redirect sends the caller to a URL, with the whole query.
func Redirect(to string) func(http.ResponseWriter, *http.Request) {
	return func(w http.ResponseWriter, r *http.Request) {
		http.Redirect(w, r, to+"?"+r.URL.RawQuery, http.StatusTemporaryRedirect)
	}
}

// Text answers with a text as it is, in which QUERY stands for the query of the call.
func Text(text string) func(http.ResponseWriter, *http.Request) {
	return func(w http.ResponseWriter, r *http.Request) {
		answer := bytes.ReplaceAll([]byte(text), []byte("QUERY"), []byte(r.URL.RawQuery))
		w.Header().Set("Content-Length", strconv.Itoa(len(answer)))
		w.Write(answer)
	}
}

// Hijack sends a text instead of an HTTP answer, in which QUERY stands for the query of the
// call.
func Hijack(text string) func(http.ResponseWriter, *http.Request) {
	return func(w http.ResponseWriter, r *http.Request) {
		conn, _, err := http.NewResponseController(w).Hijack()
		if err != nil {
			return
		}
		_, _ = conn.Write(bytes.ReplaceAll([]byte(text), []byte("QUERY"), []byte(r.URL.RawQuery)))
		conn.Close()
	}
}

// write sends an answer with the members that all have.
func write(w http.ResponseWriter, answer map[string]any) {
	if _, ok := answer["ErrorCode"]; !ok {
		answer["ErrorCode"], answer["ErrorInfo"] = 0, ""
	}
	if answer["ErrorCode"] == 0 {
		answer["ActionStatus"] = "OK"
	} else {
		answer["ActionStatus"] = "FAIL"
	}
	answer["RequestId"] = "Id-8c9858f01e954611ae2d4c1b1ed7d583-O-Seq-52720"
	text, err := json.Marshal(answer)
	if err != nil {
		panic(err) // made here
	}
	w.Header().Set("Content-Type", "application/json")
	w.Write(text)
}
