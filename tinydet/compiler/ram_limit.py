"""What to tell a user whose limit of RAM no plan keeps to."""

from dataclasses import replace

from tinydet.compiler.memory import InputMode, Plan, PlanRequest, plan_memory
from tinydet.config.detector_spec import SIDES_PX
from tinydet.errors import ArenaLimitError

IMAGE_RANK = 4
_MODE_REMEDIES: dict[InputMode, str] = {
    "caller": "leave the image where it is (input mode caller)",
    "rows": "feed the image row by row (input mode rows)",
}


def arena_limit_error(plan: Plan, request: PlanRequest, where: object) -> ArenaLimitError:
    """The refusal of a limit, with what would fit.

    Args:
        plan: The smallest there is.
        request: What it was made for; its limit is below the plan's arena.
        where: Path of the model.
    """
    limit = request.ram_limit_bytes or 0
    graph = plan.schedule.graph
    shape, remedies = graph.tensors[graph.inputs[0]].shape, []
    if request.input_mode == "image" and len(shape) == IMAGE_RANK:
        remedies = [_mode_remedy(plan, request, mode) for mode in _MODE_REMEDIES]
    remedies.append(_size_remedy(shape, limit / plan.arena_bytes))
    return ArenaLimitError(
        where,
        f"its smallest arena has {plan.arena_bytes} bytes, {plan.arena_bytes - limit} more than "
        f"the limit of {limit}",
        "Either " + "; or ".join(remedies) + ".",
    )


def _mode_remedy(plan: Plan, request: PlanRequest, mode: InputMode) -> str:
    other = replace(
        request,
        objective="ram",
        ram_limit_bytes=None,
        input_mode=mode,
        input_scratch_bytes=0,
    )
    needed = plan_memory(plan.schedule.graph, other).arena_bytes
    return f"{_MODE_REMEDIES[mode]}: {needed} bytes"


def _size_remedy(shape: tuple[int, ...], share: float) -> str:
    """The largest input that should fit: the arena grows like the area of the image."""
    if len(shape) != IMAGE_RANK:
        return "give a smaller network"
    _, height, width, _ = shape
    fitting = [side for side in SIDES_PX if side * side <= share * height * width]
    if fitting:
        return f"train for an input of {fitting[-1]} x {fitting[-1]} pixels (estimated to fit)"
    return (
        f"train with a smaller alpha; the smallest input, {SIDES_PX[0]} x {SIDES_PX[0]}, is "
        "estimated not to fit by itself"
    )
