"""The table of benchmarks/backends.py in docs/benchmarks.md."""

from collections.abc import Callable
from typing import Any

Table = Callable[[list[str], list[list[str]]], str]


def backends_table(figures: dict[str, Any], table: Table) -> str:
    """Speed of the training step of each backend, and how far its losses are from TensorFlow's.

    Args:
        figures: Of ``results/backends_steps.json``.
        table: From heads and rows to Markdown.
    """
    rows = [
        [
            row["version"],
            f"{row['step_images_per_cpu_second']:.1f}",
            f"{row['with_pipeline_images_per_cpu_second']:.1f}",
            f"{row['largest_relative_difference']:.1e}",
        ]
        for row in figures["backends"].values()
    ]
    steps = len(next(iter(figures["backends"].values()))["losses"])
    heads = [
        f"192 x 192, alpha 0.35, batch {figures['batch_size']}, one thread",
        "step, images per CPU second",
        "with the data pipeline",
        f"largest difference of the first {steps} losses, relative",
    ]
    return "## Backends on a CPU\n\n" + table(heads, rows)
