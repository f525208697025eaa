package deploy

import (
	"bytes"
	"encoding/json"
	"flag"
	"os"
	"path/filepath"
	"reflect"
	"strings"
	"testing"
	"time"

	"github.com/tuilivekit-exporter/tuilivekit-exporter/internal/config"
)

var update = flag.Bool("update", false, "write the schema of the chart's values again")

// TestChartSchemaHasTheConfiguration checks that Helm refuses a misspelt key of the configuration before
// it installs anything. The schema of config is made from the structs that the exporter reads.
func TestChartSchemaHasTheConfiguration(t *testing.T) {
	file := filepath.Join(folder, "helm/tuilivekit-exporter/values.schema.json")
	text, err := os.ReadFile(file)
	if err != nil {
		t.Fatal(err)
	}
	var schema map[string]any
	if err := json.Unmarshal(text, &schema); err != nil {
		t.Fatal(err)
	}
	of := schemaOf(t, reflect.TypeFor[config.Config]())
	of["required"] = []any{"apps"}
	app := of["properties"].(map[string]any)["apps"].(map[string]any)["items"].(map[string]any)
	app["required"] = []any{"sdk_app_id"}
	schema["properties"].(map[string]any)["config"] = of
	var want bytes.Buffer
	e := json.NewEncoder(&want)
	e.SetEscapeHTML(false)
	e.SetIndent("", "  ")
	if err := e.Encode(schema); err != nil {
		t.Fatal(err)
	}
	if bytes.Equal(text, want.Bytes()) {
		return
	}
	if !*update {
		t.Fatalf("%s does not have the keys of the configuration: go test ./deploy -run Schema -update, in test", file)
	}
	if err := os.WriteFile(file, want.Bytes(), 0o644); err != nil {
		t.Fatal(err)
	}
}

// schemaOf returns the JSON schema of a part of the configuration.
func schemaOf(t *testing.T, of reflect.Type) map[string]any {
	t.Helper()
	switch {
	case of == reflect.TypeFor[config.AppID]():
		return map[string]any{"type": []any{"integer", "string"}}
	case of == reflect.TypeFor[time.Duration]():
		return map[string]any{"type": "string"}
	}
	switch of.Kind() {
	case reflect.Pointer:
		return schemaOf(t, of.Elem())
	case reflect.Slice:
		return map[string]any{"type": "array", "items": schemaOf(t, of.Elem())}
	case reflect.Map:
		return map[string]any{"type": "object", "additionalProperties": schemaOf(t, of.Elem())}
	case reflect.String:
		return map[string]any{"type": "string"}
	case reflect.Bool:
		return map[string]any{"type": "boolean"}
	case reflect.Int, reflect.Int64:
		return map[string]any{"type": "integer"}
	case reflect.Float64:
		return map[string]any{"type": "number"}
	case reflect.Struct:
		properties := map[string]any{}
		for field := range of.Fields() {
			if name, _, _ := strings.Cut(field.Tag.Get("yaml"), ","); name != "" && name != "-" {
				properties[name] = schemaOf(t, field.Type)
			}
		}
		return map[string]any{"type": "object", "additionalProperties": false, "properties": properties}
	}
	t.Fatalf("no schema for %s", of)
	return nil
}
