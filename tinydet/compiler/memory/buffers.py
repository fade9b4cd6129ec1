"""What the planners place."""

from collections.abc import Sequence
from dataclasses import dataclass
from math import gcd

Offset = int  # bytes from the start of the arena

# The arena itself starts on such a boundary, so that kernels may load whole words.
ALIGNMENT_BYTES = 16


@dataclass(frozen=True)
class Buffer:
    """One piece of memory that is needed from one step to another.

    Attributes:
        name: Name of the first tensor that lies in it.
        first_step: First schedule step at which it is written.
        last_step: Last schedule step at which it is read. Inclusive.
        size_bytes: Bytes, > 0.
        alignment: Its offset is a multiple of this, in bytes.
    """

    name: str
    first_step: int
    last_step: int
    size_bytes: int
    alignment: int = ALIGNMENT_BYTES

    def __post_init__(self) -> None:
        if self.size_bytes <= 0 or not 0 <= self.first_step <= self.last_step:
            raise ValueError(
                f"a buffer needs size_bytes > 0 and 0 <= first_step <= last_step: {self}"
            )
        if self.alignment <= 0:
            raise ValueError(f"a buffer needs alignment > 0: {self}")


def live_bytes(buffers: Sequence[Buffer]) -> list[int]:
    """Sum of the sizes of the buffers that are alive, per step.

    >>> live_bytes([Buffer("a", 0, 1, 10), Buffer("b", 1, 2, 5)])
    [10, 15, 5]
    """
    live = [0] * (max((b.last_step for b in buffers), default=-1) + 1)
    for buffer in buffers:
        for step in range(buffer.first_step, buffer.last_step + 1):
            live[step] += buffer.size_bytes
    return live


def lower_bound_bytes(buffers: Sequence[Buffer]) -> int:
    """No plan has a smaller arena: the largest sum of what is alive at one step.

    Between two buffers lies what the common divisor of the alignments makes necessary; only the
    topmost buffer of a step ends where it likes.

    >>> lower_bound_bytes([Buffer("a", 0, 1, 10), Buffer("b", 1, 2, 5)])
    21
    """
    unit = gcd(*(b.alignment for b in buffers)) or 1
    bound = 0
    for step in range(max((b.last_step for b in buffers), default=-1) + 1):
        sizes = [b.size_bytes for b in buffers if b.first_step <= step <= b.last_step]
        rounded = [-(-size // unit) * unit for size in sizes]
        slack = max((r - s for r, s in zip(rounded, sizes, strict=True)), default=0)
        bound = max(bound, sum(rounded) - slack)
    return bound
