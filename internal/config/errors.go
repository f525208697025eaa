package config

import (
	"fmt"
	"strings"

	"go.yaml.in/yaml/v3"
)

// path is the place of a value: names of keys (string) and places in lists (int).
type path []any

// to returns the path of a value inside the value at p.
func (p path) to(steps ...any) path { return append(p[:len(p):len(p)], steps...) }

func (p path) String() string {
	var b strings.Builder
	for _, step := range p {
		switch step := step.(type) {
		case int:
			fmt.Fprintf(&b, "[%d]", step)
		case string:
			if b.Len() > 0 {
				b.WriteByte('.')
			}
			b.WriteString(step)
		}
	}
	return b.String()
}

// keyError is the error of the value of one key.
type keyError struct {
	at      path
	problem string
}

func (e *keyError) Error() string {
	if len(e.at) == 0 { // the whole file
		return e.problem
	}
	return e.at.String() + ": " + e.problem
}

// line returns the line of the key in the file. If the key is not there, it returns the line of the
// nearest key above.
func (e *keyError) line(root *yaml.Node) int {
	n := root
	if len(n.Content) > 0 {
		n = n.Content[0]
	}
	line := max(n.Line, 1)
	for _, step := range e.at {
		var next *yaml.Node
		switch step := step.(type) {
		case int:
			if n.Kind == yaml.SequenceNode && step < len(n.Content) {
				next = n.Content[step]
			}
		case string:
			for i := 0; n.Kind == yaml.MappingNode && i+1 < len(n.Content); i += 2 {
				if n.Content[i].Value == step {
					line, next = n.Content[i].Line, n.Content[i+1]
				}
			}
		}
		if next == nil {
			return line
		}
		if n = next; n.Kind == yaml.AliasNode {
			n = n.Alias
		}
		if _, ok := step.(int); ok {
			line = n.Line
		}
	}
	return line
}

// flag returns the flag for the key.
func (e *keyError) flag() string {
	for _, step := range e.at {
		if step == "token_files" {
			return "--app.token-file"
		}
	}
	return "--app"
}
