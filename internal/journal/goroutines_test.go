package journal

import (
	"testing"

	"github.com/tuilivekit-exporter/tuilivekit-exporter/internal/leaks"
)

func TestMain(m *testing.M) { leaks.VerifyTestMain(m) }
