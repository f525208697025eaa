package exposition

import (
	"testing"

	"github.com/prometheus/client_golang/prometheus"
	"google.golang.org/protobuf/encoding/prototext"
	"google.golang.org/protobuf/proto"
)

func TestUnlabeledIsCollectedAsOfClientGolang(t *testing.T) {
	bounds := []float64{1, 2.5}
	ours := NewUnlabeled("m_seconds", "h", bounds...)
	theirs := prometheus.NewHistogram(prometheus.HistogramOpts{
		Name: "m_seconds", Help: "h", Buckets: bounds, NativeHistogramBucketFactor: 1.1, NativeHistogramZeroThreshold: zeroThreshold,
	})
	for _, v := range []float64{0, 1, 2, 7} {
		ours.Observe(v)
		theirs.Observe(v)
	}
	gathered := func(c prometheus.Collector) proto.Message {
		r := prometheus.NewPedanticRegistry()
		r.MustRegister(c)
		families, err := r.Gather()
		if err != nil || len(families) != 1 || families[0].Metric[0].Histogram.CreatedTimestamp == nil {
			t.Fatalf("%v, %v", families, err)
		}
		families[0].Metric[0].Histogram.CreatedTimestamp = nil
		return families[0]
	}
	if got, want := gathered(ours), gathered(theirs); !proto.Equal(got, want) {
		t.Errorf("got\n%s\nand of client_golang\n%s", prototext.Format(got), prototext.Format(want))
	}
}
