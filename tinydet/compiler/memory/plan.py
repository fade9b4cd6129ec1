"""The plan of the arena: the segments of a network, its buffers and their offsets."""

from dataclasses import dataclass, replace
from functools import cached_property
from typing import Literal

from tinydet.compiler.memory.buffers import Buffer, Offset, lower_bound_bytes
from tinydet.compiler.memory.planners import arena_bytes, plan_around, plan_best
from tinydet.compiler.memory.timeline import Timeline, make_timeline
from tinydet.compiler.memory.validator import Layout, Turn, find_faults, validate_offsets
from tinydet.compiler.schedule import Schedule, SegmentMaker, StepNumber, make_flow, overhead

InputMode = Literal["image", "caller", "rows"]


@dataclass(frozen=True, eq=False)
class Plan:
    """Where everything lies in the arena.

    Attributes:
        schedule: What runs together.
        timeline: The buffers, and when they are in use.
        offsets: One per buffer.
    """

    schedule: Schedule
    timeline: Timeline
    offsets: tuple[Offset, ...]

    @property
    def buffers(self) -> tuple[Buffer, ...]:
        """What was placed."""
        return self.timeline.buffers

    @cached_property
    def arena_bytes(self) -> int:
        """Size of the arena, the figure called activation RAM."""
        return arena_bytes(self.buffers, self.offsets)

    @property
    def lower_bound_bytes(self) -> int:
        """The smallest arena that any plan of these segments could have."""
        return lower_bound_bytes(self.buffers)

    @cached_property
    def overhead(self) -> int:
        """Estimated instructions that whole operators in turn would not take."""
        flow = self.schedule.flow
        return sum(overhead(flow, segment) for segment in self.schedule.segments)

    @cached_property
    def tensor_offsets(self) -> dict[int, Offset]:
        """Offset of every activation in the arena, by tensor index.

        The network's input is not among them where it is memory of the caller.
        """
        places = self.schedule.flow.storages.places
        buffers = self.timeline.storage_buffers
        return {
            tensor: self.offsets[buffers[place.storage]] + place.offset
            for tensor, place in places.items()
            if place.storage in buffers
        }

    def scratch(self, step: StepNumber) -> tuple[Offset, int] | None:
        """Offset and bytes of what a step works in, None where it needs nothing."""
        buffer = self.timeline.scratch_buffers.get(step)
        if buffer is None:
            return None
        return self.offsets[buffer], self.buffers[buffer].size_bytes

    @property
    def state(self) -> tuple[Offset, int] | None:
        """What is kept between two rows that are fed; None where the input comes whole."""
        buffer = self.timeline.state_buffer
        return None if buffer is None else (self.offsets[buffer], self.buffers[buffer].size_bytes)

    @property
    def input_mode(self) -> InputMode:
        """``image``: it lies in the arena; ``caller``: outside of it; ``rows``: it comes by rows.

        In the last two ``NAME_run`` and ``NAME_detect`` take it from outside.
        """
        if self.schedule.flow.external_input:
            return "caller"
        return "image" if self.state is None else "rows"


def placed(schedule: Schedule, rounds: int, enough_bytes: int = 0) -> Plan:
    """A schedule with the best offsets that are found.

    Args:
        schedule: What runs together.
        rounds: See ``plan_best``.
        enough_bytes: The search ends with an arena that is not larger.
    """
    timeline = make_timeline(schedule)
    offsets = plan_best(timeline.buffers, rounds=rounds, enough_bytes=enough_bytes)
    return Plan(schedule, timeline, tuple(offsets))


def placed_around(plan: Plan, changed: Plan) -> Plan:
    """The same segments with other scratch memory: what did not change stays where it is.

    Args:
        plan: Whose arena perhaps only a search could find.
        changed: The plan with that memory, placed without regard to the other.
    """
    places = {
        (buffer.name, buffer.kind, buffer.size_bytes): offset
        for buffer, offset in zip(plan.buffers, plan.offsets, strict=True)
    }
    fixed = [places.get((b.name, b.kind, b.size_bytes)) for b in changed.buffers]
    return replace(changed, offsets=tuple(plan_around(changed.buffers, fixed)))


def proven(plan: Plan) -> Plan:
    """The plan, after the validator found it correct.

    Raises:
        AssertionError: It found a fault: a bug of the planner.
    """
    problems = validate_offsets(plan.buffers, plan.offsets)
    problems += find_faults(plan.schedule.graph, *turns_and_layout(plan))
    if problems:
        raise AssertionError("wrong memory plan: " + "; ".join(problems))
    return plan


def turns_and_layout(plan: Plan) -> tuple[list[list[Turn]], Layout]:
    """What runs and where everything lies, as the validator wants to be told."""
    schedule, flow = plan.schedule, plan.schedule.flow
    steps = [step.number for step in flow.steps]
    segments = [
        [
            Turn(number, pace.lag, pace.every)
            for number, pace in zip(steps[s.begin : s.end], s.paces, strict=True)
        ]
        for s in schedule.segments
    ]
    scratch = {number: plan.scratch(number) for number in plan.timeline.scratch_buffers}
    layout = Layout(
        plan.arena_bytes,
        plan.tensor_offsets,
        schedule.rings,
        {tensor: row.size_bytes for tensor, row in flow.layouts.items()},
        {number: place for number, place in scratch.items() if place is not None},
        frozenset(step.number for step in flow.steps if step.kept_bytes),
        plan.state,
    )
    return segments, layout


def whole_tensor_peak_bytes(schedule: Schedule) -> int:
    """Most bytes alive at one step were every tensor to have its own place: the yardstick."""
    maker = SegmentMaker(make_flow(schedule.graph, shared=False))
    positions = range(len(maker.flow.steps))
    plain = Schedule(maker, tuple(maker.single(position) for position in positions))
    timeline = make_timeline(plain)
    whole = [
        (b.first_event, b.last_event, b.size_bytes) for b in timeline.buffers if b.kind == "tensor"
    ]
    steps = timeline.event_steps.tolist()
    alive: dict[int, int] = {}
    for first, last, size in whole:
        for step in range(steps[first], steps[last] + 1):
            alive[step] = alive.get(step, 0) + size
    return max(alive.values(), default=0)
