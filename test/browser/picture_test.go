package browser

import (
	"bytes"
	"cmp"
	"flag"
	"image"
	"image/color"
	"image/draw"
	"image/png"
	"os"
	"slices"
	"strings"
	"testing"
	"time"

	"github.com/chromedp/chromedp"
)

var update = flag.Bool("update", false, "take the pictures of docs/ again")

// pictures are the pictures of the status page in the documents.
var pictures = []struct {
	name, query, scheme string
	width, height       int64 // height is where it is cut off
	in                  string
}{
	{"status-light.png", "", "light", 1240, 1500, "docs/status.md"},
	{"status-dark.png", "", "dark", 1240, 1500, "docs/status.md"},
	{"status-phone.png", "", "light", 400, 1400, "docs/status.md"},
	{"status-zh.png", "?lang=zh", "light", 1240, 1500, "README.zh-CN.md"},
}

// TestPicture checks that the pictures of the documents exist and are used. With -update it takes them.
func TestPicture(t *testing.T) {
	if *update {
		takePictures(t)
	}
	for _, p := range pictures {
		b, err := os.ReadFile("../../docs/" + p.name)
		if err != nil {
			t.Fatal(err)
		}
		img, err := png.DecodeConfig(bytes.NewReader(b))
		if err != nil || int64(img.Width) != p.width || len(b) > 120_000 {
			t.Errorf("%s has %d bytes and is %d pixels wide: %v", p.name, len(b), img.Width, err)
		}
		text, err := os.ReadFile("../../" + p.in)
		if err != nil || !strings.Contains(string(text), p.name) {
			t.Errorf("%s does not show %s: %v", p.in, p.name, err)
		}
	}
}

func takePictures(t *testing.T) {
	s, tb := startPlayed(t), open(t)
	tb.load(s.Web)
	tb.wait(`document.querySelector("[data-recount] .pill").textContent`, "Recounting")
	time.Sleep(15 * time.Second) // "just now" everywhere is no good picture
	send(t, s, demo, "--command=Live.CallbackAfterCreateRoom")
	time.Sleep(3 * time.Second)
	for _, p := range pictures {
		tb.size(p.width, 300)
		tb.scheme(p.scheme)
		tb.load(s.Web + "/" + p.query)
		shot, err := chromedp.Run(tb.ctx, chromedp.FullScreenshot(100))
		if err != nil {
			t.Fatal(err)
		}
		img, err := png.Decode(bytes.NewReader(shot))
		if err != nil {
			t.Fatal(err)
		}
		bounds := img.Bounds()
		bounds.Max.Y = min(bounds.Max.Y, int(p.height))
		var b bytes.Buffer
		if err := (&png.Encoder{CompressionLevel: png.BestCompression}).Encode(&b, paletted(img, bounds)); err != nil {
			t.Fatal(err)
		}
		if err := os.WriteFile("../../docs/"+p.name, b.Bytes(), 0o644); err != nil {
			t.Fatal(err)
		}
	}
}

// paletted returns a part of img in its 256 most frequent colours, which needs a third of the bytes
// and has no visible difference.
func paletted(img image.Image, part image.Rectangle) image.Image {
	counts := map[color.RGBA]int{}
	for y := part.Min.Y; y < part.Max.Y; y++ {
		for x := part.Min.X; x < part.Max.X; x++ {
			counts[color.RGBAModel.Convert(img.At(x, y)).(color.RGBA)]++
		}
	}
	var palette color.Palette
	for c := range counts {
		palette = append(palette, c)
	}
	slices.SortFunc(palette, func(a, b color.Color) int { // the order is always the same
		x, y := a.(color.RGBA), b.(color.RGBA)
		return cmp.Or(cmp.Compare(counts[y], counts[x]), cmp.Compare(x.R, y.R), cmp.Compare(x.G, y.G), cmp.Compare(x.B, y.B))
	})
	small := image.NewPaletted(image.Rect(0, 0, part.Dx(), part.Dy()), palette[:min(len(palette), 256)])
	draw.Draw(small, small.Bounds(), img, part.Min, draw.Src)
	return small
}
