"""What accuracy costs on a board: the bundled detectors beside what model cards print.

python benchmarks/ap_per_cost.py

Takes AP from results/pretrained.json, cycles from results/timing.json, and the footprint from the
compiler. Writes results/ap_per_cost.json and the chart in docs/pictures.
"""

import json
from collections.abc import Callable
from pathlib import Path
from typing import TYPE_CHECKING, Any

import yaml
from record import RESULTS, write_result

import tinydet
from tinydet.pretrained import pretrained_model

if TYPE_CHECKING:
    from matplotlib.axes import Axes

HERE = Path(__file__).parent
PICTURES = HERE.parent / "docs" / "pictures"
PRINTED = HERE / "printed_figures.yaml"
BOARD, KIB = "STM32H747I-DISCO", 1024
COLOURS = {"light": ("#1a1a1a", "#ffffff"), "dark": ("#e6e6e6", "#0d1117")}
MARKERS = "osD^"
COSTS = {
    "ms": "ms on the STM32H747 at 400 MHz\n(ours estimated, others as printed)",
    "ram_kib": "RAM, KiB",
    "flash_kib": "flash, KiB",
}
TICKS = {
    "ms": (200, 400, 800, 1600, 3200),
    "ram_kib": (100, 200, 400, 800, 1600, 3200),
    "flash_kib": (300, 600, 1200),
}
Table = Callable[[list[str], list[list[str]]], str]


def main() -> None:
    """Collect the figures and draw the chart."""
    accuracy = json.loads((RESULTS / "pretrained.json").read_text())["figures"]["models"]
    rows = json.loads((RESULTS / "timing.json").read_text())["figures"]["rows"]
    timed = {
        r["model"]: r for r in rows if (r["board"], r["places"]["weights"]) == (BOARD, "flash")
    }
    own = [_own(name, accuracy[name]["int8"], timed[name]) for name in accuracy if name in timed]
    figures = {"own": own, "printed": yaml.safe_load(PRINTED.read_text())}
    write_result("ap_per_cost", "python benchmarks/ap_per_cost.py", figures)
    for mode in COLOURS:
        draw(figures, mode, PICTURES / f"ap_per_cost_{mode}.png")


def _own(name: str, accuracy: dict[str, Any], time: dict[str, Any]) -> dict[str, Any]:
    footprint = tinydet.footprint(pretrained_model(name)).footprint
    return {
        "model": name,
        "input": time["input"],
        "ram_kib": round(footprint.total_ram_bytes / KIB),
        "flash_kib": round(footprint.total_flash_bytes / KIB),
        "ms": round(time["milliseconds"]),
        "instructions": time["instructions"],
        "ap40": round(100 * accuracy["ap@0.40"], 1),
        "ap50": round(100 * accuracy["ap@0.50"], 1),
    }


def draw(figures: dict[str, Any], mode: str, path: Path) -> None:
    """Accuracy over each cost, a panel for each.

    Args:
        figures: As in the result file.
        mode: ``light`` or ``dark``.
        path: PNG.
    """
    from matplotlib.figure import Figure

    ink, paper = COLOURS[mode]
    figure = Figure(figsize=(10, 3.8), facecolor=paper, layout="constrained")
    for axes, (cost, label) in zip(figure.subplots(1, len(COSTS)), COSTS.items(), strict=True):
        _panel(axes, figures, cost)
        axes.set_facecolor(paper)
        axes.set_xscale("log")
        axes.set_xticks(TICKS[cost], [str(tick) for tick in TICKS[cost]])
        axes.minorticks_off()
        axes.set_xlabel(label, color=ink)
        axes.grid(alpha=0.3)
        axes.tick_params(colors=ink, which="both")
        for spine in axes.spines.values():
            spine.set_color(ink)
    figure.axes[0].set_ylabel("AP, percent", color=ink)
    figure.legend(
        *figure.axes[0].get_legend_handles_labels(),
        loc="outside lower center",
        ncols=3,
        frameon=False,
        labelcolor=ink,
        fontsize=8,
    )
    path.parent.mkdir(exist_ok=True)
    figure.savefig(path, dpi=110)


def _panel(axes: "Axes", figures: dict[str, Any], cost: str) -> None:
    own = sorted(figures["own"], key=lambda row: row[cost])
    for key, iou, style in (("ap50", 0.5, "-"), ("ap40", 0.4, "--")):
        xs, ys = [row[cost] for row in own], [row[key] for row in own]
        label = f"tinydet, AP@{iou} (measured)"
        axes.plot(xs, ys, f"o{style}", color="#e69f00", label=label)
    for (name, rows), marker, colour in zip(
        figures["printed"].items(), MARKERS[1:], ("#56b4e9", "#009e73", "#cc79a7"), strict=False
    ):
        style = "-" if rows[0]["iou"] == 0.5 else "--"
        xs, ys = [row[cost] for row in rows], [row["ap"] for row in rows]
        label = f"{name}, AP@{rows[0]['iou']} (printed)"
        axes.plot(xs, ys, f"{marker}{style}", color=colour, label=label, markersize=5)


def cost_table(figures: dict[str, Any], table: Table) -> str:
    """The section of docs/benchmarks.md.

    Args:
        figures: As in the result file.
        table: From heads and rows to Markdown.
    """
    rows = [
        [
            row["model"],
            f"{row['ap40']:.1f}",
            f"{row['ap50']:.1f}",
            str(row["ram_kib"]),
            str(row["flash_kib"]),
            f"{row['instructions'] / 1e6:.0f} M",
            f"{row['ms']} (estimate)",
        ]
        for row in figures["own"]
    ]
    for name, printed in figures["printed"].items():
        for row in printed:
            ap = [f"{row['ap']:.1f}" if row["iou"] == iou else "" for iou in (0.4, 0.5)]
            costs = [str(row["ram_kib"]), str(row["flash_kib"]), "", str(row["ms"])]
            rows.append([f"{name}, {row['input']}", *ap, *costs])
    heads = ["detector", "AP@0.4", "AP@0.5", "RAM, KiB", "flash, KiB", "instructions", "ms"]
    note = (
        "\n![AP over time, RAM and flash](pictures/ap_per_cost_light.png)\n\nCOCO person, int8, "
        f"{BOARD} at 400 MHz, one core. Detectors of tinydet: AP on the validation images of "
        "`coco-person`, RAM and flash of the compiled C, milliseconds estimated. Others: as the "
        "publisher prints them, on another test split, so that differences of a few points say "
        "nothing; RAM with runtime.\n"
    )
    return "## Accuracy per cost\n\n" + table(heads, rows) + note


if __name__ == "__main__":
    main()
