package handler

import (
	"os"
	"reflect"
	"regexp"
	"strings"
	"testing"
)

// Every type that a Store of another module needs has a name in this package: the types of
// parameters and results, the types of their fields, and the values of enumerations.
func TestEveryTypeOfAStoreHasAPublicName(t *testing.T) {
	source, err := os.ReadFile("store.go")
	if err != nil {
		t.Fatal(err)
	}
	public := func(name string) bool {
		return regexp.MustCompile(`= (state|queue)\.` + name + `\b`).Match(source)
	}
	seen := map[reflect.Type]bool{}
	enums := map[string]bool{}
	var walk func(reflect.Type)
	walk = func(typ reflect.Type) {
		if seen[typ] {
			return
		}
		seen[typ] = true
		if strings.Contains(typ.PkgPath(), "/internal/") {
			if !public(typ.Name()) {
				t.Errorf("%s has no name in this package: add it to store.go", typ)
			}
			if typ.Kind() == reflect.Uint8 {
				enums[typ.Name()] = true
			}
		}
		switch typ.Kind() {
		case reflect.Pointer, reflect.Slice, reflect.Array:
			walk(typ.Elem())
		case reflect.Struct:
			for i := range typ.NumField() {
				if f := typ.Field(i); f.IsExported() {
					walk(f.Type)
				}
			}
		}
	}
	for _, v := range []any{Event{}, Request{}, Outcome{}, Counted{}} {
		walk(reflect.TypeOf(v))
	}
	files, err := os.ReadDir("../internal/state")
	if err != nil {
		t.Fatal(err)
	}
	for _, file := range files {
		text, err := os.ReadFile("../internal/state/" + file.Name())
		if err != nil {
			t.Fatal(err)
		}
		for _, block := range regexp.MustCompile(`(?s)const \((.*?)\n\)`).FindAllStringSubmatch(string(text), -1) {
			first := regexp.MustCompile(`(?m)^\t[A-Z]\w* (\w+) += iota`).FindStringSubmatch(block[1])
			if first == nil || !enums[first[1]] {
				continue
			}
			for _, name := range regexp.MustCompile(`(?m)^\t([A-Z]\w*)`).FindAllStringSubmatch(block[1], -1) {
				if !public(name[1]) {
					t.Errorf("state.%s has no name in this package: add it to store.go", name[1])
				}
			}
		}
	}
	if len(enums) < 4 {
		t.Errorf("enumerations %v, want Kind, Verdict and the causes at least", enums)
	}
}
