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
        f"{figures.get('learning_rate', 0.002):g}, that of the recipe's first epoch, with the same "
        f"batches of {figures['batch_size']}; losses of {steps} steps. The row with inputs that "
        "are off shows what rounding alone does. Images per second of processor time, of one "
        f"thread.{without_jax(figures)}\n\n"
        "From random weights at 0.002 and with batches of 4, losses drift apart by rounding: by up "
        "to 0.16 within 50 steps, and PyTorch drifts as far from itself where every input is off "
        "by 1e-7. No gradient is wrong: for the first batch those of TensorFlow and PyTorch agree "
        "to 1e-7 in every variable that has one, in 64 bits (with Keras' own batch normalization). "
        "But they are ill-conditioned: in 32 bits PyTorch is 5e-3 from TensorFlow (norm of the "
        "difference over all variables), and TensorFlow 0.23, JAX 0.01 from 64 bits: on one thread "
        "the batch normalization of TensorFlow and PyTorch adds up pixel by pixel, which costs "
        "digits.\n\n"
    )
    return "## Backends on a CPU\n\n" + note + table(heads, rows)


def without_jax(figures: dict[str, Any]) -> str:
    """What is to be said where JAX is not in the table."""
    missing = (
        " JAX was not measured from this start; with batches of 4 its step made 3.8 images per "
        "second, that of TensorFlow 25."
    )
    return "" if "jax" in figures["backends"] else missing


def backends_ap_table(figures: dict[str, Any], table: Table) -> str:
    """AP of whole trainings under each backend, by seed.

    Args:
        figures: Of ``results/backends_ap.json``.
        table: From heads and rows to Markdown.
    """
    rows = [
        [
            backend,
            ", ".join(f"{value:.1f}" for value in found["seeds"]),
            f"{found['mean']:.1f}",
            "" if found["deviation"] is None else f"{found['deviation']:.1f}",
        ]
        for backend, found in figures["ap_percent"].items()
    ]
    heads = ["backend", "AP@0.4 of each seed", "mean", "standard deviation"]
    note = (
        f"The person detector at 192 after {figures['epochs']} epochs of `coco-person` from the "
        "ImageNet backbone, validated by the training itself.\n\n"
    )
    return "## Trainings under each backend\n\n" + note + table(heads, rows)
