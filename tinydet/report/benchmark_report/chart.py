"""RAM and flash of the models against what the boards have."""

import io
from collections.abc import Sequence

from tinydet.report.benchmark_report.figures import MemoryFigures
from tinydet.targets import load_boards
from tinydet.targets.footprint import KIB

DPI = 110
FREE, REGION = "#c9d6e6", "#6f94bf"
LINES = ("#d55e00", "#009e73", "#cc79a7", "#7a5c00", "#0072b2", "#333333")
MAX_LINES = len(LINES)
LEAST_KIB, MOST_KIB = 32, 8192  # what is drawn
ROW_INCHES = 0.27


def draw_memory_chart(rows: Sequence[MemoryFigures]) -> bytes:
    """A bar for each board, a line for each model.

    Args:
        rows: Models with known totals; at most ``MAX_LINES`` of them are drawn, the first ones.

    Returns:
        A PNG file.
    """
    from matplotlib.figure import Figure

    boards = [board for board in load_boards() if board.ram]
    drawn = [r for r in rows if r.total_ram is not None and r.total_flash is not None][:MAX_LINES]
    figure = Figure(figsize=(11, 2.1 + ROW_INCHES * len(boards)), layout="constrained")
    ram_axes, flash_axes = figure.subplots(1, 2, sharey=True)
    names = [board.name for board in boards]
    sizes = [[region.size_bytes / KIB for region in board.regions()] for board in boards]
    largest, rest = [first for first, *_ in sizes], [sum(others) for _, *others in sizes]
    ram_axes.barh(names, largest, color=REGION, label="largest piece")
    ram_axes.barh(names, rest, left=largest, color=FREE, label="other internal RAM")
    flash = [board.flash_bytes / KIB for board in boards]
    flash_axes.barh(names, flash, color=REGION, label="internal flash")
    for place, board in enumerate(boards):
        if not board.flash_bytes:
            flash_axes.text(LEAST_KIB, place, " none inside", va="center", fontsize=8)
    for colour, row in zip(LINES, drawn, strict=False):
        size = row.subject.input_size
        label = f"{row.subject.name}{f', {size[1]} px' if size else ''} ({row.source.origin.value})"
        for axes, total in ((ram_axes, row.total_ram), (flash_axes, row.total_flash)):
            if total is not None:
                axes.axvline(total / KIB, color=colour, linewidth=1.6, label=label)
    for axes, title in ((ram_axes, "RAM, KiB"), (flash_axes, "flash, KiB")):
        axes.set_xscale("log", base=2)
        axes.set_xlim(LEAST_KIB, MOST_KIB)
        axes.set_xticks([64, 256, 1024, 4096], ["64", "256", "1024", "4096"])
        axes.set_title(title)
        axes.spines[["top", "right"]].set_visible(False)
    ram_axes.invert_yaxis()
    handles, labels = ram_axes.get_legend_handles_labels()
    figure.legend(handles, labels, loc="outside lower center", ncols=2, frameon=False, fontsize=8)
    content = io.BytesIO()
    figure.savefig(content, format="png", dpi=DPI, metadata={"Software": None})
    return content.getvalue()
