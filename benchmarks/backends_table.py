"""The table of benchmarks/backends.py in docs/benchmarks.md."""

from collections.abc import Callable
from typing import Any

START = {"random": "random weights", "person_192": "the trained detector person_192"}
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
        f"From {START[figures.get('start', 'random')]} at the learning rate "
        f"{figures.get('learning_rate', 0.002):g}, without a warm-up, with small batches: later "
        "losses drift apart, by rounding: with every input off by 1e-7 PyTorch drifts as far from "
        "itself (0.13 at most, 0.04 on average over 50 steps from random weights at 0.002). From "
        "the trained detector person_192 at 0.0002, where the recipe's warm-up begins, PyTorch "
        "stays within 3e-3 of TensorFlow over 50 steps, 4e-4 on average; JAX was not "
        "measured there. No gradient is wrong: for the first batch, from random weights, those "
        "of TensorFlow and PyTorch agree to 1e-7 in every variable that has one, in 64 bits "
        "(with Keras' own batch normalization). But they are ill-conditioned: in 32 bits PyTorch "
        "is 5e-3 from TensorFlow (norm of the difference over all variables), and TensorFlow "
        "0.23, JAX 0.01 from 64 bits. The first loss of JAX is the one closest to 64 bits (5e-7): "
        "on one thread the batch normalization of the other two adds up pixel by pixel, "
        "which costs digits.\n\n"
    )
    return "## Backends on a CPU\n\n" + note + table(heads, rows)
