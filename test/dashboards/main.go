// Command dashboards writes the Grafana dashboards in ../dashboards. Users load the JSON files. This
// program has the expressions, the thresholds and the layout that the files share.
//
// Grafana's own grafana-foundation-sdk for Go (v0.0.22) would not make it smaller: it has a builder
// for each kind of panel and no common type, and it writes the options of the newest Grafana. Grafana
// 9.3 knows or ignores all options that this program writes.
package main

import (
	"bytes"
	"encoding/json"
	"fmt"
	"os"
	"path/filepath"
)

func main() {
	for name, dashboard := range all() {
		if err := os.WriteFile(filepath.Join("..", "dashboards", name), render(dashboard), 0o644); err != nil {
			fmt.Fprintln(os.Stderr, "dashboards:", err)
			os.Exit(1)
		}
	}
}

// all returns the dashboards by file name.
func all() map[string]object {
	return map[string]object{
		"overview.json":    overview(),
		"application.json": application(),
		"exporter.json":    exporter(),
	}
}

func render(dashboard object) []byte {
	var b bytes.Buffer
	e := json.NewEncoder(&b)
	e.SetEscapeHTML(false) // > and & stay readable
	e.SetIndent("", "  ")
	if err := e.Encode(dashboard); err != nil {
		panic(err) // maps, slices, strings and numbers always encode
	}
	return b.Bytes()
}
