"""What the planners place: pieces of memory whose bytes in use change with time."""

from collections.abc import Sequence
from dataclasses import dataclass
from typing import Literal

import numpy as np

from tinydet.compiler.schedule import IntArray, is_nothing

Offset = int  # bytes from the start of the arena
Kind = Literal["tensor", "ring", "scratch", "state"]

# The arena itself starts on such a boundary, so that kernels may load whole words.
ALIGNMENT_BYTES = 16


@dataclass(frozen=True, eq=False)
class Life:
    """The bytes ``[low[e], high[e])`` of a buffer that are in use at event ``first_event + e``.

    Attributes:
        first_event: Event to which the first entries belong.
        low: First byte in use, from the start of the buffer; above ``high`` where nothing is.
            Where it equals ``high``, no byte is in use any more, but those below are being read
            by an operator that works in place.
        high: The byte behind the last in use.
    """

    first_event: int
    low: IntArray
    high: IntArray

    @property
    def last_event(self) -> int:
        """The last event."""
        return self.first_event + len(self.low) - 1


@dataclass(frozen=True, eq=False)
class Buffer:
    """One piece of memory.

    Attributes:
        name: Name of the tensor that lies in it, or what it is for.
        kind: A whole tensor, the rows of one that wait to be read, or what a kernel works in.
        size_bytes: Bytes, > 0.
        lives: When which of its bytes are in use; several if they are of several operators.
        alignment: Its offset is a multiple of this, in bytes.
    """

    name: str
    kind: Kind
    size_bytes: int
    lives: tuple[Life, ...]
    alignment: int = ALIGNMENT_BYTES

    def __post_init__(self) -> None:
        if self.size_bytes <= 0 or self.alignment <= 0:
            raise ValueError(f"a buffer needs size_bytes > 0 and alignment > 0: {self}")
        if not self.lives or not all(len(life.low) == len(life.high) > 0 for life in self.lives):
            raise ValueError(f"a buffer needs a use of its bytes: {self}")

    @property
    def first_event(self) -> int:
        """The first event at which bytes are in use."""
        return min(life.first_event for life in self.lives)

    @property
    def last_event(self) -> int:
        """The last event at which bytes are in use."""
        return max(life.last_event for life in self.lives)


def constant_buffer(
    name: str, first_event: int, last_event: int, size_bytes: int, alignment: int = ALIGNMENT_BYTES
) -> Buffer:
    """A buffer all of which is in use from its first to its last event."""
    count = last_event - first_event + 1
    low, high = np.zeros(count, np.int64), np.full(count, size_bytes, np.int64)
    return Buffer(name, "tensor", size_bytes, (Life(first_event, low, high),), alignment)


def live_bytes(buffers: Sequence[Buffer]) -> IntArray:
    """Bytes in use per event.

    >>> live_bytes([constant_buffer("a", 0, 1, 10), constant_buffer("b", 1, 2, 5)]).tolist()
    [10, 15, 5]
    """
    live: IntArray = np.zeros(max((b.last_event for b in buffers), default=-1) + 1, np.int64)
    for buffer in buffers:
        for life in buffer.lives:
            used = np.maximum(life.high - life.low, 0)
            live[life.first_event : life.last_event + 1] += used
    return live


def lower_bound_bytes(buffers: Sequence[Buffer]) -> int:
    """No plan has a smaller arena: the most bytes in use at one event."""
    live = live_bytes(buffers)
    return int(live.max()) if len(live) else 0


def gap_bytes(below: Life, above: Life) -> int | None:
    """By how much the start of one buffer must lie above the start of another.

    Then its bytes in use are above those of the other at every event. Less than the size of the
    lower one where that is read while the upper one is written.

    Args:
        below: Life of the lower buffer.
        above: Life of the upper buffer.

    Returns:
        ``offset(above) - offset(below)`` at least; None where they are never in use together.

    >>> lives = [constant_buffer("a", 0, 1, 10).lives[0], constant_buffer("b", 1, 2, 5).lives[0]]
    >>> gap_bytes(*lives)
    10
    """
    first = max(below.first_event, above.first_event)
    last = min(below.last_event, above.last_event)
    if first > last:
        return None
    high = below.high[first - below.first_event : last + 1 - below.first_event]
    low = above.low[first - above.first_event : last + 1 - above.first_event]
    gap = int((high - low).max())
    return None if is_nothing(gap) else gap
