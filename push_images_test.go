package repository_test

import (
	"os"
	"os/exec"
	"path/filepath"
	"strings"
	"testing"
)

// TestImagesArePushedByDigest runs scripts/push-images with a docker and a cosign that only record their
// arguments. It does not check that Docker accepts the flags.
func TestImagesArePushedByDigest(t *testing.T) {
	const base, built = "sha256:" + "aa", "sha256:" + "bb"
	dir := t.TempDir()
	for name, script := range map[string]string{
		"docker": `case "$*" in
*imagetools*) echo ` + base + ` ;;
*) echo "$*" >>"$CALLS"
   while [ "$1" != --metadata-file ]; do shift; done
   echo '{"containerimage.digest": "` + built + `"}' >"$2" ;;
esac`,
		"cosign": `echo "cosign $*" >>"$CALLS"`,
	} {
		if err := os.WriteFile(filepath.Join(dir, name), []byte("#!/bin/sh\n"+script+"\n"), 0o755); err != nil {
			t.Fatal(err)
		}
	}
	calls := filepath.Join(dir, "calls")
	push := exec.Command("scripts/push-images")
	push.Env = append(os.Environ(), "PATH="+dir+":"+os.Getenv("PATH"), "CALLS="+calls, "REGISTRIES=one.example two.example")
	if out, err := push.CombinedOutput(); err != nil {
		t.Fatalf("%v: %s", err, out)
	}
	got := readFile(t, calls)
	for _, want := range []string{
		"--build-arg GO_IMAGE=golang:", "bookworm@" + base, "--build-arg BASE_IMAGE=gcr.io/distroless/static-debian12:nonroot@" + base,
		"--tag one.example/tuilivekit-exporter:", "--tag two.example/tuilivekit-exporter:", "--provenance=mode=max",
		"cosign sign --yes one.example/tuilivekit-exporter@" + built, "cosign sign --yes two.example/tuilivekit-exporter@" + built,
	} {
		if !strings.Contains(got, want) {
			t.Errorf("no %q in\n%s", want, got)
		}
	}
}
