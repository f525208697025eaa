// Command bare is what a durable callback costs without an exporter: a server of net/http that reads
// the body and answers. With a folder, it answers after the body has been appended to a file and synced,
// one sync for all callbacks that wait, like the exporter. It checks, decodes, counts and keeps nothing, and never
// reads the file.
//
// It takes the flags of the exporter that set addresses and the folder, and logs its addresses as the exporter does.
package main

import (
	"flag"
	"fmt"
	"io"
	"net"
	"net/http"
	"os"
	"path/filepath"
	"sync"
	"sync/atomic"
	"time"
)

var (
	webhook = flag.String("webhook.listen-address", "127.0.0.1:0", "address for callbacks")
	web     = flag.String("web.listen-address", "127.0.0.1:0", "address of the metric of commits")
	folder  = flag.String("storage.path", "", "folder of the file; without it nothing is written")
	_       = flag.String("log.format", "json", "not used: it is always JSON")
)

func main() {
	flag.Parse()
	if err := run(); err != nil {
		fmt.Fprintln(os.Stderr, "bare:", err)
		os.Exit(1)
	}
}

func run() error {
	var f *file
	if *folder != "" {
		var err error
		if f, err = create(*folder); err != nil {
			return err
		}
	}
	callbacks, err := net.Listen("tcp", *webhook)
	if err != nil {
		return err
	}
	metrics, err := net.Listen("tcp", *web)
	if err != nil {
		return err
	}
	fmt.Fprintf(os.Stderr, "{\"msg\":\"accepting callbacks\",\"address\":%q}\n{\"msg\":\"Listening on\",\"address\":%q}\n", callbacks.Addr(), metrics.Addr())
	ended := make(chan error, 2)
	go func() { ended <- http.Serve(callbacks, answer(f)) }()
	go func() {
		ended <- http.Serve(metrics, http.HandlerFunc(func(w http.ResponseWriter, _ *http.Request) {
			fmt.Fprintf(w, "tuilivekit_exporter_storage_commits_total %d\n# EOF\n", commits.Load())
		}))
	}()
	return <-ended
}

// callback is one that waits for its commit.
type callback struct {
	body []byte
	done chan struct{}
}

// answer answers callbacks after their commit, or at once if f is nil.
func answer(f *file) http.Handler {
	free := sync.Pool{New: func() any { return &callback{make([]byte, 0, 4096), make(chan struct{}, 1)} }}
	return http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
		c := free.Get().(*callback)
		defer free.Put(c)
		if r.ContentLength < 0 || r.ContentLength > int64(cap(c.body)) {
			http.Error(w, "no length, or too long", http.StatusBadRequest)
			return
		}
		c.body = c.body[:r.ContentLength]
		if _, err := io.ReadFull(r.Body, c.body); err != nil {
			http.Error(w, err.Error(), http.StatusBadRequest)
			return
		}
		if f != nil {
			f.waiting <- c
			<-c.done
		}
		_, _ = io.WriteString(w, `{"ActionStatus":"OK","ErrorInfo":"","ErrorCode":0}`) // a sender that has gone needs no answer
	})
}

var commits atomic.Int64

// file is the file that callbacks are appended to.
type file struct {
	*os.File
	waiting chan *callback
}

func create(folder string) (*file, error) {
	if err := os.MkdirAll(folder, 0o700); err != nil {
		return nil, err
	}
	f, err := os.Create(filepath.Join(folder, "callbacks"))
	if err != nil {
		return nil, err
	}
	file := &file{f, make(chan *callback, 4096)}
	go file.commit()
	return file, nil
}

// commit appends and syncs what waits, and answers it. Like the exporter, it waits for up to 2 ms for as
// many callbacks as the last commit has answered. It ends the process if the file cannot be written.
func (f *file) commit() {
	var expected int
	var took time.Duration
	var batch []*callback
	var text []byte
	for first := range f.waiting {
		batch = f.gather(append(batch[:0], first), expected, min(4*took, 2*time.Millisecond))
		text = text[:0]
		for _, c := range batch {
			text = append(text, c.body...)
		}
		began := time.Now()
		_, err := f.Write(text)
		if err == nil {
			err = f.Sync()
		}
		if err != nil {
			fmt.Fprintln(os.Stderr, "bare:", err)
			os.Exit(1)
		}
		took = time.Since(began)
		commits.Add(1)
		expected = len(batch) + len(f.waiting)
		for _, c := range batch {
			c.done <- struct{}{}
		}
	}
}

// gather appends what waits to batch, and waits for the others of expected, for at most patience.
func (f *file) gather(batch []*callback, expected int, patience time.Duration) []*callback {
	var late <-chan time.Time
	for {
		select {
		case c := <-f.waiting:
			batch = append(batch, c)
			continue
		default:
		}
		if len(batch) >= expected {
			return batch
		}
		if late == nil {
			late = time.After(patience)
		}
		select {
		case c := <-f.waiting:
			batch = append(batch, c)
		case <-late:
			return batch
		}
	}
}
