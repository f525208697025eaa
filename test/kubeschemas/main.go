// Command kubeschemas writes the schemas that kubeconform needs from Kubernetes' own API
// description: one file for each kind, as strict as the API server is.
//
//	kubeschemas SWAGGER.json DIR
package main

import (
	"encoding/json"
	"fmt"
	"os"
	"path/filepath"
	"strings"
)

type object = map[string]any

const prefix = "#/definitions/"

func main() {
	if len(os.Args) != 3 {
		fmt.Fprintln(os.Stderr, "usage: kubeschemas SWAGGER.json DIR")
		os.Exit(2)
	}
	if err := run(os.Args[1], os.Args[2]); err != nil {
		fmt.Fprintln(os.Stderr, "kubeschemas:", err)
		os.Exit(1)
	}
}

func run(swagger, dir string) error {
	text, err := os.ReadFile(swagger)
	if err != nil {
		return err
	}
	var api struct{ Definitions map[string]object }
	if err := json.Unmarshal(text, &api); err != nil {
		return fmt.Errorf("%s: %w", swagger, err)
	}
	for name, definition := range api.Definitions {
		strict(name, definition)
	}
	for name, definition := range api.Definitions {
		kinds, _ := definition["x-kubernetes-group-version-kind"].([]any)
		for _, kind := range kinds {
			k := kind.(object)
			file := fileName(k["kind"].(string), k["group"].(string), k["version"].(string))
			schema := object{"$ref": prefix + name, "definitions": reachable(api.Definitions, name)}
			content, err := json.Marshal(schema)
			if err != nil {
				return err
			}
			if err := os.WriteFile(filepath.Join(dir, file), content, 0o644); err != nil {
				return err
			}
		}
	}
	return nil
}

// fileName returns the name of a schema: kubeconform uses {{.ResourceKind}}{{.KindSuffix}}.json.
func fileName(kind, group, version string) string {
	name := strings.ToLower(kind)
	if group != "" {
		name += "-" + strings.Split(group, ".")[0]
	}
	return name + "-" + version + ".json"
}

// strict makes a definition refuse members that it does not name, and accept the values that the API
// server converts: numbers for quantities, and both types for IntOrString.
func strict(name string, definition object) {
	if definition["properties"] != nil && definition["additionalProperties"] == nil {
		definition["additionalProperties"] = false
	}
	if strings.HasSuffix(name, ".Quantity") || strings.HasSuffix(name, ".IntOrString") {
		definition["type"] = []string{"string", "number"}
		delete(definition, "format")
	}
}

// reachable returns the definitions that name needs, with itself.
func reachable(all map[string]object, name string) map[string]object {
	found := map[string]object{}
	var visit func(string)
	visit = func(name string) {
		if found[name] != nil {
			return
		}
		found[name] = all[name]
		references(all[name], visit)
	}
	visit(name)
	return found
}

// references calls found with the name of each definition that v refers to.
func references(v any, found func(string)) {
	switch v := v.(type) {
	case object:
		if ref, ok := v["$ref"].(string); ok {
			found(strings.TrimPrefix(ref, prefix))
		}
		for _, member := range v {
			references(member, found)
		}
	case []any:
		for _, element := range v {
			references(element, found)
		}
	}
}
