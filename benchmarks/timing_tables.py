"""The tables of timing.json: estimated cycles and milliseconds on boards."""

from collections.abc import Callable
from typing import Any

from tinydet.targets.timing import ModelError

KIB, MILLION = 1024, 1e6
# The publisher's model card, COCO person, alpha 0.35, int8, STM32Cube.AI on the STM32H747I-DISCO at
# 400 MHz: millions of cycles, measured, by input size.
MODEL_CARD_CYCLES = {192: 204, 224: 269, 256: 359, 416: 1074}
CARD_BOARD = "STM32H747I-DISCO"
Row = dict[str, Any]
Table = Callable[[list[str], list[list[str]]], str]


def timing_tables(figures: dict[str, Any], table: Table) -> str:
    """Estimates on all boards, then what external flash costs."""
    rows = figures["rows"]
    heads = ["board", "model", "arena", "weights; kernels, if copied", "cycles", "per MAC", "ms"]
    heads += ["issue, stalls, memory", "weights loaded", "from flash", "vendor's card"]
    lines = [_line(row) for row in rows]
    error = ModelError(**rows[0]["error"])
    note = (
        f"\nEvery row is an **{error.text()}** (see [timing.md](timing.md)). None of these programs"
        " was timed on a board, and the waits of the STM32H7 boards and of external flash are"
        " derived from manuals. One inference with warm caches, without boxes; empty caches add"
        " less than 0.1 %. Too small for them: what it would be, to compare with. Random: random"
        " weights in the published layout, alpha 0.35, all channels kept. Weights loaded: by the"
        " processor from flash or its cache, with repeats; copies in RAM do not count."
        " From flash: of these, what no cache held, in whole lines."
        " Vendor's card: measured with STM32Cube.AI on this board, the same layout.\n"
    )
    return "## Estimated time on boards\n\n" + table(heads, lines) + note + _external(rows, table)


def _line(row: Row) -> list[str]:
    card = row["all_channels"] and row["board"] == CARD_BOARD
    parts = ("issue_cycles", "stall_cycles", "memory_cycles")
    shares = (row[part] / row["cycles"] for part in parts)
    return [
        f"{row['board']} ({row['core']}, {row['clock_mhz']:g} MHz)",
        f"random, {row['input']}" if row["all_channels"] else row["model"],
        f"{row['arena_bytes'] / KIB:.0f} KiB in {row['places']['arena']}"
        + (", image fed in rows" if row.get("input_mode") == "rows" else ""),
        _places(row),
        f"{row['cycles'] / MILLION:.1f} M",
        f"{row['cycles_per_mac']:.2f}",
        f"{row['milliseconds']:.0f}",
        ", ".join(f"{share:.0%}" for share in shares),
        f"{row['weight_bytes'] / MILLION:.1f} MB",
        f"{row['fetched_bytes'] / MILLION:.1f} MB",
        f"{MODEL_CARD_CYCLES[row['input']]} M" if card else "",
    ]


def _places(row: Row) -> str:
    """Of weights and kernels."""
    places = row["places"]
    weights = places["weights"] if row["fits"] else f"{places['weights']}, too small for them"
    return f"{weights}; {places['kernels']}" if "kernels" in places else weights


def _external(rows: list[Row], table: Table) -> str:
    """External against internal flash, where both were estimated."""
    inside = {(r["board"], r["model"]): r for r in rows if r["places"]["weights"] == "flash"}
    lines = []
    for row in rows:
        other = inside.get((row["board"], row["model"]))
        if row["places"]["weights"] == "flash" or other is None:
            continue
        lines.append(
            [
                row["board"],
                row["model"],
                f"{other['milliseconds']:.0f}",
                f"{row['milliseconds']:.0f}",
                f"{row['cycles'] / other['cycles']:.2f}",
                f"{row['fetched_bytes'] / MILLION:.1f} MB",
            ]
        )
    if not lines:
        return ""
    heads = ["board", "model", "ms, internal flash", "ms, external flash", "ratio"]
    note = "\nWeights from flash: the same in both rows, since the caches do the same.\n"
    title = "\n### Weights in external flash\n\n"
    return title + table([*heads, "weights from flash"], lines) + note


def vector_tables(figures: dict[str, Any], table: Table) -> str:
    """Estimates on boards with Helium."""
    rows = figures["rows"]
    heads = ["board", "model", "arena", "weights", "instructions", "cycles", "at least, at most"]
    lines = [
        [
            f"{row['board']} ({row['core']}, {row['clock_mhz']:g} MHz)",
            row["model"],
            f"{row['arena_bytes'] / KIB:.0f} KiB in {row['places']['arena']}",
            row["places"]["weights"],
            f"{row['instructions'] / MILLION:.1f} M",
            f"{row['cycles'] / MILLION:.1f} M",
            ", ".join(
                f"{(core + row['memory_cycles']) / MILLION:.1f} M" for core in row["core_range"]
            ),
            f"{row['cycles_per_mac']:.2f}",
            f"{row['milliseconds']:.0f}",
            f"{row['memory_cycles'] / row['cycles']:.0%}",
        ]
        for row in rows
    ]
    note = (
        f"\nEvery row is an **{ModelError(**rows[0]['error']).text()}** (see"
        " [timing.md](timing.md#cortex-m55-and-m85)). At least, at most: if no instruction waited"
        " for a result, and if no two vector instructions overlapped. The waits of these memories"
        " are derived or assumed; none was measured.\n"
    )
    title = "## Estimated time on boards with Helium\n\n"
    return title + table([*heads, "per MAC", "ms", "memory"], lines) + note


def core_validation_table(figures: dict[str, Any], table: Table) -> str:
    """Programs compiled from their sources against published figures."""
    lines = [
        [
            row["program"],
            row["core"] + (f", {row['board']}" if row["board"] else ""),
            f"{row['instructions']:,}",
            f"{row['measured_cycles']:,}",
            f"{row['estimated_cycles']:,}",
            f"{row['error']:+.0%}" + (", looked at" if row["calibration"] else ""),
            row["source"],
        ]
        for row in figures["rows"]
    ]
    heads = ["program", "core", "instructions", "published cycles", "estimate", "difference"]
    note = (
        "\nOf one turn. The published figures are of other compilers: a difference is theirs as"
        " well as the model's. Looked at: while the model was made.\n"
    )
    title = "## The timing model on programs compiled here\n\n"
    return title + table([*heads, "published by"], lines) + note
