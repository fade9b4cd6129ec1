"""The definition of a correct plan. Shares no code with the schedule or the planners."""

from collections.abc import Mapping, Sequence
from itertools import pairwise

import numpy as np
import numpy.typing as npt

from tinydet.compiler.ir import Graph
from tinydet.compiler.memory.buffers import Buffer, Offset

# Kernels that read an element (SOFTMAX: a row) before they write it, and nothing else of it.
ELEMENT_BY_ELEMENT = ("ADD", "LOGISTIC", "MUL", "QUANTIZE", "RELU", "RELU6", "SOFTMAX")

Scratch = tuple[Offset, int] | None  # where, and how many bytes


def validate(buffers: Sequence[Buffer], offsets: Sequence[Offset]) -> list[str]:
    """Every way the offsets are wrong, one sentence each; an empty list means correct.

    Args:
        buffers: What was to be placed.
        offsets: One per buffer.
    """
    problems = [] if len(buffers) == len(offsets) else ["one offset per buffer is needed"]
    placed = list(zip(buffers, offsets, strict=False))
    for buffer, offset in placed:
        if offset < 0 or offset % buffer.alignment:
            problems.append(f"{buffer.name}: offset {offset} is not on {buffer.alignment} bytes")
    for step in range(max((b.last_step for b in buffers), default=-1) + 1):
        alive = [(b, o) for b, o in placed if b.first_step <= step <= b.last_step]
        alive.sort(key=lambda pair: pair[1])
        for (low, low_at), (high, high_at) in pairwise(alive):
            if low_at + low.size_bytes > high_at:
                problems.append(
                    f"{low.name} [{low_at}, {low_at + low.size_bytes}) and {high.name} "
                    f"[{high_at}, {high_at + high.size_bytes}) overlap at step {step}"
                )
    return problems


class _Arena:
    """Which value each byte of the arena holds, while the steps are played through."""

    def __init__(self, graph: Graph, offsets: Mapping[int, Offset], size_bytes: int) -> None:
        self.graph = graph
        self.offsets = offsets
        self.holds: npt.NDArray[np.int64] = np.full(size_bytes, -1)
        self.values: dict[int, int] = {}  # tensor index -> value that its bytes have to hold
        self.problems: list[str] = []

    def span(self, tensor: int) -> tuple[int, int]:
        """First byte and the one after the last of a tensor."""
        parameters = self.graph.tensors[tensor]
        items = int(np.prod(parameters.shape, dtype=np.int64))
        start = self.offsets[tensor]
        return start, start + items * np.dtype(parameters.dtype).itemsize

    def name(self, tensor: int) -> str:
        return self.graph.tensors[tensor].name

    def write(self, tensor: int, step: int) -> None:
        start, end = self.span(tensor)
        if start < 0 or end > len(self.holds):
            self.problems.append(f"step {step}: {self.name(tensor)} reaches out of the arena")
        self.holds[max(start, 0) : end] = self.values[tensor] = tensor

    def use(self, scratch: Scratch) -> None:
        if scratch is not None:
            start, end = scratch[0], sum(scratch)
            if start < 0 or end > len(self.holds):
                self.problems.append("scratch memory reaches out of the arena")
            self.holds[max(start, 0) : end] = -1

    def read(self, tensor: int, step: int) -> None:
        start, end = self.span(tensor)
        held = self.holds[max(start, 0) : end]
        if tensor not in self.values:
            self.problems.append(f"step {step}: {self.name(tensor)} is read but never written")
        elif len(lost := held[held != self.values[tensor]]):
            by = self.name(int(lost[0])) if lost[0] >= 0 else "scratch memory"
            self.problems.append(
                f"step {step}: {len(lost)} bytes of {self.name(tensor)} were overwritten by {by}"
            )


def find_clobbered(
    graph: Graph,
    offsets: Mapping[int, Offset],
    arena_bytes: int,
    input_scratch: Scratch = None,
    output_scratch: Scratch = None,
) -> list[str]:
    """Play the steps through, byte by byte, and tell every value that is lost before its use.

    Args:
        graph: The network; operator ``i`` runs in step ``i + 1``, after the inputs in step 0.
        offsets: Where each activation lies, by tensor index.
        arena_bytes: Size of the arena.
        input_scratch: Offset and bytes of what step 0 uses while it writes the inputs.
        output_scratch: Offset and bytes of what the last step uses while it reads the outputs.

    Returns:
        One sentence per fault, an empty list means that the plan is correct.
    """
    arena = _Arena(graph, offsets, arena_bytes)
    for tensor in graph.inputs:
        arena.write(tensor, 0)
    arena.use(input_scratch)
    for step, op in enumerate(graph.ops, 1):
        read = [i for i in op.inputs if i is not None and graph.tensors[i].data is None]
        for tensor in read:
            arena.read(tensor, step)
        for tensor in op.outputs:
            _write_output(arena, step, tensor, read)
    arena.use(output_scratch)
    for tensor in graph.outputs:
        if graph.tensors[tensor].data is None:
            arena.read(tensor, len(graph.ops) + 1)
    return arena.problems


def _write_output(arena: _Arena, step: int, output: int, read: list[int]) -> None:
    """Note the new value, and whether writing it destroys what the operator still reads."""
    kind = arena.graph.ops[step - 1].kind
    start, end = arena.span(output)
    for tensor in read:
        other_start, other_end = arena.span(tensor)
        if other_end <= start or end <= other_start:
            continue
        same = (start, end) == (other_start, other_end)
        if kind == "RESHAPE" and same:
            arena.values[output] = arena.values.get(tensor, tensor)
            return
        if not (same and kind in ELEMENT_BY_ELEMENT):
            arena.problems.append(
                f"step {step}: {kind} writes {arena.name(output)} over {arena.name(tensor)} "
                "while it reads it"
            )
    arena.write(output, step)
