"""Where things lie in the arena, as named constants of the generated C."""

from dataclasses import dataclass

from tinydet.compiler.codegen import c_text
from tinydet.compiler.codegen.calls import step_name
from tinydet.compiler.ir import Tensor
from tinydet.compiler.memory import Plan
from tinydet.compiler.schedule import StepNumber

INPUT = "INPUT"
BOXES_SCRATCH, INPUT_SCRATCH = "SCRATCH_BOXES", "SCRATCH_INPUT"
ROWS_FED = "ROWS_FED"
_HEAD = """\
/* Where things lie in the arena, in bytes from its start. A tensor has the name of the step that
 * computes it. Places overlap where one is needed after the other, or while that is used up. */
"""


@dataclass(frozen=True)
class _Place:
    name: str
    offset: int
    what: str


class Places:
    """The names of the bytes of an arena.

    Args:
        plan: What lies where.
    """

    def __init__(self, plan: Plan) -> None:
        self._plan = plan
        graph = plan.schedule.graph
        self._names = {graph.inputs[0]: INPUT}
        for step, op in enumerate(graph.ops, 1):
            self._names[op.outputs[0]] = step_name(op, step)

    def tensor(self, index: int) -> str | None:
        """Name of the first byte of a tensor; None where it does not lie in the arena."""
        return self._names[index] if index in self._plan.tensor_offsets else None

    def scratch(self, step: StepNumber) -> str | None:
        """Name of the first byte of what a step works in; None where it needs nothing."""
        if self._plan.scratch(step) is None:
            return None
        return {0: INPUT_SCRATCH, self._last_step: BOXES_SCRATCH}.get(step, f"SCRATCH_{step}")

    def text(self) -> str:
        """The names as an enumeration, in the order in which the bytes are needed."""
        places = [*self._tensors(), *self._scratch(), *self._state()]
        places.sort(key=lambda both: both[0])
        width = max((len(place.name) for _, place in places), default=0)
        digits = len(str(self._plan.arena_bytes)) + 1
        lines = [
            f"    {place.name:<{width}} = {f'{place.offset},':<{digits}} "
            f"{c_text.comment(place.what)}\n"
            for _, place in places
        ]
        return f"{_HEAD}enum {{\n{''.join(lines)}}};\n"

    @property
    def _last_step(self) -> StepNumber:
        return self._plan.schedule.flow.steps[-1].number

    def _tensors(self) -> list[tuple[StepNumber, _Place]]:
        plan = self._plan
        storages, buffers = plan.schedule.flow.storages, plan.timeline.storage_buffers
        event_steps = plan.timeline.event_steps
        found = []
        writers = {op.outputs[0]: step for step, op in enumerate(plan.schedule.graph.ops, 1)}
        for index, offset in plan.tensor_offsets.items():
            buffer = plan.buffers[buffers[storages.places[index].storage]]
            first, last = writers.get(index, 0), int(event_steps[buffer.last_event])
            when = f"steps {first} to {last}" if last > first else f"step {first}"
            found.append(
                (first, _Place(self._names[index], offset, f"{when}: {self._what(index)}"))
            )
        return found

    def _what(self, index: int) -> str:
        tensor = self._plan.schedule.graph.tensors[index]
        layout, ring = (
            self._plan.schedule.flow.layouts.get(index),
            self._plan.schedule.rings.get(index),
        )
        of = "" if ring is None else f"{ring} {'rows' if ring > 1 else 'row'} of "
        order = "" if layout is None else ", rows channel by channel"
        return f"{of}{dimensions(tensor)}{order}"

    def _scratch(self) -> list[tuple[StepNumber, _Place]]:
        found = []
        for step in self._plan.timeline.scratch_buffers:
            name, place = self.scratch(step), self._plan.scratch(step)
            if name is not None and place is not None:
                what = f"step {step}: {place[1]} bytes to work in"
                found.append((step, _Place(name, place[0], what)))
        return found

    def _state(self) -> list[tuple[StepNumber, _Place]]:
        state = self._plan.state
        what = "rows of the input so far"
        return [] if state is None else [(0, _Place(ROWS_FED, state[0], what))]


def dimensions(tensor: Tensor) -> str:
    """A shape as in a C declaration, without the batch: ``[192][192][3]``."""
    shape = tensor.shape[1:] if len(tensor.shape) > 1 else tensor.shape
    return "".join(f"[{size}]" for size in shape)
