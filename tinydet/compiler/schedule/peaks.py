"""What a segment costs: bytes alive at once, and cycles beyond those of whole operators."""

from dataclasses import dataclass

import numpy as np

from tinydet.compiler.ir import Graph, Op
from tinydet.compiler.schedule.flow import Flow
from tinydet.compiler.schedule.rows import IntArray
from tinydet.compiler.schedule.segments import NEVER, RowTimes, Segment, SegmentMaker

Deltas = list[tuple[IntArray, int]]  # times, and how many bytes more are alive from then on

_PIXELS_AT_ONCE = 4  # of a convolution; at the end of a row fewer take as long


@dataclass(frozen=True)
class SegmentCost:
    """What running a segment needs, whatever is run before and behind it.

    Attributes:
        peak_bytes: Most bytes alive at one time, whole tensors around it included.
        flat_bytes: The same if no output lay over what of an input has been read.
        drift_bytes: How far the largest input that ends here must lie above the largest output, if
            they overlap. Overlaps that follow each other add up.
        overhead: Estimated cycles that whole operators would not take.
    """

    peak_bytes: int
    flat_bytes: int
    drift_bytes: int
    overhead: int


@dataclass(frozen=True, eq=False)
class _Life:
    size_bytes: int
    row_bytes: int
    times: RowTimes

    @property
    def is_born(self) -> bool:
        return bool(self.times.written[0] >= 0 and self.times.freed[-1] >= NEVER)

    @property
    def ends(self) -> bool:
        return bool(self.times.written[0] < 0 and self.times.freed[-1] < NEVER)


def segment_cost(maker: SegmentMaker, segment: Segment) -> SegmentCost:
    """What a segment costs.

    Args:
        maker: Of the flow that the segment is of.
        segment: The segment.
    """
    always, lives = _lives(maker, segment)
    changes = [
        change
        for life in lives
        for change in ((life.times.written, life.row_bytes), (life.times.freed, -life.row_bytes))
    ]
    flat = [(life.times.written[:1], life.size_bytes) for life in lives]
    others = _scratch_changes(maker, segment)
    for part in segment.rings:
        others += _ring_changes(maker, segment, part)
    return SegmentCost(
        always + _highest(changes + others),
        always + _highest(flat + others),
        _drift(lives),
        overhead(maker.flow, segment),
    )


def _lives(maker: SegmentMaker, segment: Segment) -> tuple[int, list[_Life]]:
    """Bytes that are there all the time, and the whole parts that change."""
    always, lives = 0, []
    for index in maker.parts_alive(segment):
        if index in segment.rings:
            continue
        part, readers = maker.flow.parts[index], maker.readers[index]
        size = part.rows * part.row_bytes
        if maker.writers[index] < segment.begin and not any(
            segment.begin <= reader < segment.end for reader in readers
        ):
            always += size
        else:
            lives.append(_Life(size, part.row_bytes, maker.times(segment, index)))
    return always, lives


def _ring_changes(maker: SegmentMaker, segment: Segment, part: int) -> Deltas:
    """A ring is there from its first row to its last; one of a single row only while it is full."""
    times = maker.times(segment, part, in_place=False)
    row_bytes = maker.flow.parts[part].row_bytes
    if segment.rings[part] == 1:
        return [(times.written, row_bytes), (times.freed, -row_bytes)]
    size = segment.rings[part] * row_bytes
    return [(times.written[:1], size), (times.freed[-1:], -size)]


def _scratch_changes(maker: SegmentMaker, segment: Segment) -> Deltas:
    changes: Deltas = []
    count = len(segment.paces)
    for place, pace in enumerate(segment.paces):
        step = maker.flow.steps[segment.begin + place]
        if step.scratch_bytes:
            times = pace.iterations(step.rows) * count + place
            if step.kept_bytes:
                first, last = times[:1], times[-1:]
                changes += [(first, step.scratch_bytes), (last + 1, -step.scratch_bytes)]
                continue
            changes += [(times, step.scratch_bytes), (times + 1, -step.scratch_bytes)]
    return changes


def _highest(changes: Deltas) -> int:
    """The highest sum of all changes up to one time."""
    if not changes:
        return 0
    times = np.concatenate([np.maximum(t, 0) for t, _ in changes])
    deltas = np.repeat([d for _, d in changes], [len(t) for t, _ in changes])
    end = int(times[times < NEVER].max()) + 1
    alive = np.bincount(np.minimum(times, end), deltas, minlength=end + 1)
    return int(np.cumsum(alive[:end]).max())


def _drift(lives: list[_Life]) -> int:
    born = max((x for x in lives if x.is_born), key=lambda x: x.size_bytes, default=None)
    ended = max((x for x in lives if x.ends), key=lambda x: x.size_bytes, default=None)
    if born is None or ended is None:
        return 0
    written = np.arange(1, len(born.times.written) + 1) * born.row_bytes
    freed = np.searchsorted(ended.times.freed, born.times.written, "right") * ended.row_bytes
    return max(int((written - freed).max()), 0)


def overhead(flow: Flow, segment: Segment) -> int:
    """Estimated cycles of a loop that its steps, each in one piece, would not take.

    A call for every row, and pixels that convolutions compute needlessly at the end of each.
    """
    if not segment.is_loop:
        return 0
    total = 0.0
    for step in flow.steps[segment.begin : segment.end]:
        is_operator = 0 < step.number <= len(flow.graph.ops)
        op = flow.graph.ops[step.number - 1] if is_operator else None
        total += step.rows * flow.costs.call(op.kind if op else "")
        if op is not None:
            total += products_in_vain(flow.graph, op) * flow.costs.per_mac.get(op.kind, 0.0)
    return round(total)


def products_in_vain(graph: Graph, op: Op) -> int:
    """Products that a convolution of whole tensors, whose rows are one, does not compute."""
    if op.kind != "CONV_2D":
        return 0
    _, height, width, _ = graph.output(op).shape
    blocks = height * -(-width // _PIXELS_AT_ONCE) - -(-height * width // _PIXELS_AT_ONCE)
    return blocks * _PIXELS_AT_ONCE * graph.required_input(op, 1).num_elements
