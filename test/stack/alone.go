package stack

import (
	"context"
	"os"
	"path/filepath"
)

// StartAlone starts the exporter without the other programs.
func StartAlone(ctx context.Context, o Options) (s *Stack, err error) {
	s = &Stack{Options: o}
	if err := s.chooseAddresses(); err != nil {
		return nil, err
	}
	for name, text := range map[string]string{"token": o.Token, "exporter.yml": o.Config} {
		if err := os.WriteFile(filepath.Join(o.Dir, name), []byte(text), 0o600); err != nil {
			return nil, err
		}
	}
	if s.exporterBin, err = s.build(ctx); err != nil {
		return nil, err
	}
	return s, s.StartExporter(ctx)
}
