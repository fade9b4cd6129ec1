"""Pictures in the page are upright, small enough, and true to the file."""

import base64
import io

import numpy as np
import pytest
from PIL import Image, ImageDraw

from tinydet.report.pictures import PictureEmbedder
from tinydet.report.run_files import RunFiles


def embedded(folder, name, *, max_side_px=400, photo=True, budget_bytes=10**6):
    picture = PictureEmbedder(RunFiles(folder), budget_bytes).embed(name, max_side_px, photo=photo)
    assert picture is not None
    kind, content = picture.address.split(";base64,")
    image = Image.open(io.BytesIO(base64.b64decode(content, validate=True)))
    assert (image.width, image.height) == (picture.width, picture.height)
    return kind, image


def test_exif_rotation_is_applied(tmp_path):
    """A 60 x 20 file with the rotation tag 6 is shown 20 x 60."""
    exif = Image.Exif()
    exif[0x0112] = 6
    Image.new("RGB", (60, 20), "red").save(tmp_path / "a.jpg", exif=exif)
    assert embedded(tmp_path, "a.jpg")[1].size == (20, 60)


@pytest.mark.parametrize("mode", ["L", "P", "1", "LA", "RGBA", "CMYK", "I;16"])
def test_every_pixel_format_shows_its_brightness(tmp_path, mode):
    """A picture of even brightness 200 (white for one bit) keeps it within JPEG's accuracy."""
    if mode == "I;16":
        image = Image.fromarray(np.full((16, 24), 200 * 257, np.uint16))
    else:
        image = Image.new("L", (24, 16), 200).convert("RGB")
        image = image.quantize(4) if mode == "P" else image.convert(mode)
    if mode == "1":
        image = Image.new("1", (24, 16), 1)
    image.save(tmp_path / ("a.tif" if mode == "CMYK" else "a.png"))
    _, shown = embedded(tmp_path, "a.tif" if mode == "CMYK" else "a.png")
    expected = 255 if mode == "1" else 200
    assert abs(np.asarray(shown.convert("L")).astype(int) - expected).max() <= 3


def test_a_chart_becomes_png_and_a_photo_jpeg(tmp_path):
    chart = Image.new("RGB", (800, 300), "white")
    for x in range(0, 790, 7):
        ImageDraw.Draw(chart).line((x, x % 290, x + 7, (x + 7) % 290), (x % 256, 30, 200), 2)
    chart.save(tmp_path / "chart.png")
    noise = np.random.default_rng(0).integers(0, 256, (300, 800, 3), np.uint8)
    Image.fromarray(noise).save(tmp_path / "photo.png")
    kind, image = embedded(tmp_path, "chart.png", photo=False)
    assert kind == "data:image/png"
    assert image.convert("RGB").getpixel((399, 5)) == (255, 255, 255)
    kind, image = embedded(tmp_path, "photo.png")
    assert kind == "data:image/jpeg"
    assert image.size == (400, 150)


def test_the_budget_holds_and_what_is_left_out_is_noted(tmp_path):
    noise = np.random.default_rng(0).integers(0, 256, (200, 200, 3), np.uint8)
    for i in range(6):
        Image.fromarray(noise).save(tmp_path / f"{i}.png")
    files = RunFiles(tmp_path)
    embedder = PictureEmbedder(files, budget_bytes=60_000)
    shown = [embedder.embed(f"{i}.png", 400, photo=True) for i in range(6)]
    assert sum(len(p.address) for p in shown if p) <= 60_000 * 4 / 3 + 6 * 40
    left_out = [state.path for state in files.states if state.state == "broken"]
    assert left_out == [f"{i}.png" for i, p in enumerate(shown) if p is None]
    assert 1 <= len(left_out) <= 5
