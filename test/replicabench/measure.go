//go:build linux

package main

import (
	"context"
	"errors"
	"fmt"
	"io"
	"net"
	"net/http"
	"os"
	"os/exec"
	"path/filepath"
	"regexp"
	"strconv"
	"strings"
	"sync"
	"syscall"
	"time"

	"github.com/redis/go-redis/v9"

	"github.com/tuilivekit-exporter/tuilivekit-exporter/test/crash/exporter"
)

// patience is how long the command waits until it reports that a program hangs.
const patience = 10 * time.Minute

func appID(i int) string { return strconv.Itoa(1400000000 + i) }

// measure runs n replicas that know all rooms, and a Redis, and measures them.
func measure(ctx context.Context, binary, dir string, n int) (f figures, version string, err error) {
	if err := os.Mkdir(dir, 0o700); err != nil {
		return f, "", err
	}
	engine, stop, err := startRedis(ctx, dir)
	if err != nil {
		return f, "", err
	}
	defer stop()
	var config strings.Builder
	config.WriteString("apps:\n")
	for i := range *apps {
		fmt.Fprintf(&config, "  - {sdk_app_id: %s, allow_unsigned: true}\n", appID(i))
	}
	fmt.Fprintf(&config, "replica:\n  redis: {addresses: ['%s']}\n", engine.Options().Addr)
	file := filepath.Join(dir, "config.yaml")
	if err := os.WriteFile(file, []byte(config.String()), 0o600); err != nil {
		return f, "", err
	}
	start := func(n int) (list []*exporter.Process, err error) {
		for i := range n {
			p, err := exporter.Start(binary, "--config.file="+file, "--storage.path="+filepath.Join(dir, fmt.Sprint("data-", i)),
				"--storage.timeout=30s", "--webhook.max-connections-per-source=1024")
			if err != nil {
				return list, err
			}
			list = append(list, p)
		}
		return list, nil
	}
	// One replica receives all rooms, and the others take them. Then all start again, and know the
	// rooms from their storage: after some minutes replicas are in the same state.
	var list []*exporter.Process
	defer func() {
		for _, p := range list {
			p.Kill()
		}
	}()
	for i, number := range []int{1, n, n} {
		for _, p := range list {
			if code, err := p.Stop(patience); code != 0 || err != nil {
				return f, "", fmt.Errorf("stop: code %d, %w", code, err)
			}
		}
		if list, err = start(number); err != nil {
			return f, "", err
		}
		if i == 0 {
			err = fill(list)
		}
		if err := errors.Join(err, knowAll(list)); err != nil {
			return f, "", err
		}
	}
	stopLife := live(list)
	time.Sleep(*settle)
	f, err = watch(ctx, engine, list)
	return f, info(ctx, engine, "redis_version"), errors.Join(err, stopLife())
}

// startRedis runs a redis-server until stop is called. It returns when the server answers.
func startRedis(ctx context.Context, dir string) (client *redis.Client, stop func(), err error) {
	l, err := net.Listen("tcp", "127.0.0.1:0")
	if err != nil {
		return nil, nil, err
	}
	address := l.Addr().String()
	l.Close()
	_, port, _ := net.SplitHostPort(address)
	cmd := exec.Command("redis-server", "--port", port, "--bind", "127.0.0.1", "--save", "", "--appendonly", "no")
	cmd.Dir, cmd.SysProcAttr = dir, &syscall.SysProcAttr{Pdeathsig: syscall.SIGKILL}
	if err := cmd.Start(); err != nil {
		return nil, nil, err
	}
	client = redis.NewClient(&redis.Options{Addr: address})
	stop = func() { client.Close(); _ = cmd.Process.Kill(); _ = cmd.Wait() }
	return client, stop, until("redis-server answers", func() error { return client.Ping(ctx).Err() })
}

// sender sends callbacks to the replicas in turn.
type sender struct {
	*http.Client
	list []*exporter.Process
}

func newSender(list []*exporter.Process) *sender {
	return &sender{&http.Client{Transport: &http.Transport{MaxIdleConnsPerHost: 32}, Timeout: patience}, list}
}

// post sends the i-th callback, again if the machine is too slow, and returns an error unless it is acknowledged.
func (s *sender) post(i int, app, body string) error {
	var text []byte
	status, err := exporter.Patiently(func() (int, error) {
		resp, err := s.Post("http://"+s.list[i%len(s.list)].Webhook+"/callback?SdkAppid="+app, "application/json", strings.NewReader(body))
		if err != nil {
			return 0, err
		}
		defer resp.Body.Close()
		text, _ = io.ReadAll(resp.Body)
		return resp.StatusCode, nil
	})
	if err == nil && status != http.StatusOK {
		err = fmt.Errorf("the answer to a callback is %d: %s", status, text)
	}
	return err
}

// open sends the callback that the i-th room was opened, some time ago. destroy sends the callback that
// it was closed, now.
func (s *sender) open(i int, ago time.Duration) error {
	return s.post(i, appID(i%*apps), fmt.Sprintf(
		`{"CallbackCommand":"Live.CallbackAfterCreateRoom","Operator_Account":"host-%d","EventTime":%d,"RoomInfo":{"RoomId":"room-%d"}}`, i, time.Now().Add(-ago).UnixMilli(), i))
}

func (s *sender) destroy(i int) error {
	return s.post(i+1, appID(i%*apps), fmt.Sprintf(
		`{"CallbackCommand":"Live.CallbackAfterDestroyRoom","RoomId":"room-%d","EventType":"DestroyByUser","EventTime":%d}`, i, time.Now().UnixMilli()))
}

// fill sends a threshold event of each application, and opens all rooms.
func fill(list []*exporter.Process) error {
	client := newSender(list)
	defer client.CloseIdleConnections()
	const senders = 32
	errs := make([]error, senders)
	var wait sync.WaitGroup
	for s := range senders {
		wait.Go(func() {
			for i := s; i < *apps && errs[s] == nil; i += senders {
				errs[s] = client.post(i, appID(i), fmt.Sprintf(
					`{"CallbackCommand":"Live.CallbackAfterCreateRoomReachingThreshold","Operator_Account":"host","EventTime":%d,"CurRoomCount":400,"MaxRoomCount":500}`, time.Now().Add(-*lifetime).UnixMilli()))
			}
			for i := s; i < *rooms && errs[s] == nil; i += senders {
				errs[s] = client.open(i, *lifetime*time.Duration(*rooms-i)/time.Duration(*rooms))
			}
		})
	}
	wait.Wait()
	return errors.Join(errs...)
}

// live opens rooms and closes the oldest ones until stop is called. stop returns the first error.
func live(list []*exporter.Process) (stop func() error) {
	done, ended := make(chan struct{}), make(chan error, 1)
	client := newSender(list)
	ticker := time.NewTicker(*lifetime / time.Duration(*rooms))
	go func() {
		defer client.CloseIdleConnections()
		defer ticker.Stop()
		var err error
		for i := 0; err == nil; i++ {
			select {
			case <-done:
				ended <- nil
				return
			case <-ticker.C:
				err = errors.Join(client.open(*rooms+i, 0), client.destroy(i))
			}
		}
		ended <- err
	}()
	return func() error { close(done); return <-ended }
}

// knowAll waits until all replicas know all rooms.
func knowAll(list []*exporter.Process) error {
	for _, p := range list {
		if err := knowsAll(p); err != nil {
			return err
		}
	}
	return nil
}

func knowsAll(p *exporter.Process) error {
	client := &http.Client{Timeout: patience}
	defer client.CloseIdleConnections()
	return until("a replica knows all rooms", func() error {
		m, err := p.Scrape(client)
		if err != nil {
			return err
		}
		known := 0.0
		for name, value := range m {
			if strings.HasPrefix(name, "tuilivekit_known_rooms{") {
				known += value
			}
		}
		if known != float64(*rooms) {
			return fmt.Errorf("%v rooms", known)
		}
		return nil
	})
}

func until(what string, check func() error) error {
	for began := time.Now(); ; time.Sleep(200 * time.Millisecond) {
		err := check()
		if err == nil {
			return nil
		}
		if time.Since(began) > patience {
			return fmt.Errorf("%s: not after %s: %w", what, patience, err)
		}
	}
}

// watch measures the replicas and Redis for one window.
func watch(ctx context.Context, engine *redis.Client, list []*exporter.Process) (f figures, err error) {
	count := func(field string) float64 {
		n, e := strconv.ParseFloat(info(ctx, engine, field), 64)
		err = errors.Join(err, e)
		return n
	}
	cpu := func() (all []float64) {
		for _, p := range list {
			d, e := p.CPU()
			err = errors.Join(err, e)
			all = append(all, d.Seconds())
		}
		return append(all, count("used_cpu_user")+count("used_cpu_sys"))
	}
	began, before, out, in := time.Now(), cpu(), count("total_net_input_bytes"), count("total_net_output_bytes")
	time.Sleep(*window)
	after := cpu()
	seconds, n := time.Since(began).Seconds(), float64(len(list))
	f = figures{
		replicas: len(list), redis: 100 * (after[len(list)] - before[len(list)]) / seconds,
		out: (count("total_net_input_bytes") - out) / 1e6 / seconds / n, in: (count("total_net_output_bytes") - in) / 1e6 / seconds / n,
		redisData: count("used_memory") / (1 << 20),
	}
	for i, p := range list {
		percent := 100 * (after[i] - before[i]) / seconds
		f.most, f.mean = max(f.most, percent), f.mean+percent/n
		resident, e := p.Resident()
		err = errors.Join(err, e)
		f.resident = max(f.resident, float64(resident)/(1<<20))
	}
	return f, err
}

// info returns a field of INFO.
func info(ctx context.Context, engine *redis.Client, field string) string {
	found := regexp.MustCompile(`(?m)^` + field + `:(\S+)`).FindStringSubmatch(engine.Info(ctx).Val())
	if found == nil {
		return ""
	}
	return found[1]
}
