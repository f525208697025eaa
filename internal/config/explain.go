package config

import (
	"bytes"
	"cmp"
	"errors"
	"fmt"
	"io"
	"reflect"
	"regexp"
	"slices"
	"sort"
	"strconv"
	"strings"
	"time"

	"go.yaml.in/yaml/v3"
)

// Decode decodes text, the content of file, into the struct that v points to. Unknown keys
// and a second document are errors; an empty text changes nothing. Each wrong key is an
// error of the form "FILE:LINE: path: what", without its value, which may be a secret.
func Decode(file string, text []byte, v any) error {
	err := decode(text, v)
	if second := new(secondDocument); errors.As(err, second) {
		return fmt.Errorf("%s:%d: %w", file, int(*second), err)
	}
	if err != nil {
		return explain(file, text, err, reflect.TypeOf(v).Elem())
	}
	return nil
}

// decode is Decode with the errors of package yaml.
func decode(text []byte, v any) error {
	d := yaml.NewDecoder(bytes.NewReader(text))
	d.KnownFields(true)
	if err := d.Decode(v); err != nil && !errors.Is(err, io.EOF) {
		return err
	}
	next := &yaml.Node{}
	switch err := d.Decode(next); {
	case err == nil:
		return secondDocument(next.Line)
	case !errors.Is(err, io.EOF):
		return err
	}
	return nil
}

// secondDocument is the error of a file with more than one YAML document: the line
// where the second one begins.
type secondDocument int

func (secondDocument) Error() string {
	return "a second YAML document begins here: the file must contain one"
}

// explain returns the errors of a file that package yaml has refused with cause when it
// decoded it into a root.
func explain(file string, text []byte, cause error, root reflect.Type) error {
	document := &yaml.Node{}
	if err := yaml.Unmarshal(text, document); err != nil {
		return fmt.Errorf("%s:%d: not valid YAML: %s", file, syntaxErrorLine(text, err), withoutPlace(err))
	}
	c := checker{root: root}
	c.check(document, root, nil)
	if len(c.found) == 0 { // for example an anchor that contains itself
		return fmt.Errorf("%s: %s", file, withoutPlace(cause))
	}
	slices.SortStableFunc(c.found, func(a, b located) int { return cmp.Compare(a.line, b.line) })
	var all []error
	for _, f := range c.found {
		all = append(all, fmt.Errorf("%s:%d: %w", file, f.line, f.err))
	}
	return errors.Join(all...)
}

var yamlPlace = regexp.MustCompile(`^yaml: (line \d+: )?`)

// withoutPlace returns the text of an error of package yaml without its line, which
// is often another one than that of the mistake.
func withoutPlace(err error) string {
	var types *yaml.TypeError
	if errors.As(err, &types) {
		return "a value has the wrong type"
	}
	return yamlPlace.ReplaceAllString(err.Error(), "")
}

// syntaxErrorLine returns the line of a syntax error. For most errors package yaml
// names the line where the surrounding block begins, counted from zero. The shortest
// beginning of the text that causes the same error ends with the line of the mistake.
func syntaxErrorLine(text []byte, err error) int {
	const noColon = "could not find expected ':'" // noticed on the next line; its own line is right
	if m := regexp.MustCompile(`^yaml: line (\d+): ` + noColon).FindStringSubmatch(err.Error()); m != nil {
		line, _ := strconv.Atoi(m[1]) // digits
		return line
	}
	lines := bytes.SplitAfter(text, []byte("\n"))
	if last := len(lines) - 1; len(lines[last]) == 0 && last > 0 {
		lines = lines[:last]
	}
	return 1 + sort.Search(len(lines)-1, func(i int) bool {
		e := yaml.Unmarshal(bytes.Join(lines[:i+1], nil), &yaml.Node{})
		return e != nil && withoutPlace(e) == withoutPlace(err)
	})
}

// located is an error of one key and its line.
type located struct {
	line int
	err  *keyError
}

// checker finds the keys of a file that a type does not have and the values that it
// cannot hold.
type checker struct {
	root  reflect.Type
	found []located
}

func (c *checker) add(n *yaml.Node, at path, problem string) {
	c.found = append(c.found, located{n.Line, &keyError{at, problem}})
}

// check compares n, the value at at, with the type t. Types of the configuration do
// not contain themselves, so it ends for an alias that does.
func (c *checker) check(n *yaml.Node, t reflect.Type, at path) {
	if n.Kind == yaml.DocumentNode {
		n = n.Content[0]
	}
	value := n
	if n.Kind == yaml.AliasNode {
		value = n.Alias
	}
	if t.Kind() == reflect.Pointer {
		t = t.Elem()
	}
	switch {
	case value.ShortTag() == "!!null": // the same as no key
	case t.Kind() == reflect.Struct && value.Kind == yaml.MappingNode:
		c.checkStruct(value, t, at)
	case t.Kind() == reflect.Map && value.Kind == yaml.MappingNode:
		for i := 0; i+1 < len(value.Content); i += 2 {
			c.check(value.Content[i+1], t.Elem(), at.to(value.Content[i].Value))
		}
	case t.Kind() == reflect.Slice && value.Kind == yaml.SequenceNode:
		for i, element := range value.Content {
			c.check(element, t.Elem(), at.to(i))
		}
	default:
		if err := value.Decode(reflect.New(t).Interface()); err != nil {
			c.add(n, at, wrongValue(err, value, t))
		}
	}
}

// checkStruct compares the keys of n with the fields of t.
func (c *checker) checkStruct(n *yaml.Node, t reflect.Type, at path) {
	fields := keysOf(t)
	seen := make(map[string]int)
	for i := 0; i+1 < len(n.Content); i += 2 {
		key := n.Content[i]
		if key.ShortTag() == "!!merge" {
			continue // the merged mapping is checked at its own place
		}
		if first, ok := seen[key.Value]; ok {
			c.add(key, at.to(key.Value), fmt.Sprintf("key is already set on line %d", first))
			continue
		}
		seen[key.Value] = key.Line
		j := slices.IndexFunc(fields, func(f reflect.StructField) bool { return keyOf(f) == key.Value })
		if j < 0 {
			c.add(key, at.to(key.Value), c.unknownKey(key.Value, fields))
			continue
		}
		c.check(n.Content[i+1], fields[j].Type, at.to(key.Value))
	}
}

// wrongValue says what a value must be that cannot be decoded into t.
func wrongValue(err error, n *yaml.Node, t reflect.Type) string {
	var types *yaml.TypeError
	if !errors.As(err, &types) {
		return err.Error() // of an UnmarshalYAML of ours
	}
	want, got := typeInWords(t), kindInWords(n)
	if t == reflect.TypeFor[time.Duration]() || t.Kind() != reflect.String && got == "a number" {
		return "must be " + want // what it is does not help: for example a fraction, or a number out of range
	}
	return "must be " + want + ", not " + got
}

func typeInWords(t reflect.Type) string {
	if t == reflect.TypeFor[time.Duration]() {
		return "a duration with a unit, for example 1500ms"
	}
	switch t.Kind() {
	case reflect.Slice:
		return "a list"
	case reflect.Bool:
		return "true or false"
	case reflect.String:
		return "a string"
	case reflect.Struct, reflect.Map:
		return "a mapping"
	case reflect.Float64:
		return "a number"
	}
	return "a whole number"
}

func kindInWords(n *yaml.Node) string {
	switch n.Kind {
	case yaml.SequenceNode:
		return "a list"
	case yaml.MappingNode:
		return "a mapping"
	}
	switch n.ShortTag() {
	case "!!int", "!!float":
		return "a number"
	case "!!bool":
		return "true or false"
	}
	return "a string"
}

// unknownKey says that fields have no key of that name, and which one may be meant.
func (c *checker) unknownKey(key string, fields []reflect.StructField) string {
	if best := nearest(key, fields); best != "" {
		return fmt.Sprintf("unknown key, did you mean %s?", best)
	}
	if places := placesOf(key, c.root, nil); len(places) > 0 {
		return fmt.Sprintf("unknown key here, did you mean %s?", strings.Join(places, " or "))
	}
	var keys []string
	for _, f := range fields {
		keys = append(keys, keyOf(f))
	}
	return "unknown key, must be one of " + strings.Join(keys, ", ")
}
