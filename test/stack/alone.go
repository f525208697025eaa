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
	if err := os.WriteFile(filepath.Join(o.Dir, "token"), []byte(o.Token), 0o600); err != nil {
		return nil, err
	}
	if s.exporterBin, err = s.build(ctx); err != nil {
		return nil, err
	}
	return s, s.StartExporter(ctx)
}
