"""The buffers of a schedule, event by event, from the inputs' arrival to the outputs' removal."""

from collections.abc import Sequence
from dataclasses import dataclass

import numpy as np

from tinydet.compiler.memory.buffers import Buffer, Life
from tinydet.compiler.schedule import (
    IntArray,
    Schedule,
    Segment,
    StepNumber,
    nothing_in_use,
    segment_events,
)

STATE_BYTES = 16  # what the network knows between two rows that are fed to it


@dataclass(frozen=True, eq=False)
class Timeline:
    """Buffers and events of a schedule.

    Attributes:
        buffers: Whole tensors (one per storage that is not a ring), rings, scratch memory, state.
        storage_buffers: Storage -> its buffer. Storages in memory of the caller have none.
        scratch_buffers: Step -> the buffer that its kernel works in.
        state_buffer: What is kept between two rows that are fed; None where the input comes whole.
        event_steps: Step of each event.
    """

    buffers: tuple[Buffer, ...]
    storage_buffers: dict[int, int]
    scratch_buffers: dict[StepNumber, int]
    state_buffer: int | None
    event_steps: IntArray


class _Pieces:
    """Bytes in use, segment after segment."""

    def __init__(self) -> None:
        self._spans: list[tuple[int, IntArray, IntArray]] = []

    def add(self, start: int, low: IntArray, high: IntArray) -> None:
        """What is in use from one event on."""
        self._spans.append((start, low, high))

    def life(self) -> Life:
        """All of it, from the first event to the last at which something is in use."""
        first = self._spans[0][0]
        low, high = nothing_in_use(self._spans[-1][0] + len(self._spans[-1][1]) - first)
        for start, some_low, some_high in self._spans:
            low[start - first : start - first + len(some_low)] = some_low
            high[start - first : start - first + len(some_high)] = some_high
        used = np.flatnonzero(low <= high)
        begin, end = int(used[0]), int(used[-1]) + 1
        return Life(first + begin, low[begin:end], high[begin:end])


def make_timeline(schedule: Schedule) -> Timeline:
    """Work out which bytes of what are in use when."""
    return _TimelineMaker(schedule).timeline()


class _TimelineMaker:
    def __init__(self, schedule: Schedule) -> None:
        self._schedule, self._flow = schedule, schedule.flow
        self._parts = [_Pieces() for _ in self._flow.parts]
        self._scratch: dict[StepNumber, _Pieces] = {}
        self._state: _Pieces | None = None
        self._steps: list[IntArray] = []
        self._events = 0

    def timeline(self) -> Timeline:
        for segment in self._schedule.segments:
            self._add_segment(segment)
        buffers: list[Buffer] = []
        storage_buffers, scratch_buffers, state_buffer = {}, {}, None
        for storage in dict.fromkeys(part.storage for part in self._flow.parts):
            storage_buffers[storage] = len(buffers)
            buffers.append(self._storage_buffer(storage))
        for number, pieces in self._scratch.items():
            scratch_buffers[number] = len(buffers)
            name = f"scratch of {self._schedule.step_name(number)}"
            life = pieces.life()
            buffers.append(Buffer(name, "scratch", int(life.high.max()), (life,)))
        if self._state is not None:
            state_buffer = len(buffers)
            buffers.append(Buffer("state", "state", STATE_BYTES, (self._state.life(),)))
        return Timeline(
            tuple(buffers),
            storage_buffers,
            scratch_buffers,
            state_buffer,
            np.concatenate(self._steps),
        )

    def _storage_buffer(self, storage: int) -> Buffer:
        flow = self._flow
        indices = [k for k, part in enumerate(flow.parts) if part.storage == storage]
        first = flow.parts[indices[0]]
        lives = tuple(self._parts[k].life() for k in indices)
        rows = self._schedule.rings.get(first.tensor)
        # A joined tensor has the name of the whole; it is the last to be complete.
        name = flow.graph.tensors[flow.storages.tensors[storage][-1 if len(lives) > 1 else 0]].name
        if rows is not None:
            return Buffer(name, "ring", rows * first.row_bytes, lives)
        return Buffer(name, "tensor", max(flow.parts[k].end for k in indices), lives)

    def _add_segment(self, segment: Segment) -> None:
        events = segment_events(self._schedule.maker, segment)
        self._steps.append(events.steps)
        for part, (low, high) in events.in_use.items():
            self._parts[part].add(self._events, low, high)
        times = events.times
        steps = self._flow.steps[segment.begin : segment.end]
        for step, own_times in zip(steps, events.own_times, strict=True):
            if step.scratch_bytes:
                low, high = nothing_in_use(len(times))
                used = np.isin(times, own_times)
                if step.kept_bytes:
                    used = (times >= own_times[0]) & (times <= own_times[-1])
                low[used], high[used] = 0, step.scratch_bytes
                self._scratch[step.number] = pieces = _Pieces()
                pieces.add(self._events, low, high)
        if segment.begin == 0 and steps[0].by_rows:
            self._state = _Pieces()
            whole = np.zeros(len(times), np.int64)
            self._state.add(self._events, whole, whole + STATE_BYTES)
        self._events += len(times)


def step_live_bytes(timeline: Timeline, live: Sequence[int] | IntArray) -> dict[StepNumber, int]:
    """Most bytes in use while each step runs."""
    highest: dict[StepNumber, int] = {}
    for step, bytes_ in zip(timeline.event_steps.tolist(), live, strict=True):
        highest[step] = max(highest.get(step, 0), int(bytes_))
    return highest
