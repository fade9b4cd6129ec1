"""The table of benchmarks/quantization.py in docs/benchmarks.md."""

from collections.abc import Callable
from typing import Any

Table = Callable[[list[str], list[list[str]]], str]
AP = ("ap@0.40", "ap@0.50", "ap@0.75", "coco_ap")


def quantization_table(name: str, figures: dict[str, Any], table: Table) -> str:
    """Every way to quantize one float model.

    Args:
        name: Of the result.
        figures: See ``benchmarks/quantization.py``.
        table: From heads and rows to Markdown.
    """
    before = figures["float"]
    rows = [["float", "", *(f"{before[key] * 100:.1f}" for key in AP), "", ""]]
    rows += [
        [
            row["granularity"].replace("_", " "),
            row["way"],
            *(f"{row[key] * 100:.1f}" for key in AP),
            f"{(row['ap@0.40'] - before['ap@0.40']) * 100:+.1f}",
            f"{row['seconds']:.0f}",
        ]
        for row in figures["int8"]
    ]
    heads = ["weights", "way", "AP@0.4", "AP@0.5", "AP@0.75", "COCO AP"]
    heads += ["against float, AP@0.4", "seconds"]
    qat, near = figures["qat"], figures["simulation"]
    layers, scores, deltas = near["layers"], near["scores"], near["deltas"]
    note = (
        f"\n`{name}`: {figures['images']} images, {figures['calibration_images']} for calibration. "
        f"QAT: {qat['epochs']} epochs, learning rate {qat['learning_rate']:g}, from the optimized "
        "model. So few images cannot resolve differences of less than half a point of "
        "AP.\n\n"
        f"The network that QAT trains against the int8 file, {near['images']} images: layer by "
        f"layer {layers['equal']:.1%} of the values equal "
        f"({layers['equal_in_the_worst_layer']:.1%} in the worst layer), none differs by more "
        f"than {layers['largest_difference']:.0f} step; end to end "
        "99 of 100 scores (of those that are not 0) differ by at most "
        f"{scores['99_percent_at_most']:.3f}, box deltas by {deltas['99_percent_at_most']:.2f} of "
        "the anchor's side.\n"
    )
    return "## Ways to quantize\n\n" + table(heads, rows) + note
