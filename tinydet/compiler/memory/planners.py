"""Offsets for buffers: first fit in a good order, and a search for a better order.

Finding the smallest arena is NP-hard (dynamic storage allocation). First fit in order of size,
of life, of crowd, or backwards in time often reaches the lower bound: backwards, because an output
that grows over its dwindling input lies a little below it. Where none does, small changes of the
best order are tried.
"""

import random
from collections.abc import Sequence
from dataclasses import dataclass
from itertools import product

from tinydet.compiler.memory.buffers import (
    Buffer,
    Offset,
    gap_bytes,
    live_bytes,
    lower_bound_bytes,
)

SEARCH_ROUNDS = 400  # changed orders that are tried; a second or two for a hundred buffers


@dataclass(frozen=True)
class _Neighbour:
    """Another buffer that is in use at the same time.

    Attributes:
        index: Which.
        above: By how much it must lie higher, if it is the upper one.
        below: By how much it must lie lower, if it is the lower one.
    """

    index: int
    above: int
    below: int


Neighbours = list[list[_Neighbour]]


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


def plan_best(
    buffers: Sequence[Buffer], *, rounds: int = SEARCH_ROUNDS, enough_bytes: int = 0
) -> list[Offset]:
    """The smallest arena of several greedy orders and a local search, the same on every run.

    Never larger than ``plan_greedy``; the search ends as soon as the lower bound is reached.

    Args:
        buffers: In any order.
        rounds: Changed orders that are tried.
        enough_bytes: An arena of this size is as good as any smaller one.

    Returns:
        One offset per buffer, in the order of ``buffers``.
    """
    neighbours = _neighbours(buffers)
    bound = max(lower_bound_bytes(buffers), enough_bytes)
    best: tuple[int, list[int], list[Offset]] | None = None
    for order in _orders(buffers):
        offsets = _first_fit(buffers, neighbours, order)
        arena = arena_bytes(buffers, offsets)
        if best is None or arena < best[0]:
            best = arena, order, offsets
        if arena <= bound:
            return offsets
    assert best is not None  # there is always more than one order
    return _search(buffers, neighbours, best, (bound, rounds))


def arena_bytes(buffers: Sequence[Buffer], offsets: Sequence[Offset]) -> int:
    """Bytes up to the end of the topmost buffer."""
    return max((o + b.size_bytes for b, o in zip(buffers, offsets, strict=True)), default=0)


def _search(
    buffers: Sequence[Buffer],
    neighbours: Neighbours,
    start: tuple[int, list[int], list[Offset]],
    limits: tuple[int, int],
) -> list[Offset]:
    """Move one of the topmost buffers to the front of the order, or swap two; keep what helps."""
    dice = random.Random(0)
    arena, order, offsets = start
    bound, rounds = limits
    for _ in range(rounds if len(buffers) > 1 else 0):
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


def _neighbours(buffers: Sequence[Buffer]) -> Neighbours:
    neighbours: Neighbours = [[] for _ in buffers]
    for i, one in enumerate(buffers):
        for j in range(i):
            for mine, other in product(one.lives, buffers[j].lives):
                above, below = gap_bytes(mine, other), gap_bytes(other, mine)
                if above is not None and below is not None and above + below > 0:
                    neighbours[i].append(_Neighbour(j, above, below))
                    neighbours[j].append(_Neighbour(i, below, above))
    return neighbours


def _first_fit(
    buffers: Sequence[Buffer], neighbours: Neighbours, order: Sequence[int]
) -> list[Offset]:
    offsets: list[Offset] = [-1] * len(buffers)
    for i in order:
        alignment = buffers[i].alignment
        candidate = 0
        taken = sorted(
            (offsets[n.index] - n.above, offsets[n.index] + n.below)
            for n in neighbours[i]
            if offsets[n.index] >= 0
        )
        for start, end in taken:  # an offset between these two is not possible
            if candidate <= start:
                break
            if candidate < end:
                candidate = -(-end // alignment) * alignment
        offsets[i] = candidate
    return offsets


def _orders(buffers: Sequence[Buffer]) -> list[list[int]]:
    return [
        _by_size(buffers),
        _backwards(buffers),
        _by_crowd(buffers),
        _by_volume(buffers),
        _by_end(buffers),
    ]


def _by_size(buffers: Sequence[Buffer]) -> list[int]:
    return sorted(range(len(buffers)), key=lambda i: (-buffers[i].size_bytes, i))


def _backwards(buffers: Sequence[Buffer]) -> list[int]:
    """What is in use last first."""
    return sorted(
        range(len(buffers)),
        key=lambda i: (-buffers[i].last_event, -buffers[i].first_event, i),
    )


def _by_volume(buffers: Sequence[Buffer]) -> list[int]:
    volumes = [sum(int((life.high - life.low).clip(0).sum()) for life in b.lives) for b in buffers]
    return sorted(range(len(buffers)), key=lambda i: (-volumes[i], i))


def _by_end(buffers: Sequence[Buffer]) -> list[int]:
    """Long-lived buffers to the bottom, the coming and going above them."""
    spans = [b.last_event - b.first_event for b in buffers]
    return sorted(range(len(buffers)), key=lambda i: (-spans[i], -buffers[i].size_bytes, i))


def _by_crowd(buffers: Sequence[Buffer]) -> list[int]:
    """Buffers of the fullest event first, by size; then those of the next fullest."""
    live = live_bytes(buffers)
    fullest = [int(live[b.first_event : b.last_event + 1].max()) for b in buffers]
    return sorted(range(len(buffers)), key=lambda i: (-fullest[i], -buffers[i].size_bytes, i))
