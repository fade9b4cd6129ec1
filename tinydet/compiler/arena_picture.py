"""A picture of the arena over time: which bytes are in use for what."""

from pathlib import Path
from typing import TYPE_CHECKING

import numpy as np

from tinydet.compiler.memory import Buffer, Plan, live_bytes
from tinydet.config.files import atomic_path

if TYPE_CHECKING:
    from matplotlib.axes import Axes

KIB = 1024
# Shares of the picture that a name of LABEL_CHARACTERS takes along and across its direction.
LABEL_LENGTH, LABEL_THICKNESS = {"flat": 0.12, "upright": 0.26}, {"flat": 0.02, "upright": 0.011}
LABEL_CHARACTERS = 28
HATCHES = {"tensor": None, "ring": "////", "scratch": "....", "state": "xxxx"}


def draw_arena(plan: Plan, path: Path) -> None:
    """Draw a memory plan: time to the right, addresses upwards.

    Time goes by rows: one unit is the computation of one row, or of an operator in one piece. A
    tensor grows while it is written and dwindles while it is read for the last time. Rings are
    hatched, scratch memory dotted.

    Args:
        plan: The plan.
        path: PNG or SVG file to write.

    Raises:
        OutputError: The file cannot be written.
    """
    from matplotlib.figure import Figure

    figure = Figure(figsize=(12, 6.5), layout="constrained")
    axes = figure.add_subplot()
    fill_arena(axes, plan)
    picture = len(live_bytes(plan.buffers)), plan.arena_bytes
    for buffer, offset in zip(plan.buffers, plan.offsets, strict=True):
        _label_buffer(axes, buffer, offset, picture)
    _name_segments(axes, plan)
    axes.set_ylabel("KiB from the start of the arena")
    axes.set_title(
        f"arena {plan.arena_bytes / KIB:.1f} KiB, "
        f"no plan of these segments needs less than {plan.lower_bound_bytes / KIB:.1f} KiB"
    )
    axes.legend(loc="upper right")
    with atomic_path(path) as temporary:
        figure.savefig(temporary, dpi=110)


def fill_arena(axes: "Axes", plan: Plan) -> None:
    """The bytes in use over time, without a name: each buffer, their sum, the whole arena.

    Args:
        axes: Where; its limits are set.
        plan: The plan.
    """
    from matplotlib import colormaps, rcParams

    live = live_bytes(plan.buffers)
    axes.set_xlim(0, len(live))
    axes.set_ylim(0, plan.arena_bytes / KIB * 1.05)
    colours = colormaps["tab20"].colors  # type: ignore[attr-defined]  # made at run time
    for number, (buffer, offset) in enumerate(zip(plan.buffers, plan.offsets, strict=True)):
        _draw_buffer(axes, buffer, offset, colours[number % len(colours)])
    edges = np.arange(len(live) + 1)
    axes.stairs(live / KIB, edges, color=rcParams["axes.edgecolor"], linewidth=1, label="in use")
    axes.axhline(plan.arena_bytes / KIB, color="red", linewidth=1, label="arena")


def _draw_buffer(axes: "Axes", buffer: Buffer, offset: int, colour: object) -> None:
    from matplotlib import rcParams

    for life in buffer.lives:
        used = life.low < life.high
        events = np.arange(len(used) + 1) + life.first_event
        low, high = ((offset + side) / KIB for side in (life.low, life.high))
        axes.fill_between(
            events,
            np.append(low, low[-1]),
            np.append(high, high[-1]),
            where=np.append(used, used[-1]),
            step="post",
            facecolor=colour,
            edgecolor=rcParams["axes.facecolor"],
            linewidth=0.3,
            hatch=HATCHES[buffer.kind],
        )


def _label_buffer(axes: "Axes", buffer: Buffer, offset: int, picture: tuple[int, int]) -> None:
    """Its name, where there is room. ``picture`` is its size in events and bytes."""
    life = max(buffer.lives, key=lambda life: len(life.low))
    used = life.low < life.high
    if not used.any():
        return
    middle = int(np.flatnonzero(used)[used.sum() // 2])
    height = int(life.high[middle] - life.low[middle])
    direction = _direction(len(life.low) / picture[0], height / picture[1])
    if direction is not None:
        axes.text(
            life.first_event + middle,
            (offset + int(life.low[middle]) + height / 2) / KIB,
            _label(buffer.name),
            ha="center",
            va="center",
            fontsize=7,
            rotation=90 if direction == "upright" else 0,
            color="black",
            clip_on=True,
            parse_math=False,
        )


def _name_segments(axes: "Axes", plan: Plan) -> None:
    """A line where a loop over several operators begins, and the numbers of its steps."""
    flow, steps = plan.schedule.flow, plan.timeline.event_steps
    ticks, names = [], []
    for segment in plan.schedule.segments:
        if segment.is_loop:
            first, last = (flow.steps[k].number for k in (segment.begin, segment.end - 1))
            begin = int(np.flatnonzero(steps == first)[0])
            end = int(np.flatnonzero(steps == last)[-1]) + 1
            axes.axvline(begin, color="grey", linewidth=0.5, linestyle=":")
            ticks.append((begin + end) / 2)
            names.append(f"{first}-{last}")
    axes.set_xticks(ticks, names, rotation=90 if len(ticks) > 8 else 0, fontsize=8)
    axes.set_xlabel("rows computed; steps that run together, row by row")


def _direction(width: float, height: float) -> str | None:
    """How a name fits into a rectangle of these shares of the picture, None where it does not."""
    if width >= LABEL_LENGTH["flat"] and height >= LABEL_THICKNESS["flat"]:
        return "flat"
    if height >= LABEL_LENGTH["upright"] and width >= LABEL_THICKNESS["upright"]:
        return "upright"
    return None


def _label(name: str) -> str:
    """The telling end of a tensor's name, without what was fused into it."""
    first = name.split(";")[0]
    return first if len(first) <= LABEL_CHARACTERS else "..." + first[-LABEL_CHARACTERS + 3 :]
