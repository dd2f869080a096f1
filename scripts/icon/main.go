// Command icon draws assets/icon.svg as PNG. The program embeds the picture of 512 pixels; other sizes are for a look at
// how the mark holds up when it is small.
//
//	go run ./scripts/icon -svg assets/icon.svg -size 512 -out assets/icon.png
package main

import (
	"flag"
	"fmt"
	"image"
	"image/png"
	"os"

	"github.com/fyne-io/oksvg"
	"github.com/srwiley/rasterx"
	"golang.org/x/image/draw"
)

// oversampling is how many times larger the drawing is than the picture, so that edges come out smooth.
const oversampling = 4

func main() {
	svg := flag.String("svg", "assets/icon.svg", "the drawing")
	size := flag.Int("size", 512, "width and height of the picture in pixels")
	out := flag.String("out", "assets/icon.png", "the picture")
	flag.Parse()
	if err := render(*svg, *out, *size); err != nil {
		fmt.Fprintln(os.Stderr, "icon:", err)
		os.Exit(1)
	}
}

func render(svg, out string, size int) error {
	drawing, err := oksvg.ReadIcon(svg, oksvg.StrictErrorMode)
	if err != nil {
		return fmt.Errorf("read %s: %w", svg, err)
	}
	side := size * oversampling
	large := image.NewRGBA(image.Rect(0, 0, side, side))
	drawing.SetTarget(0, 0, float64(side), float64(side))
	scanner := rasterx.NewScannerGV(side, side, large, large.Bounds())
	drawing.Draw(rasterx.NewDasher(side, side, scanner), 1)

	picture := image.NewRGBA(image.Rect(0, 0, size, size))
	draw.CatmullRom.Scale(picture, picture.Bounds(), large, large.Bounds(), draw.Src, nil)
	file, err := os.Create(out)
	if err != nil {
		return err
	}
	if err := png.Encode(file, picture); err != nil {
		_ = file.Close() // the first error says it
		return fmt.Errorf("write %s: %w", out, err)
	}
	return file.Close()
}
