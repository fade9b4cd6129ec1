"""The same segments, in which kernels that are faster with more scratch memory get what is free.

The arena does not grow for it.
"""

from collections.abc import Mapping
from dataclasses import replace

import numpy as np

from tinydet.compiler.kernel_scratch import Room, useful_scratch
from tinydet.compiler.memory.buffers import live_bytes
from tinydet.compiler.memory.plan import Plan, placed, placed_around
from tinydet.compiler.memory.planners import SEARCH_ROUNDS
from tinydet.compiler.schedule import Schedule, Step

# Offered are all that is free at a step, half of it, a quarter; with copies of weights first.
OFFERS = ((1, True), (2, True), (1, False), (2, False), (4, False))


def with_more_scratch(plan: Plan, *, keeps: bool, is_cached: bool = True) -> Plan:
    """Give kernels what is free.

    Args:
        plan: With the least scratch memory.
        keeps: Kernels may keep copies of their weights there.
        is_cached: See ``Room``.
    """
    undecided = set(range(1, len(plan.schedule.flow.steps) - 1))
    for share, kept in OFFERS:
        if kept and not keeps:
            continue
        offers = _offers(plan, undecided, share, keeps=kept, is_cached=is_cached)
        # Many are tried: no search, unless reading the weights again and again costs much.
        plan = _accepting(plan, offers, 0 if is_cached else SEARCH_ROUNDS)
        steps = plan.schedule.flow.steps
        undecided = {position for position, step in offers.items() if steps[position] is not step}
    return plan


def _accepting(plan: Plan, offers: Mapping[int, Step], rounds: int) -> Plan:
    """The plan with as many offers as its arena has places for: all, else those of each half.

    Args:
        plan: With the scratch memory that the steps have.
        offers: Position of a step -> the step with more.
        rounds: See ``plan_best``.
    """
    largest_first = sorted(offers, key=lambda position: -offers[position].scratch_bytes)
    groups = [largest_first] if offers else []
    while groups:
        group = groups.pop()
        steps = list(plan.schedule.flow.steps)
        for position in group:
            steps[position] = offers[position]
        schedule = Schedule(plan.schedule.maker.with_scratch(steps), plan.schedule.segments)
        found = placed(schedule, rounds, plan.arena_bytes)
        if found.arena_bytes > plan.arena_bytes:
            found = placed_around(plan, found)
        if found.arena_bytes <= plan.arena_bytes:
            plan = found
        elif len(group) > 1:
            half = len(group) // 2
            groups += [group[half:], group[:half]]
    return plan


def _offers(
    plan: Plan, positions: set[int], share: int, *, keeps: bool, is_cached: bool
) -> dict[int, Step]:
    """Steps with more scratch memory, where that is useful and there is some.

    Args:
        plan: With the scratch memory that they have.
        positions: Of the steps that may get more.
        share: Of what is free, one part in so many is taken.
        keeps: See ``with_more_scratch``.
        is_cached: See ``Room``.
    """
    flow, arena_bytes = plan.schedule.flow, plan.arena_bytes
    live, event_steps = live_bytes(plan.buffers), plan.timeline.event_steps
    offers = {}
    for segment in plan.schedule.segments:
        for position in sorted(positions.intersection(range(segment.begin, segment.end))):
            step = flow.steps[position]
            events = np.flatnonzero(event_steps == step.number)
            throughout = slice(int(events[0]), int(events[-1]) + 1)
            live[events] -= step.scratch_bytes
            room = Room(
                (arena_bytes - int(live[events].max())) // share,
                (arena_bytes - int(live[throughout].max())) // share,
                step.rows if segment.is_loop else 1,
                arena_bytes,
                keeps,
                is_cached,
            )
            scratch = useful_scratch(flow.graph, flow.graph.ops[step.number - 1], room)
            if scratch.size_bytes > step.scratch_bytes:
                size, kept = scratch.size_bytes, scratch.kept_bytes
                offers[position] = step = replace(step, scratch_bytes=size, kept_bytes=kept)
            live[throughout if step.kept_bytes else events] += step.scratch_bytes
    return offers
