"""Charts of one evaluation: precision over recall, and the confusion of classes."""

import warnings
from collections.abc import Sequence
from pathlib import Path
from typing import TYPE_CHECKING, Any

import numpy as np

from tinydet.config.files import atomic_path
from tinydet.drawing import class_colour
from tinydet.evaluation.result import Confusion, iou_key
from tinydet.evaluation.scoring import ScoredImages
from tinydet.metrics import PrecisionRecall, best_f1

if TYPE_CHECKING:
    from matplotlib.axes import Axes
    from matplotlib.figure import Figure

MAX_NAMED_CURVES = 10  # more lines of different colours cannot be told apart
MAX_NUMBERED_CLASSES = 20  # more numbers in the confusion cannot be read
MAX_CLASSES_WITH_SHARES = 8
INK, FAINT = "#333333", "#bbbbbb"
IOU_COLOURS = ("#0072b2", "#d55e00", "#009e73", "#cc79a7", "#e69f00", "#56b4e9")
DPI = 130
MOST_NAME_BYTES = 120  # systems take 255 with all that is put before and after it


def save_figure(figure: "Figure", path: Path) -> None:
    """Write a chart as PNG; the file appears whole or not at all."""
    with atomic_path(path) as temporary, warnings.catch_warnings():
        # A class name in a script that the font lacks shows as empty squares: no reason to stop.
        warnings.filterwarnings("ignore", message="Glyph .* missing from font")
        figure.savefig(temporary, dpi=DPI, bbox_inches="tight", facecolor="white")


def precision_recall_figure(scored: ScoredImages, title: str) -> "Figure":
    """Precision over recall of all classes.

    One class: a curve for each IoU. Up to ten: a coloured curve for each. More: all of them thin
    and grey, the best and the worst three in colour, and the mean over the classes.
    """
    if len(scored.class_names) == 1:
        return class_figure(scored, 0, title)
    iou = scored.headline_iou
    figure, axes = _curve_axes(f"{title}\nIoU {iou_key(iou)}", width=8.2)
    curves = scored.curves[iou]
    labelled = [i for i, curve in enumerate(curves) if curve.num_objects]
    labelled.sort(key=lambda i: -curves[i].ap)
    if len(labelled) <= MAX_NAMED_CURVES:
        named = labelled
    else:
        named = [*labelled[:3], *labelled[-3:]]
        for index in labelled:
            axes.plot(*_steps(curves[index]), color=FAINT, linewidth=0.6, alpha=0.6)
    for index in named:
        colour = np.array(class_colour(index)) / 255
        if len(named) < len(labelled):
            colour = np.array(class_colour(named.index(index))) / 255
        label = f"{_short(scored.class_names[index])}  {100 * curves[index].ap:.1f} %"
        _draw_curve(axes, curves[index], label, tuple(colour))
    if len(labelled) > 1:
        recall = np.linspace(0, 1, 201)
        mean = np.mean([_precision_at(curves[i], recall) for i in labelled], axis=0)
        ap = np.mean([curves[i].ap for i in labelled])
        axes.plot(
            recall,
            mean,
            color=INK,
            linewidth=2.4,
            label=f"mean of {len(labelled)}  {100 * ap:.1f} %",
        )
    _finish_curves(axes, "class, AP")
    return figure


def class_figure(scored: ScoredImages, class_id: int, title: str) -> "Figure":
    """Precision over recall of one class, a curve for each IoU."""
    name = scored.class_names[class_id]
    figure, axes = _curve_axes(f"{title}\n{_short(name, 60)}", width=7.4)
    for number, iou in enumerate(sorted(scored.curves)):
        curve = scored.curves[iou][class_id]
        if curve.num_objects:
            label = f"IoU {iou_key(iou)}  {100 * curve.ap:.1f} %"
            _draw_curve(axes, curve, label, IOU_COLOURS[number % len(IOU_COLOURS)])
    _finish_curves(axes, "AP")
    return figure


def confusion_figure(confusion: Confusion, title: str) -> "Figure":
    """The confusion of classes: counts as numbers, shares as colour.

    Right detections are blue, mistakes orange. A cell is the darker the larger its share of the
    objects of its row; in the last row, false detections for each object of that class.
    """
    from matplotlib.figure import Figure

    counts = np.array(confusion.matrix, np.float64)
    size = len(counts)
    objects = counts[:-1].sum(axis=1)
    shares = counts / np.maximum(np.append(objects, 1), 1)[:, None]
    shares[-1, :-1] = np.minimum(counts[-1, :-1] / np.maximum(objects, 1), 1)
    right = np.eye(size, dtype=np.bool_)
    nothing = counts == 0
    numbered = size <= MAX_NUMBERED_CLASSES + 1
    side = 2.6 + 0.62 * size if numbered else 15.0
    figure = Figure(figsize=(side + 0.6, side))
    axes = figure.add_subplot()
    axes.imshow(np.ma.masked_where(~right | nothing, shares), cmap="Blues", vmin=0, vmax=1.15)
    axes.imshow(np.ma.masked_where(right | nothing, shares), cmap="Oranges", vmin=0, vmax=1.15)
    axes.set_facecolor("#f3f3f3")
    letters = float(np.clip(36 * side / size, 5, 10))
    labels = [_short(name, 18) for name in confusion.labels]
    axes.set_xticks(range(size), labels, rotation=90 if size > 4 else 0, fontsize=letters)
    axes.set_yticks(range(size), labels, fontsize=letters)
    axes.set_xlabel("detected as  (last column: not detected)", color=INK)
    axes.set_ylabel("truth  (last row: nothing there)", color=INK)
    subtitle = (
        f"score >= {confusion.score_threshold:.2f}, IoU >= {iou_key(confusion.iou_threshold)}; "
        "blue: right, orange: wrong"
    )
    axes.set_title(f"{title}\n{subtitle}", fontsize=10, color=INK, loc="left")
    _grid_between_cells(axes, size)
    if numbered:
        _write_counts(axes, counts, shares)
    return figure


def _curve_axes(title: str, width: float) -> "tuple[Figure, Axes]":
    from matplotlib.figure import Figure

    figure = Figure(figsize=(width, 5.2))
    axes = figure.add_subplot()
    axes.set_title(title, fontsize=11, color=INK, loc="left")
    axes.set_xlabel("recall: share of the objects that are found", color=INK)
    axes.set_ylabel("precision: share of the detections that are right", color=INK)
    axes.set_xlim(0, 1)
    axes.set_ylim(0, 1.02)
    ticks = np.linspace(0, 1, 6)
    axes.set_xticks(ticks, [f"{100 * t:.0f} %" for t in ticks])
    axes.set_yticks(ticks, [f"{100 * t:.0f} %" for t in ticks])
    axes.grid(color="#e6e6e6", linewidth=0.8)
    axes.set_axisbelow(True)
    for side in ("top", "right"):
        axes.spines[side].set_visible(False)
    return figure, axes


def _draw_curve(axes: "Axes", curve: PrecisionRecall, label: str, colour: Any) -> None:
    """The interpolated curve, whose area is the AP, and a dot at the best F1."""
    axes.plot(*_steps(curve), color=colour, linewidth=1.8, label=label)
    best = best_f1(curve)
    if best.f1 > 0:
        axes.plot(
            [best.recall],
            [best.precision],
            "o",
            color=colour,
            markersize=6,
            markeredgecolor="white",
        )


def _finish_curves(axes: "Axes", heading: str) -> None:
    if axes.lines:
        legend = axes.legend(
            title=heading,
            loc="upper left",
            bbox_to_anchor=(1.01, 1.0),
            frameon=False,
            fontsize=9,
            alignment="left",
        )
        legend.get_title().set_fontsize(9)
        axes.text(1.03, 0.0, "dot: best F1", transform=axes.transAxes, fontsize=8, color="#777777")
    else:
        axes.text(0.5, 0.5, "nothing labelled", transform=axes.transAxes, ha="center", color=INK)


def _steps(curve: PrecisionRecall) -> tuple[Sequence[float], Sequence[float]]:
    """Corners of the interpolated curve, from recall 0, down to 0 where recall ends."""
    changes = np.flatnonzero(np.diff(curve.recall, prepend=0.0) > 0)
    recall, precision = curve.recall[changes], curve.envelope[changes]
    x = np.concatenate([[0.0], np.repeat(recall, 2)])
    y = np.concatenate([np.repeat(precision, 2), [0.0]])
    return x.tolist(), y.tolist()


def _precision_at(curve: PrecisionRecall, recall: Any) -> Any:
    """Interpolated precision at given recalls; 0 beyond the last."""
    places = np.searchsorted(curve.recall, recall - 1e-12)
    return np.append(curve.envelope, 0.0)[places]


def _grid_between_cells(axes: "Axes", size: int) -> None:
    axes.set_xticks(np.arange(size - 1) + 0.5, minor=True)
    axes.set_yticks(np.arange(size - 1) + 0.5, minor=True)
    axes.grid(which="minor", color="white", linewidth=1.2 if size <= 21 else 0.4)
    axes.tick_params(which="minor", length=0)
    axes.tick_params(which="major", length=0)
    # The background is not a class.
    axes.axhline(size - 1.5, color="#777777", linewidth=1)
    axes.axvline(size - 1.5, color="#777777", linewidth=1)
    for spine in axes.spines.values():
        spine.set_visible(False)


def _write_counts(axes: "Axes", counts: Any, shares: Any) -> None:
    """The count of each cell; of few classes also the share of the row's objects."""
    size = len(counts)
    letters = float(np.clip(180 / size, 6.5, 11))
    for row, column in zip(*np.nonzero(counts), strict=True):
        text = f"{counts[row, column]:.0f}"
        if size <= MAX_CLASSES_WITH_SHARES + 1 and row < size - 1:
            text += f"\n{100 * shares[row, column]:.0f} %"
        ink = "white" if shares[row, column] > 0.6 else INK
        axes.text(column, row, text, ha="center", va="center", fontsize=letters, color=ink)


def _short(name: str, most: int = 24) -> str:
    """A class name that fits a legend; ``$`` would start a formula."""
    name = name if len(name) <= most else name[: most - 1] + "…"
    return name.replace("$", r"\$")


def safe_file_name(name: str) -> str:
    """A class name as a file name, the end of a long one left out.

    >>> safe_file_name("traffic light"), safe_file_name("a/b: c"), safe_file_name("..")
    ('traffic light', 'a_b_ c', '__')
    >>> len(safe_file_name("猫" * 300).encode())
    120
    """
    kept = "".join(c if c.isalnum() or c in " -_()+" else "_" for c in name).strip()
    return kept.encode()[:MOST_NAME_BYTES].decode(errors="ignore").strip() or "_"


def unique_paths(folder: Path, names: Sequence[str], suffix: str) -> list[Path]:
    """One path for each name; names that would share a file (also ``A`` and ``a``) are numbered."""
    taken: set[str] = set()
    paths = []
    for number, name in enumerate(names):
        file_name = safe_file_name(name)
        while file_name.lower() in taken:
            file_name = f"{file_name}_{number}"
        taken.add(file_name.lower())
        paths.append(folder / f"{file_name}{suffix}")
    return paths
