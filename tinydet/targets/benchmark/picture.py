"""Instruction counts as a picture: where the instructions go, and what a product costs there."""

from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import TYPE_CHECKING

import numpy as np

from tinydet.config.files import atomic_path
from tinydet.targets.benchmark.measure import Benchmark, StepCount
from tinydet.targets.benchmark.table import short_name

if TYPE_CHECKING:
    from matplotlib.axes import Axes

MAX_LABELS = 12  # operators that are named: those with the most instructions
MAX_LABEL = 22  # characters of such a name
LABEL_GAP = 0.015  # share of the width in which only one operator is named
NO_KERNEL = "no code"  # operators whose bytes lie where they are needed
_Colours = dict[str, tuple[float, float, float]]


def draw_benchmark(
    result: Benchmark, path: Path, cycles: Mapping[str, int] | None = None, note: str = ""
) -> None:
    """Draw the counts: one bar per operator in order of execution, and sums per kernel.

    Above the share of the network's instructions, below the instructions per multiply-accumulate
    operation, with a line at the network's mean. A kernel has the same colour everywhere.

    Args:
        result: The counts.
        path: PNG or SVG file to write.
        cycles: Operator -> estimated cycles, drawn as dots over its instructions.
        note: Stands below the title.

    Raises:
        OutputError: The file cannot be written.
    """
    from matplotlib import colormaps
    from matplotlib.figure import Figure

    by_kernel = _by_kernel(result.steps)
    palette = colormaps["tab10"].colors  # type: ignore[attr-defined]  # made at run time
    colours = {kernel: palette[k % len(palette)] for k, kernel in enumerate(by_kernel)}
    figure = Figure(figsize=(13, 7), layout="constrained")
    grid = figure.add_gridspec(2, 2, width_ratios=(3.4, 1))
    _draw_shares(figure.add_subplot(grid[0, 0]), result, colours)
    _draw_costs(figure.add_subplot(grid[1, 0]), result, colours, cycles or {})
    _draw_kernel_shares(figure.add_subplot(grid[0, 1]), result, by_kernel, colours)
    _draw_kernel_costs(figure.add_subplot(grid[1, 1]), by_kernel, colours)
    per_mac = f", {_per_mac(result):.2f} per MAC" if result.macs else ""
    figure.suptitle(
        f"{result.network_instructions / 1e6:,.1f} M instructions on {result.core}{per_mac}; "
        f"boxes {result.boxes_instructions / 1e6:,.1f} M more" + (f"\n{note}" if note else ""),
        fontsize=12,
    )
    with atomic_path(path) as temporary:
        figure.savefig(temporary, dpi=110)


def _draw_shares(axes: "Axes", result: Benchmark, colours: _Colours) -> None:
    shares = [_percent(step.instructions, result) for step in result.steps]
    _bars(axes, result.steps, shares, colours)
    axes.set_ylabel("share of instructions, %")
    for k in _labelled(shares):
        axes.annotate(
            short_name(result.steps[k].op)[:MAX_LABEL],
            (k + 1, shares[k]),
            textcoords="offset points",
            xytext=(0, 3),
            rotation=90,
            ha="center",
            va="bottom",
            fontsize=7,
            parse_math=False,
        )
    axes.set_ylim(0, max([*shares, 1.0]) * 1.7)  # room for the names


def _labelled(shares: Sequence[float]) -> list[int]:
    """The largest, and of neighbours the larger one."""
    chosen: list[int] = []
    for k in sorted(range(len(shares)), key=lambda k: -shares[k])[: 2 * MAX_LABELS]:
        if all(abs(k - other) >= LABEL_GAP * len(shares) for other in chosen):
            chosen.append(k)
    return chosen[:MAX_LABELS]


def _draw_costs(
    axes: "Axes", result: Benchmark, colours: _Colours, cycles: Mapping[str, int]
) -> None:
    costs = [step.instructions / step.macs if step.macs else 0.0 for step in result.steps]
    _bars(axes, result.steps, costs, colours)
    if result.macs:
        mean = _per_mac(result)
        axes.axhline(mean, color="black", linewidth=1, linestyle="--", label=f"network {mean:.2f}")
        timed = [(k + 1, s) for k, s in enumerate(result.steps) if s.macs and s.op in cycles]
        if timed:
            places, per_mac = zip(*((k, cycles[s.op] / s.macs) for k, s in timed), strict=True)
            axes.plot(places, per_mac, "k.", markersize=4, label="cycles per MAC (estimate)")
        axes.legend(loc="upper right")
    axes.set_ylabel("instructions per MAC")
    axes.set_xlabel("operators in the order in which they begin; those without MACs have no bar")


def _draw_kernel_shares(
    axes: "Axes", result: Benchmark, by_kernel: dict[str, StepCount], colours: _Colours
) -> None:
    shares = [_percent(step.instructions, result) for step in by_kernel.values()]
    _kernel_bars(axes, list(by_kernel), shares, colours, "{:.1f} %")
    axes.set_title("sum per kernel", fontsize=10)
    axes.set_xlabel("share of instructions, %")


def _draw_kernel_costs(axes: "Axes", by_kernel: dict[str, StepCount], colours: _Colours) -> None:
    counted = {name: step for name, step in by_kernel.items() if step.macs}
    costs = [step.instructions / step.macs for step in counted.values()]
    _kernel_bars(axes, list(counted), costs, colours, "{:.2f}")
    axes.set_xlabel("instructions per MAC")


def _bars(
    axes: "Axes", steps: Sequence[StepCount], heights: Sequence[float], colours: _Colours
) -> None:
    axes.bar(
        np.arange(len(steps)) + 1, heights, width=0.9, color=[colours[_kernel(s)] for s in steps]
    )
    axes.set_xlim(0, len(steps) + 1)


def _kernel_bars(
    axes: "Axes", names: Sequence[str], lengths: Sequence[float], colours: _Colours, form: str
) -> None:
    places = np.arange(len(names))
    bars = axes.barh(places, lengths, color=[colours[name] for name in names])
    axes.bar_label(bars, [form.format(length) for length in lengths], fontsize=8, padding=2)
    axes.set_yticks(places, [name.removeprefix("td_") for name in names], fontsize=8)
    axes.invert_yaxis()
    axes.set_xlim(0, max([*lengths, 1e-9]) * 1.35)


def _by_kernel(steps: Sequence[StepCount]) -> dict[str, StepCount]:
    """Sums over the operators of each kernel, most instructions first."""
    sums: dict[str, StepCount] = {}
    for step in steps:
        name = _kernel(step)
        so_far = sums.get(name, StepCount(name, 0, {}))
        instructions, macs = so_far.instructions + step.instructions, so_far.macs + step.macs
        sums[name] = StepCount(name, instructions, {}, macs)
    return dict(sorted(sums.items(), key=lambda item: -item[1].instructions))


def _kernel(step: StepCount) -> str:
    return next(iter(step.kernels), NO_KERNEL)


def _percent(instructions: int, result: Benchmark) -> float:
    return 100 * instructions / max(result.network_instructions, 1)


def _per_mac(result: Benchmark) -> float:
    return result.network_instructions / result.macs
