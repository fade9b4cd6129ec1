"""Metrics of every epoch as a table and as curves."""

import csv
import io
from collections.abc import Sequence
from pathlib import Path

from tinydet.config.files import atomic_path, write_text_atomically

METRICS_FILE = "train_metrics.csv"
CURVES_FILE = "training_curves.png"


def write_metrics(history: Sequence[dict[str, float]], path: Path) -> None:
    """Write one row per epoch, the union of all columns in order of appearance."""
    columns = list(dict.fromkeys(name for row in history for name in row))
    text = io.StringIO()
    writer = csv.DictWriter(text, columns, lineterminator="\n")
    writer.writeheader()
    writer.writerows(history)
    write_text_atomically(path, text.getvalue())


def draw_curves(history: Sequence[dict[str, float]], path: Path) -> None:
    """Draw loss, validation AP and learning rate over the epochs as one PNG."""
    from matplotlib.figure import Figure
    from matplotlib.ticker import MaxNLocator

    panels = [
        ("Loss", {"loss": "training", "val_loss": "validation"}),
        (
            "Validation",
            {"val_map": "AP", "val_mpre": "precision (best F1)", "val_mrec": "recall (best F1)"},
        ),
        ("Learning rate", {"lr": "learning rate"}),
    ]
    figure = Figure(figsize=(13, 3.6), layout="constrained")
    for axes, (title, lines) in zip(figure.subplots(1, 3), panels, strict=True):
        for name, label in lines.items():
            points = [(row["epoch"] + 1, row[name]) for row in history if name in row]
            if points:
                axes.plot(
                    *zip(*points, strict=True), label=label, marker="." if len(points) < 40 else ""
                )
        axes.set_title(title)
        axes.set_xlabel("epoch")
        axes.xaxis.set_major_locator(MaxNLocator(integer=True))
        axes.grid(alpha=0.3)
        if len(axes.lines) > 1:
            axes.legend()
        if title == "Validation":
            axes.set_ylim(0, 1)
    with atomic_path(path) as temporary:
        figure.savefig(temporary, dpi=110)
