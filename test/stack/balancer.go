package stack

import (
	"bytes"
	"errors"
	"io"
	"net"
	"net/http"
	"sync/atomic"
	"time"
)

// balancer sends callbacks to the replicas in turn (round robin). It skips a replica that refuses the
// connection, as a load balancer does after a failed health check.
type balancer struct {
	url      string
	server   *http.Server
	replicas []*replica
	next     atomic.Uint64
	client   *http.Client
}

func startBalancer(replicas []*replica) (*balancer, error) {
	l, err := net.Listen("tcp", "127.0.0.1:0")
	if err != nil {
		return nil, err
	}
	b := &balancer{url: "http://" + l.Addr().String(), replicas: replicas, client: &http.Client{Timeout: 5 * time.Second, Transport: &http.Transport{}}}
	b.server = &http.Server{Handler: b, ReadHeaderTimeout: 5 * time.Second}
	go func() { _ = b.server.Serve(l) }()
	return b, nil
}

func (b *balancer) stop() {
	if b == nil {
		return
	}
	_ = b.server.Close()
	b.client.CloseIdleConnections()
}

// ServeHTTP sends a request to the next replica. If that one cannot be reached, it tries the others.
func (b *balancer) ServeHTTP(w http.ResponseWriter, r *http.Request) {
	body, err := io.ReadAll(http.MaxBytesReader(w, r.Body, 1<<20))
	if err != nil {
		return // the sender has closed the connection
	}
	first := b.next.Add(1)
	for i := range b.replicas {
		to := b.replicas[(first+uint64(i))%uint64(len(b.replicas))]
		resp, err := b.pass(to, r, body)
		if err != nil {
			continue
		}
		defer resp.Body.Close()
		w.Header().Set("Content-Type", resp.Header.Get("Content-Type"))
		w.WriteHeader(resp.StatusCode)
		_, _ = io.Copy(w, resp.Body)
		return
	}
	w.WriteHeader(http.StatusBadGateway)
}

// pass sends a request to one replica. A replica that stops answers 503; then pass returns an error, so
// that the next replica is tried.
func (b *balancer) pass(to *replica, r *http.Request, body []byte) (*http.Response, error) {
	req, err := http.NewRequestWithContext(r.Context(), r.Method, "http://"+to.webhookAddr+r.URL.RequestURI(), bytes.NewReader(body))
	if err != nil {
		return nil, err
	}
	req.Header.Set("Content-Type", r.Header.Get("Content-Type"))
	resp, err := b.client.Do(req)
	if err == nil && resp.StatusCode == http.StatusServiceUnavailable {
		resp.Body.Close()
		return nil, errors.New(resp.Status)
	}
	return resp, err
}
