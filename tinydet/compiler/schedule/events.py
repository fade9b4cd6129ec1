"""What is in use while a segment runs, event by event.

An event is the computation of one row, or of all of what is computed in one piece.
"""

import numpy as np

from tinydet.compiler.schedule.rows import IntArray
from tinydet.compiler.schedule.segments import Segment, SegmentEvents, SegmentMaker

_NOTHING = 2**40  # above all bytes


def nothing_in_use(count: int) -> tuple[IntArray, IntArray]:
    """``low`` and ``high`` of events at which no byte is in use: ``low`` is far above ``high``."""
    return np.full(count, _NOTHING, np.int64), np.full(count, -_NOTHING, np.int64)


def is_nothing(gap: int) -> bool:
    """Whether a difference ``high - low`` is of events at which no byte is in use."""
    return gap <= -_NOTHING // 2


def segment_events(maker: SegmentMaker, segment: Segment) -> SegmentEvents:
    """The events of a segment; many plans share it, so it is worked out once."""
    key = segment, tuple(segment.rings.items())
    if key not in maker.events:
        maker.events[key] = _events(maker, segment)
    return maker.events[key]


def _events(maker: SegmentMaker, segment: Segment) -> SegmentEvents:
    count = len(segment.paces)
    steps = maker.flow.steps[segment.begin : segment.end]
    own = tuple(
        pace.iterations(step.rows) * count + place
        for place, (step, pace) in enumerate(zip(steps, segment.paces, strict=True))
    )
    order = np.argsort(np.concatenate(own), kind="stable")
    times = np.concatenate(own)[order]
    numbers = np.repeat([s.number for s in steps], [s.rows for s in steps])[order]
    in_use = {
        part: _part_in_use(maker, segment, part, times) for part in maker.parts_alive(segment)
    }
    return SegmentEvents(times, own, numbers, in_use)


def _part_in_use(
    maker: SegmentMaker, segment: Segment, index: int, times: IntArray
) -> tuple[IntArray, IntArray]:
    part = maker.flow.parts[index]
    life = maker.times(segment, index)
    needed = maker.times(segment, index, in_place=False)
    written = np.searchsorted(life.written, times, "right")
    in_use = written > np.searchsorted(needed.freed, times, "right")
    if index in segment.rings:
        low = np.zeros(len(times), np.int64)
        high = np.full(len(times), segment.rings[index] * part.row_bytes)
    else:
        freed = np.minimum(np.searchsorted(life.freed, times, "right"), written)
        low = part.offset + freed * part.row_bytes
        high = part.offset + written * part.row_bytes
    idle_low, idle_high = nothing_in_use(len(times))
    return np.where(in_use, low, idle_low), np.where(in_use, high, idle_high)
