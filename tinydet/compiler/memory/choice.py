"""Which steps run together: the smallest arena, or the fewest calls in an arena that is given.

What a segment needs depends on nothing but the segment, so that the best way to cut the steps into
segments under a limit of bytes is found by dynamic programming, exactly but for two things: bytes
between buffers that no buffer fits in, and the drift of chains. An output that grows over its
input lies below it, the output of the next segment lies below that, and so on; the first input of
such a chain needs room for all these distances.
"""

from collections.abc import Iterator
from dataclasses import dataclass

from tinydet.compiler.schedule import Segment, SegmentCost, SegmentMaker, segment_cost

MAX_STEPS = 24  # of one segment


@dataclass(frozen=True)
class _Option:
    """A segment that may be chosen, and its cost."""

    segment: Segment
    cost: SegmentCost


class SegmentChoice:
    """All segments of a flow, from which to choose.

    Args:
        maker: The flow.
    """

    def __init__(self, maker: SegmentMaker) -> None:
        self._maker = maker
        self._count = len(maker.flow.steps)
        self._options = [[self._option(maker.single(p))] for p in range(self._count)]
        for begin in range(self._count):
            end = min(maker.longest_end(begin), begin + MAX_STEPS)
            for behind in range(begin + 2, end + 1):
                loop = maker.loop(begin, behind)
                if loop is not None:
                    self._options[begin].append(self._option(loop))

    def _option(self, segment: Segment) -> _Option:
        return _Option(segment, segment_cost(self._maker, segment))

    def smallest_peak_bytes(self) -> int:
        """Most bytes alive at once in the best of all choices."""
        best = [0] * (self._count + 1)
        for begin in reversed(range(self._count)):
            best[begin] = min(
                max(option.cost.peak_bytes, best[option.segment.end])
                for option in self._options[begin]
            )
        return best[0]

    def whole_peak_bytes(self) -> int:
        """Most bytes alive at once if each step runs in one piece."""
        return max(options[0].cost.peak_bytes for options in self._options)

    def within(self, limit_bytes: int) -> list[tuple[Segment, ...]]:
        """Segments none of which needs more than a number of bytes.

        Args:
            limit_bytes: Bytes alive at once.

        Returns:
            The choice with the least overhead, and that with the least drift of chains; none where
            there are none.
        """
        choices = (self._best(limit_bytes, drift_counts) for drift_counts in (False, True))
        return [choice for choice in choices if choice]

    def _best(self, limit_bytes: int, drift_counts: bool) -> tuple[Segment, ...]:
        # From the end: the drift of the chain that begins here, and the overhead from here on.
        best: list[_Rest | None] = [None] * self._count + [_Rest(0, 0, None)]
        for begin in reversed(range(self._count)):
            for option in self._options[begin]:
                behind = best[option.segment.end]
                if behind is None or option.cost.peak_bytes + behind.drift_bytes > limit_bytes:
                    continue
                drift = 0
                if drift_counts and option.cost.flat_bytes + behind.drift_bytes > limit_bytes:
                    drift = behind.drift_bytes + option.cost.drift_bytes
                found = _Rest(drift, behind.overhead + option.cost.overhead, option.segment)
                known = best[begin]
                if known is None or found.rank < known.rank:
                    best[begin] = found
        return tuple(_chosen(best))


@dataclass(frozen=True)
class _Rest:
    """The best way found from one step to the end.

    Attributes:
        drift_bytes: Of the chain that begins here.
        overhead: Of all segments from here on.
        segment: The first of them; None behind the last step.
    """

    drift_bytes: int
    overhead: int
    segment: Segment | None

    @property
    def rank(self) -> tuple[int, int]:
        return self.drift_bytes, self.overhead


def _chosen(best: list[_Rest | None]) -> Iterator[Segment]:
    rest = best[0]
    while rest is not None and rest.segment is not None:
        yield rest.segment
        rest = best[rest.segment.end]
