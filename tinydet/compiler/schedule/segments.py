"""Steps that run together, row by row.

A segment is a run of steps in their order. One of a single step computes all rows in one call. One
of several is a loop: row ``y`` of a step is computed in iteration ``lag + y * every``, the steps of
one iteration in their order. ``every`` follows from the strides (a step of half as many rows comes
every second iteration), ``lag`` from what a row needs of the rows before it: each step runs as late
as the last one permits, so that rows wait in small rings. Nothing is computed twice.
"""

from collections.abc import Iterator, Sequence
from copy import copy
from dataclasses import dataclass, field, replace
from fractions import Fraction
from functools import cache
from math import gcd, lcm

import numpy as np

from tinydet.compiler.schedule.flow import Flow, Read, Step
from tinydet.compiler.schedule.rows import IntArray

NEVER = 2**40  # a time behind all others


@cache
def _counted(rows: int) -> IntArray:
    numbers = np.arange(rows, dtype=np.int64)
    numbers.setflags(write=False)
    return numbers


@dataclass(frozen=True)
class Pace:
    """When a step computes its rows: row ``y`` in iteration ``lag + y * every``."""

    lag: int
    every: int

    def iterations(self, rows: int) -> IntArray:
        """The iterations of all rows."""
        return self.lag + self.every * _counted(rows)


@dataclass(frozen=True)
class Segment:
    """Steps ``[begin, end)`` of a flow, by their position in it.

    Attributes:
        begin: Position of the first.
        end: Position behind the last.
        paces: One per step; a segment of one step has ``Pace(0, 1)`` and runs in one call.
        rings: Part -> rows that its buffer holds, for parts that nothing outside reads; row ``y``
            lies in slot ``y % rows``. Other parts are whole.
    """

    begin: int
    end: int
    paces: tuple[Pace, ...]
    rings: dict[int, int] = field(hash=False, compare=False)

    @property
    def is_loop(self) -> bool:
        """Whether it has several steps."""
        return len(self.paces) > 1

    def iterations(self, flow: Flow) -> int:
        """How often the loop runs."""
        rows = (step.rows for step in flow.steps[self.begin : self.end])
        return max(p.lag + p.every * (n - 1) for p, n in zip(self.paces, rows, strict=True)) + 1


@dataclass(frozen=True, eq=False)
class RowTimes:
    """The life of the rows of a part in a segment.

    Attributes:
        written: Time (iteration * number of steps + place of the step) at which each row is
            written, -1 if that was before; never falls.
        freed: Time from which its bytes are not needed any more, ``NEVER`` if that is behind the
            segment; never falls.
    """

    written: IntArray
    freed: IntArray


@dataclass(frozen=True, eq=False)
class SegmentEvents:
    """The computations of a segment in their order.

    Attributes:
        times: Time of each, as in ``RowTimes``.
        own_times: Those of each step of the segment.
        steps: Number of the step that computes.
        in_use: Part -> first byte of its storage in use at each event, and the byte behind the
            last; for all parts that are alive in the segment.
    """

    times: IntArray
    own_times: tuple[IntArray, ...]
    steps: IntArray
    in_use: dict[int, tuple[IntArray, IntArray]]


@dataclass(frozen=True, eq=False)
class _Edge:
    """A step that reads what another writes, and so can only follow it.

    Attributes:
        writer: Position of the writer.
        reader: Position of the reader.
        keeps_pace: Whether the reader can run along with the writer; if not it needs all rows
            before its first.
        stride: Rows of the writer for each row of the reader.
        ahead: ``ahead / denominator of stride`` rows is the writer ahead of ``row * stride``.
    """

    writer: int
    reader: int
    keeps_pace: bool
    stride: Fraction
    ahead: int

    def lead(self, writer_every: int) -> int:
        """Iterations from row 0 of the writer to row 0 of the reader, at least."""
        return self.ahead * writer_every // self.stride.denominator


def _edge(writer: int, reader: int, read: Read) -> _Edge:
    some = np.flatnonzero(read.first < read.end)
    if read.stride is None:
        return _Edge(writer, reader, False, Fraction(1), 0)
    ahead = (read.end[some] - 1) * read.stride.denominator - some * read.stride.numerator
    return _Edge(writer, reader, True, read.stride, int(ahead.max()) if len(some) else 0)


class SegmentMaker:
    """Makes segments of one flow.

    Args:
        flow: The steps.

    Attributes:
        events: Those of segments and their rings, as far as they are known; see
            ``segment_events``.
    """

    def __init__(self, flow: Flow) -> None:
        self.flow = flow
        self.events: dict[tuple[Segment, tuple[tuple[int, int], ...]], SegmentEvents] = {}
        position_of = {step.number: p for p, step in enumerate(flow.steps)}
        self.writers = [position_of[part.writer] for part in flow.parts]  # positions, per part
        self.readers: list[list[int]] = [[] for _ in flow.parts]
        for position, step in enumerate(flow.steps):
            for read in step.reads:
                self.readers[read.part].append(position)
        self._edges = [
            [_edge(self.writers[read.part], position, read) for read in step.reads]
            for position, step in enumerate(flow.steps)
        ]
        self._first_needed = np.array(self.writers, np.int64)
        self._last_needed = np.array(
            [readers[-1] if readers else writer for readers, writer in self._lives()], np.int64
        )

    def _lives(self) -> Iterator[tuple[list[int], int]]:
        return zip(self.readers, self.writers, strict=True)

    def with_scratch(self, steps: Sequence[Step]) -> "SegmentMaker":
        """For the same steps with other scratch memory: what is known of segments stays true."""
        other = copy(self)
        other.flow = replace(self.flow, steps=tuple(steps))
        return other

    def parts_alive(self, segment: Segment) -> list[int]:
        """The parts that are written before the end of a segment and needed from its start on."""
        alive = (self._first_needed < segment.end) & (self._last_needed >= segment.begin)
        parts: list[int] = np.flatnonzero(alive).tolist()
        return parts

    def single(self, position: int) -> Segment:
        """The segment of one step that runs in one call."""
        return Segment(position, position + 1, (Pace(0, 1),), {})

    def longest_end(self, begin: int) -> int:
        """No segment of several steps that starts at ``begin`` goes beyond this position."""
        end = begin
        while end < len(self.flow.steps) and self.flow.steps[end].by_rows:
            inner = (e for e in self._edges[end] if e.writer >= begin)
            if not all(e.keeps_pace for e in inner):
                break
            end += 1
        return end

    def loop(self, begin: int, end: int) -> Segment | None:
        """A segment of several steps; None where they do not belong or fit together."""
        edges = [e for p in range(begin, end) for e in self._edges[p] if e.writer >= begin]
        every = _paces(begin, end, edges)
        if every is None:
            return None
        lags = _lags(begin, end, edges, every)
        paces = tuple(Pace(lags[p], every[p]) for p in range(begin, end))
        segment = Segment(begin, end, paces, {})
        inner = [
            part
            for position in range(begin, end)
            for part in self.flow.steps[position].writes
            if self.flow.parts[part].alone and self.readers[part] and self.readers[part][-1] < end
        ]
        return replace(segment, rings={part: self._ring(segment, part) for part in inner})

    def _ring(self, segment: Segment, part: int) -> int:
        """Most rows of a part that are written and not yet read for the last time."""
        times = self.times(segment, part, in_place=False)
        rows = _counted(len(times.written))
        return int(np.max(rows + 1 - np.searchsorted(times.freed, times.written, "right")))

    def times(self, segment: Segment, part: int, *, in_place: bool = True) -> RowTimes:
        """When the rows of a part are written in a segment, and when their bytes are free again.

        Args:
            segment: The segment.
            part: A part that is written in it or before.
            in_place: Whether a row that is read by a step that works in place is free while that
                step runs, or only after it.
        """
        count, rows = len(segment.paces), self.flow.parts[part].rows
        place = self.writers[part] - segment.begin
        if place < 0:
            written = np.full(rows, -1, np.int64)
        else:
            writer = self.flow.steps[segment.begin + place]
            written = segment.paces[place].iterations(writer.rows) * count + place
            if writer.rows != rows:  # all at once
                written = np.repeat(written[:1], rows)
        freed = written + 1
        for reader in self.readers[part]:
            if segment.begin <= reader < segment.end:
                self._note_reads(segment, reader, part, freed, in_place)
            elif reader >= segment.end:
                first = min(r.first.min() for r in self._reads(reader, part))
                freed[first:] = NEVER
        return RowTimes(written, np.maximum.accumulate(freed))

    def _note_reads(
        self, segment: Segment, reader: int, part: int, freed: IntArray, in_place: bool
    ) -> None:
        """Raise the times at which a part's rows are free to those behind a step's reads.

        Only the first row that a read needs is noted: those behind it follow by the maximum over
        all rows before.
        """
        place = reader - segment.begin
        iterations = segment.paces[place].iterations(self.flow.steps[reader].rows)
        times = iterations * len(segment.paces) + place
        for read in self._reads(reader, part):
            some = read.first < read.end
            first = read.first[some]  # rises; of equal ones the latest time is assigned last
            after = times[some] + (0 if in_place and read.in_place else 1)
            freed[first] = np.maximum(freed[first], after)

    def _reads(self, reader: int, part: int) -> list[Read]:
        return [read for read in self.flow.steps[reader].reads if read.part == part]


def _paces(begin: int, end: int, edges: list[_Edge]) -> dict[int, int] | None:
    """Iterations from row to row of each step; None where the steps are not connected."""
    if not all(edge.keeps_pace for edge in edges):
        return None
    rates: dict[int, Fraction] = {begin: Fraction(1)}
    size = 0
    while size < len(rates):
        size = len(rates)
        for edge in edges:
            if edge.writer in rates:
                if edge.reader not in rates:
                    rates[edge.reader] = rates[edge.writer] * edge.stride
            elif edge.reader in rates:
                rates[edge.writer] = rates[edge.reader] / edge.stride
    if len(rates) < end - begin:
        return None
    common = lcm(*(rate.denominator for rate in rates.values()))
    every = {p: rate.numerator * common // rate.denominator for p, rate in rates.items()}
    if any(
        every[e.reader] * e.stride.denominator != every[e.writer] * e.stride.numerator
        for e in edges
    ):
        return None
    unit = gcd(*every.values())
    return {p: iterations // unit for p, iterations in every.items()}


def _lags(begin: int, end: int, edges: list[_Edge], every: dict[int, int]) -> dict[int, int]:
    """First iteration of each step: as late as those permit that read it."""
    readers: dict[int, list[tuple[int, int]]] = {}  # writer -> readers, and their leads
    for edge in edges:
        lead = edge.lead(every[edge.writer])
        readers.setdefault(edge.writer, []).append((edge.reader, lead))
    lags: dict[int, int] = {}
    for sink in reversed(range(begin, end)):
        if sink in lags:
            continue
        group = _lags_before(sink, begin, readers, lags)
        # The last step and all it needs come first; what else is computed joins in at once.
        waits = [
            lags[writer] + lead - group[reader]
            for writer, found in readers.items()
            if writer in lags
            for reader, lead in found
            if reader in group
        ]
        shift = max(waits, default=0)
        lags |= {position: lag + shift for position, lag in group.items()}
    start = min(lags.values())
    return {position: lag - start for position, lag in lags.items()}


def _lags_before(
    sink: int, begin: int, readers: dict[int, list[tuple[int, int]]], known: dict[int, int]
) -> dict[int, int]:
    """Latest lags of a step, which gets 0, and of all it needs that have none yet."""
    group = {sink: 0}
    for position in reversed(range(begin, sink)):
        if position not in known:
            limits = [
                group[reader] - lead
                for reader, lead in readers.get(position, ())
                if reader in group
            ]
            if limits:
                group[position] = min(limits)
    return group
