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
    expected = figures["backends"]["tensorflow"]["losses"]
    rows = [
        [
            row["version"],
            f"{row['step_images_per_cpu_second']:.1f}",
            f"{row['with_pipeline_images_per_cpu_second']:.1f}",
            f"{abs(row['losses'][0] - expected[0]) / expected[0]:.0e}",
            f"{row['largest_relative_difference']:.0e}",
        ]
        for row in figures["backends"].values()
    ]
    steps = len(expected)
    heads = [
        f"192 x 192, alpha 0.35, batch {figures['batch_size']}, one thread",
        "step, images per CPU second",
        "with the data pipeline",
        "first loss, relative difference",
        f"largest of {steps} losses, relative difference",
    ]
    note = (
        "From random weights, without a warm-up, with small batches: the losses of the first step "
        "agree, later ones drift apart. Why is not yet known; docs/training.md tells what agrees."
        "\n\n"
    )
    return "## Backends on a CPU\n\n" + note + table(heads, rows)
