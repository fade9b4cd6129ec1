"""Float against int8, side by side."""

import json
from dataclasses import asdict, dataclass
from pathlib import Path
from typing import TYPE_CHECKING

from tinydet.config.files import write_text_atomically
from tinydet.errors import DataError
from tinydet.evaluation.result import EvaluationResult
from tinydet.evaluation.text import format_table, percent

if TYPE_CHECKING:
    from matplotlib.axes import Axes
    from matplotlib.figure import Figure

FLOAT_COLOUR, INT8_COLOUR, INK = "#0072b2", "#e69f00", "#333333"
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
        float_value: Of the float model.
        int8_value: Of the quantized model.
    """

    name: str
    float_value: float | None
    int8_value: float | None

    @property
    def points(self) -> float | None:
        """int8 minus float, percentage points."""
        if self.float_value is None or self.int8_value is None:
            return None
        return 100 * (self.int8_value - self.float_value)


@dataclass(frozen=True)
class Comparison:
    """Both models, overall and per class.

    Attributes:
        float_name: File name of the float model.
        int8_name: File name of the quantized model.
        iou: IoU of the class rows, as ``"0.40"``.
        overall: Mean AP at each IoU, then COCO figures.
        per_class: AP of each class at ``iou``.
    """

    float_name: str
    int8_name: str
    iou: str
    overall: list[ComparisonRow]
    per_class: list[ComparisonRow]


def compare(float_result: EvaluationResult, int8_result: EvaluationResult) -> Comparison:
    """Line two evaluations of the same images up.

    Args:
        float_result: Of the float model.
        int8_result: Of the quantized model.

    Returns:
        The figures that both have.

    Raises:
        DataError: They were made on different images or classes.
    """
    if _subject(float_result) != _subject(int8_result):
        raise DataError(
            int8_result.model.path,
            f"was evaluated on other data or classes than {float_result.model.path}",
            "Evaluate both models on the same data set.",
        )

    ious = [iou for iou in float_result.ap if iou in int8_result.ap]
    float_ap, int8_ap = float_result.ap, int8_result.ap
    overall = [ComparisonRow(f"AP@{iou}", float_ap[iou].mean, int8_ap[iou].mean) for iou in ious]
    overall += [
        ComparisonRow(name, float_result.coco[key], int8_result.coco[key])
        for name, key in COCO_ROWS
        if float_result.coco[key] is not None
    ]
    headline = ious[0]
    float_classes, int8_classes = float_ap[headline].per_class, int8_ap[headline].per_class
    per_class = [
        ComparisonRow(name, float_classes[name], int8_classes[name])
        for name in float_result.class_names
    ]
    names = float_result.model.name, int8_result.model.name
    return Comparison(*names, headline, overall, per_class)


def format_comparison(comparison: Comparison) -> str:
    """The comparison as a table, in percent and points."""
    rows = comparison.overall
    if len(comparison.per_class) > 1:
        rows = [*rows, *comparison.per_class]
    return format_table(
        ["AP in percent", "float", "int8", "points"],
        [
            [
                row.name,
                percent(row.float_value),
                percent(row.int8_value),
                "-" if row.points is None else f"{row.points:+.1f}",
            ]
            for row in rows
        ],
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
        _draw_bars(axes, heading, rows)
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


def _draw_bars(axes: "Axes", heading: str, rows: list[ComparisonRow]) -> None:
    for offset, label, colour, values in (
        (-0.2, "float", FLOAT_COLOUR, [row.float_value for row in rows]),
        (0.2, "int8", INT8_COLOUR, [row.int8_value for row in rows]),
    ):
        places = [number + offset for number in range(len(rows))]
        axes.barh(places, [100 * (v or 0) for v in values], 0.38, color=colour, label=label)
    letters = 20 * _row_height(rows) ** 0.5 / 1.5
    for number, row in enumerate(rows):
        most = 100 * max(row.float_value or 0, row.int8_value or 0)
        text = f"{percent(row.float_value)} / {percent(row.int8_value)}"
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
    return result.class_names, result.data.images, result.data.boxes
