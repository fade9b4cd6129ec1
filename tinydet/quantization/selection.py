"""Calibration images in which every class has its share."""

from collections.abc import Collection, Sequence
from pathlib import Path


def stratified(
    paths: Sequence[Path], class_ids: Sequence[Collection[int]], count: int
) -> list[Path]:
    """Choose images so that each class is in about equally many.

    Classes take turns, the rarest first; each takes its next image that is not yet chosen, evenly
    over its images. Images without an object count as a class of their own.

    Args:
        paths: Image files.
        class_ids: Classes of the objects in each of them.
        count: How many to choose; all where there are not more.

    Returns:
        The images in the order of ``paths``.

    >>> paths = [Path(name) for name in "abcdef"]
    >>> [p.name for p in stratified(paths, [[0], [0], [0], [0], [1], [0]], 3)]
    ['a', 'c', 'e']
    """
    of_class: dict[int, list[int]] = {}
    for index, ids in enumerate(class_ids):
        for class_id in set(ids) or {-1}:
            of_class.setdefault(class_id, []).append(index)
    turns = sorted(of_class.values(), key=len)
    waiting = [_spread(indices, -(-count // len(turns))) for indices in turns]
    chosen: set[int] = set()
    while len(chosen) < min(count, len(paths)):
        for queue in waiting:
            while queue and queue[0] in chosen:
                queue.pop(0)
            if queue and len(chosen) < count:
                chosen.add(queue.pop(0))
    return [paths[index] for index in sorted(chosen)]


def _spread(indices: list[int], first: int) -> list[int]:
    """The same indices, the first few evenly over all of them."""
    number = min(first, len(indices))
    leading = [indices[i * len(indices) // number] for i in range(number)]
    return leading + [index for index in indices if index not in set(leading)]
