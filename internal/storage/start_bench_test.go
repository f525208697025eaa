package storage

import (
	"context"
	"strconv"
	"testing"
	"time"

	"github.com/tuilivekit-exporter/tuilivekit-exporter/internal/state"
)

// BenchmarkStart measures a start on a journal with as many rooms as an application may
// have, half of them open: reading it, restoring the state, and writing the first segment.
func BenchmarkStart(b *testing.B) {
	path := b.TempDir()
	r := start(b, path, nil)
	now := time.Now().UnixMilli() // rooms that were closed a day ago are forgotten
	news := make([]state.RoomNews, 0, state.MaxRooms)
	for i := range int64(state.MaxRooms) {
		news = append(news, state.RoomNews{AppID: "1", Room: state.RoomOf("1", strconv.FormatInt(i, 10)), RoomEvent: state.RoomEvent{Time: now - i/12, Closed: i%2 == 0}})
	}
	if _, learned, err := r.Learn(context.Background(), nil, news); err != nil || learned != len(news) {
		b.Fatalf("learned %d rooms, %v, want %d", learned, err, len(news))
	}
	r.stop()
	for b.Loop() {
		again, err := tryStart(path, nil)
		if err != nil {
			b.Fatal(err)
		}
		b.StopTimer()
		if got := len(again.store.All().Rooms); got != len(news) {
			b.Fatalf("the journal holds %d rooms, want %d", got, len(news))
		}
		again.stop()
		b.StartTimer()
	}
	bytes := 0
	for _, content := range files(b, path) {
		bytes += len(content)
	}
	b.ReportMetric(float64(bytes)/float64(len(news)), "B/room")
}
