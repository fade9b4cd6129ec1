"""Offsets for buffers: first fit in a good order, and a search for a better order.

Finding the smallest arena is NP-hard (dynamic storage allocation). First fit in order of size,
of life, of crowd, or backwards in time often reaches the lower bound: backwards, because an output
that grows over its dwindling input lies a little below it. Where none does, small changes of the
best order are tried.
"""

import random
from collections.abc import Sequence
from functools import lru_cache
from itertools import combinations, product

from tinydet.compiler.memory.buffers import Buffer, Offset, gap_bytes, live_bytes, lower_bound_bytes

SEARCH_ROUNDS = 150  # changed orders without a gain; under a second for two hundred buffers
SEARCH_STARTS = 3  # of the greedy orders, the best


# For each buffer the others that are in use at the same time: which, by how much the buffer must
# lie below it, and by how much above it.
Neighbours = list[list[tuple[int, int, int]]]


def plan_best(
    buffers: Sequence[Buffer], *, rounds: int = SEARCH_ROUNDS, enough_bytes: int = 0
) -> list[Offset]:
    """The smallest arena of several greedy orders and a local search, the same on every run.

    Never larger than a greedy order gives; the search ends when the lower bound is reached.

    Args:
        buffers: In any order.
        rounds: Changed orders without a gain after which the search gives up, from each of the
            best greedy orders.
        enough_bytes: An arena of this size is as good as any smaller one.

    Returns:
        One offset per buffer, in the order of ``buffers``.
    """
    neighbours = _neighbours(buffers)
    bound = max(lower_bound_bytes(buffers), enough_bytes)
    found: list[tuple[int, list[int], list[Offset]]] = []
    for order in _orders(buffers):
        offsets = _first_fit(buffers, neighbours, order)
        found.append((arena_bytes(buffers, offsets), order, offsets))
    found.sort(key=lambda start: start[0])
    best = found[0][0], found[0][2]
    for start in found[: SEARCH_STARTS if rounds else 0]:
        if best[0] <= bound:
            break
        best = min(best, _search(buffers, neighbours, start, (bound, rounds)))
    return best[1]


def plan_around(buffers: Sequence[Buffer], fixed: Sequence[Offset | None]) -> list[Offset]:
    """Place what has no offset yet, the largest first, each in the lowest gap that is free.

    Args:
        buffers: In any order.
        fixed: The offset of each, None where it is to be placed.

    Returns:
        One offset per buffer, in the order of ``buffers``.
    """
    offsets = [-1 if offset is None else offset for offset in fixed]
    order = [k for k in _by_size(buffers) if fixed[k] is None]
    return _first_fit(buffers, _neighbours(buffers), order, offsets)


def arena_bytes(buffers: Sequence[Buffer], offsets: Sequence[Offset]) -> int:
    """Bytes up to the end of the topmost buffer."""
    return max((o + b.size_bytes for b, o in zip(buffers, offsets, strict=True)), default=0)


def _search(
    buffers: Sequence[Buffer],
    neighbours: Neighbours,
    start: tuple[int, list[int], list[Offset]],
    limits: tuple[int, int],
) -> tuple[int, list[Offset]]:
    """Change the order around one of the topmost buffers, and keep what does not do harm.

    Args:
        buffers: What is placed.
        neighbours: Of each buffer.
        start: Size of an arena, its order and its offsets.
        limits: Size that is small enough, and changes without a gain after which to give up.

    Returns:
        Size of the arena and offsets.
    """
    dice = random.Random(0)
    arena, order, offsets = start
    bound, rounds = limits
    idle = 0
    while idle < rounds and arena > bound:
        idle += 1
        top = [k for k, o in enumerate(offsets) if o + buffers[k].size_bytes == arena]
        changed = _changed(order, neighbours, dice.choice(top), dice)
        tried = _first_fit(buffers, neighbours, changed)
        new_arena = arena_bytes(buffers, tried)
        if new_arena < arena:
            idle = 0
        if new_arena <= arena:  # equal: walk along the plateau
            arena, order, offsets = new_arena, changed, tried
    return arena, offsets


def _changed(order: list[int], neighbours: Neighbours, top: int, dice: random.Random) -> list[int]:
    """Another order: the top before a neighbour, a neighbour behind it, or two others swapped."""
    changed = list(order)
    if not neighbours[top]:
        return changed
    near = dice.choice(neighbours[top])[0]
    move = dice.random()
    if move < 0.4:
        changed.remove(top)
        changed.insert(changed.index(near), top)
    elif move < 0.7:
        changed.remove(near)
        changed.insert(changed.index(top) + 1, near)
    else:
        far = dice.choice(neighbours[near])[0]
        i, j = changed.index(near), changed.index(far)
        changed[i], changed[j] = changed[j], changed[i]
    return changed


def _neighbours(buffers: Sequence[Buffer]) -> Neighbours:
    return _neighbours_of(tuple(buffers))


@lru_cache(maxsize=2)  # the same buffers are placed more than once
def _neighbours_of(buffers: tuple[Buffer, ...]) -> Neighbours:
    neighbours: Neighbours = [[] for _ in buffers]
    spans = [(b.first_event, b.last_event) for b in buffers]
    for i, j in combinations(range(len(buffers)), 2):
        if spans[i][0] > spans[j][1] or spans[j][0] > spans[i][1]:
            continue
        for mine, other in product(buffers[i].lives, buffers[j].lives):
            below, above = gap_bytes(mine, other), gap_bytes(other, mine)
            if above is not None and below is not None and above + below > 0:
                neighbours[i].append((j, below, above))
                neighbours[j].append((i, above, below))
    return neighbours


def _first_fit(
    buffers: Sequence[Buffer],
    neighbours: Neighbours,
    order: Sequence[int],
    placed: Sequence[Offset] | None = None,
) -> list[Offset]:
    offsets: list[Offset] = [-1] * len(buffers) if placed is None else list(placed)
    for i in order:
        alignment = buffers[i].alignment
        candidate = 0
        taken = [
            (offsets[j] - below, offsets[j] + above)
            for j, below, above in neighbours[i]
            if offsets[j] >= 0
        ]
        taken.sort()
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
    """Pisarchyk and Lee, 2020, https://arxiv.org/abs/2001.03288, section 5.2."""
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
