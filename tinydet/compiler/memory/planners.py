"""Offsets for buffers: first fit in a good order, and a search for a better order.

Finding the smallest arena is NP-hard (dynamic storage allocation), but networks are kind: their
peak is at one step, and first fit in order of size nearly always reaches it. Where it does not,
other orders are tried, then small changes of the best one.
"""

import random
from collections.abc import Sequence

from tinydet.compiler.memory.buffers import Buffer, Offset, lower_bound_bytes

SEARCH_ROUNDS = 400  # changed orders that are tried; a second or two for a hundred buffers


def plan_greedy(buffers: Sequence[Buffer]) -> list[Offset]:
    """Place the largest buffers first, each in the lowest gap that is free while it lives.

    Args:
        buffers: In any order.

    Returns:
        One offset per buffer, in the order of ``buffers``.

    Reference:
        Pisarchyk and Lee, 2020, "Efficient Memory Management for Deep Neural Net Inference",
        section 5.2 (greedy by size). https://arxiv.org/abs/2001.03288
    """
    return _first_fit(buffers, _neighbours(buffers), _by_size(buffers))


def plan_best(buffers: Sequence[Buffer]) -> list[Offset]:
    """The smallest arena of several greedy orders and a local search, the same on every run.

    Never larger than ``plan_greedy``; the search ends as soon as the lower bound is reached.

    Args:
        buffers: In any order.

    Returns:
        One offset per buffer, in the order of ``buffers``.
    """
    neighbours = _neighbours(buffers)
    bound = lower_bound_bytes(buffers)
    best: tuple[int, list[int], list[Offset]] | None = None
    for order in (_by_size(buffers), _by_volume(buffers), _by_end(buffers), _by_crowd(buffers)):
        offsets = _first_fit(buffers, neighbours, order)
        arena = arena_bytes(buffers, offsets)
        if best is None or arena < best[0]:
            best = arena, order, offsets
        if arena <= bound:
            return offsets
    assert best is not None  # there is always more than one order
    return _search(buffers, neighbours, best, bound)


def arena_bytes(buffers: Sequence[Buffer], offsets: Sequence[Offset]) -> int:
    """Bytes up to the end of the topmost buffer."""
    return max((o + b.size_bytes for b, o in zip(buffers, offsets, strict=True)), default=0)


def _search(
    buffers: Sequence[Buffer],
    neighbours: list[list[int]],
    start: tuple[int, list[int], list[Offset]],
    bound: int,
) -> list[Offset]:
    """Move one of the topmost buffers to the front of the order, or swap two; keep what helps."""
    dice = random.Random(0)
    arena, order, offsets = start
    for _ in range(SEARCH_ROUNDS if len(buffers) > 1 else 0):
        changed = list(order)
        if dice.random() < 0.5:
            top = [k for k, o in enumerate(offsets) if o + buffers[k].size_bytes == arena]
            changed.remove(moved := dice.choice(top))
            changed.insert(dice.randrange(len(order)), moved)
        else:
            i, j = dice.sample(range(len(order)), 2)
            changed[i], changed[j] = changed[j], changed[i]
        tried = _first_fit(buffers, neighbours, changed)
        if (new_arena := arena_bytes(buffers, tried)) <= arena:  # equal: walk along the plateau
            arena, order, offsets = new_arena, changed, tried
        if arena <= bound:
            break
    return offsets


def _neighbours(buffers: Sequence[Buffer]) -> list[list[int]]:
    """For each buffer the others that are alive with it at some step."""
    return [
        [
            j
            for j, other in enumerate(buffers)
            if j != i and other.first_step <= one.last_step and one.first_step <= other.last_step
        ]
        for i, one in enumerate(buffers)
    ]


def _first_fit(
    buffers: Sequence[Buffer], neighbours: list[list[int]], order: list[int]
) -> list[Offset]:
    offsets: list[Offset] = [-1] * len(buffers)
    for i in order:
        new = buffers[i]
        candidate = 0
        taken = sorted(
            (offsets[j], offsets[j] + buffers[j].size_bytes)
            for j in neighbours[i]
            if offsets[j] >= 0
        )
        for start, end in taken:
            if candidate + new.size_bytes <= start:
                break
            candidate = max(candidate, -(-end // new.alignment) * new.alignment)
        offsets[i] = candidate
    return offsets


def _by_size(buffers: Sequence[Buffer]) -> list[int]:
    return sorted(range(len(buffers)), key=lambda i: (-buffers[i].size_bytes, i))


def _by_volume(buffers: Sequence[Buffer]) -> list[int]:
    def volume(b: Buffer) -> int:
        return b.size_bytes * (b.last_step - b.first_step + 1)

    return sorted(range(len(buffers)), key=lambda i: (-volume(buffers[i]), i))


def _by_end(buffers: Sequence[Buffer]) -> list[int]:
    """Long-lived buffers to the bottom, the coming and going above them."""
    spans = [b.last_step - b.first_step for b in buffers]
    return sorted(range(len(buffers)), key=lambda i: (-spans[i], -buffers[i].size_bytes, i))


def _by_crowd(buffers: Sequence[Buffer]) -> list[int]:
    """Buffers of the fullest step first, by size; then those of the next fullest step."""
    last = max((b.last_step for b in buffers), default=-1)
    live = [
        sum(b.size_bytes for b in buffers if b.first_step <= s <= b.last_step)
        for s in range(last + 1)
    ]
    fullest = [max(live[b.first_step : b.last_step + 1]) for b in buffers]
    return sorted(range(len(buffers)), key=lambda i: (-fullest[i], -buffers[i].size_bytes, i))
