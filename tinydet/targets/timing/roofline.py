"""The roofline picture of a board: what bounds each operator, the core or the weights' memory.

Williams, Waterman, Patterson: "Roofline: an insightful visual performance model for multicore
architectures", Communications of the ACM 52 (4), 2009.
"""

import io
from pathlib import Path
from textwrap import fill
from typing import TYPE_CHECKING

from tinydet.compiler import VECTOR_CORES
from tinydet.config.files import atomic_path
from tinydet.targets.benchmark.table import short_name
from tinydet.targets.timing.estimate import TimingEstimate

if TYPE_CHECKING:
    from matplotlib.axes import Axes
    from matplotlib.figure import Figure

# SMLAD: two products of int16, one instruction a cycle on the Cortex-M4, M7 and M33.
# VMLAVA: sixteen of int8, in two cycles on the M55 and M85.
PEAK_MACS_PER_CYCLE, VECTOR_PEAK_MACS_PER_CYCLE = 2.0, 8.0
MAX_NAMES = 8  # operators that are named: those that take longest
DPI = 110
LINE = 90  # characters of the title
MAX_NAME = 28  # characters of such a name


def draw_roofline(result: TimingEstimate, path: Path) -> None:
    """Draw each operator that multiplies as a dot, as large as its share of the time.

    Across, products per byte of weights that the processor loads; upwards, products per cycle. The
    horizontal line is what the core can do, the slope what the memory of the weights can bring if
    no weight is in a cache: operators above it read their weights from one.

    Args:
        result: The estimate.
        path: PNG or SVG file to write.

    Raises:
        OutputError: The file cannot be written.
    """
    with atomic_path(path) as temporary:
        _figure(result).savefig(temporary, dpi=DPI)


def roofline_png(result: TimingEstimate) -> bytes:
    """The same picture as the content of a PNG file; the same estimate, the same bytes."""
    content = io.BytesIO()
    _figure(result).savefig(content, format="png", dpi=DPI, metadata={"Software": None})
    return content.getvalue()


def _figure(result: TimingEstimate) -> "Figure":
    from matplotlib.figure import Figure

    steps = [step for step in result.steps if step.macs and step.weight_bytes and step.cycles]
    figure = Figure(figsize=(9, 6), layout="constrained")
    axes = figure.add_subplot()
    across = [step.macs / step.weight_bytes for step in steps]
    upwards = [step.macs / step.cycles for step in steps]
    sizes = [8 + 1500 * step.cycles / result.cycles for step in steps]
    axes.scatter(across, upwards, s=sizes, alpha=0.55, linewidths=0)
    longest = sorted(range(len(steps)), key=lambda k: -steps[k].cycles)[:MAX_NAMES]
    for k in longest:
        axes.annotate(
            short_name(steps[k].op)[:MAX_NAME],
            (across[k], upwards[k]),
            textcoords="offset points",
            xytext=(5, 4),
            fontsize=7,
            parse_math=False,
        )
    _draw_bounds(axes, result, [*across, 1.0])
    axes.set(xscale="log", yscale="log", ylabel="MACs per cycle")
    axes.set_xlabel("MACs per byte of weights loaded from flash or its cache")
    axes.legend(loc="lower right")
    axes.set_title(
        f"{result.board} ({result.core}) at {result.clock_mhz:g} MHz, weights in "
        f"{result.places['weights']}: {result.milliseconds:.1f} ms\n"
        + fill(result.error.text(), LINE),
        fontsize=10,
    )
    return figure


def _draw_bounds(axes: "Axes", result: TimingEstimate, across: list[float]) -> None:
    left, right = min(across) / 2, max(across) * 2
    vectors = result.core in VECTOR_CORES
    peak = VECTOR_PEAK_MACS_PER_CYCLE if vectors else PEAK_MACS_PER_CYCLE
    axes.plot([left, right], [peak, peak], "k-", linewidth=1, label=f"core: {peak:g} MACs a cycle")
    rate = result.weights_bytes_per_cycle
    if rate is not None:
        ridge = peak / rate
        label = f"{result.places['weights']}: {rate:.2f} bytes a cycle"
        axes.plot([left, ridge], [rate * left, peak], "k--", linewidth=1, label=label)
