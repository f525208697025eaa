package main

import (
	"bytes"
	"os"
	"path/filepath"
	"testing"
)

func TestFilesAreAsGenerated(t *testing.T) {
	for name, dashboard := range all() {
		got, err := os.ReadFile(filepath.Join("..", "..", "dashboards", name))
		if err != nil {
			t.Error(err)
		} else if !bytes.Equal(got, render(dashboard)) {
			t.Errorf("dashboards/%s is not what the generator writes: change the generator, then run make dashboards", name)
		}
	}
}
