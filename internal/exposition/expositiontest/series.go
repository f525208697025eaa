package expositiontest

import (
	"errors"
	"fmt"
	"math"
	"slices"
	"strconv"
	"strings"
	"unicode/utf8"
)

// label is a name and its value.
type label struct{ name, value string }

// series returns the name and the sorted labels of a sample as text, which is equal for all
// formats. le and quantile have the shortest form of their number.
func series(name string, labels []label) (string, error) {
	labels = slices.Clone(labels)
	slices.SortFunc(labels, func(a, b label) int { return strings.Compare(a.name, b.name) })
	var b strings.Builder
	b.WriteString(name)
	for i, l := range labels {
		if !isName(l.name) || strings.Contains(l.name, ":") || strings.HasPrefix(l.name, "__") {
			return "", fmt.Errorf("%s: %q is not a valid name of a label", name, l.name)
		}
		if i > 0 && labels[i-1].name == l.name {
			return "", fmt.Errorf("%s: label %s twice", name, l.name)
		}
		if !utf8.ValidString(l.value) {
			return "", fmt.Errorf("%s: label %s is not UTF-8", name, l.name)
		}
		if l.name == "le" || l.name == "quantile" {
			v, err := strconv.ParseFloat(l.value, 64)
			if err != nil {
				return "", err
			}
			l.value = strconv.FormatFloat(v, 'g', -1, 64)
		}
		fmt.Fprintf(&b, ",%s=%q", l.name, l.value)
	}
	return b.String(), nil
}

func isName(s string) bool {
	for i, c := range s {
		if c != '_' && c != ':' && (c < 'a' || c > 'z') && (c < 'A' || c > 'Z') && (i == 0 || c < '0' || c > '9') {
			return false
		}
	}
	return s != ""
}

// add adds a sample. key is the result of series.
func (f *Family) add(key string, value float64) error {
	if _, ok := f.Values[key]; ok {
		return fmt.Errorf("%s: repeated", key)
	}
	f.Values[key] = value
	return nil
}

func (f *Family) addCreated(key string, seconds float64) error {
	if _, ok := f.Created[key]; ok {
		return fmt.Errorf("%s: created twice", key)
	}
	f.Created[key] = seconds
	return nil
}

// check checks the values of the series of a family.
func (f *Family) check(name string) error {
	if f.Type != "gauge" && f.Type != "summary" {
		for key, v := range f.Values {
			if math.IsNaN(v) || v < 0 {
				return fmt.Errorf("%s is %v", key, v)
			}
		}
	}
	switch f.Type {
	case "counter", "gauge", "summary":
		return nil
	case "histogram":
		return f.checkHistograms(name)
	}
	return fmt.Errorf("type %q", f.Type)
}

// checkHistograms checks that the buckets of each histogram are cumulative and end with
// the count.
func (f *Family) checkHistograms(name string) error {
	type bucket struct{ bound, count float64 }
	buckets := map[string][]bucket{} // by the other labels
	for key, v := range f.Values {
		labels, ok := strings.CutPrefix(key, name+"_bucket")
		if !ok {
			continue
		}
		start := strings.Index(labels, `,le="`)
		if start < 0 {
			return fmt.Errorf("%s: a bucket without le", key)
		}
		text := labels[start+len(`,le="`):]
		end := strings.IndexByte(text, '"')
		bound, err := strconv.ParseFloat(text[:end], 64)
		if err != nil {
			return err
		}
		others := labels[:start] + text[end+1:]
		buckets[others] = append(buckets[others], bucket{bound, v})
	}
	if len(buckets) == 0 {
		return errors.New("no buckets")
	}
	for labels, list := range buckets {
		slices.SortFunc(list, func(a, b bucket) int { return int(math.Copysign(1, a.bound-b.bound)) })
		for i := 1; i < len(list); i++ {
			if list[i].count < list[i-1].count {
				return fmt.Errorf("bucket %v of %s has a lower count than the previous bucket", list[i].bound, labels)
			}
		}
		last := list[len(list)-1]
		if count, ok := f.Values[name+"_count"+labels]; !math.IsInf(last.bound, 1) || !ok || last.count != count {
			return fmt.Errorf("the last bucket of %s is %v with %v, and the count %v (%t)", labels, last.bound, last.count, count, ok)
		}
		if _, ok := f.Values[name+"_sum"+labels]; !ok {
			return fmt.Errorf("no sum of %s", labels)
		}
	}
	return nil
}
