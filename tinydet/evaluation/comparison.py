"""Two detectors on the same images, side by side: float against int8, or any two."""

import json
from dataclasses import asdict, dataclass
from pathlib import Path
from typing import TYPE_CHECKING

import numpy as np

from tinydet.config.files import write_text_atomically
from tinydet.errors import DataError
from tinydet.evaluation.result import ApAtIou, EvaluationResult
from tinydet.evaluation.text import format_table, percent
from tinydet.metrics import Interval, interval_of

if TYPE_CHECKING:
    from matplotlib.axes import Axes
    from matplotlib.figure import Figure

FIRST_COLOUR, SECOND_COLOUR, INK = "#0072b2", "#e69f00", "#333333"
COCO_ROWS = (
    ("COCO AP", "ap"),
    ("COCO AP, small", "ap_small"),
    ("COCO AP, medium", "ap_medium"),
    ("COCO AP, large", "ap_large"),
)
ROW_HEIGHT, DENSE_ROW_HEIGHT, MANY_ROWS = 0.44, 0.27, 24  # inches; above this many, dense


@dataclass(frozen=True)
class ComparisonRow:
    """One figure of both models, fractions; None where it is undefined.

    Attributes:
        name: What is measured.
        first: Of the first model.
        second: Of the second model.
        interval: 95 % interval of ``second - first``, from the bootstrap; None where it was not
            drawn.
    """

    name: str
    first: float | None
    second: float | None
    interval: Interval | None = None

    @property
    def points(self) -> float | None:
        """Second minus first, percentage points."""
        if self.first is None or self.second is None:
            return None
        return 100 * (self.second - self.first)


@dataclass(frozen=True)
class Comparison:
    """Both models, overall and per class.

    Attributes:
        labels: What the two are called in tables and pictures, as ``("float", "int8")``.
        files: File names of the two.
        images: Number of images both were evaluated on.
        iou: IoU of the class rows, as ``"0.40"``.
        overall: Mean AP at each IoU, then COCO figures.
        per_class: AP of each class at ``iou``.
    """

    labels: tuple[str, str]
    files: tuple[str, str]
    images: int
    iou: str
    overall: list[ComparisonRow]
    per_class: list[ComparisonRow]


def compare(
    first: EvaluationResult, second: EvaluationResult, labels: tuple[str, str] = ("float", "int8")
) -> Comparison:
    """Line two evaluations of the same images up.

    Args:
        first: Of the model that is compared with, as the float one.
        second: Of the other model, as the int8 one.
        labels: What the two are called.

    Returns:
        The figures that both have.

    Raises:
        DataError: They were made on different images or classes.
    """
    if _subject(first) != _subject(second):
        raise DataError(
            second.model.path,
            f"was evaluated on different data or classes from {first.model.path}",
            "Evaluate both models on the same data set.",
        )
    ious = [iou for iou in first.ap if iou in second.ap]
    overall = [_ap_row(iou, first.ap[iou], second.ap[iou]) for iou in ious]
    overall += [
        ComparisonRow(name, first.coco[key], second.coco[key])
        for name, key in COCO_ROWS
        if first.coco[key] is not None
    ]
    headline = ious[0]
    per_class = [
        ComparisonRow(name, first.ap[headline].per_class[name], second.ap[headline].per_class[name])
        for name in first.class_names
    ]
    files = first.model.name, second.model.name
    return Comparison(labels, files, first.data.images, headline, overall, per_class)


def _ap_row(iou: str, first: ApAtIou, second: ApAtIou) -> ComparisonRow:
    """Both were drawn alike, so the difference is taken draw by draw."""
    interval = None
    if first.draws and len(first.draws) == len(second.draws):
        draws = np.array([first.draws, second.draws], np.float64)
        interval = interval_of(draws[1] - draws[0])
    return ComparisonRow(f"AP@{iou}", first.mean, second.mean, interval)


def format_comparison(comparison: Comparison) -> str:
    """The comparison as a table, in percent and points, with what the images can tell."""
    rows = comparison.overall
    if len(comparison.per_class) > 1:
        rows = [*rows, *comparison.per_class]
    table = format_table(
        ["AP in percent", *comparison.labels, "points", "95 % interval"],
        [
            [
                row.name,
                percent(row.first),
                percent(row.second),
                "-" if row.points is None else f"{row.points:+.1f}",
                _points_interval(row.interval),
            ]
            for row in rows
        ],
    )
    return f"{table}\n{_verdict(comparison)}".rstrip("\n")


def _points_interval(interval: Interval | None) -> str:
    return "" if interval is None else f"{100 * interval.low:+.1f} to {100 * interval.high:+.1f}"


def _verdict(comparison: Comparison) -> str:
    """Whether the headline difference is more than the choice of the images."""
    headline = comparison.overall[0]
    if headline.interval is None:
        return ""
    if headline.interval.low <= 0 <= headline.interval.high:
        return f"{comparison.images} images cannot tell the two apart at {headline.name}."
    better = comparison.labels[int(headline.interval.low > 0)]
    return (
        f"At {headline.name} {better} is better: the 95 % interval of the difference "
        f"over samples of {comparison.images} images excludes 0."
    )


def save_comparison(comparison: Comparison, folder: Path) -> None:
    """Write ``comparison.png`` and ``comparison.json``."""
    from tinydet.evaluation.charts import save_figure

    save_figure(comparison_figure(comparison), folder / "comparison.png")
    write_text_atomically(
        folder / "comparison.json", json.dumps(asdict(comparison), indent=1) + "\n"
    )


def comparison_figure(comparison: Comparison) -> "Figure":
    """Bars of both models: overall, and below it per class where there are several."""
    from matplotlib.figure import Figure

    groups = [("overall", comparison.overall)]
    if len(comparison.per_class) > 1:
        groups.append((f"per class, IoU {comparison.iou}", comparison.per_class))
    heights = [_row_height(rows) * (len(rows) + 0.8) for _, rows in groups]
    figure = Figure(figsize=(8.6, 1.0 + sum(heights) + 0.5 * len(groups)))
    panels = figure.subplots(len(groups), 1, squeeze=False, gridspec_kw={"height_ratios": heights})
    for axes, (heading, rows) in zip(panels[:, 0], groups, strict=True):
        _draw_bars(axes, heading, rows, comparison.labels)
    handles, labels = panels[0, 0].get_legend_handles_labels()
    panels[0, 0].legend(
        handles,
        labels,
        loc="lower right",
        bbox_to_anchor=(1.0, 1.0),
        ncols=2,
        frameon=False,
        fontsize=9,
    )
    panels[-1, 0].set_xlabel("average precision, percent", color=INK)
    figure.tight_layout()
    return figure


def _row_height(rows: list[ComparisonRow]) -> float:
    return ROW_HEIGHT if len(rows) <= MANY_ROWS else DENSE_ROW_HEIGHT


def _draw_bars(
    axes: "Axes", heading: str, rows: list[ComparisonRow], labels: tuple[str, str]
) -> None:
    for offset, label, colour, values in (
        (-0.2, labels[0], FIRST_COLOUR, [row.first for row in rows]),
        (0.2, labels[1], SECOND_COLOUR, [row.second for row in rows]),
    ):
        places = [number + offset for number in range(len(rows))]
        axes.barh(places, [100 * (v or 0) for v in values], 0.38, color=colour, label=label)
    letters = 20 * _row_height(rows) ** 0.5 / 1.5
    for number, row in enumerate(rows):
        most = 100 * max(row.first or 0, row.second or 0)
        text = f"{percent(row.first)} / {percent(row.second)}"
        if row.points is not None:
            text += f"   ({row.points:+.1f})"
        axes.text(most + 1, number, text, va="center", fontsize=letters, color=INK)
    names = [row.name.replace("$", r"\$") for row in rows]
    axes.set_yticks(
        range(len(rows)), [n if len(n) < 25 else n[:24] + "…" for n in names], fontsize=letters
    )
    axes.set_ylim(len(rows) - 0.4, -0.6)
    axes.set_xlim(0, 122)  # room for the numbers beside a full bar
    axes.set_xticks(range(0, 101, 20))
    axes.set_title(heading, loc="left", fontsize=10.5, color=INK)
    axes.grid(axis="x", color="#e6e6e6", linewidth=0.8)
    axes.set_axisbelow(True)
    axes.tick_params(axis="y", length=0)
    for side in ("top", "right", "left"):
        axes.spines[side].set_visible(False)


def _subject(result: EvaluationResult) -> tuple[object, ...]:
    return result.class_names, result.data.images, result.data.boxes, result.data.digest
