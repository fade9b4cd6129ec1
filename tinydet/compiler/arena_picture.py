"""A picture of the arena over time: which buffer lies where at which step."""

from pathlib import Path

from tinydet.compiler.memory import Plan
from tinydet.compiler.memory.buffers import live_bytes
from tinydet.config.files import atomic_path

KIB = 1024
# Shares of the picture that a name of LABEL_CHARACTERS takes along and across its direction.
LABEL_LENGTH, LABEL_THICKNESS = {"flat": 0.12, "upright": 0.26}, {"flat": 0.02, "upright": 0.011}
LABEL_CHARACTERS = 28


def draw_arena(plan: Plan, path: Path) -> None:
    """Draw a memory plan: steps to the right, addresses upwards, one rectangle per buffer.

    Args:
        plan: The plan.
        path: PNG or SVG file to write.

    Raises:
        OutputError: The file cannot be written.
    """
    from matplotlib import colormaps
    from matplotlib.figure import Figure
    from matplotlib.patches import Rectangle

    steps = plan.schedule.num_steps
    figure = Figure(figsize=(12, 6.5), layout="constrained")
    axes = figure.add_subplot()
    colours = colormaps["tab20"].colors  # type: ignore[attr-defined]  # made at run time
    for number, (buffer, offset) in enumerate(zip(plan.buffers, plan.offsets, strict=True)):
        width = buffer.last_step + 1 - buffer.first_step
        height = buffer.size_bytes / KIB
        axes.add_patch(
            Rectangle(
                (buffer.first_step, offset / KIB),
                width,
                height,
                facecolor=colours[number % len(colours)],
                edgecolor="white",
                linewidth=0.3,
            )
        )
        direction = _direction(width / steps, height * KIB / plan.arena_bytes)
        if direction is not None:
            axes.text(
                buffer.first_step + width / 2,
                offset / KIB + height / 2,
                _label(buffer.name),
                ha="center",
                va="center",
                fontsize=7,
                rotation=90 if direction == "upright" else 0,
                clip_on=True,
                parse_math=False,
            )
    live = [b / KIB for b in live_bytes(plan.buffers)]
    edges = [float(step) for step in range(len(live) + 1)]
    axes.stairs(live, edges, color="black", linewidth=1, label="alive")
    axes.axhline(plan.arena_bytes / KIB, color="red", linewidth=1, label="arena")
    axes.set_xlim(0, steps)
    axes.set_ylim(0, plan.arena_bytes / KIB * 1.05)
    axes.set_xlabel("step")
    axes.set_ylabel("KiB from the start of the arena")
    axes.set_title(
        f"arena {plan.arena_bytes / KIB:.1f} KiB, "
        f"no plan needs less than {plan.lower_bound_bytes / KIB:.1f} KiB"
    )
    axes.legend(loc="upper right")
    with atomic_path(path) as temporary:
        figure.savefig(temporary, dpi=110)


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
