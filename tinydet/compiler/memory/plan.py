"""The plan of the arena: the buffers of a schedule, their offsets, and ``plan.json``."""

from dataclasses import dataclass
from typing import Any

from tinydet.compiler.memory.buffers import Buffer, Offset, live_bytes, lower_bound_bytes
from tinydet.compiler.memory.planners import arena_bytes, plan_best
from tinydet.compiler.memory.validator import find_clobbered, validate
from tinydet.compiler.schedule import Schedule, make_schedule

INPUT_SCRATCH = "preprocessing scratch"
OUTPUT_SCRATCH = "boxes scratch"


@dataclass(frozen=True)
class Plan:
    """Where everything lies in the arena.

    Attributes:
        schedule: Steps and storages; storage ``k`` is buffer ``k``.
        buffers: One per storage, then the scratch memory of the first and the last step,
            where there is any.
        offsets: One per buffer.
    """

    schedule: Schedule
    buffers: tuple[Buffer, ...]
    offsets: tuple[Offset, ...]

    @property
    def arena_bytes(self) -> int:
        """Size of the arena, the figure called activation RAM."""
        return arena_bytes(self.buffers, self.offsets)

    @property
    def lower_bound_bytes(self) -> int:
        """The smallest arena that any plan of these buffers could have."""
        return lower_bound_bytes(self.buffers)

    def scratch(self, name: str) -> tuple[Offset, int] | None:
        """Offset and bytes of scratch memory, None where there is none.

        Args:
            name: ``INPUT_SCRATCH`` or ``OUTPUT_SCRATCH``.
        """
        for buffer, offset in zip(
            self.buffers[len(self.schedule.storages) :],
            self.offsets[len(self.schedule.storages) :],
            strict=True,
        ):
            if buffer.name == name:
                return offset, buffer.size_bytes
        return None

    def tensor_offsets(self) -> dict[int, Offset]:
        """Offset of every activation, by tensor index."""
        return {
            tensor: offset
            for storage, offset in zip(self.schedule.storages, self.offsets, strict=False)
            for tensor in storage.tensors
        }

    def to_json(self) -> dict[str, Any]:
        """The content of ``plan.json``: every number in bytes, steps counted from 0."""
        tensors = self.schedule.graph.tensors
        live = live_bytes(self.buffers)
        storages = [s.tensors for s in self.schedule.storages]
        return {
            "arena_bytes": self.arena_bytes,
            "lower_bound_bytes": self.lower_bound_bytes,
            "whole_tensor_peak_bytes": whole_tensor_peak_bytes(self.schedule),
            "buffers": [
                {
                    "name": buffer.name,
                    "tensors": [tensors[t].name for t in storage],
                    "offset": offset,
                    "size_bytes": buffer.size_bytes,
                    "first_step": buffer.first_step,
                    "last_step": buffer.last_step,
                }
                for buffer, offset, storage in zip(
                    self.buffers, self.offsets, [*storages, (), ()], strict=False
                )
            ],
            "steps": [
                {"step": step, "name": self.schedule.step_name(step), "live_bytes": live[step]}
                for step in range(len(live))
            ],
        }


def plan_memory(
    schedule: Schedule, *, input_scratch_bytes: int = 0, output_scratch_bytes: int = 0
) -> Plan:
    """Place all tensors, and prove the result with the validator.

    Args:
        schedule: Lifetimes.
        input_scratch_bytes: What scaling the image needs beside the inputs, in step 0.
        output_scratch_bytes: What finding the boxes needs beside the outputs, in the last step.

    Returns:
        A plan that the validator found correct.

    Raises:
        AssertionError: The validator found a fault: a bug of the planner.
    """
    buffers = schedule_buffers(schedule)
    last = schedule.num_steps - 1
    if input_scratch_bytes:
        buffers.append(Buffer(INPUT_SCRATCH, 0, 0, input_scratch_bytes))
    if output_scratch_bytes:
        buffers.append(Buffer(OUTPUT_SCRATCH, last, last, output_scratch_bytes))
    plan = Plan(schedule, tuple(buffers), tuple(plan_best(buffers)))
    problems = validate(plan.buffers, plan.offsets) + find_clobbered(
        schedule.graph,
        plan.tensor_offsets(),
        plan.arena_bytes,
        plan.scratch(INPUT_SCRATCH),
        plan.scratch(OUTPUT_SCRATCH),
    )
    if problems:
        raise AssertionError("wrong memory plan: " + "; ".join(problems))
    return plan


def schedule_buffers(schedule: Schedule) -> list[Buffer]:
    """One buffer per storage of a schedule, in the same order."""
    tensors = schedule.graph.tensors
    return [
        Buffer(tensors[s.tensors[0]].name, s.first_step, s.last_step, s.size_bytes)
        for s in schedule.storages
    ]


def whole_tensor_peak_bytes(schedule: Schedule) -> int:
    """Most bytes alive at one step were every tensor to have its own place: the yardstick."""
    plain = make_schedule(schedule.graph, in_place=False)
    return max(live_bytes(schedule_buffers(plain)), default=0)
