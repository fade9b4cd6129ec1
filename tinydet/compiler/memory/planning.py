"""Planning: which steps run together, and where everything lies, for what the user wants most."""

from dataclasses import dataclass, replace
from functools import cached_property
from typing import Literal

from tinydet.compiler.ir import Graph
from tinydet.compiler.memory.choice import SegmentChoice
from tinydet.compiler.memory.more_scratch import with_more_scratch
from tinydet.compiler.memory.plan import InputMode, Plan, placed, proven
from tinydet.compiler.memory.planners import SEARCH_ROUNDS
from tinydet.compiler.schedule import (
    Schedule,
    Segment,
    SegmentMaker,
    kernel_costs,
    late_order,
    make_flow,
    segment_cost,
)
from tinydet.errors import CompilerError

Objective = Literal["balanced", "ram", "speed"]

BALANCED_OVERHEAD = 0.01  # of the network's estimated cycles may go into saving memory
FINISHED_SKETCHES = 3  # of the plans with roughly placed buffers, the best are placed with care
CLOSE_ENOUGH = 1.03  # times what input and outputs need: no other order is tried
LIMIT_STEP = 1.03  # from one limit of bytes alive at once that is tried to the next, at least
CORES_WITHOUT_CACHE = ("cortex-m4", "cortex-m33")  # of data in RAM
MAX_LIMITS = 16  # about so many are tried


@dataclass(frozen=True, kw_only=True)
class PlanRequest:
    """What a plan is for.

    Attributes:
        objective: ``ram`` for the smallest arena, ``speed`` for the least estimated cycles,
            ``balanced`` for the smallest arena whose estimated overhead is at most
            ``BALANCED_OVERHEAD``.
        ram_limit_bytes: Instead the plan with the least overhead whose arena has at most so many
            bytes, where there is one.
        input_mode: ``image`` for an image in the arena, ``caller`` for one that stays where the
            caller has it, ``rows`` for one that comes row by row.
        input_scratch_bytes: What bringing the input needs beside it.
        output_scratch_bytes: What finding the boxes needs beside the outputs.
        core: Processor whose cycles count; None as in ``schedule.costs.kernel_costs``.
        keeps_weights: Convolutions may keep copies of their weights in free memory of the arena.
    """

    objective: Objective = "balanced"
    ram_limit_bytes: int | None = None
    input_mode: InputMode = "image"
    input_scratch_bytes: int = 0
    output_scratch_bytes: int = 0
    core: str | None = None
    keeps_weights: bool = True


def plan_memory(graph: Graph, request: PlanRequest | None = None) -> Plan:
    """Decide what runs together, place everything, and prove the result with the validator.

    Args:
        graph: A verified graph.
        request: What the plan is for; None for the defaults.

    Returns:
        A plan that the validator found correct. Where no plan keeps to ``ram_limit_bytes``, the
        one with the smallest arena.

    Raises:
        CompilerError: Rows are to be fed, but the input is not an image.
        AssertionError: The validator found a fault: a bug of the planner.
    """
    request = request or PlanRequest()
    plan = _plan_within(graph, request)
    is_cached = request.core not in CORES_WITHOUT_CACHE
    return proven(with_more_scratch(plan, keeps=request.keeps_weights, is_cached=is_cached))


def _plan_within(graph: Graph, request: PlanRequest) -> Plan:
    """The plan with the least scratch memory."""
    planner = _Planner(graph, request)
    if request.ram_limit_bytes is not None:
        plan = planner.cheapest_within(request.ram_limit_bytes)
        return _smallest(planner, request, balanced=False) if plan is None else plan
    if request.objective == "speed":
        return planner.fastest()
    return _smallest(planner, request, balanced=request.objective == "balanced")


def _smallest(planner: "_Planner", request: PlanRequest, *, balanced: bool) -> Plan:
    """The smallest arena of two orders of the operators."""
    plans = [planner.smallest(balanced=True)]
    if not balanced:
        plans.append(planner.smallest(balanced=False))
    if min(plan.arena_bytes for plan in plans) > CLOSE_ENOUGH * planner.floor_bytes():
        other = _Planner(late_order(planner.graph), request)
        plans.append(other.smallest(balanced=True))
        if not balanced:
            plans.append(other.smallest(balanced=False))
    return min(plans, key=_rank)


def with_output_scratch(plan: Plan, size_bytes: int) -> Plan:
    """The same segments, placed again with another amount of memory to find the boxes in."""
    flow = plan.schedule.flow
    last = replace(flow.steps[-1], scratch_bytes=size_bytes)
    maker = plan.schedule.maker.with_scratch((*flow.steps[:-1], last))
    return proven(placed(Schedule(maker, plan.schedule.segments), SEARCH_ROUNDS))


class _Planner:
    def __init__(self, graph: Graph, request: PlanRequest) -> None:
        self.graph = graph
        self._costs = kernel_costs(request.core)
        self._cycles = self._costs.network(graph)
        self._sketches: dict[tuple[Segment, ...], Plan] = {}
        self._plans: dict[tuple[Segment, ...], Plan] = {}
        self._maker = SegmentMaker(
            make_flow(
                graph,
                external_input=request.input_mode == "caller",
                input_rows=request.input_mode == "rows",
                input_scratch_bytes=request.input_scratch_bytes,
                output_scratch_bytes=request.output_scratch_bytes,
                core=request.core,
            )
        )
        if request.input_mode == "rows" and not self._maker.flow.steps[0].by_rows:
            raise CompilerError(
                ["rows are to be fed, but the input of the network is not an image"]
            )

    def unstreamed(self) -> Plan:
        """Every operator in one piece."""
        steps = range(len(self._maker.flow.steps))
        singles = tuple(self._maker.single(position) for position in steps)
        return placed(Schedule(self._maker, singles), SEARCH_ROUNDS)

    def fastest(self) -> Plan:
        """The least estimated cycles.

        Every operator in one piece, unless fewer rows at a time let the arena lie in RAM that the
        core never waits for, and that is worth more.
        """
        whole, fast_bytes = self.unstreamed(), self._costs.fast_ram_bytes
        if fast_bytes is None or whole.arena_bytes <= fast_bytes:
            return whole
        fast = self.cheapest_within(fast_bytes)
        worth = self._costs.slow_ram * self._cycles
        return fast if fast is not None and fast.overhead < worth else whole

    def smallest(self, *, balanced: bool) -> Plan:
        """The smallest arena, of equal ones that with the least overhead."""
        allowed = self._cycles * (BALANCED_OVERHEAD if balanced else 1)
        sketches: list[Plan] = []
        limit, whole = self._choice.smallest_peak_bytes(), self._choice.whole_peak_bytes()
        step = max(LIMIT_STEP, (whole / limit) ** (1 / MAX_LIMITS))
        while not sketches or limit < sketches[0].arena_bytes:
            found = [self._sketch(segments) for segments in self._choice.within(limit)]
            sketches += [plan for plan in found if plan.overhead <= allowed]
            sketches.sort(key=_rank)
            limit = int(limit * step) + 1
        best = dict.fromkeys(plan.schedule for plan in sketches)
        return min((self._finished(s) for s in list(best)[:FINISHED_SKETCHES]), key=_rank)

    def floor_bytes(self) -> int:
        """What the input and the outputs need in any plan."""
        steps = self._maker.flow.steps
        ends = [0, len(steps) - 1] if not steps[0].by_rows else [len(steps) - 1]
        maker = self._maker
        return max(segment_cost(maker, maker.single(end)).peak_bytes for end in ends)

    @cached_property
    def _choice(self) -> SegmentChoice:
        return SegmentChoice(self._maker)

    def _sketch(self, segments: tuple[Segment, ...]) -> Plan:
        """A plan without the search for better offsets."""
        if segments not in self._sketches:
            self._sketches[segments] = placed(Schedule(self._maker, segments), 0)
        return self._sketches[segments]

    def _finished(self, schedule: Schedule) -> Plan:
        if schedule.segments not in self._plans:
            self._plans[schedule.segments] = placed(schedule, SEARCH_ROUNDS)
        return self._plans[schedule.segments]

    def cheapest_within(self, limit_bytes: int) -> Plan | None:
        """The least overhead in an arena of a given size; None where none is so small."""
        whole = self.unstreamed()
        if whole.arena_bytes <= limit_bytes:
            return whole
        smallest, limit = self._choice.smallest_peak_bytes(), limit_bytes
        while limit >= smallest:
            plans = [
                placed(Schedule(self._maker, segments), SEARCH_ROUNDS, limit_bytes)
                for segments in self._choice.within(limit)
            ]
            fitting = [plan for plan in plans if plan.arena_bytes <= limit_bytes]
            if fitting:
                return min(fitting, key=lambda plan: plan.overhead)
            limit = int(limit / LIMIT_STEP)
        return None


def _rank(plan: Plan) -> tuple[int, int]:
    return plan.arena_bytes, plan.overhead
