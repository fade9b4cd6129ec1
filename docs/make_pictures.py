"""Draws the pictures of README and documentation from tinydet's own outputs, light and dark.

    python docs/make_pictures.py [RUN DATA]

RUN and DATA are those of ``tinydet demo`` (demo/run demo/data); without them the scene stays.
The scene takes the first images with three objects or more, mistakes included.
"""

import io
import json
import sys
import tempfile
from collections.abc import Iterator
from pathlib import Path

import numpy as np
from matplotlib import pyplot as plt
from matplotlib.axes import Axes
from matplotlib.patches import Rectangle
from PIL import Image

import tinydet
from tinydet.compiler import CompileOptions, compile_detector
from tinydet.data.images import read_image
from tinydet.pretrained import pretrained_model

PICTURES = Path(__file__).parent / "pictures"
STYLES = {"": "default", "-dark": "dark_background"}  # end of the file name, style
COLOURS = 96  # of a saved picture: flat areas need few
KIB = 1024
# One segment of the person detector, its second: expand, depthwise with stride 2, project.
SEGMENT = slice(3, 7)  # in the list of tensors
NAMES = ("input", "expanded, 1 x 1", "depthwise, 3 x 3", "output, 1 x 1")
TONES = ("#4878a8", "#e08030", "#50a060", "#9060b0")
SCENE_IMAGES, SCENE_COLUMNS, TILE_PX, GAP_PX, SCENE_SCORE = 8, 4, 300, 8, 0.5


def main(arguments: list[str]) -> None:
    """Draw them all."""
    PICTURES.mkdir(exist_ok=True)
    detector = compile_detector(pretrained_model("person_192"), CompileOptions(name="person"))
    for ending, style in STYLES.items():
        with plt.style.context(style), tempfile.TemporaryDirectory() as folder:
            detector.save(Path(folder))
            plan = json.loads((Path(folder) / "plan.json").read_text(encoding="utf-8"))
            segment = plan["tensors"][SEGMENT]
            draw_row_streaming(segment, PICTURES / f"row_streaming{ending}.png")
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


def draw_row_streaming(tensors: list[dict[str, int]], path: Path) -> None:
    """A segment with whole tensors, and in the middle of its work row by row; areas are bytes.

    Args:
        tensors: Its input, what lies between its operators, its output, as in plan.json.
        path: File to write.
    """
    figure, (whole, rows) = plt.subplots(
        1, 2, figsize=(9.6, 3.8), sharey=True, layout="constrained"
    )
    held = {
        axes: sum(draw_tensors(axes, tensors, is_whole=axes is whole)) for axes in (whole, rows)
    }
    whole.set_ylim(106, -12)
    whole.set_title(f"every tensor whole: {held[whole]:.0f} KiB in four tensors")
    rows.set_title(f"row by row, half way: {held[rows]:.0f} KiB")
    save_figure(figure, path)


def draw_tensors(axes: Axes, tensors: list[dict[str, int]], *, is_whole: bool) -> Iterator[float]:
    """Draw the tensors side by side; yields the KiB of each that are in memory."""
    left = 0
    for name, tone, tensor in zip(NAMES, TONES, tensors, strict=True):
        height, row_bytes = tensor["rows"], tensor["row_bytes"]
        first, last = (0, height) if is_whole else held_rows(name, height, tensor["ring_rows"])
        frame = {"edgecolor": tone, "linewidth": 1.2}
        axes.add_patch(Rectangle((left, 0), row_bytes, height, facecolor="none", **frame))
        axes.add_patch(Rectangle((left, first), row_bytes, last - first, facecolor=tone, **frame))
        size = (last - first) * row_bytes / KIB
        middle = left + row_bytes / 2
        axes.text(middle, height + 5, name, ha="center", va="top", fontsize=9)
        axes.text(middle, -2, f"{size:.3g} KiB", ha="center", va="bottom", fontsize=9)
        left += row_bytes + 1700
        yield size
    axes.set_xlim(-900, left - 700)
    axes.axis("off")


def held_rows(name: str, height: int, ring: int) -> tuple[int, int]:
    """First and last row in memory when half of the segment is done."""
    half = height // 2
    if name == NAMES[0]:
        return half, height
    return (0, half) if name == NAMES[-1] else (half - ring, half)


def save_figure(figure: plt.Figure, path: Path) -> None:
    """As a picture of few colours."""
    drawn = io.BytesIO()
    figure.savefig(drawn, dpi=130)
    plt.close(figure)
    save_small(drawn, path)


def save_small(source: io.BytesIO | Path, path: Path) -> None:
    """The same picture as PNG with a palette."""
    picture = Image.open(source).convert("RGB")
    picture.quantize(COLOURS, dither=Image.Dither.NONE).save(path, optimize=True)


if __name__ == "__main__":
    main(sys.argv[1:])
