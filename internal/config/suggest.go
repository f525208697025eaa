package config

import (
	"cmp"
	"fmt"
	"reflect"
	"strings"
)

// nearest returns the key of fields that key is a misspelling or a part of, "" if there
// is none.
func nearest(key string, fields []reflect.StructField) string {
	plain := func(s string) string { return strings.ToLower(strings.NewReplacer("_", "", "-", "").Replace(s)) }
	stem := func(s string) string { return strings.TrimSuffix(plain(s), "s") }
	best, least := "", max(1, len(key)/3)+1
	for _, f := range fields {
		if d := distance(plain(key), plain(keyOf(f))); d < least {
			best, least = keyOf(f), d
		}
	}
	for _, f := range fields {
		if best == "" && len(stem(key)) > 1 && (strings.Contains(plain(keyOf(f)), stem(key)) || strings.Contains(stem(key), stem(keyOf(f)))) {
			best = keyOf(f)
		}
	}
	return best
}

// placesOf returns the paths of all keys of t that are called key.
func placesOf(key string, t reflect.Type, at path) (places []string) {
	switch t.Kind() {
	case reflect.Pointer:
		return placesOf(key, t.Elem(), at)
	case reflect.Slice:
		return placesOf(key, t.Elem(), append(at[:len(at)-1:len(at)-1], fmt.Sprint(at[len(at)-1], "[]")))
	case reflect.Struct:
		for _, f := range keysOf(t) {
			if keyOf(f) == key {
				places = append(places, at.to(key).String())
			}
			places = append(places, placesOf(key, f.Type, at.to(keyOf(f)))...)
		}
	}
	return places
}

// distance returns how many characters must be added, removed or replaced to make b
// of a (Levenshtein).
func distance(a, b string) int {
	row := make([]int, len(b)+1)
	for j := range row {
		row[j] = j
	}
	for i := range len(a) {
		diagonal := row[0]
		row[0] = i + 1
		for j := range len(b) {
			change := diagonal
			if a[i] != b[j] {
				change++
			}
			diagonal = row[j+1]
			row[j+1] = min(change, row[j]+1, row[j+1]+1)
		}
	}
	return row[len(b)]
}

// keysOf returns the fields of t that a file can set.
func keysOf(t reflect.Type) (fields []reflect.StructField) {
	for f := range t.Fields() {
		if f.IsExported() && keyOf(f) != "-" {
			fields = append(fields, f)
		}
	}
	return fields
}

func keyOf(f reflect.StructField) string {
	key, _, _ := strings.Cut(f.Tag.Get("yaml"), ",")
	return cmp.Or(key, strings.ToLower(f.Name))
}
