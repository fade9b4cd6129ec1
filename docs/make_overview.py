"""Draws the picture of the README: what is found, the RAM it takes over time, the boards.

    python docs/make_overview.py

The scene is that of ``make_pictures.py``; the arena is the plan of the bundled detector; boards
and times are those of ``benchmarks/results``, memories of the boards those of the package.
"""

import io
import json
from pathlib import Path
from typing import Any

import numpy as np
from matplotlib import pyplot as plt
from matplotlib.axes import Axes
from PIL import Image

from tinydet.compiler import CompiledDetector, CompileOptions, compile_detector
from tinydet.compiler.arena_picture import fill_arena
from tinydet.pretrained import pretrained_model
from tinydet.targets.boards import find_board

ROOT = Path(__file__).parent.parent
RESULTS = ROOT / "benchmarks" / "results"
PICTURES = ROOT / "docs" / "pictures"
MODEL = "person_192"
# Style, background: those of the two looks of a forge.
LOOKS = {"": ("default", "#ffffff"), "-dark": ("dark_background", "#0d1117")}
INCHES, DPI = (12.4, 8.3), 110
COLOURS = 256
KIB, MIB = 1024, 1 << 20
HEADS = ("", "RAM: used of", "flash: used of", "time, estimated")
# The publisher's model card: RAM with the image in it, flash, measured time.
CARD = ("published card, STM32H747I", "782 KiB of 1 MiB", "1.1 of 2 MiB", "512 ms, measured")


def main() -> None:
    """Draw it, light and dark."""
    detector = compile_detector(pretrained_model(MODEL), CompileOptions(name="person"))
    for ending, (style, back) in LOOKS.items():
        with plt.style.context(style), plt.rc_context({"figure.facecolor": back}):
            plt.rcParams["axes.facecolor"] = back
            save(overview(detector), PICTURES / f"overview{ending}.png")


def overview(detector: CompiledDetector) -> plt.Figure:
    """All three parts."""
    figure = plt.figure(figsize=INCHES, layout="constrained")
    heights = {"height_ratios": (4.5, 3.4), "width_ratios": (1, 1.12)}
    parts = figure.subplot_mosaic([["scene", "scene"], ["arena", "boards"]], **heights)
    draw_scene(parts["scene"])
    draw_ram(parts["arena"], detector)
    draw_boards(parts["boards"])
    return figure


def draw_scene(axes: Axes) -> None:
    """Generated images with what an int8 detector found in them."""
    with Image.open(PICTURES / "scene.webp") as scene:
        axes.imshow(np.array(scene.convert("RGBA")))
    axes.set_title(
        "1. What an int8 detector of 'tinydet demo' finds, mistakes included", loc="left"
    )
    axes.axis("off")


def draw_ram(axes: Axes, detector: CompiledDetector) -> None:
    """The arena of the person detector."""
    fill_arena(axes, detector.plan)
    size = detector.plan.arena_bytes / KIB
    axes.set_title(f"2. RAM of the person detector over one inference: {size:.1f} KiB", loc="left")
    axes.set_ylabel("KiB")
    axes.set_xlabel("time, row by row; each colour is a tensor, or the rows of it that are needed")
    axes.set_xticks([])
    axes.spines[["top", "right"]].set_visible(False)


def draw_boards(axes: Axes) -> None:
    """Memory and time on boards, and the publisher's own figures."""
    rows = [*board_rows(), CARD]
    axes.axis("off")
    axes.set_title("3. The person detector on boards", loc="left")
    table = axes.table(
        [list(row) for row in rows],
        colLabels=list(HEADS),
        colWidths=[0.34, 0.23, 0.21, 0.22],
        cellLoc="left",
        edges="horizontal",
        bbox=[0, 0, 1, 1],
    )
    table.auto_set_font_size(False)
    table.set_fontsize(9)
    for (row, column), cell in table.get_celld().items():
        cell.set_edgecolor("#888888")
        cell.set_linewidth(0.5)
        if row == 0 or (column == 0 and row < len(rows)):
            cell.set_text_props(weight="bold")
        if row == len(rows):
            cell.set_text_props(style="italic")


def board_rows() -> list[tuple[str, ...]]:
    """One line for each board, the fastest first; weights lie inside the chip where they fit."""
    ram, flash = used()
    rows = {}
    for row in sorted(figures("timing"), key=lambda row: float(row["milliseconds"])):
        board = find_board(row["board"])
        fits = flash <= board.flash_bytes
        if row["model"] == MODEL and (row["places"]["weights"] == "flash") == fits:
            inside = sum(bank.size_bytes for bank in board.ram)
            place = f"of {board.flash_bytes / MIB:g} MiB" if fits else "MiB, external"
            rows[board.name] = (
                f"{board.name}\n{row['core']}, {row['clock_mhz']:g} MHz",
                f"{ram / KIB:.0f} of {inside / KIB:.0f} KiB",
                f"{flash / MIB:.1f} {place}",
                f"{row['milliseconds']:.0f} ms",
            )
    return list(rows.values())


def used() -> tuple[int, int]:
    """RAM and flash of the linked program with this detector."""
    for row in figures("embedded"):
        if not row["weights"].startswith("random") and row["objective"] == "balanced":
            print_of = row["footprint"]
            return print_of["total_ram_bytes"], print_of["total_flash_bytes"]
    raise SystemExit("embedded.json has no row of the trained detector")


def figures(name: str) -> list[dict[str, Any]]:
    """The rows of a result file."""
    rows = json.loads((RESULTS / f"{name}.json").read_text(encoding="utf-8"))["figures"]["rows"]
    return list(rows)


def save(figure: plt.Figure, path: Path) -> None:
    """As PNG of few colours."""
    drawn = io.BytesIO()
    figure.savefig(drawn, dpi=DPI, facecolor=figure.get_facecolor())
    plt.close(figure)
    picture = Image.open(drawn).convert("RGB")
    picture.quantize(COLOURS, dither=Image.Dither.FLOYDSTEINBERG).save(path, optimize=True)


if __name__ == "__main__":
    main()
