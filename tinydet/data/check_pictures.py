"""Pictures of a data set: how often each class occurs, how large objects are, some samples."""

import warnings
from collections.abc import Sequence
from pathlib import Path
from typing import TYPE_CHECKING

import numpy as np
from PIL import Image

from tinydet.config.files import atomic_path
from tinydet.data.box_statistics import MEDIUM_PX, SMALL_PX, ImageSize, box_sides_px, class_counts
from tinydet.data.dataset import Dataset, Sample
from tinydet.data.images import ImageArray, read_image
from tinydet.drawing import class_colour, contact_sheet, draw_boxes, save_image

if TYPE_CHECKING:
    from matplotlib.figure import Figure

NUM_SHOWN = 12
COLUMNS = 4
TILE_HEIGHT_PX, TILE_WIDTH_PX = 360, 480
TICKS_PX = (2, 4, 8, 16, 32, 64, 128, 256, 512, 1024, 2048, 4096)
IGNORED_COLOUR = (128, 128, 128)
MAX_BARS = 100  # more classes than that cannot be read on one picture


def save_pictures(dataset: Dataset, sizes: Sequence[ImageSize | None], output: Path) -> None:
    """Write ``class_histogram.png``, ``box_sizes.png`` and ``samples.png``.

    Args:
        dataset: The data set.
        sizes: ``(height, width)`` per sample, pixels; None for unreadable images.
        output: Folder; exists.

    Raises:
        OutputError: The system refused to write.
    """
    _save(class_histogram(dataset), output / "class_histogram.png")
    _save(box_size_figure(dataset, sizes), output / "box_sizes.png")
    shown = samples_to_show(dataset, sizes)
    if shown:
        images = [_draw_sample(sample, dataset.class_names) for sample in shown]
        captions = [sample.path.name for sample in shown]
        sheet = contact_sheet(images, COLUMNS, TILE_HEIGHT_PX, TILE_WIDTH_PX, captions)
        save_image(output / "samples.png", sheet)


def _save(figure: "Figure", path: Path) -> None:
    with atomic_path(path) as temporary, warnings.catch_warnings():
        # A class name may have letters the font lacks; they show as boxes, which is no fault here.
        warnings.filterwarnings("ignore", message="Glyph .* missing")
        figure.savefig(temporary, dpi=100, bbox_inches="tight")


def class_histogram(dataset: Dataset) -> "Figure":
    """Bars: boxes of each class, the ignored ones marked, most frequent first if they are many."""
    from matplotlib.figure import Figure

    counts = class_counts(dataset)
    title = f"{len(dataset)} images, {sum(c['boxes'] for c in counts)} boxes"
    if len(counts) > MAX_BARS:
        counts = sorted(counts, key=lambda c: -c["boxes"])[:MAX_BARS]
        title += f" (the {MAX_BARS} most frequent of {len(dataset.class_names)} classes)"
    figure = Figure(figsize=(8, 1.5 + 0.22 * max(len(counts), 3)))
    axes = figure.add_subplot()
    rows = np.arange(len(counts))
    used = np.array([c["boxes"] - c["ignored"] for c in counts], np.int64)
    ignored = np.array([c["ignored"] for c in counts], np.int64)
    colour = tuple(value / 255 for value in class_colour(0))
    axes.barh(rows, used, color=colour, label="boxes")
    if ignored.any():
        axes.barh(rows, ignored, left=used, color="grey", label="ignored (crowd, difficult)")
        axes.legend()
    for row, count in zip(rows, used + ignored, strict=True):
        axes.text(float(count), float(row), f" {count}", va="center", fontsize=8)
    axes.set_yticks(rows, [c["name"].replace("$", r"\$") for c in counts], fontsize=8)
    axes.set_ylim(max(len(counts), 1) - 0.5, -0.5)
    axes.margins(x=0.1)
    axes.set_xlabel("boxes")
    axes.set_title(title)
    return figure


def box_size_figure(dataset: Dataset, sizes: Sequence[ImageSize | None]) -> "Figure":
    """Left: width and height as shares of the image. Right: size in pixels with COCO's marks."""
    from matplotlib.colors import LogNorm
    from matplotlib.figure import Figure

    relative, pixels = box_sides_px(dataset, sizes)
    figure = Figure(figsize=(11, 4.5))
    left, right = figure.subplots(1, 2)
    left.set(xlabel="width / image width", ylabel="height / image height", title="Box sides")
    right.set(xlabel="square root of the area, px", ylabel="boxes", title="Box size in the image")
    if not len(relative):
        for axes in (left, right):
            axes.text(0.5, 0.5, "no boxes", ha="center", transform=axes.transAxes)
        return figure
    bins = np.linspace(0, 1, 51)
    *_, mesh = left.hist2d(*relative.T, bins=[bins, bins], norm=LogNorm(), cmap="viridis")
    figure.colorbar(mesh, ax=left, label="boxes")
    side_px = np.sqrt(pixels.prod(axis=1))
    edges = np.geomspace(max(1, side_px.min() * 0.99), max(side_px.max() * 1.01, 128), 41)
    right.hist(np.maximum(side_px, edges[0]), bins=edges.tolist(), color="#0072b2")
    right.set_xscale("log")
    right.set_xticks([t for t in TICKS_PX if edges[0] <= t <= edges[-1]], minor=False)
    right.xaxis.set_major_formatter("{x:g}")
    right.xaxis.set_minor_formatter("")
    marks = (
        (0, SMALL_PX, "small"),
        (SMALL_PX, MEDIUM_PX, "medium"),
        (MEDIUM_PX, np.inf, "large"),
    )
    for low, high, name in marks:
        count = int(((side_px >= low) & (side_px < high)).sum())
        if low:
            right.axvline(low, color="black", linestyle="--", linewidth=1)
        middle = np.sqrt(max(low, edges[0]) * min(high, edges[-1]))
        if middle > edges[0]:
            text = f"{name}\n{count / len(side_px):.0%}"
            height = right.get_ylim()[1]
            right.text(middle, height, text, ha="center", va="bottom", fontsize=8)
    right.set_title("Box size in the image", pad=28)
    return figure


def samples_to_show(dataset: Dataset, sizes: Sequence[ImageSize | None]) -> list[Sample]:
    """A few readable samples, evenly over the data set, with boxes if there are such."""
    readable = [s for s, size in zip(dataset.samples, sizes, strict=True) if size is not None]
    candidates = [sample for sample in readable if len(sample.boxes)] or readable
    places = np.linspace(0, len(candidates) - 1, min(NUM_SHOWN, len(candidates)))
    return [candidates[int(place)] for place in places.round()]


def _draw_sample(sample: Sample, class_names: Sequence[str]) -> ImageArray:
    """The upright image, at most as large as a tile, with its boxes, the ignored ones grey."""
    labels, colours = [], []
    for class_id, ignored in zip(sample.class_ids.tolist(), sample.ignored, strict=True):
        labels.append(class_names[class_id] + (" (ignored)" if ignored else ""))
        colours.append(IGNORED_COLOUR if ignored else class_colour(class_id))
    # Made small before drawing: lines and letters drawn on the large image would get too thin.
    picture = Image.fromarray(read_image(sample.path))
    picture.thumbnail((TILE_WIDTH_PX, TILE_HEIGHT_PX))
    return draw_boxes(np.array(picture), sample.boxes, labels, colours)
