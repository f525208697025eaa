package expositiontest

import (
	"bytes"
	"strings"
	"testing"

	dto "github.com/prometheus/client_model/go"
	"google.golang.org/protobuf/encoding/protodelim"
)

const (
	text        = "text/plain; version=0.0.4; charset=utf-8"
	openMetrics = "application/openmetrics-text; version=1.0.0; charset=utf-8"
	protobuf    = "application/vnd.google.protobuf; proto=io.prometheus.client.MetricFamily; encoding=delimited"

	good = "# HELP a_total h\n# TYPE a_total counter\na_total{b=\"\\n\",c=\"2\"} 1e+06\n" +
		"# HELP h h\n# TYPE h histogram\nh_bucket{le=\"1\"} 1\nh_bucket{le=\"+Inf\"} 2\nh_sum 3\nh_count 2\n"
	goodOM = "# HELP a h\n# TYPE a counter\na_total{b=\"\\n\",c=\"2\"} 1e+06\na_created{b=\"\\n\",c=\"2\"} 1.5\n" +
		"# HELP h h\n# TYPE h histogram\nh_bucket{le=\"1.0\"} 1\nh_bucket{le=\"+Inf\"} 2\nh_sum 3.0\nh_count 2\n# EOF\n"
)

func TestTheTextFormatsAreComparable(t *testing.T) {
	a, err := Read(text, strings.NewReader(good))
	if err != nil {
		t.Fatal(err)
	}
	b, err := Read(openMetrics, strings.NewReader(goodOM))
	if err != nil {
		t.Fatal(err)
	}
	none := func(string) bool { return false }
	if diff := Diff(a, b, none); diff != nil {
		t.Error(diff)
	}
	if len(a.Families) != 2 || a.Families["a_total"].Values[`a_total,b="\n",c="2"`] != 1e6 || b.Families["a_total"].Created[`,b="\n",c="2"`] != 1.5 {
		t.Errorf("read %v and %v", a, b)
	}
	a.Families["a_total"].Values[`a_total,b="\n",c="2"`]++
	if Diff(a, b, none) == nil {
		t.Error("another value makes no difference")
	}
}

func TestWhatIsWrongIsRefused(t *testing.T) {
	for _, tt := range []struct{ name, format, from, to string }{
		{"no help", text, "# HELP a_total h\n", ""},
		{"no type", text, "# TYPE a_total counter\n", ""},
		{"type before help", text, "# HELP a_total h\n# TYPE a_total counter\n", "# TYPE a_total counter\n# HELP a_total h\n"},
		{"a sample of another family", text, "h_sum 3", "x_sum 3"},
		{"an unknown type", text, "counter", "unknown"},
		{"a counter without _total", text, "a_total", "a"},
		{"a family twice", text, "# HELP h h\n# TYPE h histogram\n", "# HELP a_total h\n# TYPE a_total counter\n"},
		{"a series twice", text, "h_sum 3\n", "h_sum 3\nh_sum 4\n"},
		{"a label twice", text, `c="2"`, `b="2"`},
		{"a reserved label", text, `c="2"`, `__c="2"`},
		{"no UTF-8", text, `c="2"`, "c=\"\xff\""},
		{"an unknown escape", text, `\n"`, `\t"`},
		{"no quote at the end", text, `c="2"}`, `c="2}`},
		{"no value", text, " 1e+06", ""},
		{"a value that is none", text, "1e+06", "0x10"},
		{"a timestamp", text, "1e+06", "1e+06 5"},
		{"a negative counter", text, "1e+06", "-1"},
		{"an empty line", text, "h_sum", "\nh_sum"},
		{"a comment", text, "h_sum", "# hello\nh_sum"},
		{"no line feed at the end", text, "h_count 2\n", "h_count 2"},
		{"buckets that do not grow", text, `le="1"} 1`, `le="1"} 3`},
		{"no bucket of all", text, "h_bucket{le=\"+Inf\"} 2\n", ""},
		{"another count", text, "h_count 2", "h_count 3"},
		{"no sum", text, "h_sum 3\n", ""},
		{"created in the text format", text, "h_sum 3", "h_created 3\nh_sum 3"},
		{"no # EOF", openMetrics, "# EOF\n", ""},
		{"something behind # EOF", openMetrics, "# EOF\n", "# EOF\n# HELP x x\n"},
		{"the name of a counter with _total", openMetrics, "# HELP a h\n# TYPE a counter", "# HELP a_total h\n# TYPE a_total counter"},
		{"created twice", openMetrics, "h_sum", "h_created 1\nh_created 2\nh_sum"},
		{"a unit that is not in the name", openMetrics, "# TYPE a counter\n", "# TYPE a counter\n# UNIT a seconds\n"},
		{"a gauge of the name of a counter", openMetrics, "# EOF", "# HELP a h\n# TYPE a gauge\na 1.0\n# EOF"},
		{"a gauge with a reserved suffix", openMetrics, "# EOF", "# HELP g_count h\n# TYPE g_count gauge\ng_count 1.0\n# EOF"},
		{"a gauge of the name of a sample", openMetrics, "# EOF", "# HELP h_created h\n# TYPE h_created gauge\nh_created 1.0\n# EOF"},
	} {
		t.Run(tt.name, func(t *testing.T) {
			whole := good
			if tt.format == openMetrics {
				whole = goodOM
			}
			body := strings.ReplaceAll(whole, tt.from, tt.to)
			if body == whole {
				t.Fatal("nothing is wrong with it")
			}
			if _, err := Read(tt.format, strings.NewReader(body)); err == nil {
				t.Errorf("read\n%s", body)
			}
		})
	}
}

func TestProtobufThatIsWrongIsRefused(t *testing.T) {
	family := func() *dto.MetricFamily {
		return &dto.MetricFamily{Name: new("h"), Help: new("h"), Type: dto.MetricType_HISTOGRAM.Enum(), Metric: []*dto.Metric{{
			Label: []*dto.LabelPair{{Name: new("a"), Value: new("1")}, {Name: new("b"), Value: new("2")}},
			Histogram: &dto.Histogram{
				SampleCount: new(uint64(2)), SampleSum: new(3.0), Schema: new(int32(3)), ZeroCount: new(uint64(1)),
				Bucket:       []*dto.Bucket{{UpperBound: new(1.0), CumulativeCount: new(uint64(1))}},
				PositiveSpan: []*dto.BucketSpan{{Offset: new(int32(3)), Length: new(uint32(1))}}, PositiveDelta: []int64{1},
			},
		}}}
	}
	read := func(list ...*dto.MetricFamily) error {
		var b bytes.Buffer
		for _, f := range list {
			if _, err := protodelim.MarshalTo(&b, f); err != nil {
				t.Fatal(err)
			}
		}
		_, err := Read(protobuf, &b)
		return err
	}
	if err := read(family()); err != nil {
		t.Fatal(err)
	}
	if read(family(), family()) == nil {
		t.Error("a family is read twice")
	}
	for name, spoil := range map[string]func(*dto.MetricFamily){
		"no help":                  func(f *dto.MetricFamily) { f.Help = nil },
		"no samples":               func(f *dto.MetricFamily) { f.Metric = nil },
		"another type":             func(f *dto.MetricFamily) { f.Type = dto.MetricType_GAUGE.Enum() },
		"labels out of order":      func(f *dto.MetricFamily) { f.Metric[0].Label[0].Name = new("c") },
		"a series twice":           func(f *dto.MetricFamily) { f.Metric = append(f.Metric, f.Metric[0]) },
		"a timestamp":              func(f *dto.MetricFamily) { f.Metric[0].TimestampMs = new(int64(1)) },
		"more than all":            func(f *dto.MetricFamily) { f.Metric[0].Histogram.Bucket[0].CumulativeCount = new(uint64(3)) },
		"a native bucket too few":  func(f *dto.MetricFamily) { f.Metric[0].Histogram.PositiveDelta = nil },
		"native buckets of others": func(f *dto.MetricFamily) { f.Metric[0].Histogram.ZeroCount = new(uint64(2)) },
		"an unknown field":         func(f *dto.MetricFamily) { f.ProtoReflect().SetUnknown([]byte{0x58, 1}) },
	} {
		f := family()
		if spoil(f); read(f) == nil {
			t.Errorf("%s: read", name)
		}
	}
	if _, err := Read(protobuf, strings.NewReader("\x05")); err == nil {
		t.Error("half a message is read")
	}
}
