"""Metrics of every epoch: a table, curves, and what TensorBoard shows."""

import csv
import io
from collections.abc import Sequence
from pathlib import Path
from typing import Any

import keras

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


def tensorboard_callback(folder: Path) -> keras.callbacks.Callback:
    """Writes the logs of every epoch.

    Keras' own callback writes through TensorFlow, which is not there with another backend.

    Args:
        folder: Gets ``train/events...``.
    """
    if keras.backend.backend() == "tensorflow":
        return keras.callbacks.TensorBoard(str(folder), write_graph=False)
    return EpochScalars(folder)


class EpochScalars(keras.callbacks.Callback):  # type: ignore[misc]  # keras ships no types
    """One scalar per metric and epoch, named as Keras names them.

    Args:
        folder: Gets ``train`` and ``validation``.
    """

    def __init__(self, folder: Path) -> None:
        super().__init__()
        self.folder = folder

    def on_epoch_end(self, epoch: int, logs: dict[str, Any] | None = None) -> None:
        """Write; a file for each epoch, so that none stays open."""
        from tensorboard.compat.proto.event_pb2 import Event
        from tensorboard.compat.proto.summary_pb2 import Summary
        from tensorboard.summary.writer.event_file_writer import EventFileWriter

        for part, prefix in (("train", ""), ("validation", "val_")):
            values = [
                Summary.Value(tag=f"epoch_{name.removeprefix('val_')}", simple_value=float(value))
                for name, value in (logs or {}).items()
                if name.startswith("val_") == bool(prefix)
            ]
            if values:
                writer = EventFileWriter(str(self.folder / part))
                writer.add_event(Event(step=epoch, summary=Summary(value=values)))
                writer.close()
