"""Draws the pictures of README and documentation from tinydet's own outputs, light and dark.

    python docs/make_pictures.py [RUN DATA]

RUN and DATA are those of ``tinydet demo`` (demo/run demo/data); without them the scene stays.
The scene takes the first images with three objects or more, mistakes included.
"""

import io
import sys
import tempfile
from pathlib import Path

import numpy as np
from matplotlib import pyplot as plt
from PIL import Image

import tinydet
from tinydet.compiler import CompileOptions, compile_detector
from tinydet.compiler.memory import Plan
from tinydet.data.images import read_image
from tinydet.pretrained import pretrained_model

PICTURES = Path(__file__).parent / "pictures"
STYLES = {"": "default", "-dark": "dark_background"}  # end of the file name, style
COLOURS = 96  # of a saved picture: flat areas need few
KIB = 1024
# One segment of the person detector, its second: expand, depthwise with stride 2, project.
NAMES = ("input", "expanded, 1 x 1", "depthwise, 3 x 3", "output, 1 x 1")
TONES = ("#4878a8", "#e08030", "#50a060", "#9060b0")
SCENE_IMAGES, SCENE_COLUMNS, TILE_PX, GAP_PX, SCENE_SCORE = 8, 4, 300, 8, 0.5


def main(arguments: list[str]) -> None:
    """Draw them all."""
    PICTURES.mkdir(exist_ok=True)
    detector = compile_detector(pretrained_model("person_192"), CompileOptions(name="person"))
    for ending, style in STYLES.items():
        with plt.style.context(style):
            draw_row_streaming(detector.plan, PICTURES / f"row_streaming{ending}.png")
            with tempfile.TemporaryDirectory() as folder:
                detector.draw_arena(Path(folder) / "arena.png")
                save_small(Path(folder) / "arena.png", PICTURES / f"arena{ending}.png")
    if arguments:
        draw_scene(*map(Path, arguments), PICTURES / "scene.webp")


def draw_scene(run: Path, data: Path, path: Path) -> None:
    """Boxes of an int8 detector on images that it has not seen; transparent between them."""
    detector = tinydet.load_detector(run / "quantized_models" / "quantized_model.tflite")
    tiles = []
    for file in sorted((data / "images" / "val").iterdir()):
        image = read_image(file)
        found = tinydet.detect(detector, image, detector.spec.postprocess).above(SCENE_SCORE)
        if image.shape[1] > image.shape[0] and len(found) > 2:
            picture = Image.fromarray(image).resize((TILE_PX * 2, TILE_PX * 3 // 2))
            drawn = found.plot(np.array(picture), detector.spec.class_names)
            tiles.append(Image.fromarray(drawn).resize((TILE_PX, TILE_PX * 3 // 4)))
    tiles = tiles[:SCENE_IMAGES]
    step_x, step_y = TILE_PX + GAP_PX, TILE_PX * 3 // 4 + GAP_PX
    rows = -(-len(tiles) // SCENE_COLUMNS)
    sheet = Image.new("RGBA", (SCENE_COLUMNS * step_x - GAP_PX, rows * step_y - GAP_PX))
    for number, tile in enumerate(tiles):
        sheet.paste(tile, (number % SCENE_COLUMNS * step_x, number // SCENE_COLUMNS * step_y))
    sheet.save(path, quality=80, method=6)


def draw_row_streaming(plan: Plan, path: Path) -> None:
    """A segment with whole tensors, and in the middle of its work row by row; areas are bytes."""
    figure, (whole, rows) = plt.subplots(1, 2, figsize=(12, 4.2), sharey=True, layout="constrained")
    tensors = [(96, 768, 96), (96, 4800, 3), (48, 2304, 1), (48, 384, 48)]
    total, held = 0.0, 0.0
    for axes in (whole, rows):
        left = 0
        for name, tone, (height, row_bytes, ring) in zip(NAMES, TONES, tensors, strict=True):
            frame = {"edgecolor": tone, "linewidth": 1.2}
            axes.add_patch(plt.Rectangle((left, 0), row_bytes, height, facecolor="none", **frame))
            first, last = held_rows(name, height, ring) if axes is rows else (0, height)
            axes.add_patch(
                plt.Rectangle((left, first), row_bytes, last - first, facecolor=tone, **frame)
            )
            size = (last - first) * row_bytes / KIB
            middle = left + row_bytes / 2
            axes.text(middle, height + 5, name, ha="center", va="top", fontsize=9)
            axes.text(middle, -2, f"{size:.3g} KiB", ha="center", va="bottom", fontsize=9)
            total, held = (total, held + size) if axes is rows else (total + size, held)
            left += row_bytes + 1500
        axes.set_xlim(-600, left - 900)
        axes.axis("off")
    whole.set_ylim(106, -12)
    whole.set_title(f"every tensor whole: {total:.0f} KiB in four tensors")
    rows.set_title(f"row by row, half way: {held:.0f} KiB")
    save_figure(figure, path)


def held_rows(name: str, height: int, ring: int) -> tuple[int, int]:
    """First and last row in memory when half of the segment is done."""
    half = height // 2
    if name == NAMES[0]:
        return half, height
    return (0, half) if name == NAMES[-1] else (half - ring, half)


def save_figure(figure: plt.Figure, path: Path) -> None:
    """As a picture of few colours."""
    drawn = io.BytesIO()
    figure.savefig(drawn, dpi=110)
    plt.close(figure)
    save_small(drawn, path)


def save_small(source: io.BytesIO | Path, path: Path) -> None:
    """The same picture as PNG with a palette."""
    picture = Image.open(source).convert("RGB")
    picture.quantize(COLOURS, dither=Image.Dither.NONE).save(path, optimize=True)


if __name__ == "__main__":
    main(sys.argv[1:])
